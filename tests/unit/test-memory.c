/*
 * Memory regions, flat views, address spaces: what shows where, and how accesses reach chips.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/memory.h"

typedef struct {
    unsigned reads, writes;
    uint64_t last_offset, last_value;
    unsigned last_size;
    uint64_t answer;
} Chip;

static uint64_t chip_read(void *opaque, hwaddr offset, unsigned size)
{
    Chip *chip = opaque;

    chip->reads++;
    chip->last_offset = offset;
    chip->last_size = size;
    return chip->answer;
}

static void chip_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Chip *chip = opaque;

    chip->writes++;
    chip->last_offset = offset;
    chip->last_value = value;
    chip->last_size = size;
}

static const MemoryRegionOps chip_ops = {.read = chip_read, .write = chip_write};
static const MemoryRegionOps byte_ops = {.read = chip_read, .write = chip_write, .impl_max = 1};
static const MemoryRegionOps dword_ops = {
    .read = chip_read, .write = chip_write, .impl_min = 4, .impl_max = 4};
static const MemoryRegionOps word_only_ops = {
    .read = chip_read, .write = chip_write, .valid_min = 2, .valid_max = 2};

typedef struct {
    MemoryRegion root, ram;
    AddressSpace *space;
} Fixture;

static void setup(Fixture *f, gconstpointer data)
{
    memory_region_init(&f->root, "root", UINT64_MAX);
    g_assert_true(memory_region_init_ram(&f->ram, "ram", 64 * KiB, NULL));
    memory_region_add(&f->root, 0, &f->ram);
    f->space = address_space_new(&f->root, "test");
}

static void teardown(Fixture *f, gconstpointer data)
{
    address_space_free(f->space);
    memory_region_destroy(&f->ram);
    memory_region_destroy(&f->root);
}

static void ram_reads_back_what_was_written(Fixture *f, gconstpointer data)
{
    uint8_t buffer[8];

    g_assert_true(address_space_write(f->space, 0x100, "abcdefg", 8));
    g_assert_true(address_space_read(f->space, 0x100, buffer, 8));
    g_assert_cmpmem(buffer, 8, "abcdefg", 8);
    g_assert_cmphex(address_space_load(f->space, 0x100, 4), ==, 0x64636261);
    address_space_store(f->space, 0x201, 0x1122334455667788, 8);
    g_assert_cmphex(address_space_load(f->space, 0x201, 8), ==, 0x1122334455667788);
    g_assert_cmphex(address_space_load(f->space, 0x205, 2), ==, 0x3344);
}

static void hole_reads_ones_and_reports_it(Fixture *f, gconstpointer data)
{
    uint8_t buffer[4] = {0};

    g_assert_false(address_space_read(f->space, 0x100000, buffer, 4));
    g_assert_cmpmem(buffer, 4, "\xff\xff\xff\xff", 4);
    g_assert_false(address_space_write(f->space, 0x100000, buffer, 4));
    /* The last bytes of RAM and the hole behind them in one access. */
    address_space_store(f->space, 0xfffe, 0x1234, 2);
    g_assert_cmphex(address_space_load(f->space, 0xfffe, 4), ==, 0xffff1234);
    g_assert_false(address_space_read(f->space, UINT64_MAX - 1, buffer, 2));
}

static void higher_priority_hides_lower(Fixture *f, gconstpointer data)
{
    Chip chip = {.answer = 0x5a};
    MemoryRegion io;

    memory_region_init_io(&io, &chip_ops, &chip, "io", 0x10);
    memory_region_add_overlap(&f->root, 0x1000, &io, 1);
    g_assert_cmphex(address_space_load(f->space, 0x1004, 1), ==, 0x5a);
    g_assert_cmpuint(chip.last_offset, ==, 4);
    g_assert_cmphex(address_space_load(f->space, 0x1010, 1), ==, 0);
    memory_region_set_enabled(&io, false);
    g_assert_cmphex(address_space_load(f->space, 0x1004, 1), ==, 0);
    memory_region_set_enabled(&io, true);
    memory_region_set_address(&io, 0x2000);
    g_assert_cmphex(address_space_load(f->space, 0x1004, 1), ==, 0);
    g_assert_cmphex(address_space_load(f->space, 0x2004, 1), ==, 0x5a);
    memory_region_destroy(&io);
    g_assert_cmphex(address_space_load(f->space, 0x2004, 1), ==, 0);
}

