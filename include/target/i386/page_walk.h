/*
 * The walk through a guest's page tables, done by hand: KVM's own answer costs a system call a page
 * and does not tell how large the page is.
 *
 * Source: Intel SDM volume 3A, chapter 4.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TARGET_I386_PAGE_WALK_H
#define TARGET_I386_PAGE_WALK_H

#include <stdbool.h>
#include <stdint.h>

/* The registers that choose the kind of paging. */
typedef struct {
    uint64_t cr0, cr3, cr4, efer;
} X86Paging;

typedef struct {
    uint64_t physical; /* of the address asked for */
    uint64_t size;     /* bytes of the page it lies in */
    bool writable;     /* for a supervisor */
} X86Translation;

/** X86ReadPhysical: @size (4 or 8) bytes of guest RAM at @physical, which is aligned to it; false: no
 * RAM there. */
typedef bool (*X86ReadPhysical)(void *opaque, uint64_t physical, void *entry, unsigned size);

/**
 * x86_page_walk: translates @address as a supervisor's data access would be.
 * False: not canonical, not present, or a table lies outside RAM.
 */
bool x86_page_walk(const X86Paging *paging, uint64_t address, X86ReadPhysical read, void *opaque,
                   X86Translation *translation);

#endif
