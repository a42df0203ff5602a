/*
 * -kernel Multiboot 1: ELF and flat images, modules, memory map, damaged headers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/unit/boot-fixture.h"

#define HEADER    0x200u
#define FLAT_LOAD 0x200000u
#define FLAT_SIZE 0x1000u
#define MAGIC     0x1badb002u

static uint8_t flat[FLAT_SIZE];

static void put_header(uint8_t *file, uint32_t flags)
{
    store_le32(file + HEADER, MAGIC);
    store_le32(file + HEADER + 4, flags);
    store_le32(file + HEADER + 8, -(MAGIC + flags));
}

static void set_addresses(uint32_t header, uint32_t load, uint32_t load_end, uint32_t bss_end,
                          uint32_t entry)
{
    store_le32(flat + HEADER + 12, header);
    store_le32(flat + HEADER + 16, load);
    store_le32(flat + HEADER + 20, load_end);
    store_le32(flat + HEADER + 24, bss_end);
    store_le32(flat + HEADER + 28, entry);
    set_kernel(flat, sizeof(flat));
}

static void setup(void)
{
    pc_setup();
    memset(flat, 0xf4, sizeof(flat));
    put_header(flat, 0x10003);
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, 0, 0, FLAT_LOAD + 0x100);
}

static void a_flat_image_loads_where_it_says(void)
{
    setup();
    /* The first 0x100 bytes of the file are not loaded, and there are zeros behind. */
    set_addresses(FLAT_LOAD + HEADER - 0x100, FLAT_LOAD, FLAT_LOAD + 0x800, FLAT_LOAD + 0x1000,
                  FLAT_LOAD + 0x20);
    address_space_fill(machine_memory(machine), FLAT_LOAD, 0x55, 0x2000);
    load_and_reset();
    g_assert_cmphex(state.rip, ==, FLAT_LOAD + 0x20);
    g_assert_cmphex(state.rax, ==, 0x2badb002);
    g_assert_cmphex(state.cr0, ==, 0x11);
    g_assert_cmphex(guest_le32(FLAT_LOAD + 0x100), ==, MAGIC);
    g_assert_cmphex(guest_le32(FLAT_LOAD + 0x7fc), ==, 0xf4f4f4f4);
    g_assert_cmphex(guest_le32(FLAT_LOAD + 0x800), ==, 0);
    g_assert_cmphex(guest_le32(FLAT_LOAD + 0x1000), ==, 0x55555555);
    boot_teardown();
}

static void information_tells_all(void)
{
    g_autofree char *expected = NULL;
    uint64_t info, map;

    setup();
    set_append("a=1 b");
    load_and_reset();
    info = state.rbx;
    g_assert_cmphex(guest_le32(info) & 0x24d, ==, 0x24d);
    g_assert_cmpuint(guest_le32(info + 4), ==, 639);
    g_assert_cmpuint(guest_le32(info + 8), ==, PC_RAM / KiB - 1024);
    expected = g_strdup_printf("%s a=1 b", machine_config(machine)->kernel);
    assert_guest_text(guest_le32(info + 16), expected);
    g_assert_cmpuint(guest_le32(info + 20), ==, 0);
    map = guest_le32(info + 48);
    g_assert_cmpuint(guest_le32(info + 44) % 24, ==, 0);
    g_assert_cmpuint(guest_le32(map), ==, 20);
    g_assert_cmphex(guest_le64(map + 4), ==, 0);
    g_assert_cmphex(guest_le64(map + 12), ==, 0x9fc00);
    g_assert_cmpuint(guest_le32(map + 20), ==, 1);
    assert_guest_text(guest_le32(info + 64), "Xenolith");
    boot_teardown();
}

static void an_elf_kernel_enters_at_its_physical_entry(void)
{
    g_autofree uint8_t *elf = make_elf32(EM_386);

    setup();
    put_header(elf, 3);
    set_kernel(elf, ELF_SIZE);
    load_and_reset();
    g_assert_cmphex(state.rax, ==, 0x2badb002);
    g_assert_cmphex(state.rip, ==, ELF_LOAD + 0x20);
    g_assert_cmphex(guest_le32(ELF_LOAD), ==, 0xcccccccc);
    boot_teardown();
}

static void a_64_bit_elf_is_pvh_even_with_a_header(void)
{
    g_autofree uint8_t *elf = make_elf64();

    setup();
    put_header(elf, 3);
    set_kernel(elf, ELF_SIZE);
    load_and_reset();
    g_assert_cmphex(guest_le32(state.rbx), ==, 0x336ec578);
    boot_teardown();
}

