/*
 * The two functions that a kernel without a hypercall page has in its text: nothing but the instruction and a return.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
    .text
    .p2align 4
    .globl direct_vmmcall
direct_vmmcall:
    vmmcall
    ret

    .p2align 4
    .globl direct_vmcall
direct_vmcall:
    vmcall
    ret
    .p2align 4
