/*
 * Machine: construction, reset, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/machine.h"

#include <string.h>

#include "hw/core/device_private.h"
#include "hw/core/machine_private.h"
#include "util/clock.h"
#include "util/options.h"

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(Machine, machine, G_TYPE_OBJECT)

static Machine *current;

MachinePrivate *machine_private(Machine *machine)
{
    return machine_get_instance_private(machine);
}

static void machine_init(Machine *machine)
{
    MachinePrivate *priv = machine_private(machine);

    memory_region_init(&priv->memory_root, "system", UINT64_MAX);
    memory_region_init(&priv->io_root, "io", 0x10000);
    priv->memory = address_space_new(&priv->memory_root, "memory");
    priv->io = address_space_new(&priv->io_root, "I/O");
    priv->devices = g_ptr_array_new();
    priv->buses = g_ptr_array_new_with_free_func(g_object_unref);
    priv->boot_order = g_ptr_array_new_with_free_func(boot_entry_free);
}

static void config_free(MachineConfig *config)
{
    char *strings[] = {config->memory_backend, config->cpu_model, config->kernel, config->initrd,
                       config->append, config->dtb, config->bios, config->boot.splash,
                       config->name};
    GPtrArray *arrays[] = {config->firmware_path, config->fw_cfg_entries, config->smbios_entries,
                           config->acpi_tables};

    for (guint i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_free(strings[i]);
    }
    for (guint i = 0; i < G_N_ELEMENTS(arrays); i++) {
        g_clear_pointer(&arrays[i], g_ptr_array_unref);
    }
    for (guint i = 0; i < G_N_ELEMENTS(config->serial_chardevs); i++) {
        g_free(config->serial_chardevs[i]);
    }
    ram_block_unref(config->ram_block);
}

static void machine_finalize(GObject *object)
{
    MachinePrivate *priv = machine_private(HW_MACHINE(object));

    /* The accelerator listens to the address spaces until it goes. */
    g_clear_object(&priv->accel);
    g_ptr_array_unref(priv->boot_order);
    g_ptr_array_unref(priv->buses);
    g_ptr_array_unref(priv->devices);
    address_space_free(priv->memory);
    address_space_free(priv->io);
    memory_region_destroy(&priv->memory_root);
    memory_region_destroy(&priv->io_root);
    config_free(&priv->config);
    if (current == HW_MACHINE(object)) {
        current = NULL;
    }
    G_OBJECT_CLASS(machine_parent_class)->finalize(object);
}

static void machine_class_init(MachineClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = machine_finalize;
    klass->max_cpus = 1;
}

/* ---- types ---- */

typedef struct {
    const char *name;
    GType type;
} NameSearch;

static void match_name(MachineClass *klass, void *opaque)
{
    NameSearch *search = opaque;

    if (strcmp(klass->name, search->name) == 0 ||
        (klass->alias && strcmp(klass->alias, search->name) == 0)) {
        search->type = G_TYPE_FROM_CLASS(klass);
    }
}

static gint class_by_name(gconstpointer a, gconstpointer b)
{
    const MachineClass *left = *(MachineClass *const *)a, *right = *(MachineClass *const *)b;

    return strcmp(left->name, right->name);
}

static void collect_classes(GType type, GPtrArray *classes)
{
    guint count;
    g_autofree GType *children = g_type_children(type, &count);

    if (!G_TYPE_IS_ABSTRACT(type)) {
        g_ptr_array_add(classes, g_type_class_ref(type));
    }
    for (guint i = 0; i < count; i++) {
        collect_classes(children[i], classes);
    }
}

void machine_type_foreach(void (*visit)(MachineClass *klass, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) classes = g_ptr_array_new_with_free_func(g_type_class_unref);

    collect_classes(TYPE_MACHINE, classes);
    g_ptr_array_sort(classes, class_by_name);
    for (guint i = 0; i < classes->len; i++) {
        visit(g_ptr_array_index(classes, i), opaque);
    }
}

Machine *machine_new(const char *name, GError **error)
{
    NameSearch search = {name, 0};

    machine_type_foreach(match_name, &search);
    if (search.type == 0) {
        error_setf(error, "unsupported machine type: '%s', use -machine help to list supported "
                   "machines", name);
        return NULL;
    }
    current = HW_MACHINE(g_object_new(search.type, NULL));
    machine_private(current)->config.ram_size = HW_MACHINE_GET_CLASS(current)->default_ram_size;
    return current;
}

Machine *machine_get(void)
{
    return current;
}

MachineConfig *machine_config(Machine *machine)
{
    return &machine_private(machine)->config;
}

/* ---- common -machine options ---- */

