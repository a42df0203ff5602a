/*
 * Multiboot 1: 32-bit kernels that carry a header, in ELF or in a format of their own.
 *
 * Source: Multiboot Specification 0.6.96.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>

#include "hw/i386/boot_elf.h"
#include "util/bytes.h"

#define HEADER_MAGIC 0x1badb002u
#define BOOT_MAGIC   0x2badb002u
#define HEADER_SIZE  12
#define FLAT_SIZE    32 /* with the address fields */

#define FLAG_ALIGN_MODULES (1u << 0)
#define FLAG_MEMORY_INFO   (1u << 1)
#define FLAG_VIDEO_MODE    (1u << 2)
#define FLAG_ADDRESSES     (1u << 16)
#define FLAGS_MANDATORY    0xffffu

/* The information structure and what is said to be valid in it. */
enum {
    INFO_FLAGS = 0,
    INFO_MEM_LOWER = 4,
    INFO_MEM_UPPER = 8,
    INFO_COMMAND_LINE = 16,
    INFO_MODULE_COUNT = 20,
    INFO_MODULES = 24,
    INFO_MAP_LENGTH = 44,
    INFO_MAP = 48,
    INFO_LOADER_NAME = 64,
    INFO_SIZE = 88,
};

#define HAS_MEMORY       (1u << 0)
#define HAS_COMMAND_LINE (1u << 2)
#define HAS_MODULES      (1u << 3)
#define HAS_MEMORY_MAP   (1u << 6)
#define HAS_LOADER_NAME  (1u << 9)

#define MODULE_SIZE    16
#define MAP_ENTRY_SIZE 24 /* with the size field that does not count itself */
#define LOADER_NAME    "Xenolith"
#define LOW_MEMORY_KIB 639

typedef struct {
    uint64_t start, end;
    char *text; /* the file's name and its arguments */
} Module;

typedef struct {
    BootImage *image;
    BootFile *kernel;
    const uint8_t *head;
    unsigned header; /* offset in @head */
    uint64_t entry, end;
    GArray *modules;
} Multiboot;

int boot_multiboot_find(const uint8_t *head)
{
    for (unsigned at = 0; at + HEADER_SIZE <= BOOT_HEAD_BYTES; at += 4) {
        uint32_t flags = load_le32(head + at + 4);

        if (load_le32(head + at) == HEADER_MAGIC &&
            HEADER_MAGIC + flags + load_le32(head + at + 8) == 0) {
            return at;
        }
    }
    return -1;
}

bool boot_multiboot_is_flat(const uint8_t *head, int header)
{
    return load_le32(head + header + 4) & FLAG_ADDRESSES;
}

/* ---- the kernel ---- */

typedef struct {
    uint64_t header, load, load_end, bss_end, entry;
} FlatAddresses;

static bool load_flat_at(Multiboot *boot, const FlatAddresses *at, GError **error)
{
    uint64_t size = boot_file_size(boot->kernel), offset, length, room;

    if (at->header < at->load || at->header - at->load > boot->header) {
        return boot_file_error(boot->kernel, error, "invalid load_addr address");
    }
    offset = boot->header - (at->header - at->load);
    length = size - MIN(offset, size);
    if (at->load_end != 0) {
        if (at->load_end < at->load || at->load_end - at->load > length) {
            return boot_file_error(boot->kernel, error, "invalid load_end_addr address");
        }
        length = at->load_end - at->load;
    }
    if (at->bss_end != 0 && (at->bss_end < at->load || at->bss_end - at->load < length)) {
        return boot_file_error(boot->kernel, error, "invalid bss_end_addr address");
    }
    room = at->bss_end != 0 ? at->bss_end - at->load : length;
    if (at->entry < at->load || at->entry - at->load >= length) {
        return boot_file_error(boot->kernel, error, "invalid entry_addr address");
    }
    if (!boot_space_take(&boot->image->space, at->load, room)) {
        return boot_file_error(boot->kernel, error,
                               "loads %" PRIu64 " bytes at 0x%" PRIx64
                               ", which is not free memory of this guest",
                               room, at->load);
    }
    boot_image_add_part(boot->image, boot->kernel, offset, length, at->load, room);
    boot->entry = at->entry;
    boot->end = at->load + room;
    return true;
}

