/*
 * -machine none: no chips, no RAM, no CPU; for probing and for the qtest socket.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/core/machine.h"

typedef Machine NullMachine;
typedef MachineClass NullMachineClass;

static GType null_machine_get_type(void);
G_DEFINE_TYPE(NullMachine, null_machine, TYPE_MACHINE)

static void null_machine_init(NullMachine *machine G_GNUC_UNUSED)
{
}

static void null_machine_class_init(NullMachineClass *klass)
{
    klass->name = "none";
    klass->description = "empty machine";
    klass->max_cpus = 1;
    klass->default_ram_id = "ram";
}

static void __attribute__((constructor)) null_machine_register(void)
{
    device_type_table_add(null_machine_get_type);
}
