/*
 * ELF executables as kernels.
 *
 * Source: Tool Interface Standard ELF 1.2; System V ABI, ELF-64 object file format. Every number in
 * the file is checked before it is used: the file may be anything.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/boot_elf.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#include "util/bytes.h"

#define MAX_HEADERS    128
#define MAX_NOTE_BYTES (1u << 20)

/* Where a field lies in the 32-bit and in the 64-bit layout. */
#define FIELD32(Type, field) offsetof(Elf32_##Type, field)
#define FIELD64(Type, field) offsetof(Elf64_##Type, field)

static uint64_t word(const BootElf *elf, const uint8_t *record, size_t offset32, size_t offset64)
{
    return elf->is_64 ? load_le64(record + offset64) : load_le32(record + offset32);
}

bool boot_elf_recognize(const uint8_t *head, bool *is_64)
{
    *is_64 = head[EI_CLASS] == ELFCLASS64;
    return memcmp(head, ELFMAG, SELFMAG) == 0;
}

static bool check_identity(BootElf *elf, BootFile *file, const uint8_t *head, GError **error)
{
    uint16_t type = load_le16(head + FIELD32(Ehdr, e_type));
    uint16_t machine = load_le16(head + FIELD32(Ehdr, e_machine));

    if ((head[EI_CLASS] != ELFCLASS32 && head[EI_CLASS] != ELFCLASS64) ||
        head[EI_DATA] != ELFDATA2LSB) {
        return boot_file_error(file, error, "an ELF file of a foreign class or byte order");
    }
    if (machine != EM_386 && machine != EM_X86_64 && machine != EM_IAMCU) {
        return boot_file_error(file, error, "an ELF file for machine %u, not for x86", machine);
    }
    if (type != ET_EXEC && type != ET_DYN) {
        return boot_file_error(file, error, "an ELF file, but not an executable");
    }
    elf->is_64 = head[EI_CLASS] == ELFCLASS64;
    elf->entry = word(elf, head, FIELD32(Ehdr, e_entry), FIELD64(Ehdr, e_entry));
    return true;
}

static void read_program_header(const BootElf *elf, const uint8_t *record, BootSegment *segment)
{
    segment->offset = word(elf, record, FIELD32(Phdr, p_offset), FIELD64(Phdr, p_offset));
    segment->file_size = word(elf, record, FIELD32(Phdr, p_filesz), FIELD64(Phdr, p_filesz));
    segment->physical = word(elf, record, FIELD32(Phdr, p_paddr), FIELD64(Phdr, p_paddr));
    segment->virtual = word(elf, record, FIELD32(Phdr, p_vaddr), FIELD64(Phdr, p_vaddr));
    segment->memory_size = word(elf, record, FIELD32(Phdr, p_memsz), FIELD64(Phdr, p_memsz));
}

static bool in_file(BootFile *file, const BootSegment *segment)
{
    return segment->offset <= boot_file_size(file) &&
           segment->file_size <= boot_file_size(file) - segment->offset;
}

static bool add_segment(BootElf *elf, BootFile *file, unsigned n, const uint8_t *record,
                        GError **error)
{
    BootSegment segment;
    uint32_t type = load_le32(record);

    read_program_header(elf, record, &segment);
    if (type == PT_LOAD && segment.memory_size > 0) {
        if (!in_file(file, &segment)) {
            return boot_file_error(file, error,
                                   "the file is truncated: ELF segment %u ends behind its %" PRIu64
                                   " bytes",
                                   n, boot_file_size(file));
        }
        if (segment.file_size > segment.memory_size) {
            return boot_file_error(file, error,
                                   "ELF segment %u is larger in the file than in memory", n);
        }
        g_array_append_val(elf->segments, segment);
    } else if (type == PT_NOTE && in_file(file, &segment)) {
        g_array_append_val(elf->notes, segment);
    }
    return true;
}

static bool read_headers(const BootElf *elf, BootFile *file, const char *what, uint64_t offset,
                         unsigned count, unsigned size, unsigned expected, uint8_t **records,
                         GError **error)
{
    *records = NULL;
    if (count > MAX_HEADERS || (count > 0 && size != expected)) {
        return boot_file_error(file, error, "%u ELF %s headers of %u bytes make no sense", count,
                               what, size);
    }
    *records = g_malloc0((size_t)count * expected + 1);
    return boot_file_read(file, offset, *records, (uint64_t)count * expected, error);
}

static bool read_segments(BootElf *elf, BootFile *file, const uint8_t *head, GError **error)
{
    uint64_t offset = word(elf, head, FIELD32(Ehdr, e_phoff), FIELD64(Ehdr, e_phoff));
    size_t at = elf->is_64 ? FIELD64(Ehdr, e_phentsize) : FIELD32(Ehdr, e_phentsize);
    unsigned size = load_le16(head + at), count = load_le16(head + at + 2);
    unsigned expected = elf->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    g_autofree uint8_t *records = NULL;

    if (!read_headers(elf, file, "program", offset, count, size, expected, &records, error)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!add_segment(elf, file, i, records + (size_t)i * expected, error)) {
            return false;
        }
    }
    if (elf->segments->len == 0) {
        return boot_file_error(file, error, "an ELF file with nothing to load");
    }
    return true;
}

