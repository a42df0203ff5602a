/*
 * The Linux/x86 boot protocol: 64-bit entry, or the 32-bit one for 32-bit kernels and CPUs.
 *
 * Source: Linux Documentation/arch/x86/boot.rst, protocol 2.02 to 2.15; asm/bootparam.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <string.h>

#include "hw/i386/boot_image.h"
#include "util/bytes.h"

/* Offsets in the setup header, which are the same in the file and in the zero page. */
enum {
    HEADER_START = 0x1f1,
    SETUP_SECTS = 0x1f1,
    BOOT_FLAG = 0x1fe,
    HEADER_JUMP = 0x201, /* its distance ends the header */
    MAGIC = 0x202,
    VERSION = 0x206,
    TYPE_OF_LOADER = 0x210,
    LOAD_FLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END = 0x224,
    COMMAND_LINE = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    KERNEL_ALIGNMENT = 0x230,
    RELOCATABLE = 0x234,
    XLOADFLAGS = 0x236,
    COMMAND_LINE_SIZE = 0x238,
    SETUP_DATA = 0x250,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
};

/* Elsewhere in the zero page. */
enum {
    ZERO_ACPI_RSDP = 0x070,
    ZERO_ALT_MEM_K = 0x1e0,
    ZERO_E820_COUNT = 0x1e8,
    ZERO_VIDEO_MODE = 0x1fa,
    ZERO_E820_TABLE = 0x2d0,
    ZERO_SIZE = 4096,
};

#define HEADER_MAX_END       0x290       /* the end of what the zero page has room for */
#define LINUX_MAGIC          0x53726448u /* "HdrS" */
#define LINUX_BOOT_FLAG      0xaa55
#define LOADER_ID            0xb0
#define FLAG_LOADED_HIGH     0x01
#define FLAG_CAN_USE_HEAP    0x80
#define XLF_64_BIT           0x0001
#define ENTRY_64_OFFSET      0x200
#define DEFAULT_SETUP_SECTS  4
#define SECTOR               512
#define VIDEO_MODE_NORMAL    0xffff
#define OLD_COMMAND_LINE_MAX 255
#define OLD_INITRD_MAX       0x37ffffffu
#define LOAD_HIGH            0x100000u
#define DEFAULT_ALIGNMENT    0x200000u

/* With firmware: where the option ROM puts things. */
#define REAL_MODE_ADDRESS 0x10000u
#define REAL_MODE_END     0x20000u
#define REAL_COMMAND_LINE 0x20000u
#define REAL_STACK_ROOM   0x200u

#define DATA_DTB         2
#define DATA_RNG_SEED    9
#define DATA_HEADER_SIZE 16
#define SEED_SIZE        32
#define DTB_MAX          (16 * MiB)

/* Versions in which a field came. */
enum {
    VERSION_COMMAND_LINE_POINTER = 0x202,
    VERSION_INITRD_MAX = 0x203,
    VERSION_RELOCATABLE = 0x205,
    VERSION_COMMAND_LINE_SIZE = 0x206,
    VERSION_SETUP_DATA = 0x209,
    VERSION_INIT_SIZE = 0x20a,
    VERSION_64_BIT = 0x20c,
    VERSION_ACPI_RSDP = 0x20e,
};

typedef struct {
    BootImage *image;
    BootFile *kernel;
    const uint8_t *head;
    uint16_t version;
    uint64_t setup_size, code_size; /* bytes of the file: real-mode part, protected-mode part */
    uint64_t load_address, room;    /* where the code goes, and what it needs there */
    bool entry_64;
    uint64_t initrd, initrd_size, command_line, setup_data;
} LinuxBoot;

bool boot_linux_recognize(const uint8_t *head)
{
    return load_le32(head + MAGIC) == LINUX_MAGIC && load_le16(head + BOOT_FLAG) == LINUX_BOOT_FLAG;
}

