/*
 * -kernel: the machine starts a kernel itself, without firmware.
 *
 * Protocols: Linux/x86 boot protocol (64-bit entry, or the 32-bit one), Xen PVH (ELF with a
 * XEN_ELFNOTE_PHYS32_ENTRY note), Multiboot 1 (ELF or flat).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_BOOT_H
#define HW_I386_BOOT_H

#include "hw/i386/pc_platform.h"
#include "target/i386/boot_state.h"

typedef struct BootImage BootImage;

/**
 * boot_protocol_load: opens and checks what -kernel, -initrd, -append and -dtb name, and lays out
 * guest memory. The files stay open: what is in them is copied anew at each reset. Nothing is
 * written to the guest yet.
 * @platform: must stay valid as long as *@image
 * False: one line that begins with the option and its value.
 */
bool boot_protocol_load(const PcPlatform *platform, BootImage **image, GError **error);

/**
 * boot_protocol_reset: after all devices are reset: PCI resources and interrupts, ACPI mode, ACPI
 * and SMBIOS tables, kernel and modules, all as firmware and a loader would leave them.
 * @state: what the boot CPU starts with
 * False: a file cannot be read any more; this is reported, and the machine is stopped as
 * internal-error.
 */
bool boot_protocol_reset(BootImage *image, X86BootState *state);

/**
 * boot_protocol_wakeup: instead of boot_protocol_reset() when the guest wakes from S3: its memory
 * is left alone, PCI is set up again, and the CPU starts in real mode at the waking vector of the
 * FACS. False: the guest left no waking vector; start it anew.
 */
bool boot_protocol_wakeup(BootImage *image, X86BootState *state);

/** boot_protocol_memory_map: as the kernel is told; NULL when the firmware tells it. Valid as long as
 * @image. */
const E820Table *boot_protocol_memory_map(const BootImage *image);

void boot_protocol_free(BootImage *image);

#endif
