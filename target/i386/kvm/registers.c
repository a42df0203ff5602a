/*
 * The registers of a vCPU as text, in the layout that "info registers" has everywhere.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <inttypes.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "target/i386/registers.h"
#include "util/log.h"

#define CODE_BYTES_BEFORE 43u
#define CODE_BYTES        64u

static void dump_general(GString *out, const struct kvm_regs *r)
{
    g_string_append_printf(
        out,
        "RAX=%016" PRIx64 " RBX=%016" PRIx64 " RCX=%016" PRIx64 " RDX=%016" PRIx64 "\n"
        "RSI=%016" PRIx64 " RDI=%016" PRIx64 " RBP=%016" PRIx64 " RSP=%016" PRIx64 "\n",
        (uint64_t)r->rax, (uint64_t)r->rbx, (uint64_t)r->rcx, (uint64_t)r->rdx, (uint64_t)r->rsi,
        (uint64_t)r->rdi, (uint64_t)r->rbp, (uint64_t)r->rsp);
    g_string_append_printf(
        out,
        "R8 =%016" PRIx64 " R9 =%016" PRIx64 " R10=%016" PRIx64 " R11=%016" PRIx64 "\n"
        "R12=%016" PRIx64 " R13=%016" PRIx64 " R14=%016" PRIx64 " R15=%016" PRIx64 "\n",
        (uint64_t)r->r8, (uint64_t)r->r9, (uint64_t)r->r10, (uint64_t)r->r11, (uint64_t)r->r12,
        (uint64_t)r->r13, (uint64_t)r->r14, (uint64_t)r->r15);
}

static void dump_flags(GString *out, const struct kvm_regs *regs, const struct kvm_sregs *sregs,
                       bool halted)
{
    static const struct {
        unsigned bit;
        char letter;
    } flags[] = {{10, 'D'}, {11, 'O'}, {7, 'S'}, {6, 'Z'}, {4, 'A'}, {2, 'P'}, {0, 'C'}};

    g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08x [", (uint64_t)regs->rip,
                           (unsigned)regs->rflags);
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        g_string_append_c(out, regs->rflags >> flags[i].bit & 1 ? flags[i].letter : '-');
    }
    g_string_append_printf(out, "] CPL=%u II=0 A20=1 SMM=0 HLT=%d\n",
                           sregs->cr0 & 1 ? sregs->ss.dpl : 0, halted);
}

static void dump_segment(GString *out, const char *name, const struct kvm_segment *segment)
{
    unsigned flags = (unsigned)segment->type << 8 | (unsigned)segment->s << 12 |
                     (unsigned)segment->dpl << 13 | (unsigned)segment->present << 15 |
                     (unsigned)segment->avl << 20 | (unsigned)segment->l << 21 |
                     (unsigned)segment->db << 22 | (unsigned)segment->g << 23;

    g_string_append_printf(out, "%-3s=%04x %016" PRIx64 " %08x %08x DPL=%u%s\n", name,
                           segment->selector, (uint64_t)segment->base, segment->limit, flags,
                           segment->dpl, segment->unusable ? " unusable" : "");
}

static void dump_system(GString *out, const struct kvm_sregs *s)
{
    const struct {
        const char *name;
        const struct kvm_segment *segment;
    } segments[] = {{"ES", &s->es}, {"CS", &s->cs}, {"SS", &s->ss},   {"DS", &s->ds},
                    {"FS", &s->fs}, {"GS", &s->gs}, {"LDT", &s->ldt}, {"TR", &s->tr}};

    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        dump_segment(out, segments[i].name, segments[i].segment);
    }
    g_string_append_printf(out, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n",
                           (uint64_t)s->gdt.base, s->gdt.limit, (uint64_t)s->idt.base,
                           s->idt.limit);
    g_string_append_printf(out, "CR0=%08x CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08x\n",
                           (unsigned)s->cr0, (uint64_t)s->cr2, (uint64_t)s->cr3, (unsigned)s->cr4);
}

static void dump_debug(GString *out, KvmVcpu *vcpu, const struct kvm_sregs *sregs)
{
    struct kvm_debugregs debug;

    if (vcpu->kvm->has_debugregs && ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &debug) == 0) {
        g_string_append_printf(out,
                               "DR0=%016" PRIx64 " DR1=%016" PRIx64 " DR2=%016" PRIx64
                               " DR3=%016" PRIx64 "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\n",
                               (uint64_t)debug.db[0], (uint64_t)debug.db[1], (uint64_t)debug.db[2],
                               (uint64_t)debug.db[3], (uint64_t)debug.dr6, (uint64_t)debug.dr7);
    }
    g_string_append_printf(out, "EFER=%016" PRIx64 "\n", (uint64_t)sregs->efer);
}

/* KVM_GET_FPU leaves MXCSR out. */
static uint32_t mxcsr_of(KvmVcpu *vcpu, const struct kvm_fpu *fpu)
{
    g_autofree uint8_t *area = g_malloc0(kvm_x86_fpu_size(vcpu->kvm));
    uint32_t mxcsr = fpu->mxcsr;

    if (vcpu->kvm->xsave_size && kvm_x86_get_fpu(vcpu, area)) {
        memcpy(&mxcsr, area + XSAVE_MXCSR, sizeof(mxcsr));
    }
    return mxcsr;
}