static bool set_backend(MachineConfig *config, const char *value, GError **error G_GNUC_UNUSED)
{
    g_free(config->memory_backend);
    config->memory_backend = g_strdup(value);
    return true;
}

static bool set_dump(MachineConfig *config, const char *value, GError **error)
{
    return parse_bool(value, "dump-guest-core", &config->dump_guest_core, error);
}

static bool set_merge(MachineConfig *config, const char *value, GError **error)
{
    return parse_bool(value, "mem-merge", &config->mem_merge, error);
}

static const struct {
    const char *key;
    bool (*set)(MachineConfig *config, const char *value, GError **error);
} common_options[] = {
    {"memory-backend", set_backend},
    {"dump-guest-core", set_dump},
    {"mem-merge", set_merge},
};

bool machine_set_option(Machine *machine, const char *key, const char *value, GError **error)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine);
    GError *local_error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(common_options); i++) {
        if (strcmp(common_options[i].key, key) == 0) {
            return common_options[i].set(machine_config(machine), value, error);
        }
    }
    if (klass->set_option && klass->set_option(machine, key, value, &local_error)) {
        return true;
    }
    if (local_error) {
        g_propagate_error(error, local_error);
        return false;
    }
    return error_setf(error, "Property '%s-machine.%s' not found", klass->name, key);
}

void machine_set_accel(Machine *machine, Accel *accel)
{
    g_set_object(&machine_private(machine)->accel, accel);
}

Accel *machine_accel(Machine *machine)
{
    return machine_private(machine)->accel;
}

AddressSpace *machine_memory(Machine *machine)
{
    return machine_private(machine)->memory;
}

AddressSpace *machine_io(Machine *machine)
{
    return machine_private(machine)->io;
}

MemoryRegion *machine_memory_root(Machine *machine)
{
    return &machine_private(machine)->memory_root;
}

MemoryRegion *machine_io_root(Machine *machine)
{
    return &machine_private(machine)->io_root;
}

/* ---- life ---- */

static bool make_ram(Machine *machine, GError **error)
{
    MachineConfig *config = machine_config(machine);
    RamBlockConfig ram = {
        .name = HW_MACHINE_GET_CLASS(machine)->default_ram_id,
        .size = config->ram_size,
        .prealloc = config->mem_prealloc,
        .merge = config->mem_merge,
        .dump = config->dump_guest_core,
    };

    if (config->ram_block || !ram.name || ram.size == 0) {
        return true;
    }
    config->ram_block = ram_block_new(&ram, error);
    return config->ram_block != NULL;
}

bool machine_build(Machine *machine, GError **error)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine);
    Accel *accel = machine_accel(machine);
    bool built;

    if (accel && accel_wants_xen(accel) && !klass->has_xen) {
        return error_setf(error, "-accel %s,xen-version=: the machine '%s' has no Xen (pc has)",
                          accel_name(accel), klass->name);
    }
    if (!make_ram(machine, error)) {
        return false;
    }
    memory_transaction_begin();
    built = !klass->build || klass->build(machine, error);
    memory_transaction_commit();
    machine_private(machine)->built = built;
    return built;
}

bool machine_finish(Machine *machine, GError **error)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine);

    if (klass->finish && !klass->finish(machine, error)) {
        return false;
    }
    machine_private(machine)->finished = true;
    return true;
}

static void reset_all(Machine *machine)
{
    MachinePrivate *priv = machine_private(machine);

    memory_transaction_begin();
    for (guint i = 0; i < priv->buses->len; i++) {
        Bus *bus = g_ptr_array_index(priv->buses, i);
        if (HW_BUS_GET_CLASS(bus)->reset) {
            HW_BUS_GET_CLASS(bus)->reset(bus);
        }
    }
    for (guint i = 0; i < priv->devices->len; i++) {
        device_reset(g_ptr_array_index(priv->devices, i));
    }
    memory_transaction_commit();
}

void machine_reset(Machine *machine)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine);

    reset_all(machine);
    if (klass->reset_done) {
        klass->reset_done(machine);
    }
}

void machine_wakeup(Machine *machine)
{
    MachineClass *klass = HW_MACHINE_GET_CLASS(machine);

    reset_all(machine);
    if (klass->wakeup_done) {
        klass->wakeup_done(machine);
    }
}

void machine_destroy(Machine *machine)
{
    MachinePrivate *priv = machine_private(machine);

    memory_transaction_begin();
    while (priv->devices->len > 0) {
        device_unrealize(g_ptr_array_index(priv->devices, priv->devices->len - 1));
    }
    memory_transaction_commit();
    g_object_unref(machine);
}

/* ---- saved state ---- */

