/*
 * A dump of the guest's memory as an ELF core file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_GUEST_DUMP_H
#define MONITOR_GUEST_DUMP_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/**
 * guest_dump_write: an ELF64 core of the guest's RAM to @fd.
 * @begin, @length: only what lies there (bytes); @length 0: all
 * @written: receives the bytes of memory in the file; may be NULL
 */
bool guest_dump_write(int fd, uint64_t begin, uint64_t length, uint64_t *written, GError **error);

#endif
