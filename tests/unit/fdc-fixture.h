/*
 * What the tests of the floppy controller share: a machine with 2 MiB of RAM, an ISA bus with DMA
 * and an interrupt line, image files of the test's own folder, and commands as a guest gives them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_FDC_FIXTURE_H
#define TESTS_UNIT_FDC_FIXTURE_H

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "block/block.h"
#include "block/block_query.h"
#include "hw/block/fdc.h"
#include "hw/dma/i8257.h"
#include "tests/unit/chip-fixture.h"
#include "util/bytes.h"
#include "util/options.h"

#define FDC_RAM   (2 * MiB)
#define SIZE_144  (1440 * KiB)
#define SECTOR    512
#define ROM_START 0x1f0000 /* the last 64 KiB of it are ROM */

#define SRA  0x3f0
#define SRB  0x3f1
#define DOR  0x3f2
#define TDR  0x3f3
#define MSR  0x3f4
#define FIFO 0x3f5
#define DIR  0x3f7

#define RQM    0x80
#define DIO    0x40
#define NONDMA 0x20
#define BUSY   0x10

#define READ  0xe6
#define WRITE 0xc5

static Device *dma, *fdc;
static MemoryRegion ram, rom;
static Wire irq6;
static char *folder;
static unsigned node_count;

static inline Device *make(const char *type, const char *properties, const char *bus_name)
{
    Device *device = device_new_by_name(type, NULL);
    g_auto(GStrv) pairs = g_strsplit(properties ? properties : "", ",", -1);
    Bus *bus = machine_find_bus(machine, bus_name);
    GError *error = NULL;

    for (unsigned i = 0; pairs[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(pairs[i], "=", 2);
        device_set_property_text(device, pair[0], pair[1], &error);
        g_assert_no_error(error);
    }
    device_realize_and_unref(device, machine, bus, &error);
    g_assert_no_error(error);
    return device;
}

static inline void setup_with(const char *properties)
{
    IRQLine *irqs[ISA_IRQ_COUNT] = {0};

    folder = g_dir_make_tmp("fdc-XXXXXX", NULL);
    g_assert_nonnull(folder);
    fixture_setup();
    g_assert_true(memory_region_init_ram(&ram, "ram", FDC_RAM, NULL));
    g_assert_true(memory_region_init_rom(&rom, "rom", 64 * KiB, NULL));
    memory_region_add(machine_memory_root(machine), 0, &ram);
    memory_region_add_overlap(machine_memory_root(machine), ROM_START, &rom, 1);
    irq6 = (Wire){.line = irq_line_new(wire_changed, &irq6, 0)};
    irqs[6] = irq6.line;
    isa_bus_set_irqs(isa, irqs);
    dma = make("i8257", NULL, "isa.0");
    fdc = make("isa-fdc", properties, "isa.0");
}

static inline void setup(void)
{
    setup_with(NULL);
}

static inline void teardown(void)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    block_drain_all();
    fixture_teardown();
    memory_region_destroy(&rom);
    memory_region_destroy(&ram);
    block_cleanup();
    irq_line_free(irq6.line);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
    g_clear_pointer(&folder, g_free);
}

/* ---- images ---- */

static inline uint8_t pattern(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / SECTOR * 13 + 1);
}

static inline void check_pattern(const uint8_t *bytes, uint64_t offset, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern(offset + i)) {
            g_error("byte %zu: 0x%02x instead of 0x%02x", i, bytes[i], pattern(offset + i));
        }
    }
}

static inline char *image_path(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

static inline void make_image(const char *name, size_t size)
{
    g_autofree char *path = image_path(name);
    g_autofree uint8_t *bytes = g_malloc(size + 1);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = pattern(i);
    }
    g_assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)size, NULL));
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

/* A raw node on image @name; its name is written to @node. */
static inline void add_node(const char *name, bool read_only, char node[16])
{
    g_autofree char *path = image_path(name);
    g_autofree char *text = NULL;
    g_autoptr(JsonObject) options = NULL;
    GError *error = NULL;

    g_snprintf(node, 16, "n%u", node_count++);
    text = g_strdup_printf("driver=raw,node-name=%s,read-only=%s,file.driver=file,file.filename=%s",
                           node, read_only ? "on" : "off", path);
    options = options_parse(text, NULL, &error);
    g_assert_no_error(error);
    block_node_add(options, &error);
    g_assert_no_error(error);
}

