/*
 * Unplugging of emulated devices at the guest's wish.
 *
 * This runs in the vCPU's port access, under the machine lock, so that the guest finds the devices
 * gone at its next instruction. An IDE drive's image is flushed and given up there and then: the
 * block layer's main engine belongs to whoever holds that lock, and a vCPU that waited for the main
 * loop instead would wait for ever if the main loop were just waiting for the vCPU to stop.
 *
 * Source: Xen's docs/misc/hvm-emulated-unplug.pandoc.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/platform/unplug.h"

#include "hw/ide/ide.h"
#include "util/bytes.h"
#include "util/machine_lock.h"
#include "util/trace.h"

TRACE_DEFINE(xen_platform_unplug);
TRACE_DEFINE(xen_platform_unplugged);

/* Which bit takes away the whole PCI function of a class. */
static const struct {
    uint16_t class_id; /* class << 8 | subclass */
    uint16_t mask;
} whole_functions[] = {
    {0x0100, XEN_UNPLUG_DISKS}, /* SCSI */
    {0x0200, XEN_UNPLUG_NICS},  /* Ethernet */
    {0x0108, XEN_UNPLUG_NVME},  /* NVMe */
};

static bool is_primary_master(unsigned channel, unsigned unit)
{
    return channel == 0 && unit == 0;
}

/* The channels and CD-ROMs stay: the guest's own driver goes on with them. */
static unsigned unplug_ide_disks(PIIX3IDE *controller, uint16_t mask)
{
    unsigned count = 0;

    for (unsigned channel = 0; channel < IDE_CHANNEL_COUNT; channel++) {
        for (unsigned unit = 0; unit < IDE_UNIT_COUNT; unit++) {
            IDEDrive *drive = ide_controller_drive(controller, channel, unit);
            bool wanted = (mask & XEN_UNPLUG_DISKS) ||
                          ((mask & XEN_UNPLUG_AUX_DISKS) && !is_primary_master(channel, unit));

            if (!drive || !wanted || !ide_drive_is_disk(drive) || ide_drive_is_unplugged(drive)) {
                continue;
            }
            TRACE(xen_platform_unplugged, "ide.%u unit %u", channel, unit);
            ide_drive_unplug(drive);
            count++;
        }
    }
    return count;
}

static bool is_whole_function(PCIDevice *device, uint16_t mask)
{
    uint16_t class_id = load_le16(pci_device_config(device) + PCI_CLASS_DEVICE);

    for (unsigned i = 0; i < G_N_ELEMENTS(whole_functions); i++) {
        if (whole_functions[i].class_id == class_id && (whole_functions[i].mask & mask)) {
            return true;
        }
    }
    return false;
}

static unsigned unplug_pci_device(PCIDevice *device, uint16_t mask)
{
    if (HW_PCI_DEVICE_GET_CLASS(device)->stays_plugged) {
        return 0;
    }
    if (IS_HW_PIIX3_IDE(device)) {
        return unplug_ide_disks(HW_PIIX3_IDE(device), mask);
    }
    if (!is_whole_function(device, mask) || pci_device_is_unplugged(device)) {
        return 0;
    }
    TRACE(xen_platform_unplugged, "%s", device_name(HW_DEVICE(device)));
    pci_device_set_unplugged(device, true);
    return 1;
}

unsigned xen_unplug(Machine *machine, uint16_t mask)
{
    /* All devices of the machine and not those of one bus: some may sit behind bridges. */
    GPtrArray *devices = machine_devices(machine);
    unsigned count = 0;

    machine_lock_assert();
    TRACE(xen_platform_unplug, "mask 0x%04x", mask);
    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);

        if (HW_IS_PCI_DEVICE(device)) {
            count += unplug_pci_device(HW_PCI_DEVICE(device), mask);
        }
    }
    return count;
}

/* A drive's reset puts it back on its channel. */
static void plug_back_ide_disks(PIIX3IDE *controller)
{
    for (unsigned i = 0; i < IDE_CHANNEL_COUNT * IDE_UNIT_COUNT; i++) {
        IDEDrive *drive = ide_controller_drive(controller, i / IDE_UNIT_COUNT, i % IDE_UNIT_COUNT);

        if (drive && ide_drive_is_unplugged(drive)) {
            device_reset(HW_DEVICE(drive));
        }
    }
}

void xen_plug_back(Machine *machine)
{
    GPtrArray *devices = machine_devices(machine);

    machine_lock_assert();
    for (guint i = 0; i < devices->len; i++) {
        Device *device = g_ptr_array_index(devices, i);

        if (IS_HW_PIIX3_IDE(device)) {
            plug_back_ide_disks(HW_PIIX3_IDE(device));
        } else if (HW_IS_PCI_DEVICE(device) && pci_device_is_unplugged(HW_PCI_DEVICE(device))) {
            pci_device_set_unplugged(HW_PCI_DEVICE(device), false);
            device_reset(device);
        }
    }
}