static bool load_flat(Multiboot *boot, GError **error)
{
    const uint8_t *fields = boot->head + boot->header + HEADER_SIZE;
    FlatAddresses at;

    if (boot->header + FLAT_SIZE > BOOT_HEAD_BYTES) {
        return boot_file_error(boot->kernel, error,
                               "its Multiboot addresses are not in the first %u bytes",
                               BOOT_HEAD_BYTES);
    }
    at = (FlatAddresses){.header = load_le32(fields),
                         .load = load_le32(fields + 4),
                         .load_end = load_le32(fields + 8),
                         .bss_end = load_le32(fields + 12),
                         .entry = load_le32(fields + 16)};
    return load_flat_at(boot, &at, error);
}

static bool load_elf(Multiboot *boot, GError **error)
{
    BootElf elf = {0};
    bool is_64, good;

    if (!boot_elf_recognize(boot->head, &is_64)) {
        return boot_file_error(boot->kernel, error,
                               "a Multiboot image that is not ELF and gives no load addresses");
    }
    if (is_64) {
        return boot_file_error(boot->kernel, error, "Cannot load x86-64 image, give a 32bit one.");
    }
    good = boot_elf_read(&elf, boot->kernel, boot->head, error) &&
           boot_elf_load(&elf, boot->image, boot->kernel, &boot->end, error);
    if (good) {
        boot->entry = boot_elf_entry(&elf);
        good = boot_elf_covers(&elf, boot->entry) ||
               boot_file_error(boot->kernel, error,
                               "its entry point 0x%" PRIx64 " is outside of what it loads",
                               boot->entry);
    }
    boot_elf_clear(&elf);
    return good;
}

static bool load_kernel(Multiboot *boot, GError **error)
{
    uint32_t flags = load_le32(boot->head + boot->header + 4);
    uint32_t unknown =
        flags & FLAGS_MANDATORY & ~(FLAG_ALIGN_MODULES | FLAG_MEMORY_INFO | FLAG_VIDEO_MODE);

    if (unknown != 0) {
        return boot_file_error(boot->kernel, error,
                               "its Multiboot header asks for unknown features 0x%x", unknown);
    }
    return flags & FLAG_ADDRESSES ? load_flat(boot, error) : load_elf(boot, error);
}

/* ---- modules ---- */

static void module_clear(void *data)
{
    g_free(((Module *)data)->text);
}

static bool add_module(Multiboot *boot, const char *text, GError **error)
{
    size_t name_length = strcspn(text, " ");
    g_autofree char *name = g_strndup(text, name_length);
    BootFile *file = boot_file_open("-initrd", name, boot->image->platform->ram_below_4g, error);
    Module module = {0};
    uint64_t size;

    if (!file) {
        return false;
    }
    boot_image_add_file(boot->image, file);
    size = boot_file_size(file);
    if (!boot_space_low(&boot->image->space, MAX(size, 1), BOOT_PAGE, MAX(boot->end, MiB), PC_4GIB,
                        &module.start)) {
        return boot_file_error(file, error, "does not fit in the guest's memory");
    }
    boot_image_add_part(boot->image, file, 0, size, module.start, size);
    module.end = module.start + size;
    module.text = g_strdup(text);
    boot->end = MAX(boot->end, module.end);
    g_array_append_val(boot->modules, module);
    return true;
}

/* -initrd "file1 arguments,file2 arguments"; a doubled comma is a comma. */
static bool add_modules(Multiboot *boot, GError **error)
{
    const char *text = machine_config(boot->image->platform->machine)->initrd;
    g_autoptr(GString) one = g_string_new(NULL);

    while (text && *text) {
        g_string_truncate(one, 0);
        for (; *text && (*text != ',' || text[1] == ','); text++) {
            text += *text == ',';
            g_string_append_c(one, *text);
        }
        text += *text == ',';
        if (one->len == 0) {
            return error_setf(error, "-initrd %s: an empty module name",
                              machine_config(boot->image->platform->machine)->initrd);
        }
        if (!add_module(boot, one->str, error)) {
            return false;
        }
    }
    return true;
}

/* ---- information ---- */

static uint32_t append_text(GByteArray *bytes, const char *text)
{
    uint32_t at = bytes->len;

    g_byte_array_append(bytes, (const uint8_t *)text, strlen(text) + 1);
    return at;
}

static uint32_t append_zeros(GByteArray *bytes, unsigned size)
{
    guint before = bytes->len, padding = -before & 7;

    g_byte_array_set_size(bytes, before + padding + size);
    if (padding + size > 0) {
        memset(bytes->data + before, 0, padding + size);
    }
    return before + padding;
}

