/*
 * The function that is nothing but a hypercall and a return, in the forms that compilers make of it, and bytes that
 * only look like it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifdef __x86_64__
#define ENDBR   .byte 0xf3, 0x0f, 0x1e, 0xfa
#define FRAME   push %rbp; mov %rsp, %rbp
#define UNFRAME pop %rbp
#else
#define ENDBR   .byte 0xf3, 0x0f, 0x1e, 0xfb
#define FRAME   push %ebp; mov %esp, %ebp
#define UNFRAME pop %ebp
#endif
/* A return by way of a thunk, as a jump of five bytes. */
#define RETURN_THUNK .byte 0xe9; .long return_thunk - . - 4

.macro function name
    .p2align 4
    .globl \name
\name:
.endm

    .text
function amd_plain
    vmmcall
    ret
function intel_plain
    vmcall
    ret
function amd_endbr
    ENDBR
    vmmcall
    ret
function intel_endbr
    ENDBR
    vmcall
    ret
function amd_thunk
    vmmcall
    RETURN_THUNK
function intel_thunk
    vmcall
    RETURN_THUNK
function amd_both
    ENDBR
    vmmcall
    RETURN_THUNK
function intel_both
    ENDBR
    vmcall
    RETURN_THUNK
function amd_framed
    FRAME
    vmmcall
    UNFRAME
    ret
function intel_framed
    FRAME
    vmcall
    UNFRAME
    ret
function return_thunk
    ret

/* The bytes within a constant, and not at a function's start. */
function decoys
    mov $0xc3d9010f, %eax
    ret
    .p2align 4
    nop
    nop
    nop
    .byte 0x0f, 0x01, 0xd9, 0x90
    ret
function decoys_end
    ret