/* A drive with a diskette of @size bytes called "a" with the pattern on it. */
static inline Device *add_drive(size_t size, bool read_only)
{
    char node[16];
    g_autofree char *properties = NULL;

    make_image("a", size);
    add_node("a", read_only, node);
    properties = g_strdup_printf("drive=%s", node);
    return make("floppy", properties, "floppy-bus.0");
}

static void first_backend(BlockBackend *backend, void *opaque)
{
    *(BlockBackend **)opaque = backend;
}

static inline BlockBackend *only_backend(void)
{
    BlockBackend *backend = NULL;

    block_backend_foreach(first_backend, &backend);
    g_assert_nonnull(backend);
    return backend;
}

/* ---- the guest ---- */

static inline void give(uint8_t byte)
{
    g_assert_cmphex(inb(MSR) & (RQM | DIO), ==, RQM);
    outb(FIFO, byte);
}

static inline uint8_t take(void)
{
    g_assert_cmphex(inb(MSR) & (RQM | DIO), ==, RQM | DIO);
    return inb(FIFO);
}

#define GIVE(...)                                                                                  \
    do {                                                                                           \
        const uint8_t given_[] = {__VA_ARGS__};                                                    \
        for (unsigned given_i_ = 0; given_i_ < sizeof(given_); given_i_++) {                       \
            give(given_[given_i_]);                                                                \
        }                                                                                          \
    } while (0)

static inline uint8_t wait_ready(void)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (!(inb(MSR) & RQM)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_main_context_iteration(NULL, FALSE);
    }
    return inb(MSR);
}

static inline void take_result(uint8_t result[7])
{
    g_assert_cmphex(wait_ready(), ==, RQM | DIO | BUSY);
    g_assert_cmpint(irq6.level, ==, 1);
    for (unsigned i = 0; i < 7; i++) {
        result[i] = take();
    }
    g_assert_cmpint(irq6.level, ==, 0);
    g_assert_cmphex(inb(MSR), ==, RQM);
}

static inline void check_result(uint8_t st0, uint8_t st1, uint8_t st2, uint8_t c, uint8_t h,
                                uint8_t r)
{
    uint8_t result[7];

    take_result(result);
    g_assert_cmphex(result[0], ==, st0);
    g_assert_cmphex(result[1], ==, st1);
    g_assert_cmphex(result[2], ==, st2);
    g_assert_cmpint(result[3], ==, c);
    g_assert_cmpint(result[4], ==, h);
    g_assert_cmpint(result[5], ==, r);
}

/* READ DATA and its like: nine bytes. */
static inline void send_command(uint8_t code, uint8_t c, uint8_t h, uint8_t r, uint8_t eot)
{
    GIVE(code, (uint8_t)(h << 2), c, h, r, 2, eot, 0x1b, 0xff);
}

#define TO_MEMORY   0x46 /* channel 2, single */
#define FROM_MEMORY 0x4a

static inline void set_dma(uint32_t address, uint32_t count, uint8_t mode)
{
    outb(0x0a, 0x06);
    outb(0x0c, 0);
    outb(0x0b, mode);
    outb(0x04, (uint8_t)address);
    outb(0x04, (uint8_t)(address >> 8));
    outb(0x81, (uint8_t)(address >> 16));
    outb(0x05, (uint8_t)(count - 1));
    outb(0x05, (uint8_t)((count - 1) >> 8));
    outb(0x0a, 0x02);
}

static inline void sense(uint8_t st0, uint8_t cylinder)
{
    GIVE(0x08);
    g_assert_cmphex(take(), ==, st0);
    g_assert_cmpint(take(), ==, cylinder);
}

static inline void seek(uint8_t cylinder)
{
    GIVE(0x0f, 0, cylinder);
    g_assert_cmpint(irq6.level, ==, 1);
    sense(0x20, cylinder);
    g_assert_cmpint(irq6.level, ==, 0);
}

#endif