static bool check_header(LinuxBoot *boot, GError **error)
{
    const uint8_t *head = boot->head;
    unsigned sectors = head[SETUP_SECTS] ? head[SETUP_SECTS] : DEFAULT_SETUP_SECTS;

    boot->version = load_le16(head + VERSION);
    if (boot->version < VERSION_COMMAND_LINE_POINTER) {
        return boot_file_error(boot->kernel, error,
                               "boot protocol %u.%02u is too old, 2.02 is the oldest supported",
                               boot->version >> 8, boot->version & 0xff);
    }
    if (!(head[LOAD_FLAGS] & FLAG_LOADED_HIGH)) {
        return boot_file_error(boot->kernel, error,
                               "a zImage, which loads below 1 MiB; use a bzImage");
    }
    boot->setup_size = (sectors + 1) * SECTOR;
    if (boot_file_size(boot->kernel) <= boot->setup_size) {
        return boot_file_error(boot->kernel, error,
                               "the file is truncated: %" PRIu64 " bytes, its setup code alone has "
                               "%" PRIu64,
                               boot_file_size(boot->kernel), boot->setup_size);
    }
    boot->code_size = boot_file_size(boot->kernel) - boot->setup_size;
    /* A kernel that was cut short would start and then fail to unpack itself. */
    if (boot->version >= VERSION_RELOCATABLE &&
        (uint64_t)load_le32(head + 0x1f4) * 16 > ((boot->code_size + 15) & ~UINT64_C(15))) {
        return boot_file_error(boot->kernel, error,
                               "the file is truncated: %" PRIu64 " bytes of code, its header says "
                               "%" PRIu64,
                               boot->code_size, (uint64_t)load_le32(head + 0x1f4) * 16);
    }
    boot->entry_64 = boot->version >= VERSION_64_BIT &&
                     (load_le16(head + XLOADFLAGS) & XLF_64_BIT) &&
                     boot->image->platform->cpu_has_long_mode;
    if (boot->entry_64 && boot->code_size <= ENTRY_64_OFFSET) {
        return boot_file_error(boot->kernel, error, "the file is truncated: no 64-bit entry");
    }
    return true;
}

/* Where the code wants to be: its preferred address, or any aligned one above 1 MiB if it can move.
 */
static bool place_kernel(LinuxBoot *boot, GError **error)
{
    const uint8_t *head = boot->head;
    BootSpace *space = &boot->image->space;
    bool relocatable = boot->version >= VERSION_RELOCATABLE && head[RELOCATABLE];
    uint64_t align = relocatable ? load_le32(head + KERNEL_ALIGNMENT) : 1;
    uint64_t wanted = LOAD_HIGH;

    boot->room = boot->code_size;
    if (boot->version >= VERSION_INIT_SIZE) {
        boot->room = MAX(boot->room, load_le32(head + INIT_SIZE));
        wanted = load_le64(head + PREF_ADDRESS);
    }
    if (align == 0 || (align & (align - 1)) != 0) {
        align = DEFAULT_ALIGNMENT;
    }
    if (wanted >= LOAD_HIGH && wanted < PC_4GIB && boot_space_take(space, wanted, boot->room)) {
        boot->load_address = wanted;
        return true;
    }
    if (relocatable &&
        boot_space_low(space, boot->room, align, LOAD_HIGH, PC_4GIB, &boot->load_address)) {
        return true;
    }
    return boot_file_error(
        boot->kernel, error,
        "needs %" PRIu64 " MiB of memory at 0x%" PRIx64 ", the guest has %" PRIu64 " MiB (-m)",
        (boot->room + MiB - 1) / MiB, wanted, boot->image->platform->ram_below_4g / MiB);
}

static bool add_initrd(LinuxBoot *boot, GError **error)
{
    uint64_t last = boot->version >= VERSION_INITRD_MAX ? load_le32(boot->head + INITRD_ADDR_MAX)
                                                        : OLD_INITRD_MAX;

    return boot_image_initrd(boot->image, last + 1, &boot->initrd, &boot->initrd_size, error);
}

static bool check_command_line(const LinuxBoot *boot, GError **error)
{
    size_t length = strlen(boot_image_command_line(boot->image));
    uint32_t maximum = OLD_COMMAND_LINE_MAX;

    if (boot->version >= VERSION_COMMAND_LINE_SIZE && load_le32(boot->head + COMMAND_LINE_SIZE)) {
        maximum = load_le32(boot->head + COMMAND_LINE_SIZE);
    }
    if (length > maximum) {
        return error_setf(error, "-append: %zu characters, this kernel takes at most %u", length,
                          maximum);
    }
    return true;
}

static bool add_command_line(LinuxBoot *boot, GError **error)
{
    const char *text = boot_image_command_line(boot->image);
    GByteArray *bytes;

    if (!check_command_line(boot, error)) {
        return false;
    }
    bytes = g_byte_array_new();
    g_byte_array_append(bytes, (const uint8_t *)text, strlen(text) + 1);
    return boot_image_low_bytes(boot->image, bytes, 16, &boot->command_line, error);
}

/* A node of the list that hangs off the setup header; the newest comes first. */
static void data_header(LinuxBoot *boot, uint8_t header[DATA_HEADER_SIZE], uint32_t type,
                        uint32_t size)
{
    store_le64(header, boot->setup_data);
    store_le32(header + 8, type);
    store_le32(header + 12, size);
}