static void dump_fpu(GString *out, KvmVcpu *vcpu)
{
    struct kvm_fpu fpu;

    if (ioctl(vcpu->fd, KVM_GET_FPU, &fpu) < 0) {
        return;
    }
    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", fpu.fcw, fpu.fsw,
                           fpu.fsw >> 11 & 7, (uint8_t)~fpu.ftwx, mxcsr_of(vcpu, &fpu));
    for (unsigned i = 0; i < 16; i++) {
        uint64_t half[2];

        memcpy(half, fpu.xmm[i], sizeof(half));
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 " %016" PRIx64 "%s", i, half[1], half[0],
                               i % 2 ? "\n" : " ");
    }
}

/* Only RAM is read: a chip must not notice that somebody looks at the code. */
static bool read_code(KvmVcpu *vcpu, uint64_t linear, uint8_t *byte)
{
    struct kvm_translation translation = {.linear_address = linear};
    uint64_t length = 1;
    uint8_t *host;

    if (ioctl(vcpu->fd, KVM_TRANSLATE, &translation) < 0 || !translation.valid) {
        return false;
    }
    host = address_space_map(vcpu->kvm->memory, translation.physical_address, &length, false);
    if (!host) {
        return false;
    }
    *byte = *host;
    address_space_unmap(vcpu->kvm->memory, host, 1, false);
    return true;
}

static void dump_code(GString *out, KvmVcpu *vcpu, const struct kvm_regs *regs,
                      const struct kvm_sregs *sregs)
{
    uint64_t at = sregs->cs.base + regs->rip;
    uint64_t start = at >= CODE_BYTES_BEFORE ? at - CODE_BYTES_BEFORE : 0;

    g_string_append(out, "Code=");
    for (uint64_t address = start; address < start + CODE_BYTES; address++) {
        uint8_t byte;

        if (read_code(vcpu, address, &byte)) {
            g_string_append_printf(out, address == at ? "<%02x> " : "%02x ", byte);
        } else {
            g_string_append(out, address == at ? "<\?\?> " : "\?\? ");
        }
    }
    g_string_append_c(out, '\n');
}

static void dump(KvmVcpu *vcpu, void *opaque)
{
    GString *out = opaque;
    struct kvm_regs regs;
    struct kvm_sregs sregs;
    struct kvm_mp_state mp_state = {0};

    if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0) {
        g_string_append_printf(out, "CPU#%u: KVM does not tell its registers\n",
                               vcpu->parent.index);
        return;
    }
    ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp_state);
    dump_general(out, &regs);
    dump_flags(out, &regs, &sregs, mp_state.mp_state == KVM_MP_STATE_HALTED);
    dump_system(out, &sregs);
    dump_debug(out, vcpu, &sregs);
    dump_fpu(out, vcpu);
    dump_code(out, vcpu, &regs, &sregs);
}

void kvm_x86_vcpu_dump(Accel *accel, Vcpu *vcpu, GString *out)
{
    kvm_vcpu_call((KvmVcpu *)vcpu, dump, out);
}

void kvm_x86_report_registers(KvmVcpu *vcpu)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;

    dump(vcpu, text);
    lines = g_strsplit(g_strchomp(text->str), "\n", -1);
    for (unsigned i = 0; lines[i]; i++) {
        report_error("%s", lines[i]);
    }
}

void kvm_x86_class_init(AccelClass *klass)
{
    klass->vcpu_reset = kvm_x86_vcpu_reset;
    klass->vcpu_save = kvm_x86_vcpu_save;
    klass->vcpu_load = kvm_x86_vcpu_load;
    klass->vcpu_dump = kvm_x86_vcpu_dump;
    klass->vcpu_nmi = kvm_x86_vcpu_nmi;
    klass->vcpu_registers = kvm_x86_vcpu_registers;
}

/* ---- as numbers ---- */

typedef struct {
    X86Registers *registers;
    bool done;
} RegistersRequest;

static X86SegmentView view_segment(const struct kvm_segment *segment)
{
    return (X86SegmentView){segment->selector, segment->base, segment->limit};
}

static void read_registers(KvmVcpu *vcpu, void *opaque)
{
    RegistersRequest *request = opaque;
    struct kvm_regs r;
    struct kvm_sregs s;

    if (ioctl(vcpu->fd, KVM_GET_REGS, &r) < 0 || ioctl(vcpu->fd, KVM_GET_SREGS, &s) < 0) {
        return;
    }
    *request->registers = (X86Registers){
        .general = {r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10,
                    r.r11, r.r12, r.r13, r.r14, r.r15},
        .rip = r.rip,
        .rflags = r.rflags,
        .es = view_segment(&s.es),
        .cs = view_segment(&s.cs),
        .ss = view_segment(&s.ss),
        .ds = view_segment(&s.ds),
        .fs = view_segment(&s.fs),
        .gs = view_segment(&s.gs),
        .ldt = view_segment(&s.ldt),
        .tr = view_segment(&s.tr),
        .gdt = {0, s.gdt.base, s.gdt.limit},
        .idt = {0, s.idt.base, s.idt.limit},
        .cr0 = s.cr0,
        .cr2 = s.cr2,
        .cr3 = s.cr3,
        .cr4 = s.cr4,
        .cr8 = s.cr8,
        .efer = s.efer,
    };
    request->done = true;
}

bool kvm_x86_vcpu_registers(Accel *accel, Vcpu *vcpu, X86Registers *registers)
{
    RegistersRequest request = {registers, false};

    kvm_vcpu_call((KvmVcpu *)vcpu, read_registers, &request);
    return request.done;
}
