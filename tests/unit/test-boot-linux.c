/*
 * -kernel bzImage: zero page, where things are loaded, entry state, resets, damaged images.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tests/unit/boot-fixture.h"

#define SETUP_SIZE 1024u /* boot sector and one more */
#define CODE_SIZE  4096u
#define IMAGE_SIZE (SETUP_SIZE + CODE_SIZE)

static uint8_t image[IMAGE_SIZE];

/* A relocatable 64-bit kernel, protocol 2.15, preferred address 16 MiB, 8 MiB while it starts. */
static void make_image(void)
{
    memset(image, 0, sizeof(image));
    image[0x1f1] = 1;
    store_le32(image + 0x1f4, CODE_SIZE / 16);
    store_le16(image + 0x1fe, 0xaa55);
    image[0x201] = 0x6a;
    store_le32(image + 0x202, 0x53726448);
    store_le16(image + 0x206, 0x20f);
    image[0x211] = 0x01;
    store_le32(image + 0x214, 0x100000);
    store_le32(image + 0x22c, 0x7fffffff);
    store_le32(image + 0x230, 0x200000);
    image[0x234] = 1;
    store_le16(image + 0x236, 1);
    store_le32(image + 0x238, 2047);
    store_le64(image + 0x258, 0x1000000);
    store_le32(image + 0x260, 0x800000);
    memset(image + SETUP_SIZE, 0x90, CODE_SIZE);
}

static void setup(void)
{
    pc_setup();
    make_image();
    set_kernel(image, sizeof(image));
}

static void entry_is_64_bit_with_identity_map(void)
{
    uint64_t top, directory, last;

    setup();
    load_and_reset();
    g_assert_cmphex(state.rip, ==, 0x1000200);
    g_assert_cmphex(state.cr0, ==, 0x80000011);
    g_assert_cmphex(state.cr4, ==, 0x20);
    g_assert_cmphex(state.efer, ==, 0x500);
    g_assert_cmphex(state.code.selector, ==, 0x10);
    g_assert_true(state.code.long_mode);
    g_assert_cmphex(state.data.selector, ==, 0x18);
    g_assert_cmphex(guest_le64(state.gdt_base + 0x10), ==, 0x00af9b000000ffff);
    g_assert_cmphex(state.gdt_limit, ==, 47);
    /* The last byte below 4 GiB is mapped to itself. */
    top = guest_le64(state.cr3) & ~0xfffull;
    directory = guest_le64(top + 8 * 3) & ~0xfffull;
    last = guest_le64(directory + 8 * 511);
    g_assert_cmphex(last & ~0x1fffffull, ==, 0xffe00000);
    g_assert_cmphex(last & 0x83, ==, 0x83);
    g_assert_true(state.set_mtrrs);
    g_assert_cmphex(state.ram_below_4g, ==, PC_RAM);
    g_assert_cmphex(guest_le32(0x1000000), ==, 0x90909090);
    boot_teardown();
}

static void zero_page_tells_all(void)
{
    uint64_t zero, data;
    uint8_t raw[8];
    char random_bytes[32], zeros[32] = {0};

    setup();
    set_initrd("initial ramdisk", 15);
    set_append("root=/dev/xvda1 quiet");
    load_and_reset();
    zero = state.rsi;
    g_assert_cmphex(zero & 0xfff, ==, 0);
    read_guest(zero + 0x1f1, raw, 1);
    g_assert_cmpuint(raw[0], ==, 1);
    g_assert_cmphex(guest_le32(zero + 0x202), ==, 0x53726448);
    read_guest(zero + 0x210, raw, 1);
    g_assert_cmphex(raw[0], ==, 0xb0);
    g_assert_cmphex(guest_le32(zero + 0x214), ==, 0x1000000);
    assert_guest_text(guest_le32(zero + 0x228), "root=/dev/xvda1 quiet");
    g_assert_cmpuint(guest_le32(zero + 0x21c), ==, 15);
    assert_guest_prefix(guest_le32(zero + 0x218), "initial ramdisk");
    g_assert_cmphex(guest_le64(zero + 0x70), ==, 0xf0000);
    assert_guest_prefix(0xf0000, "RSD PTR ");
    /* The list of setup data ends with 32 bytes of randomness. */
    data = guest_le64(zero + 0x250);
    g_assert_cmphex(guest_le64(data), ==, 0);
    g_assert_cmpuint(guest_le32(data + 8), ==, 9);
    g_assert_cmpuint(guest_le32(data + 12), ==, 32);
    read_guest(data + 16, random_bytes, 32);
    g_assert_cmpint(memcmp(random_bytes, zeros, 32), !=, 0);
    boot_teardown();
}

