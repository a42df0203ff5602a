/*
 * The registers of the boot CPU when the machine starts a kernel itself, without firmware.
 * Everything not named here keeps its power-on value.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_BOOT_STATE_H
#define TARGET_I386_BOOT_STATE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t base;
    uint32_t limit;
    uint16_t selector;
    uint8_t type; /* low 4 bits of the access byte */
    bool present, code_data, db, long_mode, granularity;
    uint8_t dpl;
} X86Segment;

typedef struct X86BootState X86BootState;
struct X86BootState {
    uint64_t rip, rsp, rax, rbx, rcx, rdx, rsi, rdi, rbp, rflags;
    uint64_t cr0, cr3, cr4, efer;
    X86Segment code, data, task; /* data: DS ES SS FS GS */
    uint64_t gdt_base;
    uint16_t gdt_limit;
    uint64_t idt_base;
    uint16_t idt_limit;
    bool set_mtrrs; /* MTRRs as firmware leaves them: RAM write-back, the PCI hole uncached */
    uint64_t ram_below_4g, ram_above_4g; /* bytes, for the MTRRs */
};

#endif
