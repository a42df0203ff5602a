/*
 * QMP: PCI devices.
 *
 * Source of class names: PCI Code and ID Assignment Specification 1.11.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/pci/pci.h"
#include "monitor/qmp_command.h"
#include "util/bytes.h"

static const struct {
    uint16_t class_id;
    const char *name;
} class_names[] = {
    {0x0101, "IDE controller"},      {0x0106, "SATA controller"}, {0x0100, "SCSI controller"},
    {0x0200, "Ethernet controller"}, {0x0300, "VGA controller"},  {0x0600, "Host bridge"},
    {0x0601, "ISA bridge"},          {0x0604, "PCI bridge"},      {0x0680, "Bridge"},
    {0x0c03, "USB controller"},      {0x0c05, "SMBus"},           {0xff80, "Class 65408"},
};

static JsonObject *describe_class(const uint8_t *config)
{
    uint16_t class_id = load_le16(config + PCI_CLASS_DEVICE);
    JsonObject *info = json_object_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].class_id == class_id) {
            json_object_set_string_member(info, "desc", class_names[i].name);
        }
    }
    json_object_set_int_member(info, "class", class_id);
    return info;
}

static JsonObject *describe_id(const uint8_t *config)
{
    JsonObject *id = json_object_new();

    json_object_set_int_member(id, "vendor", load_le16(config + PCI_VENDOR_ID));
    json_object_set_int_member(id, "device", load_le16(config + PCI_DEVICE_ID));
    if ((config[PCI_HEADER_TYPE] & 0x7f) == PCI_HEADER_TYPE_NORMAL) {
        json_object_set_int_member(id, "subsystem", load_le16(config + PCI_SUBSYSTEM_ID));
        json_object_set_int_member(id, "subsystem-vendor",
                                   load_le16(config + PCI_SUBSYSTEM_VENDOR_ID));
    }
    return id;
}

/* The size of a BAR is in the bits the guest may write. */
static uint64_t bar_size(PCIDevice *device, unsigned number, bool is_64)
{
    const uint8_t *mask = pci_device_write_mask(device);
    unsigned offset = number == PCI_ROM_REGION ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * number;
    uint64_t writable = load_le32(mask + offset);

    if (is_64) {
        writable |= (uint64_t)load_le32(mask + offset + 4) << 32;
    } else if (writable) {
        writable |= UINT64_C(0xffffffff) << 32;
    }
    writable &= ~UINT64_C(0xf);
    return writable ? ~writable + 1 : 0;
}

static void add_region(JsonArray *list, PCIDevice *device, unsigned number)
{
    uint32_t bar = load_le32(pci_device_config(device) + PCI_BASE_ADDRESS_0 + 4 * number);
    bool is_io = number < PCI_ROM_REGION && (bar & PCI_BASE_ADDRESS_SPACE_IO);
    bool is_64 = number < PCI_ROM_REGION && !is_io && (bar & PCI_BASE_ADDRESS_MEM_TYPE_64);
    uint64_t size = bar_size(device, number, is_64), address = pci_bar_address(device, number);
    JsonObject *region;

    if (size == 0) {
        return;
    }
    region = json_object_new();
    json_object_set_int_member(region, "bar", number);
    json_object_set_string_member(region, "type", is_io ? "io" : "memory");
    json_object_set_int_member(region, "address", (gint64)address); /* -1: not mapped */
    json_object_set_int_member(region, "size", (gint64)size);
    if (!is_io) {
        json_object_set_boolean_member(
            region, "prefetch", (bar & PCI_BASE_ADDRESS_MEM_PREFETCH) && number < PCI_ROM_REGION);
        json_object_set_boolean_member(region, "mem_type_64", is_64);
    }
    json_array_add_object_element(list, region);
}

static JsonObject *describe_device(PCIDevice *device)
{
    const uint8_t *config = pci_device_config(device);
    uint8_t devfn = pci_device_devfn(device);
    const char *id = device_get_id(HW_DEVICE(device));
    JsonObject *info = json_object_new();
    JsonArray *regions = json_array_new();

    json_object_set_int_member(info, "bus", 0);
    json_object_set_int_member(info, "slot", PCI_SLOT(devfn));
    json_object_set_int_member(info, "function", PCI_FUNC(devfn));
    json_object_set_object_member(info, "class_info", describe_class(config));
    json_object_set_object_member(info, "id", describe_id(config));
    if (config[PCI_INTERRUPT_PIN]) {
        json_object_set_int_member(info, "irq", config[PCI_INTERRUPT_LINE]);
    }
    json_object_set_int_member(info, "irq_pin", config[PCI_INTERRUPT_PIN]);
    json_object_set_string_member(info, "qdev_id", id ? id : "");
    for (unsigned i = 0; i < PCI_REGION_COUNT; i++) {
        add_region(regions, device, i);
    }
    json_object_set_array_member(info, "regions", regions);
    return info;
}

static JsonObject *describe_bus(PCIBus *bus)
{
    JsonObject *info = json_object_new();
    JsonArray *devices = json_array_new();

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        PCIDevice *device = pci_bus_device(bus, (uint8_t)devfn);
        if (device) {
            json_array_add_object_element(devices, describe_device(device));
        }
    }
    json_object_set_int_member(info, "bus", 0);
    json_object_set_array_member(info, "devices", devices);
    return info;
}

static bool query_pci(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();
    GPtrArray *buses = machine_buses(machine_get());

    for (guint i = 0; i < buses->len; i++) {
        Bus *bus = g_ptr_array_index(buses, i);
        if (HW_IS_PCI_BUS(bus)) {
            json_array_add_object_element(list, describe_bus(HW_PCI_BUS(bus)));
        }
    }
    return qmp_return_array(call, list);
}

static const QmpCommand commands[] = {
    {"query-pci", NULL, "[PciInfo]", 0, query_pci},
};
const QmpTable qmp_table_pci = {commands, G_N_ELEMENTS(commands)};