static void memory_map_has_holes_and_tables(void)
{
    uint64_t zero, previous_end = 0;
    uint8_t count;
    bool acpi = false, nvs = false, kvm = false;

    setup();
    load_and_reset();
    zero = state.rsi;
    read_guest(zero + 0x1e8, &count, 1);
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = guest_le64(zero + 0x2d0 + 20 * i);
        uint64_t length = guest_le64(zero + 0x2d0 + 20 * i + 8);
        uint32_t type = guest_le32(zero + 0x2d0 + 20 * i + 16);

        g_assert_cmphex(start, >=, previous_end);
        previous_end = start + length;
        acpi |= type == 3 && previous_end == PC_RAM;
        nvs |= type == 4 && length == 0x1000;
        kvm |= type == 2 && start == 0xfeffc000;
        if (type == 1) {
            g_assert_false(start < 0x100000 && start + length > 0x9fc00);
        }
    }
    g_assert_true(acpi && nvs && kvm);
    /* What the map calls tables are tables. */
    g_assert_cmphex(guest_le64(0xf0018) & 7, ==, 0);
    assert_guest_prefix(guest_le64(0xf0018) + 8 + 2, "XENOLIXENOLITH\x01");
    g_assert_cmphex(guest_le32(0x413) & 0xffff, ==, 639);
    boot_teardown();
}

static void initrd_goes_as_high_as_allowed(void)
{
    g_autofree uint8_t *big = g_malloc0(5 * MiB);
    uint64_t initrd;

    setup();
    set_initrd(big, 5 * MiB);
    load_and_reset();
    initrd = guest_le32(state.rsi + 0x218);
    g_assert_cmphex(initrd & 0xfff, ==, 0);
    g_assert_cmphex(initrd, >, PC_RAM - 6 * MiB);
    g_clear_pointer(&boot, boot_protocol_free);

    store_le32(image + 0x22c, 0x2ffffff); /* the kernel cannot reach beyond 48 MiB */
    set_kernel(image, sizeof(image));
    load_and_reset();
    g_assert_cmphex(guest_le32(state.rsi + 0x218), ==, 43 * MiB);
    g_clear_pointer(&boot, boot_protocol_free);

    store_le32(image + 0x22c, 0x1ffffff); /* or beyond 32 MiB, of which it takes 8 itself */
    set_kernel(image, sizeof(image));
    load_and_reset();
    g_assert_cmphex(guest_le32(state.rsi + 0x218), ==, 27 * MiB);
    boot_teardown();
}

static void every_reset_loads_anew(void)
{
    uint64_t first_seed[2], second_seed[2], seed;

    setup();
    load_and_reset();
    seed = guest_le64(state.rsi + 0x250) + 16;
    read_guest(seed, first_seed, sizeof(first_seed));
    address_space_fill(machine_memory(machine), 0x1000000, 0, CODE_SIZE);
    address_space_fill(machine_memory(machine), 0x10000, 0xff, 0x10000);
    machine_reset(machine);
    g_assert_true(boot_protocol_reset(boot, &state));
    g_assert_cmphex(guest_le32(0x1000000), ==, 0x90909090);
    g_assert_cmphex(guest_le32(state.rsi + 0x202), ==, 0x53726448);
    read_guest(seed, second_seed, sizeof(second_seed));
    g_assert_cmpint(memcmp(first_seed, second_seed, sizeof(first_seed)), !=, 0);
    boot_teardown();
}