static bool add_dtb(LinuxBoot *boot, GError **error)
{
    const char *path = machine_config(boot->image->platform->machine)->dtb;
    BootFile *file;
    GByteArray *bytes;
    uint8_t header[DATA_HEADER_SIZE];
    uint64_t size, address;

    if (!path) {
        return true;
    }
    file = boot_file_open("-dtb", path, DTB_MAX, error);
    if (!file) {
        return false;
    }
    boot_image_add_file(boot->image, file);
    if (boot->version < VERSION_SETUP_DATA) {
        return boot_file_error(file, error, "this kernel is too old to take a device tree");
    }
    size = boot_file_size(file);
    if (!boot_space_high(&boot->image->space, DATA_HEADER_SIZE + size, 16, LOAD_HIGH, PC_4GIB,
                         &address)) {
        return boot_file_error(file, error, "does not fit in the guest's memory");
    }
    data_header(boot, header, DATA_DTB, size);
    bytes = g_byte_array_new();
    g_byte_array_append(bytes, header, sizeof(header));
    boot_image_add_bytes(boot->image, address, bytes);
    boot_image_add_part(boot->image, file, 0, size, address + DATA_HEADER_SIZE, size);
    boot->setup_data = address;
    return true;
}

static bool add_seed(LinuxBoot *boot, GError **error)
{
    GByteArray *bytes;
    uint64_t address;
    uint8_t node[DATA_HEADER_SIZE + SEED_SIZE] = {0};

    if (boot->version < VERSION_SETUP_DATA) {
        return true;
    }
    /* The kernel splits the memory map here, and its crash kernel gets what is below. */
    if (!boot_space_high(&boot->image->space, sizeof(node), 16, BOOT_LOW_START, BOOT_LOW_END,
                         &address)) {
        return error_setf(error, "-kernel %s: no free memory below 0x%x for boot data",
                          machine_config(boot->image->platform->machine)->kernel, BOOT_LOW_END);
    }
    data_header(boot, node, DATA_RNG_SEED, SEED_SIZE);
    bytes = g_byte_array_new();
    g_byte_array_append(bytes, node, sizeof(node));
    boot_image_add_bytes(boot->image, address, bytes);
    boot->setup_data = address;
    boot->image->seed_address = boot->setup_data + DATA_HEADER_SIZE;
    return true;
}

static void fill_memory_map(const LinuxBoot *boot, uint8_t *zero)
{
    const PcPlatform *platform = boot->image->platform;
    g_autoptr(GBytes) map = e820_to_bytes(boot->image->e820, 0);
    gsize size;
    const void *data = g_bytes_get_data(map, &size);

    zero[ZERO_E820_COUNT] = size / E820_ENTRY_SIZE;
    memcpy(zero + ZERO_E820_TABLE, data, size);
    if (platform->ram_below_4g > MiB) {
        store_le32(zero + ZERO_ALT_MEM_K, (platform->ram_below_4g - MiB) / KiB);
    }
}

static bool add_zero_page(LinuxBoot *boot, uint64_t *address, GError **error)
{
    GByteArray *bytes = g_byte_array_new();
    size_t header_end = MIN(MAGIC + boot->head[HEADER_JUMP], HEADER_MAX_END);
    uint8_t *zero;

    g_byte_array_set_size(bytes, ZERO_SIZE);
    zero = bytes->data;
    memset(zero, 0, ZERO_SIZE);
    memcpy(zero + HEADER_START, boot->head + HEADER_START, header_end - HEADER_START);
    fill_memory_map(boot, zero);
    store_le16(zero + ZERO_VIDEO_MODE, VIDEO_MODE_NORMAL);
    zero[TYPE_OF_LOADER] = LOADER_ID;
    zero[LOAD_FLAGS] &= ~FLAG_CAN_USE_HEAP;
    store_le32(zero + CODE32_START, boot->load_address);
    store_le32(zero + RAMDISK_IMAGE, boot->initrd);
    store_le32(zero + RAMDISK_SIZE, boot->initrd_size);
    store_le32(zero + COMMAND_LINE, boot->command_line);
    if (boot->version >= VERSION_SETUP_DATA) {
        store_le64(zero + SETUP_DATA, boot->setup_data);
    }
    if (boot->version >= VERSION_ACPI_RSDP) {
        store_le64(zero + ZERO_ACPI_RSDP, boot->image->rsdp_address);
    }
    return boot_image_low_bytes(boot->image, bytes, BOOT_PAGE, address, error);
}

bool boot_linux_load(BootImage *image, BootFile *kernel, const uint8_t *head, GError **error)
{
    LinuxBoot boot = {.image = image, .kernel = kernel, .head = head};
    uint64_t zero_page;

    if (!check_header(&boot, error) || !place_kernel(&boot, error) || !add_initrd(&boot, error) ||
        !add_command_line(&boot, error) || !add_dtb(&boot, error) || !add_seed(&boot, error) ||
        !add_zero_page(&boot, &zero_page, error)) {
        return false;
    }
    boot_image_add_part(image, kernel, boot.setup_size, boot.code_size, boot.load_address,
                        boot.code_size);
    image->state.rsi = zero_page;
    return boot.entry_64 ? boot_image_long_mode(image, boot.load_address + ENTRY_64_OFFSET, error)
                         : boot_image_protected_mode(image, boot.load_address, error);
}

