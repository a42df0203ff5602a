/*
 * Loading and resetting a kernel image on the PC fixture, and ELF files made by hand.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_BOOT_FIXTURE_H
#define TESTS_UNIT_BOOT_FIXTURE_H

#include <elf.h>

#include "tests/unit/pc-fixture.h"

static BootImage *boot;
static X86BootState state;

/* The message of a failed load, NULL if it worked; @boot is set then. The caller frees. */
static inline char *try_load(void)
{
    g_autoptr(GError) error = NULL;

    boot = NULL;
    if (boot_protocol_load(&platform, &boot, &error)) {
        g_assert_no_error(error);
        return NULL;
    }
    g_assert_null(boot);
    g_assert_null(strchr(error->message, '\n'));
    return g_strdup(error->message);
}

static inline void load_and_reset(void)
{
    g_autofree char *message = try_load();

    g_assert_cmpstr(message, ==, NULL);
    g_assert_true(boot_protocol_reset(boot, &state));
}

static inline void assert_load_fails(const char *expected)
{
    g_autofree char *message = try_load();

    g_assert_nonnull(message);
    if (!strstr(message, expected)) {
        g_error("\"%s\" is not in \"%s\"", expected, message);
    }
}

static inline void boot_teardown(void)
{
    g_clear_pointer(&boot, boot_protocol_free);
    pc_teardown();
}

static inline void set_kernel(const void *data, size_t size)
{
    MachineConfig *config = machine_config(machine);

    g_free(config->kernel);
    config->kernel = make_file("kernel", data, size);
}

static inline void set_initrd(const void *data, size_t size)
{
    MachineConfig *config = machine_config(machine);

    g_free(config->initrd);
    config->initrd = make_file("initrd", data, size);
}

static inline void set_append(const char *text)
{
    MachineConfig *config = machine_config(machine);

    g_free(config->append);
    config->append = g_strdup(text);
}

static inline uint32_t guest_le32(uint64_t address)
{
    uint8_t raw[4];

    read_guest(address, raw, sizeof(raw));
    return load_le32(raw);
}

static inline uint64_t guest_le64(uint64_t address)
{
    uint8_t raw[8];

    read_guest(address, raw, sizeof(raw));
    return load_le64(raw);
}

static inline void assert_guest_text(uint64_t address, const char *expected)
{
    g_autofree char *text = g_malloc0(strlen(expected) + 2);

    read_guest(address, text, strlen(expected) + 1);
    g_assert_cmpstr(text, ==, expected);
}

static inline void assert_guest_prefix(uint64_t address, const char *expected)
{
    g_autofree char *text = g_malloc0(strlen(expected) + 1);

    read_guest(address, text, strlen(expected));
    g_assert_cmpstr(text, ==, expected);
}

/* ---- ELF ---- */

#define ELF_SIZE  0x2000u /* of the whole file */
#define ELF_CODE  0x1000u /* file offset of the code */
#define ELF_NOTE  0x0800u /* file offset of the note */
#define ELF_LOAD  0x1000000u
#define ELF_ENTRY (ELF_LOAD + 0x10)

/* A 64-bit executable: one segment of 4 KiB at 16 MiB with 4 KiB of zeros behind, and a PVH note.
 */
static inline uint8_t *make_elf64(void)
{
    uint8_t *file = g_malloc0(ELF_SIZE);
    Elf64_Ehdr *header = (Elf64_Ehdr *)file;
    Elf64_Phdr *segments = (Elf64_Phdr *)(file + sizeof(*header));
    Elf64_Nhdr *note = (Elf64_Nhdr *)(file + ELF_NOTE);

    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS64;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_type = ET_EXEC;
    header->e_machine = EM_X86_64;
    header->e_entry = 0xffffffff81000000;
    header->e_phoff = sizeof(*header);
    header->e_phentsize = sizeof(*segments);
    header->e_phnum = 2;
    segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_offset = ELF_CODE,
                               .p_vaddr = 0xffffffff81000000,
                               .p_paddr = ELF_LOAD,
                               .p_filesz = 0x1000,
                               .p_memsz = 0x2000};
    segments[1] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = ELF_NOTE, .p_filesz = 64};
    /* A note of another owner first. */
    *note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 1, .n_type = 18};
    memcpy(note + 1, "GNU", 4);
    note = (Elf64_Nhdr *)(file + ELF_NOTE + 20);
    *note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = 4, .n_type = 18};
    memcpy(note + 1, "Xen", 4);
    store_le32((uint8_t *)(note + 1) + 4, ELF_ENTRY);
    memset(file + ELF_CODE, 0xcc, 0x1000);
    return file;
}

/* The same as a 32-bit executable, for @elf_machine. */
static inline uint8_t *make_elf32(uint16_t elf_machine)
{
    uint8_t *file = make_elf64();
    Elf32_Ehdr *header = (Elf32_Ehdr *)file;
    Elf32_Phdr *segments = (Elf32_Phdr *)(file + sizeof(*header));

    memset(file, 0, ELF_NOTE);
    memcpy(header->e_ident, ELFMAG, SELFMAG);
    header->e_ident[EI_CLASS] = ELFCLASS32;
    header->e_ident[EI_DATA] = ELFDATA2LSB;
    header->e_type = ET_EXEC;
    header->e_machine = elf_machine;
    header->e_entry = 0xc1000020;
    header->e_phoff = sizeof(*header);
    header->e_phentsize = sizeof(*segments);
    header->e_phnum = 2;
    segments[0] = (Elf32_Phdr){.p_type = PT_LOAD,
                               .p_offset = ELF_CODE,
                               .p_vaddr = 0xc1000000,
                               .p_paddr = ELF_LOAD,
                               .p_filesz = 0x1000,
                               .p_memsz = 0x2000};
    segments[1] = (Elf32_Phdr){.p_type = PT_NOTE, .p_offset = ELF_NOTE, .p_filesz = 64};
    return file;
}

#endif
