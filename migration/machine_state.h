/*
 * The machine's state as sections, one an object: "machine", "bus/NAME", the devices by their
 * paths, "accel", "cpu/N".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_MACHINE_STATE_H
#define MIGRATION_MACHINE_STATE_H

#include "hw/core/machine.h"

typedef struct {
    char *path;
    GVariant *state;
} MachineSection;

/** machine_sections_new: of MachineSection, emptied with the array. */
GPtrArray *machine_sections_new(void);
/** machine_sections_add: takes references. */
void machine_sections_add(GPtrArray *sections, const char *path, GVariant *state);
/** machine_sections_save: machine_save(), taken apart. The machine is stopped; machine lock held.
 */
GPtrArray *machine_sections_save(Machine *machine);
/** machine_sections_load: put together again for machine_load(). Machine lock held. */
bool machine_sections_load(Machine *machine, GPtrArray *sections, GError **error);

/** machine_describe: what a stream says first of @machine; a{sv}, floating. @ram: see ram.h. */
GVariant *machine_describe(Machine *machine, GVariant *ram, bool wants_answer);
/** machine_check_description: whether a guest described so can arrive in @machine. */
bool machine_check_description(Machine *machine, GVariant *description, bool check_uuid,
                               GError **error);

#endif
