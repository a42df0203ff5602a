/*
 * Between machine_save()'s one variant and the stream's sections.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "migration/machine_state.h"

#include <string.h>

#include "config-host.h"
#include "migration/stream_format.h"
#include "util/error.h"

#define MACHINE_PATH "machine"
#define MACHINE_TYPE "(sx)" /* name, CLOCK_VIRTUAL */
#define BUS_PREFIX   "bus/"
#define ACCEL_PATH   "accel"
#define CPU_PREFIX   "cpu/"

static void section_free(gpointer data)
{
    MachineSection *section = data;

    g_free(section->path);
    g_variant_unref(section->state);
    g_free(section);
}

GPtrArray *machine_sections_new(void)
{
    return g_ptr_array_new_with_free_func(section_free);
}

void machine_sections_add(GPtrArray *sections, const char *path, GVariant *state)
{
    MachineSection *section = g_new(MachineSection, 1);

    section->path = g_strdup(path);
    section->state = g_variant_ref_sink(state);
    g_ptr_array_add(sections, section);
}

/* ---- taking apart ---- */

static void add_dictionary(GPtrArray *sections, const char *prefix, GVariant *dictionary)
{
    GVariantIter iter;
    const char *name;
    GVariant *state;

    g_variant_iter_init(&iter, dictionary);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &state)) {
        g_autofree char *path = g_strconcat(prefix, name, NULL);

        machine_sections_add(sections, path, state);
        g_variant_unref(state);
    }
}

static void add_cpus(GPtrArray *sections, GVariant *cpus)
{
    for (gsize i = 0; i < g_variant_n_children(cpus); i++) {
        g_autofree char *path = g_strdup_printf(CPU_PREFIX "%zu", i);
        g_autoptr(GVariant) boxed = g_variant_get_child_value(cpus, i);
        g_autoptr(GVariant) state = g_variant_get_variant(boxed);

        machine_sections_add(sections, path, state);
    }
}

GPtrArray *machine_sections_save(Machine *machine)
{
    g_autoptr(GVariant) whole = g_variant_ref_sink(machine_save(machine));
    g_autoptr(GVariant) devices = NULL, buses = NULL, accel = NULL, cpus = NULL;
    GPtrArray *sections = machine_sections_new();
    const char *name;
    gint64 clock_ns;

    g_variant_get(whole, "(&sx@a{sv}@a{sv}v@av)", &name, &clock_ns, &devices, &buses, &accel,
                  &cpus);
    machine_sections_add(sections, MACHINE_PATH, g_variant_new(MACHINE_TYPE, name, clock_ns));
    add_dictionary(sections, BUS_PREFIX, buses);
    add_dictionary(sections, "", devices);
    machine_sections_add(sections, ACCEL_PATH, accel);
    add_cpus(sections, cpus);
    return sections;
}

/* ---- putting together ---- */

typedef struct {
    GVariantBuilder devices, buses, cpus;
    GVariant *machine, *accel; /* borrowed */
    unsigned cpu_count;
} Assembly;

static bool take_cpu(Assembly *assembly, const MachineSection *section)
{
    g_autofree char *expected = g_strdup_printf(CPU_PREFIX "%u", assembly->cpu_count);

    if (strcmp(section->path, expected) != 0) {
        return false;
    }
    assembly->cpu_count++;
    g_variant_builder_add(&assembly->cpus, "v", section->state);
    return true;
}

static bool take_once(GVariant **place, GVariant *state)
{
    bool first = *place == NULL;

    *place = state;
    return first;
}

static bool take_section(Assembly *assembly, const MachineSection *section)
{
    if (strcmp(section->path, MACHINE_PATH) == 0) {
        return g_variant_is_of_type(section->state, G_VARIANT_TYPE(MACHINE_TYPE)) &&
               take_once(&assembly->machine, section->state);
    }
    if (strcmp(section->path, ACCEL_PATH) == 0) {
        return take_once(&assembly->accel, section->state);
    }
    if (g_str_has_prefix(section->path, CPU_PREFIX)) {
        return take_cpu(assembly, section);
    }
    if (g_str_has_prefix(section->path, BUS_PREFIX)) {
        g_variant_builder_add(&assembly->buses, "{sv}", section->path + strlen(BUS_PREFIX),
                              section->state);
        return true;
    }
    g_variant_builder_add(&assembly->devices, "{sv}", section->path, section->state);
    return section->path[0] == '/';
}

static GVariant *assemble(Assembly *assembly)
{
    const char *name;
    gint64 clock_ns;

    g_variant_get(assembly->machine, "(&sx)", &name, &clock_ns);
    return g_variant_new("(sxa{sv}a{sv}vav)", name, clock_ns, &assembly->devices, &assembly->buses,
                         assembly->accel, &assembly->cpus);
}

static bool take_all(Assembly *assembly, GPtrArray *sections, GError **error)
{
    for (guint i = 0; i < sections->len; i++) {
        const MachineSection *section = g_ptr_array_index(sections, i);

        if (!take_section(assembly, section)) {
            return error_setf(error, "the saved state of '%s' cannot be used", section->path);
        }
    }
    return (assembly->machine && assembly->accel) ||
           error_setf(error, "the saved guest has no machine or no accelerator");
}

