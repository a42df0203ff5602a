/*
 * -kernel: which protocol a file speaks, what is in guest memory besides it, and what happens at
 * reset.
 *
 * Layout: boot data of the protocols from 64 KiB up, RSDP and SMBIOS in the BIOS segment (the host
 * bridge makes it RAM), the ACPI tables at the end of RAM below 4 GiB, the FACS in the page before
 * them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot.h"

#include <inttypes.h>
#include <string.h>
#include <sys/random.h>

#include "hw/core/run_state.h"
#include "hw/i386/boot_elf.h"
#include "hw/i386/boot_image.h"
#include "hw/i386/boot_pci_setup.h"
#include "hw/i386/vmgenid.h"
#include "util/bytes.h"
#include "util/log.h"

#define BIOS_SEGMENT       0xf0000u
#define BIOS_SEGMENT_END   0x100000u
#define SMBIOS_ENTRY       (BIOS_SEGMENT + 0x40)
#define SMBIOS_STRUCTURES  (BIOS_SEGMENT + 0x80)
#define SEED_SIZE          32
#define FACS_WAKING_VECTOR 12

/* BIOS data area: what kernels still look at. */
#define BDA_SERIAL_PORTS 0x400u
#define BDA_EBDA_SEGMENT 0x40eu
#define BDA_EQUIPMENT    0x410u
#define BDA_MEMORY_KIB   0x413u
#define EBDA             0x9fc00u
#define EBDA_KIB         1

/* ---- memory ---- */

/* The ACPI blob begins with the FACS, which ends a page of its own: the OS gets the pages after it
 * back. */
static bool reserve_acpi(BootImage *image, GError **error)
{
    const PcPlatform *platform = image->platform;
    g_autoptr(AcpiTables) tables = NULL;
    uint64_t size, start;

    if (!platform->acpi) {
        return true;
    }
    image->user_tables = acpi_user_tables(machine_config(platform->machine)->acpi_tables, error);
    if (!image->user_tables) {
        return false;
    }
    tables = acpi_tables_new(platform, image->user_tables);
    size = (tables->tables->len - ACPI_FACS_SIZE + BOOT_PAGE - 1) & ~(uint64_t)(BOOT_PAGE - 1);
    if (size + BOOT_PAGE + MiB > platform->ram_below_4g) {
        return error_setf(error, "-m: %" PRIu64 " KiB of ACPI tables do not fit in %" PRIu64 " MiB",
                          size / KiB, platform->ram_below_4g / MiB);
    }
    start = (platform->ram_below_4g - size) & ~(uint64_t)(BOOT_PAGE - 1);
    image->facs_address = start - ACPI_FACS_SIZE;
    image->rsdp_address = BIOS_SEGMENT;
    return e820_add(image->e820, start, size, E820_ACPI, error) &&
           e820_add(image->e820, start - BOOT_PAGE, BOOT_PAGE, E820_NVS, error);
}

static bool reserve_smbios(BootImage *image, GError **error)
{
    GByteArray *structures;

    image->smbios = smbios_tables_new(image->platform, true, error);
    if (!image->smbios) {
        return false;
    }
    structures = image->smbios->structures;
    if (structures->len > BIOS_SEGMENT_END - SMBIOS_STRUCTURES) {
        return error_setf(error, "-smbios: %u bytes of structures do not fit below 1 MiB",
                          structures->len);
    }
    smbios_tables_place(image->smbios, SMBIOS_STRUCTURES);
    image->smbios_entry_address = SMBIOS_ENTRY;
    return true;
}

static bool lay_out_memory(BootImage *image, GError **error)
{
    image->e820 = e820_copy(image->platform->e820);
    if (!e820_add_legacy_holes(image->e820, error) || !reserve_acpi(image, error) ||
        !reserve_smbios(image, error)) {
        return false;
    }
    boot_space_init(&image->space, image->e820);
    return true;
}

/* ---- load ---- */

