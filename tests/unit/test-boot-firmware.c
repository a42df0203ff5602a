/*
 * Firmware: where its file is found and mapped, what fw_cfg holds for it, and -kernel through it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/acpi_tables.h"
#include "hw/i386/boot_firmware.h"
#include "hw/i386/firmware.h"
#include "tests/unit/boot-fixture.h"

#define ROM_SIZE (256 * KiB)

static MachineConfig *config;

static void setup(void)
{
    pc_setup();
    config = machine_config(machine);
    config->boot.splash_time = UINT32_MAX;
    config->boot.reboot_timeout = INT32_MIN;
}

static uint32_t item_le32(uint16_t key)
{
    uint8_t raw[4];

    fw_cfg_read_key(key, raw, sizeof(raw));
    return load_le32(raw);
}

static void populate(void)
{
    g_autoptr(GError) error = NULL;

    pc_fw_cfg_populate(&platform, &error);
    g_assert_no_error(error);
}

static void rom_is_at_the_end_of_4_gib_and_below_1_mib(void)
{
    g_autofree uint8_t *rom = g_malloc0(ROM_SIZE);
    I440FX *host;

    setup();
    store_le32(rom, 0x11111111);
    store_le32(rom + 128 * KiB, 0x22222222);
    store_le32(rom + ROM_SIZE - 16, 0x33333333);
    config->bios = make_file("bios", rom, ROM_SIZE);
    host = HW_I440FX(pci_bus_device(platform.pci_root, 0));
    g_assert_true(pc_firmware_map(machine, i440fx_pci_memory(host), NULL));
    g_assert_cmphex(readl(0xfffc0000), ==, 0x11111111);
    g_assert_cmphex(readl(0xfffffff0), ==, 0x33333333);
    g_assert_cmphex(readl(0xe0000), ==, 0x22222222);
    g_assert_cmphex(readl(0xffff0), ==, 0x33333333);
    /* It is read-only. */
    writel(0xfffffff0, 0);
    g_assert_cmphex(readl(0xfffffff0), ==, 0x33333333);
    pc_teardown();
}

static void wrong_roms_are_refused(void)
{
    static const char *const cases[] = {"", "x"};
    I440FX *host;

    setup();
    host = HW_I440FX(pci_bus_device(platform.pci_root, 0));
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *expected = NULL;

        g_free(config->bios);
        config->bios = make_file("bios", cases[i], strlen(cases[i]));
        g_assert_false(pc_firmware_map(machine, i440fx_pci_memory(host), &error));
        expected = g_strdup_printf("could not load PC BIOS '%s': its size must be a multiple of 64 "
                                   "KiB, up to 8 MiB",
                                   config->bios);
        g_assert_cmpstr(error->message, ==, expected);
    }
    g_free(config->bios);
    config->bios = g_strdup("no-such-bios.bin");
    {
        g_autoptr(GError) error = NULL;

        g_assert_false(pc_firmware_map(machine, i440fx_pci_memory(host), &error));
        g_assert_cmpstr(error->message, ==,
                        "could not load PC BIOS 'no-such-bios.bin': No such file or directory");
    }
    pc_teardown();
}

static void firmware_folders_are_searched_in_order(void)
{
    g_autofree char *file = NULL, *found = NULL;

    setup();
    file = make_file("own-bios.bin", "x", 1);
    g_assert_null(firmware_find(config, "own-bios.bin"));
    config->firmware_path = g_ptr_array_new();
    g_ptr_array_add(config->firmware_path, (void *)"/nonexistent");
    g_ptr_array_add(config->firmware_path, fixture_folder);
    found = firmware_find(config, "own-bios.bin");
    g_assert_cmpstr(found, ==, file);
    g_ptr_array_unref(config->firmware_path);
    config->firmware_path = NULL;
    pc_teardown();
}

static void the_machine_is_described(void)
{
    g_autofree uint8_t *e820 = NULL, *states = NULL, *wait = NULL;
    uint8_t raw[16];
    uint32_t size;

    setup();
    config->smp.cpus = 3;
    config->smp.max_cpus = platform.max_cpus = 4;
    fixture_apic_ids[3] = 6;
    config->boot.menu = true;
    platform.s4_disabled = true;
    memcpy(config->uuid, "0123456789abcdef", 16);
    populate();
    fw_cfg_read_key(FW_CFG_UUID, raw, 16);
    g_assert_cmpmem(raw, 16, "0123456789abcdef", 16);
    g_assert_cmpuint(item_le32(FW_CFG_NB_CPUS), ==, 3);
    g_assert_cmpuint(item_le32(FW_CFG_MAX_CPUS), ==, 7);
    g_assert_cmpuint(item_le32(FW_CFG_RAM_SIZE), ==, PC_RAM);
    g_assert_cmpuint(item_le32(FW_CFG_BOOT_MENU), ==, 1);
    g_assert_cmpuint(item_le32(FW_CFG_IRQ0_OVERRIDE), ==, 1);
    e820 = fw_cfg_file("etc/e820", &size);
    g_assert_cmpuint(size, ==, 40);
    g_assert_cmphex(load_le64(e820 + 8), ==, PC_RAM);
    g_assert_cmphex(load_le64(e820 + 20), ==, 0xfeffc000);
    states = fw_cfg_file("etc/system-states", &size);
    g_assert_cmpmem(states, size, "\x80\0\0\x81\x02\x80", 6);
    wait = fw_cfg_file("etc/boot-fail-wait", &size);
    g_assert_cmphex(load_le32(wait), ==, UINT32_MAX);
    g_assert_null(fw_cfg_file("etc/boot-menu-wait", &size));
    g_assert_null(fw_cfg_file("genroms/kernel.bin", &size));
    pc_teardown();
}

