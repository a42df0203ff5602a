/*
 * A vCPU's registers as a monitor looks at them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_REGISTERS_H
#define TARGET_I386_REGISTERS_H

#include <stdint.h>

typedef struct {
    uint16_t selector;
    uint64_t base;
    uint32_t limit;
} X86SegmentView;

typedef struct X86Registers {
    /* rax rbx rcx rdx rsi rdi rbp rsp r8 … r15 */
    uint64_t general[16];
    uint64_t rip, rflags;
    X86SegmentView es, cs, ss, ds, fs, gs, ldt, tr, gdt, idt;
    uint64_t cr0, cr2, cr3, cr4, cr8, efer;
} X86Registers;

#endif
