/*
 * From the PVH entry (32-bit protected mode, EBX: start info) or a SIPI to C with paging on.
 *
 * Sources: Xen docs/misc/pvh.pandoc; AMD64 Architecture Programmer's Manual volume 2, chapters 4, 5, 14.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "boot.h"

#define NOTE_PHYS32_ENTRY 18
#define TRAMPOLINE        0x8000
#define CR0_PE            0x00000001
#define CR0_SET           0x80010001 /* PG, WP, PE */
#define CR4_PAE           0x20
#define MSR_EFER          0xc0000080
#define EFER_LME          0x100
#define ACCESSED          0x20
#define MAPPED            0x07 /* present, writable, open to user mode */
#define MAPPED_LARGE      0x87

    .section .note.Xen, "a", @note
    .p2align 2
    .long 4, 4, NOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long start

    .text
    .code32
    .globl start
start:
    cli
    cld
    mov %ebx, boot_start_info
    mov $cpu_stacks + STACK_BYTES, %esp
    xor %ebx, %ebx
    jmp enter

/* A CPU that is in flat protected mode already: EBX is its number. */
    .globl secondary_start
secondary_start:
    cli
    cld
    mov %ebx, %eax
    inc %eax
    imul $STACK_BYTES, %eax
    lea cpu_stacks(%eax), %esp
enter:
    lgdt gdt_pointer
    ljmp $SELECTOR_CODE32, $1f
1:  mov $SELECTOR_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $CR4_PAE, %eax
    mov %eax, %cr4
#ifdef __x86_64__
    mov $page_root, %eax
#else
    /*
     * A root of its own for each CPU, without what an emulated processor may have marked in it: QEMU 7.2 sets a
     * bit there that is reserved, and KVM then refuses the table to the next CPU.
     */
    mov %ebx, %eax
    shl $5, %eax
    add $page_roots, %eax
    andl $~ACCESSED, (%eax)
    andl $~ACCESSED, 8(%eax)
    andl $~ACCESSED, 16(%eax)
    andl $~ACCESSED, 24(%eax)
#endif
    mov %eax, %cr3
#ifdef __x86_64__
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
#endif
    mov %cr0, %eax
    and $0x9fffffff, %eax       /* caches on, whatever INIT left */
    or $CR0_SET, %eax
    mov %eax, %cr0
#ifdef __x86_64__
    ljmp $SELECTOR_CODE64, $2f
    .code64
2:  mov %ebx, %edi
    mov %esp, %esp
    xor %ebp, %ebp
    test %ebx, %ebx
    jnz 3f
    call runtime_start
3:  call runtime_start_secondary
#else
    xor %ebp, %ebp
    test %ebx, %ebx
    jnz 3f
    call runtime_start
3:  sub $12, %esp
    push %ebx
    call runtime_start_secondary
#endif

/* Copied to TRAMPOLINE: where a SIPI starts a CPU. Its number lies in the last word. */
    .code16
    .globl trampoline, trampoline_end, trampoline_cpu
trampoline:
    cli
    xor %ax, %ax
    mov %ax, %ds
    lgdtl TRAMPOLINE + trampoline_gdt_pointer - trampoline
    mov %cr0, %eax
    or $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl $SELECTOR_CODE32, $TRAMPOLINE + trampoline_flat - trampoline
    .code32
trampoline_flat:
    mov $SELECTOR_DATA, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov TRAMPOLINE + trampoline_cpu - trampoline, %ebx
    mov $secondary_start, %eax
    jmp *%eax
    .p2align 2
trampoline_gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .p2align 2
trampoline_cpu:
    .long 0
trampoline_end:

    .data
    .p2align 3
    .globl gdt
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* SELECTOR_CODE32 */
    .quad 0x00cf93000000ffff    /* SELECTOR_DATA */
    .quad 0x00af9b000000ffff    /* SELECTOR_CODE64 */
    .quad 0x00cff3000000ffff    /* SELECTOR_USER_DATA */
    .quad 0x00cffb000000ffff    /* SELECTOR_USER_CODE32 */
    .quad 0x00affb000000ffff    /* SELECTOR_USER_CODE64 */
    .quad 0
gdt_tss:
    .globl gdt_tss
    .fill GDT_TSS_BYTES, 1, 0
gdt_end:
    .globl gdt_pointer
gdt_pointer:
    .word gdt_end - gdt - 1
#ifdef __x86_64__
    .quad gdt
#else
    .long gdt
#endif
    .globl boot_start_info
    .p2align 2
boot_start_info:
    .long 0

/* The first 4 GiB one to one, in pages of 2 MiB. */
    .p2align 12
    .globl page_directories
page_directories:
    .set frame, 0
    .rept 2048
    .quad (frame << 21) + MAPPED_LARGE
    .set frame, frame + 1
    .endr
#ifdef __x86_64__
page_pointers:
    .set table, 0
    .rept 4
    .quad page_directories + (table << 12) + MAPPED
    .set table, table + 1
    .endr
    .fill 508, 8, 0
page_root:
    .quad page_pointers + MAPPED
    .fill 511, 8, 0
#else
page_roots:
    .rept STACK_COUNT
    .set table, 0
    .rept 4
    .long page_directories + (table << 12) + 1, 0
    .set table, table + 1
    .endr
    .endr
#endif

    .bss
    .p2align 12
    .globl cpu_stacks
cpu_stacks:
    .skip STACK_BYTES * STACK_COUNT