static void fill_map(const Multiboot *boot, GByteArray *bytes, uint32_t at)
{
    unsigned count;
    const E820Entry *entries = e820_entries(boot->image->e820, &count);

    for (unsigned i = 0; i < count && !boot->image->through_firmware; i++) {
        uint8_t *record = bytes->data + at + i * MAP_ENTRY_SIZE;

        store_le32(record, MAP_ENTRY_SIZE - 4);
        store_le64(record + 4, entries[i].address);
        store_le64(record + 12, entries[i].length);
        store_le32(record + 20, entries[i].type);
    }
}

/* Offsets in the block become addresses when the block has one. */
typedef struct {
    uint32_t command_line, loader, modules, map, map_length;
} InfoLayout;

static void fill_info(const Multiboot *boot, uint8_t *info, uint32_t base, const InfoLayout *layout)
{
    uint64_t upper = boot->image->platform->ram_below_4g / KiB;

    store_le32(info + INFO_FLAGS,
               HAS_MEMORY | HAS_COMMAND_LINE | HAS_MODULES | HAS_MEMORY_MAP | HAS_LOADER_NAME);
    store_le32(info + INFO_MEM_LOWER, LOW_MEMORY_KIB);
    store_le32(info + INFO_MEM_UPPER, upper > 1024 ? upper - 1024 : 0);
    store_le32(info + INFO_COMMAND_LINE, base + layout->command_line);
    store_le32(info + INFO_MODULE_COUNT, boot->modules->len);
    store_le32(info + INFO_MODULES, boot->modules->len ? base + layout->modules : 0);
    store_le32(info + INFO_MAP_LENGTH, layout->map_length);
    store_le32(info + INFO_MAP, base + layout->map);
    store_le32(info + INFO_LOADER_NAME, base + layout->loader);
}

static bool add_info(Multiboot *boot, uint64_t *address, GError **error)
{
    BootImage *image = boot->image;
    const char *append = boot_image_command_line(image);
    g_autofree char *command_line =
        g_strdup_printf("%s %s", machine_config(image->platform->machine)->kernel, append);
    g_autofree uint32_t *texts = g_new0(uint32_t, boot->modules->len + 1);
    GByteArray *bytes = g_byte_array_new();
    InfoLayout layout = {0};
    unsigned entries;

    g_strchomp(command_line);
    e820_entries(image->e820, &entries);
    append_zeros(bytes, INFO_SIZE);
    layout.modules = append_zeros(bytes, boot->modules->len * MODULE_SIZE);
    layout.map_length = entries * MAP_ENTRY_SIZE;
    layout.map = append_zeros(bytes, image->through_firmware ? BOOT_MAP_ROOM * MAP_ENTRY_SIZE
                                                             : layout.map_length);
    layout.command_line = append_text(bytes, command_line);
    layout.loader = append_text(bytes, LOADER_NAME);
    for (unsigned i = 0; i < boot->modules->len; i++) {
        texts[i] = append_text(bytes, g_array_index(boot->modules, Module, i).text);
    }
    if (!boot_space_low(&image->space, bytes->len, 16, BOOT_LOW_START, BOOT_LOW_END, address)) {
        g_byte_array_unref(bytes);
        return error_setf(error, "-append: the texts do not fit below 0x%x", BOOT_LOW_END);
    }
    fill_map(boot, bytes, layout.map);
    fill_info(boot, bytes->data, *address, &layout);
    for (unsigned i = 0; i < boot->modules->len; i++) {
        const Module *module = &g_array_index(boot->modules, Module, i);
        uint8_t *record = bytes->data + layout.modules + i * MODULE_SIZE;

        store_le32(record, module->start);
        store_le32(record + 4, module->end);
        store_le32(record + 8, *address + texts[i]);
    }
    boot_image_add_bytes(image, *address, bytes);
    image->map_address = *address + layout.map;
    image->map_count_address = *address + INFO_MAP_LENGTH;
    image->map_unit = MAP_ENTRY_SIZE;
    image->map_has_size = true;
    return true;
}

bool boot_multiboot_load(BootImage *image, BootFile *kernel, const uint8_t *head, int header,
                         GError **error)
{
    Multiboot boot = {.image = image, .kernel = kernel, .head = head, .header = header};
    uint64_t info;
    bool good;

    boot.modules = g_array_new(FALSE, FALSE, sizeof(Module));
    g_array_set_clear_func(boot.modules, module_clear);
    good = load_kernel(&boot, error) && add_modules(&boot, error) && add_info(&boot, &info, error);
    g_array_unref(boot.modules);
    if (!good) {
        return false;
    }
    image->state.rax = BOOT_MAGIC;
    image->state.rbx = info;
    return boot_image_protected_mode(image, boot.entry, error);
}