static GVariant *save_vcpus(Accel *accel)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE("av"));
    for (unsigned i = 0; i < accel_vcpu_count(accel); i++) {
        g_variant_builder_add(&builder, "v", accel_vcpu_save(accel, accel_vcpu(accel, i)));
    }
    return g_variant_builder_end(&builder);
}

GVariant *machine_save(Machine *machine)
{
    MachinePrivate *priv = machine_private(machine);
    GVariantBuilder devices, buses;

    g_variant_builder_init(&devices, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < priv->devices->len; i++) {
        Device *device = g_ptr_array_index(priv->devices, i);
        g_variant_builder_add(&devices, "{sv}", device_get_path(device), device_save(device));
    }
    g_variant_builder_init(&buses, G_VARIANT_TYPE_VARDICT);
    for (guint i = 0; i < priv->buses->len; i++) {
        Bus *bus = g_ptr_array_index(priv->buses, i);
        BusClass *klass = HW_BUS_GET_CLASS(bus);
        if (klass->save) {
            g_variant_builder_add(&buses, "{sv}", bus_get_name(bus), klass->save(bus));
        }
    }
    return g_variant_new("(sx@a{sv}@a{sv}v@av)", HW_MACHINE_GET_CLASS(machine)->name,
                         clock_get_ns(CLOCK_VIRTUAL), g_variant_builder_end(&devices),
                         g_variant_builder_end(&buses), accel_save(priv->accel),
                         save_vcpus(priv->accel));
}

static bool load_devices(MachinePrivate *priv, GVariant *devices, GError **error)
{
    if (g_variant_n_children(devices) != priv->devices->len) {
        return error_setf(error, "saved machine has %zu devices, this one has %u",
                          g_variant_n_children(devices), priv->devices->len);
    }
    for (guint i = 0; i < priv->devices->len; i++) {
        Device *device = g_ptr_array_index(priv->devices, i);
        g_autoptr(GVariant) state = g_variant_lookup_value(devices, device_get_path(device), NULL);

        if (!state) {
            return error_setf(error, "saved machine has no device '%s'", device_get_path(device));
        }
        if (!device_load(device, state, error)) {
            return false;
        }
    }
    return true;
}

static bool load_buses(MachinePrivate *priv, GVariant *buses, GError **error)
{
    for (guint i = 0; i < priv->buses->len; i++) {
        Bus *bus = g_ptr_array_index(priv->buses, i);
        BusClass *klass = HW_BUS_GET_CLASS(bus);
        g_autoptr(GVariant) state = NULL;

        if (!klass->load) {
            continue;
        }
        state = g_variant_lookup_value(buses, bus_get_name(bus), NULL);
        if (!state) {
            return error_setf(error, "saved machine has no bus '%s'", bus_get_name(bus));
        }
        if (!klass->load(bus, state, error)) {
            return false;
        }
    }
    return true;
}

static bool load_vcpus(Accel *accel, GVariant *vcpus, GError **error)
{
    if (g_variant_n_children(vcpus) != accel_vcpu_count(accel)) {
        return error_setf(error, "saved machine has %zu CPUs, this one has %u",
                          g_variant_n_children(vcpus), accel_vcpu_count(accel));
    }
    for (unsigned i = 0; i < accel_vcpu_count(accel); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(vcpus, i);
        g_autoptr(GVariant) state = g_variant_get_variant(boxed);

        if (!accel_vcpu_load(accel, accel_vcpu(accel, i), state, error)) {
            return false;
        }
    }
    return true;
}

bool machine_load(Machine *machine, GVariant *state, GError **error)
{
    MachinePrivate *priv = machine_private(machine);
    g_autoptr(GVariant) devices = NULL, buses = NULL, accel = NULL, vcpus = NULL;
    g_autofree char *name = NULL;
    gint64 clock_ns;
    bool loaded;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE("(sxa{sv}a{sv}vav)"))) {
        return error_setf(error, "saved machine state has type '%s'",
                          g_variant_get_type_string(state));
    }
    g_variant_get(state, "(sx@a{sv}@a{sv}v@av)", &name, &clock_ns, &devices, &buses, &accel,
                  &vcpus);
    if (strcmp(name, HW_MACHINE_GET_CLASS(machine)->name) != 0) {
        return error_setf(error, "saved machine is a '%s', this one is a '%s'", name,
                          HW_MACHINE_GET_CLASS(machine)->name);
    }
    clock_virtual_set_ns(clock_ns);
    /* first, as devices count in its clock */
    if (!accel_load(priv->accel, accel, error)) {
        return false;
    }
    memory_transaction_begin();
    loaded = load_buses(priv, buses, error) && load_devices(priv, devices, error);
    memory_transaction_commit();
    return loaded && load_vcpus(priv->accel, vcpus, error);
}
