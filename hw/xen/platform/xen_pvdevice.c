/*
 * "xen-pvdevice": a PCI function with an id of the user's choice and a block of memory that does
 * nothing, for guests whose driver packages are found by such an id (XenServer's Windows drivers:
 * device C000 and others).
 *
 * Source: Xen's docs/misc/pci-device-reservations.txt.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/pci/pci.h"
#include "util/bytes.h"
#include "util/log.h"

#define VENDOR_XENSOURCE 0x5853
#define ID_MISSING       0xffff
#define MEMORY_DEFAULT   0x400000
#define MEMORY_MINIMUM   16
#define MEMORY_MAXIMUM   (1u << 30)

DEVICE_DECLARE(XenPvDevice, xen_pv_device, HW_XEN_PV_DEVICE)

struct _XenPvDevice {
    PCIDevice parent_instance;
    uint16_t vendor_id, device_id; /* properties */
    uint8_t revision;
    uint32_t size;
    MemoryRegion memory;
};

DEVICE_TYPE(XenPvDevice, xen_pv_device, "xen-pvdevice", TYPE_PCI_DEVICE)

static uint64_t pv_device_read(void *opaque G_GNUC_UNUSED, hwaddr offset G_GNUC_UNUSED,
                               unsigned size G_GNUC_UNUSED)
{
    return UINT64_MAX;
}

static void pv_device_write(void *opaque G_GNUC_UNUSED, hwaddr offset, uint64_t value,
                            unsigned size)
{
    log_printf(LOG_GUEST_ERRORS,
               "xen-pvdevice: %u bytes (0x%" G_GINT64_MODIFIER
               "x) written to memory at 0x%" G_GINT64_MODIFIER "x\n",
               size, value, offset);
}

static const MemoryRegionOps pv_device_ops = {
    .read = pv_device_read,
    .write = pv_device_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};

static bool pv_device_realize(PCIDevice *device, GError **error)
{
    XenPvDevice *self = HW_XEN_PV_DEVICE(device);
    uint8_t *config = pci_device_config(device);

    if (self->device_id == ID_MISSING) {
        return error_setf(error, "Device ID invalid, it must always be supplied");
    }
    if (self->size & (self->size - 1)) {
        return error_setf(error, "Property 'xen-pvdevice.size': %u is not a power of 2",
                          self->size);
    }
    store_le16(config + PCI_VENDOR_ID, self->vendor_id);
    store_le16(config + PCI_DEVICE_ID, self->device_id);
    store_le16(config + PCI_SUBSYSTEM_VENDOR_ID, self->vendor_id);
    store_le16(config + PCI_SUBSYSTEM_ID, self->device_id);
    config[PCI_REVISION_ID] = self->revision;
    pci_set_interrupt_pin(device, 1);
    memory_region_init_io(&self->memory, &pv_device_ops, self, "xen-pvdevice-memory", self->size);
    pci_register_bar(device, 1, PCI_BASE_ADDRESS_MEM_PREFETCH, &self->memory);
    return true;
}

static void pv_device_unrealize(PCIDevice *device)
{
    memory_region_destroy(&HW_XEN_PV_DEVICE(device)->memory);
}

static const DeviceProperty pv_device_properties[] = {
    DEVICE_PROPERTY(UINT16, "vendor-id", XenPvDevice, vendor_id, VENDOR_XENSOURCE,
                    "PCI vendor, subsystem vendor too"),
    DEVICE_PROPERTY(UINT16, "device-id", XenPvDevice, device_id, ID_MISSING,
                    "PCI device, subsystem too; must be given"),
    DEVICE_PROPERTY(UINT8, "revision", XenPvDevice, revision, 1, "PCI revision"),
    DEVICE_PROPERTY_RANGE(UINT32, "size", XenPvDevice, size, MEMORY_MINIMUM, MEMORY_MAXIMUM,
                          MEMORY_DEFAULT, "bytes of memory at BAR 1, a power of 2"),
};

static void xen_pv_device_instance_init(XenPvDevice *self G_GNUC_UNUSED)
{
}

static void xen_pv_device_class_init(DeviceClass *klass)
{
    PCIDeviceClass *pci = HW_PCI_DEVICE_CLASS(klass);

    klass->description = "Xen PV Device";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->user_creatable = true;
    klass->hotpluggable = true;
    klass->saved_version = 1;
    pci->vendor_id = VENDOR_XENSOURCE;
    pci->device_id = ID_MISSING;
    pci->class_id = 0x0880;
    pci->pci_realize = pv_device_realize;
    pci->pci_unrealize = pv_device_unrealize;
    device_class_add_properties(klass, pv_device_properties, G_N_ELEMENTS(pv_device_properties));
}