/* Some linkers leave notes in sections only. A broken section table is no reason not to boot. */
static void read_note_sections(BootElf *elf, BootFile *file, const uint8_t *head)
{
    uint64_t offset = word(elf, head, FIELD32(Ehdr, e_shoff), FIELD64(Ehdr, e_shoff));
    size_t at = elf->is_64 ? FIELD64(Ehdr, e_shentsize) : FIELD32(Ehdr, e_shentsize);
    unsigned size = load_le16(head + at), count = load_le16(head + at + 2);
    unsigned expected = elf->is_64 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
    g_autofree uint8_t *records = NULL;

    if (!read_headers(elf, file, "section", offset, count, size, expected, &records, NULL)) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *record = records + (size_t)i * expected;
        BootSegment section = {0};

        section.offset = word(elf, record, FIELD32(Shdr, sh_offset), FIELD64(Shdr, sh_offset));
        section.file_size = word(elf, record, FIELD32(Shdr, sh_size), FIELD64(Shdr, sh_size));
        if (load_le32(record + FIELD32(Shdr, sh_type)) == SHT_NOTE && in_file(file, &section)) {
            g_array_append_val(elf->notes, section);
        }
    }
}

bool boot_elf_read(BootElf *elf, BootFile *file, const uint8_t *head, GError **error)
{
    elf->segments = g_array_new(FALSE, FALSE, sizeof(BootSegment));
    elf->notes = g_array_new(FALSE, FALSE, sizeof(BootSegment));
    if (boot_file_size(file) < sizeof(Elf64_Ehdr)) {
        return boot_file_error(file, error, "the file is truncated: no whole ELF header");
    }
    if (!check_identity(elf, file, head, error) || !read_segments(elf, file, head, error)) {
        return false;
    }
    if (elf->notes->len == 0) {
        read_note_sections(elf, file, head);
    }
    return true;
}

void boot_elf_clear(BootElf *elf)
{
    g_clear_pointer(&elf->segments, g_array_unref);
    g_clear_pointer(&elf->notes, g_array_unref);
}

bool boot_elf_load(const BootElf *elf, BootImage *image, BootFile *file, uint64_t *end,
                   GError **error)
{
    *end = 0;
    for (unsigned i = 0; i < elf->segments->len; i++) {
        const BootSegment *segment = &g_array_index(elf->segments, BootSegment, i);

        if (!boot_space_take(&image->space, segment->physical, segment->memory_size)) {
            return boot_file_error(
                file, error,
                "loads %" PRIu64 " bytes at 0x%" PRIx64
                ", which is not free memory of this guest (%" PRIu64 " MiB below 4 GiB)",
                segment->memory_size, segment->physical, image->platform->ram_below_4g / MiB);
        }
        boot_image_add_part(image, file, segment->offset, segment->file_size, segment->physical,
                            segment->memory_size);
        *end = MAX(*end, segment->physical + segment->memory_size);
    }
    return true;
}

uint64_t boot_elf_entry(const BootElf *elf)
{
    for (unsigned i = 0; i < elf->segments->len; i++) {
        const BootSegment *segment = &g_array_index(elf->segments, BootSegment, i);

        if (elf->entry >= segment->virtual && elf->entry - segment->virtual < segment->file_size) {
            return elf->entry - segment->virtual + segment->physical;
        }
    }
    return elf->entry;
}

bool boot_elf_covers(const BootElf *elf, uint64_t address)
{
    for (unsigned i = 0; i < elf->segments->len; i++) {
        const BootSegment *segment = &g_array_index(elf->segments, BootSegment, i);

        if (address >= segment->physical && address - segment->physical < segment->file_size) {
            return true;
        }
    }
    return false;
}

/* One pass over a note area, whose entries are padded to 4 bytes. */
static uint32_t scan_notes(const uint8_t *notes, size_t total, const char *owner, uint32_t type,
                           void *descriptor, uint32_t size)
{
    size_t at = 0;

    while (total - at >= sizeof(Elf32_Nhdr)) {
        uint32_t name_size = load_le32(notes + at), length = load_le32(notes + at + 4);
        uint32_t note_type = load_le32(notes + at + 8);
        size_t name = at + sizeof(Elf32_Nhdr), content;

        if (name_size > total - name) {
            return 0;
        }
        content = name + (((size_t)name_size + 3) & ~(size_t)3);
        if (content > total || length > total - content) {
            return 0;
        }
        if (note_type == type && name_size == strlen(owner) + 1 &&
            memcmp(notes + name, owner, name_size) == 0) {
            memcpy(descriptor, notes + content, MIN(size, length));
            return length;
        }
        at = MIN(total, content + (((size_t)length + 3) & ~(size_t)3));
    }
    return 0;
}

uint32_t boot_elf_note(const BootElf *elf, BootFile *file, const char *owner, uint32_t type,
                       void *descriptor, uint32_t size)
{
    memset(descriptor, 0, size);
    for (unsigned i = 0; i < elf->notes->len; i++) {
        const BootSegment *area = &g_array_index(elf->notes, BootSegment, i);
        g_autofree uint8_t *notes = NULL;
        uint32_t found;

        if (area->file_size > MAX_NOTE_BYTES) {
            continue;
        }
        notes = g_malloc(area->file_size + 1);
        if (!boot_file_read(file, area->offset, notes, area->file_size, NULL)) {
            continue;
        }
        found = scan_notes(notes, area->file_size, owner, type, descriptor, size);
        if (found > 0) {
            return found;
        }
    }
    return 0;
}
