/*
 * ELF executables as kernels: loadable segments and notes.
 *
 * Source: Tool Interface Standard ELF 1.2, System V ABI (ELF-64).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_BOOT_ELF_H
#define HW_I386_BOOT_ELF_H

#include "hw/i386/boot_image.h"

typedef struct {
    uint64_t offset, file_size; /* in the file */
    uint64_t physical, virtual, memory_size;
} BootSegment;

typedef struct {
    bool is_64;
    uint64_t entry;   /* e_entry */
    GArray *segments; /* BootSegment: PT_LOAD with memory_size > 0 */
    GArray *notes;    /* BootSegment: PT_NOTE, or SHT_NOTE if there is none */
} BootElf;

/** boot_elf_recognize: whether @head begins an ELF file; *@is_64: its class. */
bool boot_elf_recognize(const uint8_t *head, bool *is_64);
/** boot_elf_read: headers of an x86 executable, all offsets checked against the file's size. */
bool boot_elf_read(BootElf *elf, BootFile *file, const uint8_t *head, GError **error);
void boot_elf_clear(BootElf *elf);
/** boot_elf_load: takes the segments' memory and adds them to @image; *@end: behind the highest. */
bool boot_elf_load(const BootElf *elf, BootImage *image, BootFile *file, uint64_t *end,
                   GError **error);
/** boot_elf_entry: the entry point as a physical address. */
uint64_t boot_elf_entry(const BootElf *elf);
/** boot_elf_covers: whether a segment's bytes are at physical @address. */
bool boot_elf_covers(const BootElf *elf, uint64_t address);
/**
 * boot_elf_note: finds note @type of @owner; its first @size bytes go to @descriptor.
 * Returns the descriptor's length, 0 if there is no such note.
 */
uint32_t boot_elf_note(const BootElf *elf, BootFile *file, const char *owner, uint32_t type,
                       void *descriptor, uint32_t size);

#endif
