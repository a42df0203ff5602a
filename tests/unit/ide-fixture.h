/*
 * What the IDE tests share: a machine with 16 MiB of RAM, a PCI bus and a PIIX3 IDE function set up
 * as firmware leaves it, drives on image files of the test's own folder, and commands as a guest
 * gives them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_IDE_FIXTURE_H
#define TESTS_UNIT_IDE_FIXTURE_H

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "block/block.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/ide/ide.h"
#include "util/bytes.h"
#include "util/clock.h"
#include "util/machine_lock.h"
#include "util/options.h"

#define RAM_SIZE   (16 * MiB)
#define CHIP_START (32 * MiB) /* memory that is a chip's: no direct DMA */
#define CHIP_SIZE  (64 * KiB)
#define HOLE_START (24 * MiB)

#define BUS_MASTER 0xc000
#define PRIMARY    0x1f0
#define SECONDARY  0x170

#define BSY  0x80
#define DRDY 0x40
#define DSC  0x10
#define DRQ  0x08
#define ERR  0x01

#define DEVFN PCI_DEVFN(1, 1)

static Machine *machine;
static PCIBus *pci;
static PIIX3IDE *ide;
static MemoryRegion ram, chip;
static uint8_t chip_bytes[CHIP_SIZE];
static char *folder;
static IRQLine *lines[2];
static int irq_level[2];
static unsigned irq_rises[2];
static unsigned node_count;

static uint64_t chip_read(void *opaque, hwaddr offset, unsigned size)
{
    return chip_bytes[offset];
}

static void chip_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    chip_bytes[offset] = (uint8_t)value;
}

static const MemoryRegionOps chip_ops = {
    .read = chip_read,
    .write = chip_write,
    .impl_min = 1,
    .impl_max = 1,
};

static void irq_changed(void *opaque, int n, int level)
{
    irq_rises[n] += level && !irq_level[n];
    irq_level[n] = level;
}

static inline void set_config(unsigned offset, uint32_t value, unsigned size)
{
    pci_bus_config_write(pci, 0x80000000u | DEVFN << 8 | offset, value, size);
}

static inline uint32_t get_config(unsigned offset, unsigned size)
{
    return pci_bus_config_read(pci, 0x80000000u | DEVFN << 8 | offset, size);
}

static inline void as_firmware(void)
{
    set_config(0x40, 0x8000, 2);
    set_config(0x42, 0x8000, 2);
    set_config(PCI_BASE_ADDRESS_4, BUS_MASTER, 4);
    set_config(PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
}

static inline void setup(void)
{
    folder = g_dir_make_tmp("ide-XXXXXX", NULL);
    g_assert_nonnull(folder);
    memset(irq_level, 0, sizeof(irq_level));
    memset(irq_rises, 0, sizeof(irq_rises));
    memset(chip_bytes, 0, sizeof(chip_bytes));
    machine = machine_new("none", NULL);
    g_assert_true(memory_region_init_ram(&ram, "ram", RAM_SIZE, NULL));
    memory_region_add(machine_memory_root(machine), 0, &ram);
    memory_region_init_io(&chip, &chip_ops, NULL, "chip", CHIP_SIZE);
    memory_region_add(machine_memory_root(machine), CHIP_START, &chip);
    pci =
        pci_bus_new(machine, NULL, "pci.0", machine_memory_root(machine), machine_io_root(machine));
    ide = HW_PIIX3_IDE(pci_device_new("piix3-ide", DEVFN));
    for (unsigned i = 0; i < 2; i++) {
        lines[i] = irq_line_new(irq_changed, NULL, (int)i);
        device_connect_irq(HW_DEVICE(ide), NULL, (int)i, lines[i]);
    }
    g_assert_true(device_realize_and_unref(HW_DEVICE(ide), machine, HW_BUS(pci), NULL));
    as_firmware();
}

static inline void teardown(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    block_drain_all();
    machine_destroy(machine);
    memory_region_destroy(&chip);
    memory_region_destroy(&ram);
    block_cleanup();
    irq_line_free(lines[0]);
    irq_line_free(lines[1]);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
}

/* ---- images ---- */

static inline char *image_path(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 512 * 13 + (offset >> 20) + 1);
}

