/*
 * Sets of file descriptors that whoever started the process lends to it (-add-fd); the name
 * /dev/fdset/N stands for a file of set N wherever a file may be named.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_FDSET_H
#define UTIL_FDSET_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/** fdset_add: lends @fd to set @set; a duplicate is kept. @error: @fd is not open or a standard
 * stream. */
bool fdset_add(uint32_t set, int fd, GError **error);

/** fdset_set_note: what query-fdsets tells of @fd's duplicate that fdset_add() made last. */
void fdset_set_note(const char *note);
/**
 * fdset_take: adds @fd, now the table's, to *@set; with @new_set true *@set receives the number of a
 * new set. @note may be NULL. Returns the descriptor's number as users see it.
 */
int fdset_take(bool new_set, uint32_t *set, int fd, const char *note);
/** fdset_remove: closes @fd of @set, or all of the set when @fd is -1; false: not there. */
bool fdset_remove(uint32_t set, int fd);
/** fdset_foreach: every file, the sets in order. @note may be NULL. */
void fdset_foreach(void (*visit)(uint32_t set, int fd, const char *note, void *opaque),
                   void *opaque);

/** fdset_is_path: true if @path names a set. */
bool fdset_is_path(const char *path);

/**
 * fdset_open: a new descriptor of the set's file whose access mode is that of @flags (O_RDONLY,
 * O_RDWR …); the caller closes it. Returns -1 with errno: ENOENT no such set, EACCES no file of
 * that mode.
 */
int fdset_open(const char *path, int flags);

#endif