static void view_is_sorted_disjoint_and_merged(Fixture *f, gconstpointer data)
{
    MemoryRegion low, high;
    const FlatView *view;

    memory_region_init_alias(&low, "low", &f->ram, 0, 0x8000);
    memory_region_init_alias(&high, "high", &f->ram, 0x8000, 0x8000);
    memory_transaction_begin();
    memory_region_add(&f->root, 0x100000, &low);
    memory_region_add(&f->root, 0x108000, &high);
    memory_transaction_commit();
    view = address_space_view(f->space);
    /* The two aliases show consecutive bytes of one region: one range. */
    g_assert_cmpuint(view->count, ==, 2);
    g_assert_true(view->ranges[0].start == 0 && view->ranges[0].size == 64 * KiB);
    g_assert_true(view->ranges[1].start == 0x100000 && view->ranges[1].size == 64 * KiB);
    memory_region_set_readonly(&low, true);
    view = address_space_view(f->space);
    g_assert_cmpuint(view->count, ==, 3);
    g_assert_true(view->ranges[1].readonly);
    g_assert_false(view->ranges[2].readonly);
    memory_region_destroy(&low);
    memory_region_destroy(&high);
}

static void alias_shows_part_of_its_target(Fixture *f, gconstpointer data)
{
    MemoryRegion alias;

    memory_region_init_alias(&alias, "alias", &f->ram, 0x800, 0x100);
    memory_region_add(&f->root, 0x200000, &alias);
    address_space_store(f->space, 0x810, 0xabcd, 2);
    g_assert_cmphex(address_space_load(f->space, 0x200010, 2), ==, 0xabcd);
    g_assert_cmphex(address_space_load(f->space, 0x2000ff, 2), ==, 0xff00);
    memory_region_set_alias_offset(&alias, 0x810);
    g_assert_cmphex(address_space_load(f->space, 0x200000, 2), ==, 0xabcd);
    memory_region_destroy(&alias);
}

static void read_only_ram_drops_writes_but_loader_passes(Fixture *f, gconstpointer data)
{
    MemoryRegion rom;
    uint64_t length = 0x100;

    g_assert_true(memory_region_init_rom(&rom, "rom", 0x1000, NULL));
    memory_region_add(&f->root, 0x300000, &rom);
    g_assert_true(address_space_write(f->space, 0x300000, "x", 1));
    g_assert_cmphex(address_space_load(f->space, 0x300000, 1), ==, 0);
    g_assert_true(address_space_write_rom(f->space, 0x300000, "x", 1));
    g_assert_cmphex(address_space_load(f->space, 0x300000, 1), ==, 'x');
    g_assert_null(address_space_map(f->space, 0x300000, &length, true));
    g_assert_nonnull(address_space_map(f->space, 0x300000, &length, false));
    memory_region_destroy(&rom);
}

static void rom_device_reads_as_memory_or_by_its_handler(Fixture *f, gconstpointer data)
{
    Chip chip = {.answer = 0x80};
    MemoryRegion flash;
    uint64_t length = 0x100;

    g_assert_true(
        memory_region_init_rom_device(&flash, &chip_ops, &chip, "flash", 0x1000, NULL));
    memory_region_add(&f->root, 0x300000, &flash);
    g_assert_true(address_space_write_rom(f->space, 0x300010, "xy", 2));
    g_assert_cmphex(address_space_load(f->space, 0x300010, 2), ==, 0x7978);
    g_assert_cmpuint(chip.reads + chip.writes, ==, 0);
    address_space_store(f->space, 0x300010, 0x70, 1);
    g_assert_cmpuint(chip.writes, ==, 1);
    g_assert_cmphex(chip.last_offset, ==, 0x10);
    g_assert_cmphex(chip.last_value, ==, 0x70);
    g_assert_nonnull(address_space_map(f->space, 0x300000, &length, false));

    memory_region_set_rom_mode(&flash, false);
    g_assert_cmphex(address_space_load(f->space, 0x300010, 1), ==, 0x80);
    g_assert_cmpuint(chip.reads, ==, 1);
    g_assert_null(address_space_map(f->space, 0x300000, &length, false));
    address_space_store(f->space, 0x300012, 0xff, 1);
    g_assert_cmpuint(chip.writes, ==, 2);
    g_assert_true(address_space_write_rom(f->space, 0x300010, "z", 1));

    memory_region_set_rom_mode(&flash, true);
    g_assert_cmphex(address_space_load(f->space, 0x300010, 2), ==, 0x797a);
    g_assert_cmpuint(chip.reads, ==, 1);
    memory_region_destroy(&flash);
}

static void map_ends_where_ram_ends(Fixture *f, gconstpointer data)
{
    uint64_t length = 0x10000;
    uint8_t *host = address_space_map(f->space, 0xf000, &length, true);

    g_assert_nonnull(host);
    g_assert_cmpuint(length, ==, 0x1000);
    host[0] = 7;
    address_space_unmap(f->space, host, length, true);
    g_assert_cmphex(address_space_load(f->space, 0xf000, 1), ==, 7);
    g_assert_null(address_space_map(f->space, 0x20000, &length, false));
}