static inline void fill_pattern(uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bytes[i] = pattern(offset + i);
    }
}

static inline void check_pattern(const uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern(offset + i)) {
            g_error("byte %zu: 0x%02x instead of 0x%02x", i, bytes[i], pattern(offset + i));
        }
    }
}

static inline void make_image(const char *name, uint64_t size)
{
    g_autofree char *path = image_path(name);
    g_autofree uint8_t *bytes = g_malloc(size + 1);

    fill_pattern(bytes, 0, size);
    g_assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)size, NULL));
}

static inline void make_sparse(const char *name, uint64_t size)
{
    g_autofree char *path = image_path(name);

    g_assert_true(g_file_set_contents(path, "", 0, NULL));
    g_assert_cmpint(truncate(path, (off_t)size), ==, 0);
}

static inline void shrink_image(const char *name, uint64_t size)
{
    g_autofree char *path = image_path(name);

    g_assert_cmpint(truncate(path, (off_t)size), ==, 0);
}

static inline uint8_t *read_image(const char *name, uint64_t offset, size_t length)
{
    g_autofree char *path = image_path(name);
    uint8_t *bytes = g_malloc0(length);
    FILE *file = fopen(path, "rb");

    g_assert_nonnull(file);
    g_assert_cmpint(fseeko(file, (off_t)offset, SEEK_SET), ==, 0);
    g_assert_cmpint(fread(bytes, 1, length, file), ==, length);
    fclose(file);
    return bytes;
}

/* ---- drives ---- */

/* A raw node on image @name with @extra node options; its name is written to @node. */
static inline void add_node(const char *name, const char *extra, char node[16])
{
    g_autofree char *path = image_path(name);
    g_autofree char *text = NULL;
    g_autoptr(JsonObject) options = NULL;
    GError *error = NULL;

    g_snprintf(node, 16, "n%u", node_count++);
    text = g_strdup_printf("driver=raw,node-name=%s,file.driver=file,file.filename=%s%s", node,
                           path, extra ? extra : "");
    options = options_parse(text, NULL, &error);
    g_assert_no_error(error);
    block_node_add(options, &error);
    g_assert_no_error(error);
}

/* Sets "name=value,…" on @device. */
static inline bool set_properties(Device *device, const char *text, GError **error)
{
    g_auto(GStrv) pairs = g_strsplit(text ? text : "", ",", -1);

    for (unsigned i = 0; pairs[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);
        if (!device_set_property_text(device, pair[0], pair[1], error)) {
            return false;
        }
    }
    return true;
}

static inline Device *try_drive(const char *type, unsigned channel, const char *properties,
                                GError **error)
{
    g_autofree char *bus_name = g_strdup_printf("ide.%u", channel);
    Bus *bus = machine_find_bus(machine, bus_name);
    Device *device = device_new_by_name(type, NULL);

    g_assert_nonnull(device);
    g_assert_nonnull(bus);
    if (!set_properties(device, properties, error)) {
        g_object_unref(device);
        return NULL;
    }
    return device_realize_and_unref(device, machine, bus, error) ? device : NULL;
}

static inline Device *add_drive_on(const char *type, unsigned channel, unsigned unit,
                                   const char *node, const char *properties)
{
    g_autofree char *text =
        g_strdup_printf("unit=%u%s%s%s%s", unit, node ? ",drive=" : "", node ? node : "",
                        properties ? "," : "", properties ? properties : "");
    GError *error = NULL;
    Device *device = try_drive(type, channel, text, &error);

    g_assert_no_error(error);
    return device;
}

static inline Device *add_disk(const char *image, const char *properties)
{
    char node[16];

    add_node(image, NULL, node);
    return add_drive_on("ide-hd", 0, 0, node, properties);
}

/* On the secondary channel, as the board has it. */
static inline Device *add_cdrom(const char *image)
{
    char node[16];

    if (!image) {
        return add_drive_on("ide-cd", 1, 0, NULL, NULL);
    }
    add_node(image, ",read-only=on", node);
    return add_drive_on("ide-cd", 1, 0, node, NULL);
}

/* ---- the guest ---- */

static inline void out_port(uint16_t port, uint32_t value, unsigned size)
{
    address_space_store(machine_io(machine), port, value, size);
}

