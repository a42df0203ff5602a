/*
 * What the boot protocols share: files that are copied to the guest at each reset, the free guest
 * memory, and the registers to start with.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_BOOT_IMAGE_H
#define HW_I386_BOOT_IMAGE_H

#include "hw/i386/acpi_tables.h"
#include "hw/i386/boot.h"
#include "hw/i386/smbios.h"

#define BOOT_PAGE       4096u
#define BOOT_LOW_START  0x10000u /* boot data of the protocols goes here ... */
#define BOOT_LOW_END    0x90000u /* ... up to here */
#define BOOT_MAP_ROOM   102u     /* entries of 24 bytes, two more than the option ROM writes */
#define BOOT_HEAD_BYTES 8192u    /* of the kernel file; where a Multiboot header must be */

/* ---- files ---- */

typedef struct BootFile BootFile;

/**
 * boot_file_open: opens what @option ("-kernel") names. A file that is not a regular one is read
 * whole.
 * @maximum: bytes; a larger file cannot fit the guest and is refused
 */
BootFile *boot_file_open(const char *option, const char *path, uint64_t maximum, GError **error);
void boot_file_free(BootFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BootFile, boot_file_free)
uint64_t boot_file_size(const BootFile *file);
/** boot_file_error: sets @error to "OPTION PATH: TEXT" and returns false. */
bool boot_file_error(const BootFile *file, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/** boot_file_read: exactly @length bytes from @offset; false if they are not there. */
bool boot_file_read(BootFile *file, uint64_t offset, void *buffer, uint64_t length, GError **error);

/* ---- guest memory ---- */

typedef struct {
    GArray *ram;  /* E820Entry: usable RAM below 4 GiB */
    GArray *used; /* E820Entry: taken parts */
} BootSpace;

/** boot_space_init: RAM of @e820 below 4 GiB; boot_space_clear frees. */
void boot_space_init(BootSpace *space, const E820Table *e820);
void boot_space_clear(BootSpace *space);
/** boot_space_take: takes [@start, @start + @size); false if that is not free RAM. */
bool boot_space_take(BootSpace *space, uint64_t start, uint64_t size);
/** boot_space_low / high: takes the lowest / highest free place in [@from, @to); @align: a power of
 * two. */
bool boot_space_low(BootSpace *space, uint64_t size, uint64_t align, uint64_t from, uint64_t to,
                    uint64_t *address);
bool boot_space_high(BootSpace *space, uint64_t size, uint64_t align, uint64_t from, uint64_t to,
                     uint64_t *address);

/* ---- the image ---- */

/* @size bytes at @address: the first @length of them from @file at @offset or from @bytes, then
 * zeros. */
typedef struct {
    uint64_t address, size, length;
    BootFile *file;
    uint64_t offset;
    GBytes *bytes;
} BootPiece;

struct BootImage {
    const PcPlatform *platform;
    E820Table *e820; /* as the kernel is told */
    BootSpace space;
    GPtrArray *files; /* BootFile, owned */
    GArray *pieces;   /* BootPiece */
    X86BootState state;
    GPtrArray *user_tables;
    SmbiosTables *smbios;
    uint64_t facs_address; /* of the ACPI blob: the FACS comes first; 0: no ACPI */
    uint64_t rsdp_address;
    uint64_t smbios_entry_address;
    uint64_t seed_address; /* 32 bytes of fresh randomness at each reset; 0: none */

    /* Started by firmware: the memory map is filled in later, from the firmware's own. */
    bool through_firmware;
    uint64_t rsdp_pointer_address; /* where the RSDP's address goes; 0: nowhere */
    uint64_t map_address;       /* room for BOOT_MAP_ROOM entries */
    uint64_t map_count_address; /* the 32-bit count, in units of map_unit per entry */
    uint32_t map_unit;
    bool map_has_size; /* an entry starts with its size, as Multiboot's do */
};

/** boot_image_add_file: the file's reference goes to the image. */
void boot_image_add_file(BootImage *image, BootFile *file);
/** boot_image_add_part: @length bytes of @file at @offset to @address, zeros up to @size. */
void boot_image_add_part(BootImage *image, BootFile *file, uint64_t offset, uint64_t length,
                         uint64_t address, uint64_t size);
/** boot_image_add_bytes: takes over @bytes. */
void boot_image_add_bytes(BootImage *image, uint64_t address, GByteArray *bytes);
/** boot_image_low_bytes: the same at a free place in low memory; false if there is none. */
bool boot_image_low_bytes(BootImage *image, GByteArray *bytes, uint64_t align, uint64_t *address,
                          GError **error);
/** boot_image_initrd: opens -initrd and puts it as high as it goes below @limit; *@size 0 if there
 * is none. */
bool boot_image_initrd(BootImage *image, uint64_t limit, uint64_t *address, uint64_t *size,
                       GError **error);
/** boot_image_copy: writes one piece to guest memory. */
bool boot_image_copy(BootImage *image, const BootPiece *piece, GError **error);
/** boot_image_command_line: -append, or "". */
const char *boot_image_command_line(const BootImage *image);

/** boot_image_protected_mode: @state for 32-bit protected mode at @entry, flat segments, paging
 * off. */
bool boot_image_protected_mode(BootImage *image, uint64_t entry, GError **error);
/** boot_image_long_mode: 64-bit mode with the first 4 GiB identity-mapped. */
bool boot_image_long_mode(BootImage *image, uint64_t entry, GError **error);

/** boot_image_new: with -kernel open; NULL: @error. Free with boot_protocol_free(). */
BootImage *boot_image_new(const PcPlatform *platform, GError **error);
/** boot_image_kernel: the file of -kernel. */
BootFile *boot_image_kernel(const BootImage *image);
/** boot_image_load: finds the protocol and loads; e820 and space must be set up. */
bool boot_image_load(BootImage *image, GError **error);

/* ---- the protocols: true when loaded ---- */

/** boot_linux_recognize: whether @head (BOOT_HEAD_BYTES, zero padded) is a bzImage or zImage. */
bool boot_linux_recognize(const uint8_t *head);
/** boot_linux_firmware_items: fw_cfg's kernel items for the real-mode entry, patched for the
 * addresses. */
bool boot_linux_firmware_items(BootImage *image, BootFile *kernel, const uint8_t *head,
                               GError **error);
bool boot_linux_load(BootImage *image, BootFile *kernel, const uint8_t *head, GError **error);

/** boot_multiboot_find: the offset of the Multiboot header in @head, or -1. */
int boot_multiboot_find(const uint8_t *head);
/** boot_multiboot_is_flat: the header says where to load, whatever the file's format. */
bool boot_multiboot_is_flat(const uint8_t *head, int header);
bool boot_multiboot_load(BootImage *image, BootFile *kernel, const uint8_t *head, int header,
                         GError **error);

bool boot_pvh_load(BootImage *image, BootFile *kernel, const uint8_t *head, GError **error);

#endif
