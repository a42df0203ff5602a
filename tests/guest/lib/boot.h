/*
 * What the assembler files and the C files of the runtime agree on.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_LIB_BOOT_H
#define TESTS_GUEST_LIB_BOOT_H

#define STACK_BYTES 16384
#define STACK_COUNT 64

#define SELECTOR_CODE32      0x08
#define SELECTOR_DATA        0x10
#define SELECTOR_CODE64      0x18
#define SELECTOR_USER_DATA   0x23
#define SELECTOR_USER_CODE32 0x2b
#define SELECTOR_USER_CODE64 0x33
#define SELECTOR_TSS         0x40

#ifdef __x86_64__
#define SELECTOR_CODE      SELECTOR_CODE64
#define SELECTOR_USER_CODE SELECTOR_USER_CODE64
#define TSS_DESCRIPTOR     16
#else
#define SELECTOR_CODE      SELECTOR_CODE32
#define SELECTOR_USER_CODE SELECTOR_USER_CODE32
#define TSS_DESCRIPTOR     8
#endif
#define GDT_TSS_BYTES (TSS_DESCRIPTOR * STACK_COUNT)

#define TRAP_STUB_BYTES 16

#endif