static inline uint32_t in_port(uint16_t port, unsigned size)
{
    return (uint32_t)address_space_load(machine_io(machine), port, size);
}

static inline void outb(uint16_t port, uint8_t value)
{
    out_port(port, value, 1);
}

static inline uint8_t inb(uint16_t port)
{
    return (uint8_t)in_port(port, 1);
}

static inline uint16_t control_port(uint16_t base)
{
    return base + 0x206;
}

static inline uint8_t alternate_status(uint16_t base)
{
    return inb(control_port(base));
}

static inline void pump(void)
{
    g_main_context_iteration(NULL, FALSE);
}

/* Until BSY is off; the status, with the interrupt untouched. */
static inline uint8_t wait_ready(uint16_t base)
{
    int64_t end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    while (alternate_status(base) & BSY) {
        g_main_context_iteration(NULL, FALSE);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return alternate_status(base);
}

typedef struct {
    uint64_t lba;
    uint32_t count;
    uint8_t feature;
    bool slave, chs;
} Command;

/* 28-bit registers. */
static inline void send_command(uint16_t base, uint8_t command, Command c)
{
    outb(base + 6, 0xa0 | (c.chs ? 0 : 0x40) | (c.slave ? 0x10 : 0) | ((c.lba >> 24) & 0x0f));
    outb(base + 1, c.feature);
    outb(base + 2, (uint8_t)c.count);
    outb(base + 3, (uint8_t)c.lba);
    outb(base + 4, (uint8_t)(c.lba >> 8));
    outb(base + 5, (uint8_t)(c.lba >> 16));
    outb(base + 7, command);
}

/* 48-bit registers. */
static inline void send_wide(uint16_t base, uint8_t command, Command c)
{
    outb(base + 6, 0xe0 | (c.slave ? 0x10 : 0));
    outb(base + 1, 0);
    outb(base + 1, c.feature);
    outb(base + 2, (uint8_t)(c.count >> 8));
    outb(base + 2, (uint8_t)c.count);
    for (int shift = 24; shift >= 0; shift -= 24) {
        outb(base + 3, (uint8_t)(c.lba >> shift));
        outb(base + 4, (uint8_t)(c.lba >> (shift + 8)));
        outb(base + 5, (uint8_t)(c.lba >> (shift + 16)));
    }
    outb(base + 7, command);
}

static inline void read_data(uint16_t base, uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += 2) {
        store_le16(bytes + i, (uint16_t)in_port(base, 2));
    }
}

static inline void write_data(uint16_t base, const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += 2) {
        out_port(base, load_le16(bytes + i), 2);
    }
}

/* @length bytes in DRQ blocks of @block bytes, each announced by an interrupt. */
static inline void read_blocks(uint16_t base, uint8_t *bytes, size_t length, size_t block)
{
    unsigned n = base == PRIMARY ? 0 : 1;

    while (length > 0) {
        size_t step = MIN(length, block);

        g_assert_cmphex(wait_ready(base) & (DRQ | ERR), ==, DRQ);
        g_assert_cmpint(irq_level[n], ==, 1);
        inb(base + 7);
        g_assert_cmpint(irq_level[n], ==, 0);
        read_data(base, bytes, step);
        bytes += step;
        length -= step;
    }
}

/* The first block is asked for with no interrupt. */
static inline void write_blocks(uint16_t base, const uint8_t *bytes, size_t length, size_t block)
{
    bool first = true;

    while (length > 0) {
        size_t step = MIN(length, block);

        g_assert_cmphex(wait_ready(base) & (DRQ | ERR), ==, DRQ);
        g_assert_cmpint(irq_level[base == PRIMARY ? 0 : 1], ==, !first);
        inb(base + 7);
        write_data(base, bytes, step);
        bytes += step;
        length -= step;
        first = false;
    }
}

/* The command ended well: no DRQ, no error, an interrupt that reading the status takes away. */
static inline void check_done(uint16_t base)
{
    unsigned n = base == PRIMARY ? 0 : 1;

    g_assert_cmphex(wait_ready(base), ==, DRDY | DSC);
    g_assert_cmpint(irq_level[n], ==, 1);
    g_assert_cmphex(inb(base + 7), ==, DRDY | DSC);
    g_assert_cmpint(irq_level[n], ==, 0);
}

