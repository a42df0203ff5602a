/*
 * Guest dumps: an ELF header, a note segment with each CPU's registers and what the guest's kernel
 * says of itself, a load segment for each piece of RAM.
 *
 * Source: System V ABI, AMD64 supplement; Linux, elf_prstatus (include/linux/elfcore.h), which
 * crash and gdb read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/guest_dump.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "hw/i386/vmcoreinfo.h"
#include "monitor/guest_memory_view.h"
#include "util/error.h"

#define CORE_NAME      "CORE"
#define NOTE_NAME_SIZE 8 /* "CORE" and its NUL, padded to 4 */

/* As it lies in the file, where notes are aligned to 4 bytes. */
typedef struct __attribute__((packed)) {
    Elf64_Nhdr header;
    char name[NOTE_NAME_SIZE];
    struct elf_prstatus status;
} CpuNote;

static bool write_all(int fd, const void *data, uint64_t length, GError **error)
{
    const uint8_t *bytes = data;

    while (length > 0) {
        ssize_t done = write(fd, bytes, MIN(length, 1 << 20));
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return error_set_errno(error, done < 0 ? errno : EIO, "dump: failed to write memory");
        }
        bytes += done;
        length -= (uint64_t)done;
    }
    return true;
}

/* ---- what goes in ---- */

static void clip(GArray *pieces, uint64_t begin, uint64_t length)
{
    uint64_t end = begin + length;

    for (guint i = 0; length > 0 && i < pieces->len;) {
        GuestRamPiece *piece = &g_array_index(pieces, GuestRamPiece, i);
        uint64_t from = MAX(piece->address, begin), to = MIN(piece->address + piece->length, end);
        if (from >= to) {
            g_array_remove_index(pieces, i);
            continue;
        }
        piece->host += from - piece->address;
        piece->address = from;
        piece->length = to - from;
        i++;
    }
}

/* The kernel's struct user_regs_struct, in its order. */
static void fill_registers(elf_gregset_t *out, const X86Registers *r)
{
    enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15 };
    const uint64_t values[] = {
        r->general[R15], r->general[R14], r->general[R13], r->general[R12], r->general[RBP],
        r->general[RBX], r->general[R11], r->general[R10], r->general[R9],  r->general[R8],
        r->general[RAX], r->general[RCX], r->general[RDX], r->general[RSI], r->general[RDI],
        r->general[RAX], r->rip,          r->cs.selector,  r->rflags,       r->general[RSP],
        r->ss.selector,  r->fs.base,      r->gs.base,      r->ds.selector,  r->es.selector,
        r->fs.selector,  r->gs.selector,
    };

    G_STATIC_ASSERT(sizeof(values) <= sizeof(elf_gregset_t));
    memcpy(out, values, sizeof(values));
}

static CpuNote *make_notes(unsigned *count)
{
    Accel *accel = machine_accel(machine_get());
    CpuNote *notes = g_new0(CpuNote, MAX(monitor_cpu_count(), 1));

    *count = 0;
    for (unsigned i = 0; i < monitor_cpu_count(); i++) {
        X86Registers registers;
        if (!accel_vcpu_registers(accel, monitor_cpu(i, NULL), &registers)) {
            continue;
        }
        CpuNote *note = &notes[(*count)++];
        struct elf_prstatus status = {.pr_pid = (pid_t)i + 1};
        fill_registers(&status.pr_reg, &registers);
        note->header = (Elf64_Nhdr){sizeof(CORE_NAME), sizeof(note->status), NT_PRSTATUS};
        memcpy(note->name, CORE_NAME, sizeof(CORE_NAME));
        memcpy(&note->status, &status, sizeof(status));
    }
    return notes;
}

/* ---- the file ---- */

static Elf64_Ehdr make_header(unsigned segments)
{
    Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_CORE,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = (Elf64_Half)segments,
    };
    return header;
}

static Elf64_Phdr *make_segments(const GArray *pieces, uint64_t notes_size)
{
    Elf64_Phdr *segments = g_new0(Elf64_Phdr, pieces->len + 1);
    uint64_t offset = sizeof(Elf64_Ehdr) + (pieces->len + 1) * sizeof(Elf64_Phdr);

    segments[0] = (Elf64_Phdr){
        .p_type = PT_NOTE, .p_offset = offset, .p_filesz = notes_size, .p_memsz = notes_size};
    offset += notes_size;
    for (guint i = 0; i < pieces->len; i++) {
        const GuestRamPiece *piece = &g_array_index(pieces, GuestRamPiece, i);
        segments[i + 1] = (Elf64_Phdr){.p_type = PT_LOAD,
                                       .p_offset = offset,
                                       .p_paddr = piece->address,
                                       .p_filesz = piece->length,
                                       .p_memsz = piece->length};
        offset += piece->length;
    }
    return segments;
}

/* The guest's own note follows the CPUs': crash needs it where the kernel's addresses are random. */
static bool write_notes(int fd, const CpuNote *notes, unsigned count, GBytes *guest_note,
                        GError **error)
{
    gsize size = 0;
    const void *data = guest_note ? g_bytes_get_data(guest_note, &size) : NULL;

    return write_all(fd, notes, count * sizeof(CpuNote), error) &&
           (!data || write_all(fd, data, size, error));
}

static bool write_memory(int fd, const GArray *pieces, uint64_t *written, GError **error)
{
    for (guint i = 0; i < pieces->len; i++) {
        const GuestRamPiece *piece = &g_array_index(pieces, GuestRamPiece, i);
        if (!write_all(fd, piece->host, piece->length, error)) {
            return false;
        }
        if (written) {
            *written += piece->length;
        }
    }
    return true;
}

bool guest_dump_write(int fd, uint64_t begin, uint64_t length, uint64_t *written, GError **error)
{
    g_autoptr(GArray) pieces = guest_view_ram();
    unsigned note_count;
    g_autofree CpuNote *notes = make_notes(&note_count);
    g_autoptr(GBytes) guest_note = vmcoreinfo_note(machine_get());
    uint64_t notes_size =
        note_count * sizeof(CpuNote) + (guest_note ? g_bytes_get_size(guest_note) : 0);

    clip(pieces, begin, length);
    if (pieces->len == 0) {
        return error_setf(error, "dump: no guest memory in the range asked for");
    }
    if (pieces->len + 1 >= PN_XNUM) {
        return error_setf(error, "dump: too many pieces of memory");
    }
    Elf64_Ehdr header = make_header(pieces->len + 1);
    g_autofree Elf64_Phdr *segments = make_segments(pieces, notes_size);
    return write_all(fd, &header, sizeof(header), error) &&
           write_all(fd, segments, (pieces->len + 1) * sizeof(Elf64_Phdr), error) &&
           write_notes(fd, notes, note_count, guest_note, error) &&
           write_memory(fd, pieces, written, error);
}