static void serial_console_without_graphics(void)
{
    g_autofree uint8_t *port = NULL, *none = NULL;
    uint32_t size;

    setup();
    populate();
    port = fw_cfg_file("etc/sercon-port", &size);
    g_assert_cmpmem(port, size, "\xf8\x03", 2);
    pc_teardown();
    setup();
    platform.graphics = true;
    populate();
    none = fw_cfg_file("etc/sercon-port", &size);
    g_assert_null(none);
    pc_teardown();
}

static void smbios_reaches_the_firmware(void)
{
    g_autofree uint8_t *tables = NULL, *anchor = NULL;
    uint32_t size, tables_size;

    setup();
    populate();
    tables = fw_cfg_file("etc/smbios/smbios-tables", &tables_size);
    anchor = fw_cfg_file("etc/smbios/smbios-anchor", &size);
    g_assert_cmpuint(size, ==, 31);
    g_assert_cmpmem(anchor, 4, "_SM_", 4);
    g_assert_cmpuint(load_le16(anchor + 22), ==, tables_size);
    pc_teardown();
}

static void make_bzimage(uint8_t image[2048])
{
    memset(image, 0, 2048);
    image[0x1f1] = 1;
    store_le32(image + 0x1f4, 1024 / 16);
    store_le16(image + 0x1fe, 0xaa55);
    store_le32(image + 0x202, 0x53726448);
    store_le16(image + 0x206, 0x20c);
    image[0x211] = 1;
    store_le32(image + 0x22c, 0x7fffffff);
    store_le32(image + 0x238, 2047);
    memset(image + 1024, 0x90, 1024);
}

static void a_linux_kernel_goes_through_the_option_rom(void)
{
    uint8_t image[2048], setup_code[1024], code[4];
    g_autofree uint8_t *rom = NULL, *order = NULL;
    uint32_t size;

    setup();
    make_bzimage(image);
    set_kernel(image, sizeof(image));
    set_initrd("ramdisk!", 8);
    set_append("ro quiet");
    config->bios = g_strdup("bios.bin");
    populate();
    rom = fw_cfg_file("genroms/kernel.bin", &size);
    g_assert_cmpuint(size, ==, 1024);
    g_assert_cmpmem(rom, 3, "\x55\xaa\x02", 3);
    g_assert_cmpuint(acpi_checksum(rom, size), ==, 0);
    g_assert_cmpmem(rom + load_le16(rom + 0x1a), 4, "$PnP", 4);
    g_assert_cmpuint(acpi_checksum(rom + load_le16(rom + 0x1a), 32), ==, 0);
    order = fw_cfg_file("bootorder", &size);
    g_assert_cmpstr((char *)order, ==, "/rom@genroms/kernel.bin");
    g_assert_cmphex(item_le32(FW_CFG_KERNEL_ADDR), ==, 0x100000);
    g_assert_cmpuint(item_le32(FW_CFG_KERNEL_SIZE), ==, 1024);
    fw_cfg_read_key(FW_CFG_KERNEL_DATA, code, 4);
    g_assert_cmphex(load_le32(code), ==, 0x90909090);
    g_assert_cmphex(item_le32(FW_CFG_SETUP_ADDR), ==, 0x10000);
    g_assert_cmpuint(item_le32(FW_CFG_SETUP_SIZE), ==, 1024);
    fw_cfg_read_key(FW_CFG_SETUP_DATA, setup_code, 1024);
    g_assert_cmphex(setup_code[0x210], ==, 0xb0);
    g_assert_cmphex(load_le32(setup_code + 0x228), ==, item_le32(FW_CFG_CMDLINE_ADDR));
    g_assert_cmphex(load_le32(setup_code + 0x218), ==, item_le32(FW_CFG_INITRD_ADDR));
    /* The firmware's tables at the end of RAM stay free. */
    g_assert_cmphex(item_le32(FW_CFG_INITRD_ADDR) + 8, <=, PC_RAM - MiB);
    g_assert_cmpuint(item_le32(FW_CFG_INITRD_SIZE), ==, 8);
    g_assert_cmpuint(item_le32(FW_CFG_CMDLINE_SIZE), ==, 9);
    pc_teardown();
}