static void access_is_split_to_what_the_chip_implements(Fixture *f, gconstpointer data)
{
    Chip bytes = {.answer = 0x11}, dwords = {.answer = 0x44332211};
    MemoryRegion byte_region, dword_region;

    memory_region_init_io(&byte_region, &byte_ops, &bytes, "bytes", 0x10);
    memory_region_init_io(&dword_region, &dword_ops, &dwords, "dwords", 0x10);
    memory_region_add(&f->root, 0x20000, &byte_region);
    memory_region_add(&f->root, 0x30000, &dword_region);
    g_assert_cmphex(address_space_load(f->space, 0x20000, 4), ==, 0x11111111);
    g_assert_cmpuint(bytes.reads, ==, 4);
    address_space_store(f->space, 0x20004, 0xaabb, 2);
    g_assert_cmpuint(bytes.writes, ==, 2);
    g_assert_cmphex(bytes.last_value, ==, 0xaa);
    g_assert_cmphex(address_space_load(f->space, 0x30002, 1), ==, 0x33);
    g_assert_cmpuint(dwords.last_offset, ==, 0);
    g_assert_cmpuint(dwords.last_size, ==, 4);
    address_space_store(f->space, 0x30003, 0x7f, 1);
    g_assert_cmphex(dwords.last_value, ==, 0x7f000000);
    /* Wider than the bus of the chip: two accesses. */
    dwords.reads = 0;
    g_assert_cmphex(address_space_load(f->space, 0x30000, 8), ==, 0x4433221144332211);
    g_assert_cmpuint(dwords.reads, ==, 2);
    memory_region_destroy(&byte_region);
    memory_region_destroy(&dword_region);
}

static void invalid_sizes_read_ones_and_are_dropped(Fixture *f, gconstpointer data)
{
    Chip chip = {.answer = 0x1234};
    MemoryRegion region;

    memory_region_init_io(&region, &word_only_ops, &chip, "words", 0x10);
    memory_region_add(&f->root, 0x20000, &region);
    g_assert_cmphex(address_space_load(f->space, 0x20000, 1), ==, 0xff);
    g_assert_cmpuint(chip.reads, ==, 0);
    g_assert_cmphex(address_space_load(f->space, 0x20000, 2), ==, 0x1234);
    address_space_store(f->space, 0x20000, 1, 1);
    g_assert_cmpuint(chip.writes, ==, 0);
    memory_region_destroy(&region);
}

static void doorbell_signals_instead_of_calling(Fixture *f, gconstpointer data)
{
    Chip chip = {0};
    MemoryRegion region;
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t count = 0;

    memory_region_init_io(&region, &chip_ops, &chip, "bell", 0x10);
    memory_region_add(&f->root, 0x20000, &region);
    memory_region_add_doorbell(&region, 4, 2, true, 7, fd);
    address_space_store(f->space, 0x20004, 6, 2);
    g_assert_cmpuint(chip.writes, ==, 1);
    address_space_store(f->space, 0x20004, 7, 2);
    g_assert_cmpuint(chip.writes, ==, 1);
    g_assert_cmpint(read(fd, &count, 8), ==, 8);
    g_assert_cmpuint(count, ==, 1);
    memory_region_remove_doorbell(&region, 4, 2, true, 7, fd);
    address_space_store(f->space, 0x20004, 7, 2);
    g_assert_cmpuint(chip.writes, ==, 2);
    memory_region_destroy(&region);
    close(fd);
}

typedef struct {
    MemoryListener listener;
    unsigned commits;
    unsigned ranges;
} Counter;

static void count_commit(MemoryListener *listener, const FlatView *before, const FlatView *after)
{
    Counter *counter = (Counter *)(void *)listener;

    counter->commits++;
    counter->ranges = after->count;
}

static void listener_hears_one_commit_a_transaction(Fixture *f, gconstpointer data)
{
    Counter counter = {.listener.commit = count_commit};
    MemoryRegion a, b;

    address_space_add_listener(f->space, &counter.listener);
    g_assert_cmpuint(counter.commits, ==, 1);
    memory_region_init_alias(&a, "a", &f->ram, 0, 0x1000);
    memory_region_init_alias(&b, "b", &f->ram, 0, 0x1000);
    memory_transaction_begin();
    memory_region_add(&f->root, 0x100000, &a);
    memory_region_add(&f->root, 0x200000, &b);
    memory_transaction_commit();
    g_assert_cmpuint(counter.commits, ==, 2);
    g_assert_cmpuint(counter.ranges, ==, 3);
    /* A change that leaves the view as it was is not told. */
    memory_transaction_begin();
    memory_region_set_enabled(&a, false);
    memory_region_set_enabled(&a, true);
    memory_transaction_commit();
    g_assert_cmpuint(counter.commits, ==, 2);
    address_space_remove_listener(f->space, &counter.listener);
    memory_region_destroy(&a);
    memory_region_destroy(&b);
}