static void a_file_cut_short_under_us_is_reported(void)
{
    setup();
    load_and_reset();
    g_assert_cmpint(truncate(machine_config(machine)->kernel, SETUP_SIZE + 1), ==, 0);
    g_assert_false(boot_protocol_reset(boot, &state));
    boot_teardown();
}

static void a_32_bit_kernel_gets_the_32_bit_entry(void)
{
    setup();
    store_le16(image + 0x236, 0);
    set_kernel(image, sizeof(image));
    load_and_reset();
    g_assert_cmphex(state.rip, ==, 0x1000000);
    g_assert_cmphex(state.cr0, ==, 0x11);
    g_assert_cmphex(state.efer, ==, 0);
    g_assert_true(state.code.db);
    g_assert_false(state.code.long_mode);
    g_clear_pointer(&boot, boot_protocol_free);
    /* So does a 64-bit kernel on a CPU without long mode: it says so itself. */
    make_image();
    set_kernel(image, sizeof(image));
    platform.cpu_has_long_mode = false;
    load_and_reset();
    g_assert_cmphex(state.rip, ==, 0x1000000);
    boot_teardown();
}

static void small_memory_moves_a_relocatable_kernel(void)
{
    pc_setup_ram(16 * MiB);
    make_image();
    set_kernel(image, sizeof(image));
    load_and_reset();
    g_assert_cmphex(state.rip, ==, 0x200200);
    g_clear_pointer(&boot, boot_protocol_free);
    image[0x234] = 0;
    set_kernel(image, sizeof(image));
    assert_load_fails("needs 8 MiB of memory at 0x1000000, the guest has 16 MiB");
    boot_teardown();
}

static void a_device_tree_is_setup_data(void)
{
    uint64_t data;

    setup();
    machine_config(machine)->dtb = make_file("dtb", "\xd0\x0d\xfe\xed", 4);
    load_and_reset();
    data = guest_le64(guest_le64(state.rsi + 0x250));
    g_assert_cmpuint(guest_le32(data + 8), ==, 2);
    g_assert_cmpuint(guest_le32(data + 12), ==, 4);
    g_assert_cmphex(guest_le32(data + 16), ==, 0xedfe0dd0);
    boot_teardown();
}

static void no_acpi_means_no_rsdp(void)
{
    setup();
    platform.acpi = false;
    load_and_reset();
    g_assert_cmphex(guest_le64(state.rsi + 0x70), ==, 0);
    g_assert_cmphex(guest_le32(0xf0000), !=, 0x20445352);
    /* SMBIOS is there all the same. */
    assert_guest_prefix(0xf0040, "_SM_");
    boot_teardown();
}

/* What a damaged or unsuitable image gives: one line, never a crash. */
static void wrong_images_are_refused(void)
{
    g_autofree char *long_line = g_strnfill(2048, 'x');

    setup();
    set_kernel(image, 0);
    assert_load_fails("the file is empty");
    set_kernel("garbage", 7);
    assert_load_fails("not a bzImage, a Multiboot kernel or an ELF kernel with a PVH note");
    set_kernel("\x1f\x8b\x08", 3);
    assert_load_fails("gzip-compressed");
    set_kernel("MZ", 2);
    assert_load_fails("EFI program");
    set_kernel(image, SETUP_SIZE);
    assert_load_fails("the file is truncated: 1024 bytes");
    set_kernel(image, IMAGE_SIZE - 16);
    assert_load_fails("the file is truncated: 4080 bytes of code, its header says 4096");
    store_le16(image + 0x206, 0x201);
    set_kernel(image, sizeof(image));
    assert_load_fails("boot protocol 2.01 is too old");
    make_image();
    image[0x211] = 0;
    set_kernel(image, sizeof(image));
    assert_load_fails("zImage");
    make_image();
    store_le32(image + 0x260, UINT32_MAX);
    set_kernel(image, sizeof(image));
    assert_load_fails("needs 4096 MiB of memory");
    make_image();
    set_kernel(image, sizeof(image));
    set_append(long_line);
    assert_load_fails("-append: 2048 characters, this kernel takes at most 2047");
    set_append("");
    machine_config(machine)->initrd = g_strdup("/nonexistent/initrd");
    assert_load_fails("-initrd /nonexistent/initrd: No such file or directory");
    g_clear_pointer(&machine_config(machine)->initrd, g_free);
    g_free(machine_config(machine)->kernel);
    machine_config(machine)->kernel = g_strdup("/");
    assert_load_fails("-kernel /: Is a directory");
    boot_teardown();
}