static void a_pvh_kernel_goes_through_the_option_rom(void)
{
    g_autofree uint8_t *elf = make_elf64(), *rom = NULL;
    uint8_t info[56], code[4];
    const uint8_t *variables;
    uint32_t size, base;

    setup();
    set_kernel(elf, ELF_SIZE);
    set_initrd("ramdisk!", 8);
    config->bios = g_strdup("bios.bin");
    populate();
    rom = fw_cfg_file("genroms/kernel.bin", &size);
    g_assert_cmpuint(acpi_checksum(rom, size), ==, 0);
    g_assert_cmphex(item_le32(FW_CFG_KERNEL_ADDR), ==, ELF_LOAD);
    g_assert_cmpuint(item_le32(FW_CFG_KERNEL_SIZE), ==, 0x2000);
    fw_cfg_read_key(FW_CFG_KERNEL_DATA, code, 4);
    g_assert_cmphex(load_le32(code), ==, 0xcccccccc);
    g_assert_cmpuint(item_le32(FW_CFG_INITRD_SIZE), ==, 8);
    base = item_le32(FW_CFG_SETUP_ADDR);
    /* The ROM's variables: protected mode, entry, EAX, EBX = start info, map, count. */
    variables = memmem(rom, size, "-kernel", 8);
    variables = rom + ((variables + 8 - rom + 7) & ~7);
    g_assert_cmpuint(load_le32(variables), ==, 1);
    g_assert_cmphex(load_le32(variables + 4), ==, ELF_ENTRY);
    g_assert_cmphex(load_le32(variables + 12), ==, base);
    fw_cfg_read_key(FW_CFG_SETUP_DATA, info, sizeof(info));
    g_assert_cmphex(load_le32(info), ==, 0x336ec578);
    g_assert_cmphex(load_le32(variables + 16), ==, load_le64(info + 40));
    g_assert_cmphex(load_le32(variables + 20), ==, base + 48);
    g_assert_cmphex(load_le32(variables + 24), ==, 1);
    pc_teardown();
}

static void what_firmware_cannot_do_is_refused(void)
{
    uint8_t image[2048];
    g_autoptr(GError) error = NULL;

    setup();
    make_bzimage(image);
    set_kernel(image, sizeof(image));
    config->bios = g_strdup("bios.bin");
    config->dtb = g_strdup("/some.dtb");
    g_assert_false(pc_fw_cfg_populate(&platform, &error));
    g_assert_nonnull(strstr(error->message, "-dtb"));
    pc_teardown();
}

static void option_roms_are_checked(void)
{
    g_autofree uint8_t *rom = g_malloc0(1024);
    g_autofree char *good = NULL, *bad = NULL;
    g_autoptr(GError) error = NULL;
    uint32_t size;

    setup();
    rom[0] = 0x55;
    rom[1] = 0xaa;
    rom[2] = 2;
    good = make_file("good.rom", rom, 1024);
    bad = make_file("bad.rom", "nonsense", 8);
    g_assert_true(option_rom_add(&platform, good, NULL));
    g_assert_cmpuint(fw_cfg_find("genroms/good.rom", &size), >=, FW_CFG_FILE_FIRST);
    g_assert_false(option_rom_add(&platform, bad, &error));
    g_assert_nonnull(strstr(error->message, "not an option ROM"));
    g_clear_error(&error);
    g_assert_false(option_rom_add(&platform, "/nonexistent.rom", &error));
    g_assert_nonnull(strstr(error->message, "-option-rom /nonexistent.rom"));
    pc_teardown();
}

int main(int argc, char **argv)
{
    fixture_main_init(&argc, &argv);
    g_test_add_func("/boot-firmware/rom-is-at-the-end-of-4-gib-and-below-1-mib",
                    rom_is_at_the_end_of_4_gib_and_below_1_mib);
    g_test_add_func("/boot-firmware/wrong-roms-are-refused", wrong_roms_are_refused);
    g_test_add_func("/boot-firmware/firmware-folders-are-searched-in-order",
                    firmware_folders_are_searched_in_order);
    g_test_add_func("/boot-firmware/the-machine-is-described", the_machine_is_described);
    g_test_add_func("/boot-firmware/serial-console-without-graphics",
                    serial_console_without_graphics);
    g_test_add_func("/boot-firmware/smbios-reaches-the-firmware", smbios_reaches_the_firmware);
    g_test_add_func("/boot-firmware/a-linux-kernel-goes-through-the-option-rom",
                    a_linux_kernel_goes_through_the_option_rom);
    g_test_add_func("/boot-firmware/a-pvh-kernel-goes-through-the-option-rom",
                    a_pvh_kernel_goes_through_the_option_rom);
    g_test_add_func("/boot-firmware/what-firmware-cannot-do-is-refused",
                    what_firmware_cannot_do_is_refused);
    g_test_add_func("/boot-firmware/option-roms-are-checked", option_roms_are_checked);
    return g_test_run();
}