static inline void check_error(uint16_t base, uint8_t error)
{
    unsigned n = base == PRIMARY ? 0 : 1;

    g_assert_cmphex(wait_ready(base), ==, DRDY | DSC | ERR);
    g_assert_cmpint(irq_level[n], ==, 1);
    g_assert_cmphex(inb(base + 1), ==, error);
    inb(base + 7);
    g_assert_cmpint(irq_level[n], ==, 0);
}

static inline uint64_t result_lba(uint16_t base)
{
    return inb(base + 3) | (uint64_t)inb(base + 4) << 8 | (uint64_t)inb(base + 5) << 16 |
           (uint64_t)(inb(base + 6) & 0x0f) << 24;
}

static inline void identify(uint16_t base, uint8_t command, uint16_t words[256])
{
    uint8_t bytes[512];

    send_command(base, command, (Command){0});
    read_blocks(base, bytes, sizeof(bytes), sizeof(bytes));
    g_assert_cmphex(alternate_status(base) & (BSY | DRQ | ERR), ==, 0);
    for (unsigned i = 0; i < 256; i++) {
        words[i] = load_le16(bytes + 2 * i);
    }
}

/* ---- bus master ---- */

#define PRD_TABLE 0x100000

typedef struct {
    uint32_t address, length; /* 65536 is written as 0 */
    bool last;
} Region;

static inline void write_table(const Region *regions, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint8_t entry[8] = {0};

        store_le32(entry, regions[i].address);
        store_le16(entry + 4, (uint16_t)regions[i].length);
        entry[7] = regions[i].last ? 0x80 : 0;
        address_space_write(machine_memory(machine), PRD_TABLE + 8 * i, entry, sizeof(entry));
    }
}

static inline uint16_t bus_master_port(uint16_t base)
{
    return BUS_MASTER + (base == PRIMARY ? 0 : 8);
}

static inline void prepare_dma(uint16_t base, const Region *regions, unsigned count)
{
    uint16_t port = bus_master_port(base);

    write_table(regions, count);
    outb(port, 0);
    outb(port + 2, 0x06);
    out_port(port + 4, PRD_TABLE, 4);
}

static inline void start_dma(uint16_t base, bool to_memory)
{
    outb(bus_master_port(base), to_memory ? 0x09 : 0x01);
}

