/*
 * What the files of the memory core share: change notice and the rendering of a view.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_MEMORY_PRIVATE_H
#define UTIL_MEMORY_PRIVATE_H

#include "util/memory.h"

/** memory_changed: some region changed; the views are made anew now or at the end of the transaction. */
void memory_changed(void);
/** memory_region_root_of_view: follows aliases that show a whole region unchanged. */
MemoryRegion *memory_region_root_of_view(MemoryRegion *root);

/** flat_view_render: a new view of @root, reference count 1. */
FlatView *flat_view_render(MemoryRegion *root);
FlatView *flat_view_ref(FlatView *view);
void flat_view_unref(FlatView *view);
bool flat_view_equal(const FlatView *a, const FlatView *b);

/** memory_dispatch_read / write: one guest access on an I/O or ROM range, split to what the chip implements. */
uint64_t memory_dispatch_read(MemoryRegion *region, hwaddr offset, unsigned size);
void memory_dispatch_write(MemoryRegion *region, hwaddr offset, uint64_t value, unsigned size);

#endif
