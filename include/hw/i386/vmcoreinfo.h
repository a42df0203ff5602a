/*
 * vmcoreinfo: where a guest's kernel has put the note that describes it to those who read a dump of its
 * memory. The guest writes the place into the fw_cfg file "etc/vmcoreinfo".
 *
 * Source: Linux, drivers/firmware/qemu_fw_cfg.c (fw_cfg_vmcoreinfo).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_VMCOREINFO_H
#define HW_I386_VMCOREINFO_H

#include "hw/core/machine.h"

#define TYPE_VMCOREINFO "vmcoreinfo"

/**
 * vmcoreinfo_note: the ELF note of the guest's kernel, copied out of its memory: header, name and
 * description, each padded to 4 bytes. NULL: there is no such device, the guest has told nothing, or
 * what is there is no note.
 */
GBytes *vmcoreinfo_note(Machine *machine);

#endif
