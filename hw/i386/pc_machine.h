/*
 * The PC board's own state, shared by pc.c (wiring) and pc_tables.c (what firmware and kernels are told).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_PC_MACHINE_H
#define HW_I386_PC_MACHINE_H

#include "hw/block/fdc.h"
#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "hw/i386/boot.h"
#include "hw/i386/firmware.h"
#include "hw/i386/gsi.h"
#include "hw/i386/pc_platform.h"
#include "hw/i386/xen_machine.h"
#include "hw/ide/ide.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/piix3.h"
#include "hw/rtc/mc146818.h"
#include "hw/xen/xen_platform.h"
#include "target/i386/cpu_model.h"

#define PC_FLASH_CHIPS 2

typedef struct {
    Machine parent_instance;
    /* -machine */
    bool hpet, acpi, i8042, graphics, smbios_64, xen_pv_disks, fd_bootchk;
    uint64_t max_ram_below_4g; /* 0: not given */
    char *flash_nodes[PC_FLASH_CHIPS]; /* pflash0=, pflash1=: drive id or node name, or NULL */

    uint64_t below_4g, above_4g; /* bytes of RAM */
    X86CPUModel *cpu_model;
    uint32_t *apic_ids; /* smp.max_cpus of them */
    I440FX *host;
    PIIX3 *piix3;
    ISABus *isa;
    Gsi *gsi;
    I8259 *pic;
    IOAPIC *ioapic;
    IRQLine *pic_output;
    MC146818 *rtc;
    PIIX3IDE *ide;
    FDC *fdc;
    Device *pm;
    FwCfg *fw_cfg;
    bool has_flash; /* the firmware is in flash memory */
    XenMachine *xen; /* NULL: no Xen for the guest */
    XenPlatform *xen_platform;
    OnOffAuto xen_platform_dev; /* -machine xen-platform-dev= */
    PcPlatform platform;
    BootImage *boot; /* -kernel without firmware */
    unsigned resets;
} PcMachine;

typedef MachineClass PcMachineClass;

#define HW_PC_MACHINE(object)                                                                      \
    G_TYPE_CHECK_INSTANCE_CAST((object), pc_machine_get_type(), PcMachine)

GType pc_machine_get_type(void);

/* ---- pc_flash.c ---- */

/**
 * pc_flash_build: the flash chips that -machine and -drive if=pflash ask for, mapped below 4 GiB.
 * Before every other drive is claimed, so that an error is not taken for one of those.
 */
bool pc_flash_build(PcMachine *pc, GError **error);

/* ---- pc_xen.c ---- */

/** pc_xen_start: after accel_start(), before the vCPUs: Xen, if -accel asked for it. */
bool pc_xen_start(PcMachine *pc, GError **error);
/** pc_xen_build: after the chips: the PV bus, control of the guest. */
bool pc_xen_build(PcMachine *pc, GError **error);
/** pc_xen_build_last: after every -device: the platform device, PV twins of IDE disks. */
bool pc_xen_build_last(PcMachine *pc, GError **error);
/** pc_xen_finish: the memory map is known. */
bool pc_xen_finish(PcMachine *pc, GError **error);

/** pc_fill_cmos: the NVRAM bytes that BIOSes and old kernels read (AT CMOS map). */
void pc_fill_cmos(PcMachine *pc);
/** pc_fill_platform: what the tables and boot protocols need to know, e820 included. */
bool pc_fill_platform(PcMachine *pc, GError **error);

#endif