static bool unknown_format(BootFile *kernel, const uint8_t *head, GError **error)
{
    static const struct {
        const char *magic;
        unsigned length;
        const char *what;
    } known[] = {
        {"\x1f\x8b", 2, "gzip-compressed; unpack it first"},
        {"\xfd"
         "7zXZ",
         5, "xz-compressed; unpack it first"},
        {"\x28\xb5\x2f\xfd", 4, "zstd-compressed; unpack it first"},
        {"MZ", 2, "an EFI program that is no bzImage"},
    };

    if (boot_file_size(kernel) == 0) {
        return boot_file_error(kernel, error, "the file is empty");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        if (memcmp(head, known[i].magic, known[i].length) == 0) {
            return boot_file_error(kernel, error, "%s", known[i].what);
        }
    }
    return boot_file_error(kernel, error,
                           "not a bzImage, a Multiboot kernel or an ELF kernel with a PVH note");
}

bool boot_image_load(BootImage *image, GError **error)
{
    BootFile *kernel = boot_image_kernel(image);
    g_autofree uint8_t *head = g_malloc0(BOOT_HEAD_BYTES);
    int header;
    bool is_elf, is_64;

    if (!boot_file_read(kernel, 0, head, MIN(BOOT_HEAD_BYTES, boot_file_size(kernel)), error)) {
        return false;
    }
    if (boot_linux_recognize(head)) {
        return (image->through_firmware ? boot_linux_firmware_items
                                        : boot_linux_load)(image, kernel, head, error);
    }
    if (machine_config(image->platform->machine)->dtb) {
        return error_setf(error, "-dtb: only a Linux bzImage takes a device tree");
    }
    header = boot_multiboot_find(head);
    is_elf = boot_elf_recognize(head, &is_64);
    /* A 64-bit ELF with a Multiboot header for other loaders is a PVH kernel to us. */
    if (header >= 0 && (boot_multiboot_is_flat(head, header) || !is_elf || !is_64)) {
        return boot_multiboot_load(image, kernel, head, header, error);
    }
    return is_elf ? boot_pvh_load(image, kernel, head, error) : unknown_format(kernel, head, error);
}

BootImage *boot_image_new(const PcPlatform *platform, GError **error)
{
    BootFile *kernel = boot_file_open("-kernel", machine_config(platform->machine)->kernel,
                                      platform->ram_below_4g, error);
    BootImage *image;

    if (!kernel) {
        return NULL;
    }
    image = g_new0(BootImage, 1);
    image->platform = platform;
    image->files = g_ptr_array_new_with_free_func((GDestroyNotify)boot_file_free);
    image->pieces = g_array_new(FALSE, FALSE, sizeof(BootPiece));
    boot_image_add_file(image, kernel);
    return image;
}

BootFile *boot_image_kernel(const BootImage *image)
{
    return image->files->pdata[0];
}

bool boot_protocol_load(const PcPlatform *platform, BootImage **result, GError **error)
{
    BootImage *image = boot_image_new(platform, error);

    *result = NULL;
    if (!image) {
        return false;
    }
    if (!lay_out_memory(image, error) || !boot_image_load(image, error)) {
        boot_protocol_free(image);
        return false;
    }
    *result = image;
    return true;
}

const E820Table *boot_protocol_memory_map(const BootImage *image)
{
    return image->through_firmware ? NULL : image->e820;
}

void boot_protocol_free(BootImage *image)
{
    if (!image) {
        return;
    }
    for (unsigned i = 0; i < image->pieces->len; i++) {
        BootPiece *piece = &g_array_index(image->pieces, BootPiece, i);

        g_clear_pointer(&piece->bytes, g_bytes_unref);
    }
    g_array_unref(image->pieces);
    g_ptr_array_unref(image->files);
    g_clear_pointer(&image->user_tables, g_ptr_array_unref);
    smbios_tables_free(image->smbios);
    boot_space_clear(&image->space);
    e820_free(image->e820);
    g_free(image);
}