typedef struct {
    AddressSpace *space;
    unsigned depth;
} Mirror;

static uint64_t mirror_read(void *opaque, hwaddr offset, unsigned size)
{
    Mirror *mirror = opaque;

    mirror->depth++;
    return address_space_load(mirror->space, 0x20000, 1);
}

static void chip_that_reads_itself_comes_to_an_end(Fixture *f, gconstpointer data)
{
    static const MemoryRegionOps ops = {.read = mirror_read};
    Mirror mirror = {f->space, 0};
    MemoryRegion region;

    memory_region_init_io(&region, &ops, &mirror, "mirror", 1);
    memory_region_add(&f->root, 0x20000, &region);
    g_assert_cmphex(address_space_load(f->space, 0x20000, 1), ==, 0xff);
    g_assert_cmpuint(mirror.depth, <, 8);
    memory_region_destroy(&region);
}

static void spaces_over_an_alias_of_all_share_the_view(Fixture *f, gconstpointer data)
{
    MemoryRegion root, alias;
    AddressSpace *dma;

    memory_region_init(&root, "dma", UINT64_MAX);
    memory_region_init_alias(&alias, "dma", &f->root, 0, UINT64_MAX);
    memory_region_add(&root, 0, &alias);
    dma = address_space_new(&root, "dma");
    address_space_store(f->space, 0x10, 0x77, 1);
    g_assert_cmphex(address_space_load(dma, 0x10, 1), ==, 0x77);
    memory_region_set_enabled(&alias, false);
    g_assert_cmphex(address_space_load(dma, 0x10, 1), ==, 0xff);
    memory_region_set_enabled(&alias, true);
    g_assert_true(address_space_view(dma) == address_space_view(f->space) ||
                  address_space_view(dma)->count == address_space_view(f->space)->count);
    address_space_free(dma);
    memory_region_destroy(&alias);
    memory_region_destroy(&root);
}

static void ram_block_is_zeroed_and_huge_page_aligned(void)
{
    RamBlockConfig config = {.name = "block", .size = 4 * MiB, .memfd = true, .share = true,
                             .prealloc = true};
    RamBlock *block = ram_block_new(&config, NULL);

    g_assert_nonnull(block);
    g_assert_cmpuint((uintptr_t)ram_block_host(block) % (2 * MiB), ==, 0);
    g_assert_cmpint(ram_block_fd(block), >=, 0);
    g_assert_cmpint(((uint8_t *)ram_block_host(block))[4 * MiB - 1], ==, 0);
    ram_block_unref(block);
}

static void ram_block_that_cannot_be_is_an_error(void)
{
    RamBlockConfig config = {.name = "huge", .size = UINT64_C(1) << 60};
    g_autoptr(GError) error = NULL;

    g_assert_null(ram_block_new(&config, &error));
    g_assert_nonnull(strstr(error->message, "huge"));
}

#define ADD(test) g_test_add("/memory/" #test, Fixture, NULL, setup, test, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(ram_reads_back_what_was_written);
    ADD(hole_reads_ones_and_reports_it);
    ADD(higher_priority_hides_lower);
    ADD(view_is_sorted_disjoint_and_merged);
    ADD(alias_shows_part_of_its_target);
    ADD(read_only_ram_drops_writes_but_loader_passes);
    ADD(rom_device_reads_as_memory_or_by_its_handler);
    ADD(map_ends_where_ram_ends);
    ADD(access_is_split_to_what_the_chip_implements);
    ADD(invalid_sizes_read_ones_and_are_dropped);
    ADD(doorbell_signals_instead_of_calling);
    ADD(listener_hears_one_commit_a_transaction);
    ADD(chip_that_reads_itself_comes_to_an_end);
    ADD(spaces_over_an_alias_of_all_share_the_view);
    g_test_add_func("/memory/ram_block_is_zeroed_and_huge_page_aligned",
                    ram_block_is_zeroed_and_huge_page_aligned);
    g_test_add_func("/memory/ram_block_that_cannot_be_is_an_error",
                    ram_block_that_cannot_be_is_an_error);
    return g_test_run();
}
