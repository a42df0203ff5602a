/*
 * Where each of the 256 vectors enters: registers saved as a TrapFrame (guest.h), then trap_entry().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "boot.h"

    .text
    .p2align 4
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 256
    .p2align 4
    .if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
#ifdef __x86_64__
    push %rax
    push %rbx
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %rbp
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call trap_entry
    mov %rbp, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rbp
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rbx
    pop %rax
    add $16, %rsp
    iretq

/* void enter_user(void (*body)(void *), void *argument, void *stack): comes back by an exception only. */
    .globl enter_user
enter_user:
    mov %rdi, %rax
    mov %rsi, %rdi
    push $SELECTOR_USER_DATA
    push %rdx
    push $2
    push $SELECTOR_USER_CODE
    push %rax
    iretq
#else
    pusha
    push %ds
    push %es
    mov $SELECTOR_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    mov %esp, %eax
    mov %esp, %ebp
    and $-16, %esp
    sub $12, %esp
    push %eax
    call trap_entry
    mov %ebp, %esp
    pop %es
    pop %ds
    popa
    add $8, %esp
    iret

    .globl enter_user
enter_user:
    mov 4(%esp), %eax
    mov 8(%esp), %ecx
    mov 12(%esp), %edx
    mov %ecx, -4(%edx)          /* the argument, above a return address that nobody uses */
    sub $8, %edx
    push $SELECTOR_USER_DATA
    push %edx
    push $2
    push $SELECTOR_USER_CODE
    push %eax
    mov $SELECTOR_USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    iret
#endif