/* ---- reset ---- */

static void write_bios_data(const BootImage *image, AddressSpace *memory)
{
    const PcPlatform *platform = image->platform;
    unsigned serial = 0;

    for (unsigned i = 0; i < PC_SERIAL_PORTS; i++) {
        if (platform->serial_ports[i]) {
            address_space_store(memory, BDA_SERIAL_PORTS + 2 * serial++, platform->serial_ports[i],
                                2);
        }
    }
    address_space_store(memory, BDA_EBDA_SEGMENT, EBDA >> 4, 2);
    address_space_store(memory, BDA_EQUIPMENT, serial << 9 | 0x2 | (platform->i8042 ? 0x4 : 0), 2);
    address_space_store(memory, BDA_MEMORY_KIB, EBDA / KiB, 2);
    address_space_store(memory, EBDA, EBDA_KIB, 1);
}

static void write_tables(const BootImage *image, AddressSpace *memory)
{
    const SmbiosTables *smbios = image->smbios;

    if (image->facs_address) {
        g_autoptr(AcpiTables) acpi = acpi_tables_new(image->platform, image->user_tables);

        acpi_tables_place(acpi, image->facs_address);
        address_space_write(memory, image->facs_address, acpi->tables->data, acpi->tables->len);
        address_space_write(memory, image->rsdp_address, acpi->rsdp->data, acpi->rsdp->len);
        if (acpi->guid_page) {
            vmgenid_place(vmgenid_find(image->platform->machine),
                          (image->facs_address & ~(uint64_t)(BOOT_PAGE - 1)) + VMGENID_GUID_OFFSET);
        }
    }
    address_space_write(memory, image->smbios_entry_address, smbios->entry, smbios->entry_size);
    address_space_write(memory, SMBIOS_STRUCTURES, smbios->structures->data,
                        smbios->structures->len);
}

static void write_seed(const BootImage *image, AddressSpace *memory)
{
    uint8_t seed[SEED_SIZE];

    if (image->seed_address && getrandom(seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed)) {
        address_space_write(memory, image->seed_address, seed, sizeof(seed));
    }
}

bool boot_protocol_reset(BootImage *image, X86BootState *state)
{
    AddressSpace *memory = machine_memory(image->platform->machine);

    *state = image->state;
    boot_pci_setup(image->platform);
    write_bios_data(image, memory);
    write_tables(image, memory);
    for (unsigned i = 0; i < image->pieces->len; i++) {
        g_autoptr(GError) error = NULL;

        if (!boot_image_copy(image, &g_array_index(image->pieces, BootPiece, i), &error)) {
            report_error("%s", error->message);
            run_state_internal_error();
            return false;
        }
    }
    write_seed(image, memory);
    return true;
}

bool boot_protocol_wakeup(BootImage *image, X86BootState *state)
{
    AddressSpace *memory = machine_memory(image->platform->machine);
    uint8_t raw[4] = {0};
    uint32_t vector;

    if (!image->facs_address) {
        return false;
    }
    address_space_read(memory, image->facs_address + FACS_WAKING_VECTOR, raw, sizeof(raw));
    vector = load_le32(raw);
    if (vector == 0 || vector >= MiB) {
        return false;
    }
    boot_pci_setup(image->platform);
    *state = (X86BootState){
        .rip = vector & 0xf,
        .rflags = 2,
        .cr0 = 0x10,
        .code = {.base = vector & ~0xfu,
                 .limit = 0xffff,
                 .selector = vector >> 4,
                 .type = 0xb,
                 .present = true,
                 .code_data = true},
        .data = {.limit = 0xffff, .type = 0x3, .present = true, .code_data = true},
        .task = {.limit = 0xffff, .type = 0xb, .present = true},
        .idt_limit = 0x3ff,
        .set_mtrrs = true,
        .ram_below_4g = image->platform->ram_below_4g,
        .ram_above_4g = image->platform->ram_above_4g,
    };
    return true;
}