/* ---- through firmware ---- */

static bool add_file_item(FwCfg *fw_cfg, uint16_t key, BootFile *file, uint64_t offset,
                          uint64_t size, GError **error)
{
    g_autoptr(GBytes) bytes = NULL;
    uint8_t *data = g_malloc(size + 1);

    if (!boot_file_read(file, offset, data, size, error)) {
        g_free(data);
        return false;
    }
    bytes = g_bytes_new_take(data, size);
    fw_cfg_add_bytes(fw_cfg, key, bytes);
    return true;
}

static bool add_setup_item(LinuxBoot *boot, GError **error)
{
    FwCfg *fw_cfg = boot->image->platform->fw_cfg;
    g_autoptr(GBytes) bytes = NULL;
    uint8_t *setup = g_malloc(boot->setup_size);

    if (!boot_file_read(boot->kernel, 0, setup, boot->setup_size, error)) {
        g_free(setup);
        return false;
    }
    setup[TYPE_OF_LOADER] = LOADER_ID;
    setup[LOAD_FLAGS] |= FLAG_CAN_USE_HEAP;
    store_le16(setup + HEAP_END, REAL_MODE_END - REAL_MODE_ADDRESS - REAL_STACK_ROOM);
    store_le32(setup + COMMAND_LINE, REAL_COMMAND_LINE);
    store_le32(setup + RAMDISK_IMAGE, boot->initrd);
    store_le32(setup + RAMDISK_SIZE, boot->initrd_size);
    bytes = g_bytes_new_take(setup, boot->setup_size);
    fw_cfg_add_bytes(fw_cfg, FW_CFG_SETUP_DATA, bytes);
    fw_cfg_add_u32(fw_cfg, FW_CFG_SETUP_ADDR, REAL_MODE_ADDRESS);
    fw_cfg_add_u32(fw_cfg, FW_CFG_SETUP_SIZE, boot->setup_size);
    return true;
}

static void add_command_line_item(LinuxBoot *boot)
{
    FwCfg *fw_cfg = boot->image->platform->fw_cfg;
    const char *text = boot_image_command_line(boot->image);
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text) + 1);

    fw_cfg_add_u32(fw_cfg, FW_CFG_CMDLINE_ADDR, REAL_COMMAND_LINE);
    fw_cfg_add_u32(fw_cfg, FW_CFG_CMDLINE_SIZE, strlen(text) + 1);
    fw_cfg_add_bytes(fw_cfg, FW_CFG_CMDLINE_DATA, bytes);
}

bool boot_linux_firmware_items(BootImage *image, BootFile *kernel, const uint8_t *head,
                               GError **error)
{
    LinuxBoot boot = {.image = image, .kernel = kernel, .head = head};
    FwCfg *fw_cfg = image->platform->fw_cfg;

    if (machine_config(image->platform->machine)->dtb) {
        return error_setf(error, "-dtb: a device tree cannot be passed on by firmware (-bios)");
    }
    if (!check_header(&boot, error) || !check_command_line(&boot, error)) {
        return false;
    }
    if (boot.setup_size > REAL_MODE_END - REAL_MODE_ADDRESS - REAL_STACK_ROOM ||
        strlen(boot_image_command_line(image)) >= BOOT_LOW_END - REAL_COMMAND_LINE) {
        return boot_file_error(kernel, error,
                               "its setup code or -append is too large for firmware");
    }
    boot.room = boot.code_size;
    if (!boot_space_take(&image->space, LOAD_HIGH, boot.room)) {
        return boot_file_error(kernel, error, "does not fit in the guest's memory");
    }
    if (!add_initrd(&boot, error) || !add_setup_item(&boot, error) ||
        !add_file_item(fw_cfg, FW_CFG_KERNEL_DATA, kernel, boot.setup_size, boot.code_size,
                       error)) {
        return false;
    }
    add_command_line_item(&boot);
    fw_cfg_add_u32(fw_cfg, FW_CFG_KERNEL_ADDR, LOAD_HIGH);
    fw_cfg_add_u32(fw_cfg, FW_CFG_KERNEL_SIZE, boot.code_size);
    if (boot.initrd_size == 0) {
        return true;
    }
    fw_cfg_add_u32(fw_cfg, FW_CFG_INITRD_ADDR, boot.initrd);
    fw_cfg_add_u32(fw_cfg, FW_CFG_INITRD_SIZE, boot.initrd_size);
    return add_file_item(fw_cfg, FW_CFG_INITRD_DATA, image->files->pdata[1], 0, boot.initrd_size,
                         error);
}
