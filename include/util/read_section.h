/*
 * Read sections: data that many threads read without a lock and one replaces.
 *
 * A writer publishes a new object with an atomic store and retires the old one; the old one is freed
 * when every read section that may have seen it has ended. A read section may nest, must be short and
 * must not wait for the machine lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_READ_SECTION_H
#define UTIL_READ_SECTION_H

#include <glib.h>

/** read_section_enter / read_section_leave: bracket the use of a published pointer. */
void read_section_enter(void);
void read_section_leave(void);

/**
 * read_section_retire: frees @object with @free_object once no read section can hold it.
 * Call it after the replacement has been published. May free earlier retired objects right away.
 */
void read_section_retire(void *object, GDestroyNotify free_object);

/** read_section_reclaim: frees what can be freed now; returns the number of objects still held. */
unsigned read_section_reclaim(void);

#endif