static void modules_have_names_and_pages(void)
{
    g_autofree char *first = NULL, *second = NULL, *text = NULL;
    MachineConfig *config;
    uint64_t list;

    setup();
    config = machine_config(machine);
    first = make_file("one", "first module", 12);
    second = make_file("two", "2nd", 3);
    config->initrd = g_strdup_printf("%s arg1 a,,b,%s", first, second);
    load_and_reset();
    g_assert_cmpuint(guest_le32(state.rbx + 20), ==, 2);
    list = guest_le32(state.rbx + 24);
    g_assert_cmphex(guest_le32(list) & 0xfff, ==, 0);
    g_assert_cmpuint(guest_le32(list + 4) - guest_le32(list), ==, 12);
    assert_guest_prefix(guest_le32(list), "first module");
    text = g_strdup_printf("%s arg1 a,b", first);
    assert_guest_text(guest_le32(list + 8), text);
    assert_guest_prefix(guest_le32(list + 16), "2nd");
    assert_guest_text(guest_le32(list + 24), second);
    g_assert_cmphex(guest_le32(list), >=, FLAT_LOAD + FLAT_SIZE);

    g_clear_pointer(&boot, boot_protocol_free);
    g_free(config->initrd);
    config->initrd = g_strdup_printf("%s,,,", first);
    assert_load_fails("-initrd");
    g_free(config->initrd);
    config->initrd = g_strdup_printf("%s,/nonexistent/m x", first);
    assert_load_fails("-initrd /nonexistent/m: No such file or directory");
    boot_teardown();
}

static void wrong_addresses_are_refused(void)
{
    setup();
    set_addresses(FLAT_LOAD, FLAT_LOAD + 4, 0, 0, FLAT_LOAD);
    assert_load_fails("invalid load_addr address");
    set_addresses(FLAT_LOAD + HEADER + 4, FLAT_LOAD, 0, 0, FLAT_LOAD);
    assert_load_fails("invalid load_addr address");
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, FLAT_LOAD + FLAT_SIZE + 1, 0, FLAT_LOAD);
    assert_load_fails("invalid load_end_addr address");
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, FLAT_LOAD - 1, 0, FLAT_LOAD);
    assert_load_fails("invalid load_end_addr address");
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, 0, FLAT_LOAD + 1, FLAT_LOAD);
    assert_load_fails("invalid bss_end_addr address");
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, 0, 0, FLAT_LOAD + FLAT_SIZE);
    assert_load_fails("invalid entry_addr address");
    set_addresses(0xa0000 + HEADER, 0xa0000, 0, 0, 0xa0000);
    assert_load_fails("not free memory");
    set_addresses(FLAT_LOAD + HEADER, FLAT_LOAD, 0, UINT32_MAX, FLAT_LOAD);
    assert_load_fails("not free memory");
    put_header(flat, 0x10023);
    set_kernel(flat, sizeof(flat));
    assert_load_fails("unknown features 0x20");
    put_header(flat, 3);
    set_kernel(flat, sizeof(flat));
    assert_load_fails("not ELF and gives no load addresses");
    flat[HEADER + 8] ^= 1; /* the checksum */
    set_kernel(flat, sizeof(flat));
    assert_load_fails("not a bzImage, a Multiboot kernel");
    boot_teardown();
}

static void a_header_at_the_edge_is_no_header(void)
{
    g_autofree uint8_t *file = g_malloc0(0x2100);

    setup();
    /* Flat fields would lie behind the first 8 KiB. */
    store_le32(file + 8192 - 12, MAGIC);
    store_le32(file + 8192 - 8, 0x10000);
    store_le32(file + 8192 - 4, -(MAGIC + 0x10000));
    set_kernel(file, 0x2100);
    assert_load_fails("not in the first 8192 bytes");
    boot_teardown();
}

static void strange_numbers_do_no_harm(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(815);

    setup();
    for (unsigned i = 0; i < 2000; i++) {
        g_autofree char *message = NULL;

        for (unsigned field = 12; field < 32; field += 4) {
            store_le32(flat + HEADER + field, g_rand_boolean(random)
                                                  ? g_rand_int(random)
                                                  : FLAT_LOAD + (g_rand_int(random) & 0x1fff));
        }
        set_kernel(flat, sizeof(flat));
        message = try_load();
        if (!message) {
            g_assert_true(boot_protocol_reset(boot, &state));
        }
        g_clear_pointer(&boot, boot_protocol_free);
    }
    boot_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/boot-multiboot/a-flat-image-loads-where-it-says",
                    a_flat_image_loads_where_it_says);
    g_test_add_func("/boot-multiboot/information-tells-all", information_tells_all);
    g_test_add_func("/boot-multiboot/an-elf-kernel-enters-at-its-physical-entry",
                    an_elf_kernel_enters_at_its_physical_entry);
    g_test_add_func("/boot-multiboot/a-64-bit-elf-is-pvh-even-with-a-header",
                    a_64_bit_elf_is_pvh_even_with_a_header);
    g_test_add_func("/boot-multiboot/modules-have-names-and-pages", modules_have_names_and_pages);
    g_test_add_func("/boot-multiboot/wrong-addresses-are-refused", wrong_addresses_are_refused);
    g_test_add_func("/boot-multiboot/a-header-at-the-edge-is-no-header",
                    a_header_at_the_edge_is_no_header);
    g_test_add_func("/boot-multiboot/strange-numbers-do-no-harm", strange_numbers_do_no_harm);
    return g_test_run();
}