bool machine_sections_load(Machine *machine, GPtrArray *sections, GError **error)
{
    Assembly assembly = {.machine = NULL};
    g_autoptr(GVariant) whole = NULL;

    g_variant_builder_init(&assembly.devices, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&assembly.buses, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&assembly.cpus, G_VARIANT_TYPE("av"));
    if (!take_all(&assembly, sections, error)) {
        g_variant_builder_clear(&assembly.devices);
        g_variant_builder_clear(&assembly.buses);
        g_variant_builder_clear(&assembly.cpus);
        return false;
    }
    whole = g_variant_ref_sink(assemble(&assembly));
    return machine_load(machine, whole, error);
}

/* ---- what a stream says first ---- */

GVariant *machine_describe(Machine *machine, GVariant *ram, bool wants_answer)
{
    GPtrArray *devices = machine_devices(machine);
    GVariantBuilder builder, paths;

    g_variant_builder_init(&paths, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; i < devices->len; i++) {
        g_variant_builder_add(&paths, "s", device_get_path(g_ptr_array_index(devices, i)));
    }
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "program",
                          g_variant_new_string("Xenolith " XENOLITH_VERSION));
    g_variant_builder_add(&builder, "{sv}", "machine",
                          g_variant_new_string(HW_MACHINE_GET_CLASS(machine)->name));
    g_variant_builder_add(&builder, "{sv}", "accel",
                          g_variant_new_string(accel_name(machine_accel(machine))));
    g_variant_builder_add(&builder, "{sv}", "cpus",
                          g_variant_new_uint32(accel_vcpu_count(machine_accel(machine))));
    g_variant_builder_add(&builder, "{sv}", "uuid",
                          g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE,
                                                    machine_config(machine)->uuid,
                                                    sizeof(machine_config(machine)->uuid), 1));
    g_variant_builder_add(&builder, "{sv}", "page-size", g_variant_new_uint32(STREAM_PAGE_SIZE));
    g_variant_builder_add(&builder, "{sv}", "ram", ram);
    g_variant_builder_add(&builder, "{sv}", "devices", g_variant_builder_end(&paths));
    g_variant_builder_add(&builder, "{sv}", "answer", g_variant_new_boolean(wants_answer));
    return g_variant_builder_end(&builder);
}

static bool check_text(GVariant *description, const char *key, const char *ours, GError **error)
{
    const char *theirs;

    if (!g_variant_lookup(description, key, "&s", &theirs)) {
        return error_setf(error, "the stream does not say what %s the saved guest has", key);
    }
    return strcmp(theirs, ours) == 0 ||
           error_setf(error, "the saved guest has %s '%.64s', this machine has '%s'", key, theirs,
                      ours);
}

static bool check_number(GVariant *description, const char *key, uint32_t ours, GError **error)
{
    guint32 theirs;

    if (!g_variant_lookup(description, key, "u", &theirs)) {
        return error_setf(error, "the stream does not say what %s the saved guest has", key);
    }
    return theirs == ours ||
           error_setf(error, "the saved guest has %s %u, this machine has %u", key, theirs, ours);
}

static bool check_uuid_of(Machine *machine, GVariant *description, GError **error)
{
    g_autoptr(GVariant) uuid =
        g_variant_lookup_value(description, "uuid", G_VARIANT_TYPE_BYTESTRING);
    const MachineConfig *config = machine_config(machine);
    gsize length = 0;
    const void *bytes = uuid ? g_variant_get_fixed_array(uuid, &length, 1) : NULL;

    return (length == sizeof(config->uuid) && memcmp(bytes, config->uuid, length) == 0) ||
           error_setf(error, "the saved guest has another UUID than this machine");
}

static bool has_path(GPtrArray *devices, const char *path)
{
    for (guint i = 0; i < devices->len; i++) {
        if (strcmp(device_get_path(g_ptr_array_index(devices, i)), path) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_devices(Machine *machine, GVariant *description, GError **error)
{
    g_autofree const char **paths = NULL;
    GPtrArray *devices = machine_devices(machine);

    if (!g_variant_lookup(description, "devices", "^a&s", &paths)) {
        return error_setf(error, "the stream does not say what devices the saved guest has");
    }
    for (unsigned i = 0; paths[i]; i++) {
        if (!has_path(devices, paths[i])) {
            return error_setf(
                error, "the saved guest has the device '%.128s', this machine lacks it", paths[i]);
        }
    }
    for (guint i = 0; i < devices->len; i++) {
        const char *path = device_get_path(g_ptr_array_index(devices, i));

        if (!g_strv_contains(paths, path)) {
            return error_setf(error, "this machine has the device '%s', the saved guest lacks it",
                              path);
        }
    }
    return true;
}

bool machine_check_description(Machine *machine, GVariant *description, bool check_uuid,
                               GError **error)
{
    Accel *accel = machine_accel(machine);

    return check_text(description, "machine", HW_MACHINE_GET_CLASS(machine)->name, error) &&
           check_text(description, "accel", accel_name(accel), error) &&
           check_number(description, "cpus", accel_vcpu_count(accel), error) &&
           check_number(description, "page-size", STREAM_PAGE_SIZE, error) &&
           (!check_uuid || check_uuid_of(machine, description, error)) &&
           check_devices(machine, description, error);
}