/* Until the interrupt, or until neither active nor interrupt; the bus master's status. */
static inline uint8_t wait_dma(uint16_t base)
{
    int64_t end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    uint8_t status;

    while (((status = inb(bus_master_port(base) + 2)) & 0x05) == 0x01) {
        g_main_context_iteration(NULL, FALSE);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    return status & 0x07;
}

static inline uint8_t *guest(uint64_t address)
{
    return (uint8_t *)memory_region_host(&ram) + address;
}

/* ---- state ---- */

static inline GVariant *save_all(Device *drive)
{
    Bus *bus = device_get_bus(drive);

    return g_variant_ref_sink(
        g_variant_new("(vv)", HW_BUS_GET_CLASS(bus)->save(bus), device_save(drive)));
}

static inline void load_all(Device *drive, GVariant *state)
{
    Bus *bus = device_get_bus(drive);
    g_autoptr(GVariant) bus_state = NULL, drive_state = NULL;
    GError *error = NULL;

    g_variant_get(state, "(vv)", &bus_state, &drive_state);
    HW_BUS_GET_CLASS(bus)->load(bus, bus_state, &error);
    g_assert_no_error(error);
    device_load(drive, drive_state, &error);
    g_assert_no_error(error);
}

/* The drive's saved state with one field replaced; floating @value is taken. */
static inline GVariant *state_with(GVariant *saved, const char *field, GVariant *value)
{
    g_autoptr(GVariant) state = NULL, fields = NULL, bytes = NULL;
    GVariantDict dict;
    guint32 version;

    g_variant_get(saved, "(uv)", &version, &state);
    g_variant_get(state, "(@a{sv}@ay)", &fields, &bytes);
    g_variant_dict_init(&dict, fields);
    g_assert_true(g_variant_dict_contains(&dict, field));
    g_variant_dict_insert_value(&dict, field, value);
    return g_variant_ref_sink(g_variant_new(
        "(uv)", version, g_variant_new("(@a{sv}@ay)", g_variant_dict_end(&dict), bytes)));
}

static inline uint64_t odd_number(GRand *dice)
{
    static const uint64_t edges[] = {0, 1, 2, 8, 512, 1024, 8192, 65536};

    switch (g_rand_int_range(dice, 0, 3)) {
    case 0:
        return edges[g_rand_int_range(dice, 0, G_N_ELEMENTS(edges))] +
               (uint64_t)g_rand_int_range(dice, -1, 2);
    case 1:
        return (uint64_t)g_rand_int(dice) << 32 | g_rand_int(dice);
    default:
        return g_rand_int(dice) & 0xff;
    }
}

/* A value of the type of @old that no drive has ever saved, perhaps. */
static inline GVariant *odd_value(GRand *dice, GVariant *old)
{
    uint64_t number = odd_number(dice);

    switch (g_variant_classify(old)) {
    case G_VARIANT_CLASS_BOOLEAN:
        return g_variant_new_boolean(number & 1);
    case G_VARIANT_CLASS_BYTE:
        return g_variant_new_byte((guint8)number % (g_rand_boolean(dice) ? 16 : 255));
    case G_VARIANT_CLASS_UINT16:
        return g_variant_new_uint16((guint16)number);
    case G_VARIANT_CLASS_UINT32:
        return g_variant_new_uint32((guint32)number);
    case G_VARIANT_CLASS_UINT64:
        return g_variant_new_uint64(number);
    default:
        return g_variant_ref(old);
    }
}

/* @saved with some fields of another value, and a buffer of the length that they ask for. */
static inline GVariant *odd_state(GRand *dice, GVariant *saved)
{
    g_autoptr(GVariant) state = NULL, fields = NULL, bytes = NULL;
    g_autofree uint8_t *noise = g_malloc0(70000);
    guint32 version, fill = 0, end = 0;
    GVariantDict dict;

    g_variant_get(saved, "(uv)", &version, &state);
    g_variant_get(state, "(@a{sv}@ay)", &fields, &bytes);
    g_variant_dict_init(&dict, fields);
    for (int n = g_rand_int_range(dice, 1, 6); n > 0; n--) {
        gsize i = (gsize)g_rand_int_range(dice, 0, (gint32)g_variant_n_children(fields));
        g_autofree char *name = NULL;
        g_autoptr(GVariant) old = NULL, entry = g_variant_get_child_value(fields, i);

        g_variant_get(entry, "{sv}", &name, &old);
        g_variant_dict_insert_value(&dict, name, odd_value(dice, old));
    }
    g_variant_dict_lookup(&dict, "buffer_fill", "u", &fill);
    g_variant_dict_lookup(&dict, "pio_end", "u", &end);
    return g_variant_ref_sink(
        g_variant_new("(uv)", version,
                      g_variant_new("(@a{sv}@ay)", g_variant_dict_end(&dict),
                                    g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, noise,
                                                              MIN(MAX(fill, end), 70000), 1))));
}

/* Loads @count odd states made from @saved; what is taken must do no harm when the guest goes on.
 */
static inline unsigned try_odd_states(Device *drive, GVariant *saved, uint16_t base, unsigned count)
{
    GRand *dice = g_rand_new_with_seed(99);
    unsigned taken = 0;

    for (unsigned i = 0; i < count; i++) {
        g_autoptr(GVariant) state = odd_state(dice, saved);

        taken += device_load(drive, state, NULL);
        run_state_start(NULL);
        run_state_stop(RUN_STATE_PAUSED);
        start_dma(base, i & 1);
        for (unsigned j = 0; j < 3000 && (alternate_status(base) & DRQ); j++) {
            if (i & 2) {
                in_port(base, 4);
            } else {
                out_port(base, 0x01020304, 4);
            }
            if (alternate_status(base) & BSY) {
                block_drain_all();
            }
        }
        outb(base + 7, 0xa1);
        block_drain_all();
        device_reset(drive);
        HW_BUS_GET_CLASS(device_get_bus(drive))->reset(device_get_bus(drive));
    }
    g_rand_free(dice);
    return taken;
}

static inline void ide_test_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    device_types_init();
    timers_init();
    clock_virtual_set_manual();
    machine_lock();
}

#endif