static void strange_numbers_do_no_harm(void)
{
    setup();
    for (unsigned offset = 0x1f1; offset < 0x268; offset++) {
        static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

        for (unsigned i = 0; i < sizeof(values); i++) {
            g_autofree char *message = NULL;

            make_image();
            image[offset] = values[i];
            set_kernel(image, sizeof(image));
            message = try_load();
            if (!message) {
                g_assert_true(boot_protocol_reset(boot, &state));
            }
            g_clear_pointer(&boot, boot_protocol_free);
        }
    }
    boot_teardown();
}

static void an_initrd_that_does_not_fit_is_refused(void)
{
    g_autofree uint8_t *big = g_malloc0(60 * MiB);

    setup();
    set_initrd(big, 60 * MiB);
    assert_load_fails("initrd is too large");
    set_initrd(big, 0);
    load_and_reset();
    g_assert_cmpuint(guest_le32(state.rsi + 0x21c), ==, 0);
    boot_teardown();
}

static void waking_up_goes_to_the_facs_vector(void)
{
    uint64_t facs;

    setup();
    load_and_reset();
    g_assert_false(boot_protocol_wakeup(boot, &state));
    /* RSDT, first member, FACS pointer. */
    facs = guest_le32(guest_le32(guest_le32(0xf0010) + 36) + 36);
    assert_guest_prefix(facs, "FACS@");
    writel(facs + 12, 0x9a123);
    writel(0x1000000, 0x12345678);
    machine_reset(machine);
    g_assert_true(boot_protocol_wakeup(boot, &state));
    g_assert_cmphex(state.code.base, ==, 0x9a120);
    g_assert_cmphex(state.code.selector, ==, 0x9a12);
    g_assert_cmphex(state.rip, ==, 3);
    g_assert_cmphex(state.cr0 & 1, ==, 0);
    g_assert_cmphex(readl(0x1000000), ==, 0x12345678);
    boot_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/boot-linux/entry-is-64-bit-with-identity-map",
                    entry_is_64_bit_with_identity_map);
    g_test_add_func("/boot-linux/zero-page-tells-all", zero_page_tells_all);
    g_test_add_func("/boot-linux/memory-map-has-holes-and-tables", memory_map_has_holes_and_tables);
    g_test_add_func("/boot-linux/initrd-goes-as-high-as-allowed", initrd_goes_as_high_as_allowed);
    g_test_add_func("/boot-linux/every-reset-loads-anew", every_reset_loads_anew);
    g_test_add_func("/boot-linux/a-file-cut-short-under-us-is-reported",
                    a_file_cut_short_under_us_is_reported);
    g_test_add_func("/boot-linux/a-32-bit-kernel-gets-the-32-bit-entry",
                    a_32_bit_kernel_gets_the_32_bit_entry);
    g_test_add_func("/boot-linux/small-memory-moves-a-relocatable-kernel",
                    small_memory_moves_a_relocatable_kernel);
    g_test_add_func("/boot-linux/a-device-tree-is-setup-data", a_device_tree_is_setup_data);
    g_test_add_func("/boot-linux/no-acpi-means-no-rsdp", no_acpi_means_no_rsdp);
    g_test_add_func("/boot-linux/wrong-images-are-refused", wrong_images_are_refused);
    g_test_add_func("/boot-linux/strange-numbers-do-no-harm", strange_numbers_do_no_harm);
    g_test_add_func("/boot-linux/an-initrd-that-does-not-fit-is-refused",
                    an_initrd_that_does_not_fit_is_refused);
    g_test_add_func("/boot-linux/waking-up-goes-to-the-facs-vector",
                    waking_up_goes_to_the_facs_vector);
    return g_test_run();
}
