/*
 * The Xen PVH boot protocol: an ELF kernel with a XEN_ELFNOTE_PHYS32_ENTRY note.
 *
 * Source: Xen docs/misc/pvh.pandoc; xen/arch-x86/hvm/start_info.h; xen/elfnote.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>
#include <xen/elfnote.h>
#include <xen/arch-x86/hvm/start_info.h>

#include "hw/i386/boot_elf.h"
#include "util/bytes.h"

#define START_INFO_VERSION 1

typedef struct {
    uint64_t initrd, initrd_size;
} PvhModule;

static void append(GByteArray *bytes, const void *data, size_t size)
{
    g_byte_array_append(bytes, data, size);
}

static void add_memory_map(BootImage *image, GByteArray *bytes, uint32_t *entries)
{
    unsigned count;
    const E820Entry *map = e820_entries(image->e820, &count);

    if (image->through_firmware) {
        static const struct hvm_memmap_table_entry room[BOOT_MAP_ROOM];

        append(bytes, room, sizeof(room));
        *entries = 0;
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        struct hvm_memmap_table_entry entry = {
            .addr = map[i].address, .size = map[i].length, .type = map[i].type};

        append(bytes, &entry, sizeof(entry));
    }
    *entries = count;
}

/* Start info, memory map, module list and command line, in one block that holds addresses of its
 * parts. */
static bool add_start_info(BootImage *image, const PvhModule *module, uint64_t *address,
                           GError **error)
{
    struct hvm_start_info info = {.magic = XEN_HVM_START_MAGIC_VALUE,
                                  .version = START_INFO_VERSION,
                                  .nr_modules = module->initrd_size ? 1 : 0,
                                  .rsdp_paddr = image->rsdp_address};
    struct hvm_modlist_entry entry = {.paddr = module->initrd, .size = module->initrd_size};
    const char *command_line = boot_image_command_line(image);
    GByteArray *bytes = g_byte_array_new();
    uint64_t map, list, text;

    append(bytes, &info, sizeof(info));
    map = bytes->len;
    add_memory_map(image, bytes, &info.memmap_entries);
    list = bytes->len;
    append(bytes, &entry, sizeof(entry));
    text = bytes->len;
    append(bytes, command_line, strlen(command_line) + 1);

    if (!boot_space_low(&image->space, bytes->len, 16, BOOT_LOW_START, BOOT_LOW_END, address)) {
        g_byte_array_unref(bytes);
        return error_setf(error, "-append: %zu characters do not fit below 0x%x",
                          strlen(command_line), BOOT_LOW_END);
    }
    info.memmap_paddr = *address + map;
    info.modlist_paddr = info.nr_modules ? *address + list : 0;
    info.cmdline_paddr = *address + text;
    memcpy(bytes->data, &info, sizeof(info));
    boot_image_add_bytes(image, *address, bytes);
    image->map_address = info.memmap_paddr;
    image->map_count_address = *address + offsetof(struct hvm_start_info, memmap_entries);
    image->map_unit = 1;
    image->rsdp_pointer_address = *address + offsetof(struct hvm_start_info, rsdp_paddr);
    return true;
}

static bool find_entry(const BootElf *elf, BootFile *kernel, uint64_t *entry, GError **error)
{
    uint8_t raw[8];
    uint32_t length = boot_elf_note(elf, kernel, "Xen", XEN_ELFNOTE_PHYS32_ENTRY, raw, sizeof(raw));

    if (length == 0) {
        return boot_file_error(kernel, error,
                               "Error loading uncompressed kernel without PVH ELF Note");
    }
    if (length != 4 && length != 8) {
        return boot_file_error(kernel, error, "its PVH ELF note has %u bytes, not 4 or 8", length);
    }
    *entry = load_le64(raw);
    if (!boot_elf_covers(elf, *entry) || *entry >= PC_4GIB) {
        return boot_file_error(
            kernel, error, "its PVH entry point 0x%" PRIx64 " is outside of what it loads", *entry);
    }
    return true;
}

bool boot_pvh_load(BootImage *image, BootFile *kernel, const uint8_t *head, GError **error)
{
    BootElf elf = {0};
    PvhModule module = {0};
    uint64_t entry = 0, end, start_info = 0;
    bool good = boot_elf_read(&elf, kernel, head, error) &&
                find_entry(&elf, kernel, &entry, error) &&
                boot_elf_load(&elf, image, kernel, &end, error) &&
                boot_image_initrd(image, PC_4GIB, &module.initrd, &module.initrd_size, error) &&
                add_start_info(image, &module, &start_info, error);

    boot_elf_clear(&elf);
    if (!good) {
        return false;
    }
    image->state.rbx = start_info;
    return boot_image_protected_mode(image, entry, error);
}
