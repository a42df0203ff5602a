/*
 * The objects of -object, by id: memory backends, I/O threads, secrets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_USER_OBJECTS_H
#define SYSTEM_USER_OBJECTS_H

#include <json-glib/json-glib.h>
#include <stdbool.h>

#include "util/memory.h"

/** user_object_add: makes the object that @options (qom-type, id, …) describe. */
bool user_object_add(JsonObject *options, GError **error);
/** user_object_ram: the memory of the memory backend called @id (not a new reference), or NULL. */
RamBlock *user_object_ram(const char *id);
/** user_object_delete: object-del; refuses one that is in use. */
bool user_object_delete(const char *id, GError **error);
/** user_object_foreach: every object, by id. @ram: of a memory backend, else NULL. */
void user_object_foreach(void (*visit)(const char *id, const char *type, void *ram, void *opaque),
                         void *opaque);
/** user_object_types: the names of the types, NULL-ended. */
const char *const *user_object_types(void);
/** user_objects_cleanup: forgets all; memory lives on where it is referenced. */
void user_objects_cleanup(void);
/** user_objects_print_help: the types, for -object help. */
void user_objects_print_help(void);

#endif
