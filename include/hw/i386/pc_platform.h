/*
 * PcPlatform: what the ACPI and SMBIOS tables, fw_cfg and the boot protocols need to know of the
 * board. The board fills one in when all devices are there and keeps it as long as the machine
 * lives.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_PC_PLATFORM_H
#define HW_I386_PC_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "hw/block/fdc.h"
#include "hw/core/machine.h"
#include "hw/i386/e820.h"
#include "hw/i386/fw_cfg.h"
#include "hw/pci/pci.h"

/* Where the PC has its fixed parts. */
#define PC_IOAPIC_BASE     0xfec00000u
#define PC_HPET_BASE       0xfed00000u
#define PC_LAPIC_BASE      0xfee00000u
#define PC_PM_BASE         0x600
#define PC_SMBUS_BASE      0x700
#define PC_GPE0_BASE       0xafe0
#define PC_GPE0_LENGTH     4
#define PC_SMI_COMMAND     0xb2
#define PC_ACPI_ENABLE     0xf1
#define PC_ACPI_DISABLE    0xf0
#define PC_SCI_IRQ         9
#define PC_SERIAL_PORTS    4
#define PC_4GIB            (UINT64_C(1) << 32)
#define PC_PCI_HOLE64_SIZE (UINT64_C(2) << 30) /* 64-bit window above RAM */

typedef struct {
    Machine *machine;
    PCIBus *pci_root;
    FwCfg *fw_cfg;
    E820Table *e820;                     /* RAM and what the board reserves */
    uint64_t ram_below_4g, ram_above_4g; /* bytes */
    unsigned max_cpus;                   /* entries of @apic_ids; the first smp.cpus are present */
    const uint32_t *apic_ids;
    bool cpu_has_long_mode;
    uint32_t cpu_signature, cpu_features; /* CPUID leaf 1 EAX and EDX, for SMBIOS; 0: unknown */
    uint32_t cpu_speed_mhz;               /* 0: unknown */

    bool flash;     /* the firmware is in flash memory: -kernel goes through it */
    bool acpi;      /* false: -machine acpi=off, no tables */
    bool smbios_64; /* -machine smbios-entry-point-type=64 */
    bool hpet, i8042, vga;
    bool graphics;                          /* false: -nographic, firmware uses the serial port */
    uint16_t serial_ports[PC_SERIAL_PORTS]; /* I/O base of COM1-COM4, 0: not there */
    uint8_t serial_irqs[PC_SERIAL_PORTS];
    uint16_t pvpanic_port; /* 0: not there */
    bool floppy_controller;
    bool floppy_present[FDC_UNIT_COUNT];
    FDCDriveInfo floppies[FDC_UNIT_COUNT];
    bool s3_disabled, s4_disabled;
    uint8_t s4_value;            /* SLP_TYP of S4, 2 unless PIIX4_PM.s4_val says otherwise */
    const char *machine_version; /* "pc-i440fx-8.2", SMBIOS product version */
} PcPlatform;

/**
 * pc_fw_cfg_populate: everything the firmware asks for: CPUs, memory, e820, boot order and menu,
 * ACPI and SMBIOS, sercon, -fw_cfg entries, and, when the machine boots -kernel through firmware,
 * the kernel.
 * @platform: must stay valid as long as the machine
 */
bool pc_fw_cfg_populate(const PcPlatform *platform, GError **error);

#endif
