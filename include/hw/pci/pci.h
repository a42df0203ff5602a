/*
 * PCI: bus, configuration space, BARs, INTx.
 *
 * Source: PCI Local Bus Specification 3.0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include <linux/pci_regs.h>

#include "hw/core/bus.h"
#include "util/memory.h"

#define PCI_DEVFN(slot, function) ((((slot) & 0x1f) << 3) | ((function) & 7))
#define PCI_SLOT(devfn)           (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn)           ((devfn) & 7)
#define PCI_CONFIG_SIZE           256
#define PCI_REGION_COUNT          7 /* six BARs and the expansion ROM */
#define PCI_ROM_REGION            6
#define PCI_PIN_COUNT             4

#define TYPE_PCI_BUS "PCI"
G_DECLARE_FINAL_TYPE(PCIBus, pci_bus, HW, PCI_BUS, Bus)

#define TYPE_PCI_DEVICE (pci_device_get_type())
#define HW_PCI_DEVICE(object)                                                                      \
    G_TYPE_CHECK_INSTANCE_CAST((object), TYPE_PCI_DEVICE, PCIDevice)
#define HW_IS_PCI_DEVICE(object) G_TYPE_CHECK_INSTANCE_TYPE((object), TYPE_PCI_DEVICE)
#define HW_PCI_DEVICE_CLASS(klass)                                                                 \
    G_TYPE_CHECK_CLASS_CAST((klass), TYPE_PCI_DEVICE, PCIDeviceClass)
#define HW_PCI_DEVICE_GET_CLASS(object)                                                            \
    G_TYPE_INSTANCE_GET_CLASS((object), TYPE_PCI_DEVICE, PCIDeviceClass)

typedef struct PCIDevice PCIDevice;
typedef struct PCIDeviceClass PCIDeviceClass;
typedef struct PCIFunction PCIFunction; /* configuration space and mappings; private to hw/pci */

struct PCIDevice {
    Device parent_instance;
    int32_t address;    /* the property addr; -1: any */
    bool multifunction; /* the property multifunction */
    PCIFunction *function;
};

GType pci_device_get_type(void);

struct PCIDeviceClass {
    DeviceClass parent_class;
    uint16_t vendor_id, device_id, class_id; /* class_id: class << 8 | subclass */
    uint8_t revision, prog_if;
    uint16_t subsystem_vendor_id, subsystem_id; /* 0: 0x1af4 / 0x1100 */
    bool is_bridge;
    bool stays_plugged; /* passed through from the host: a guest's request to unplug it is not heard */
    /*
     * The base class takes DeviceClass.realize and .unrealize; configuration space is reset, saved and loaded
     * by the bus, so that DeviceClass.reset and saved state are the device's own registers only.
     */
    /** pci_realize: called with configuration space set up. */
    bool (*pci_realize)(PCIDevice *device, GError **error);
    void (*pci_unrealize)(PCIDevice *device);
    /** config_write / config_read: NULL: the default; an override calls pci_default_config_*. */
    void (*config_write)(PCIDevice *device, uint32_t address, uint32_t value, unsigned size);
    uint32_t (*config_read)(PCIDevice *device, uint32_t address, unsigned size);
    /**
     * plug_changed: the guest has unplugged the device (@plugged false: let go of the images, stop taking
     * packets) or it is back after a reset or a load. Machine lock held, any thread. May be NULL.
     */
    void (*plug_changed)(PCIDevice *device, bool plugged);
};

/* Configuration space as the device sees it: values, which bits the guest may write, which it clears by 1. */
uint8_t *pci_device_config(PCIDevice *device);
uint8_t *pci_device_write_mask(PCIDevice *device);
uint8_t *pci_device_write1_clear_mask(PCIDevice *device);
uint8_t pci_device_devfn(PCIDevice *device);
PCIBus *pci_device_bus(PCIDevice *device);
/** pci_device_dma: the address space for bus mastering; reads ones/drops writes while it is off. */
AddressSpace *pci_device_dma(PCIDevice *device);

/** pci_register_bar: BAR @number (0-6) of @type (PCI_BASE_ADDRESS_SPACE_IO, _MEM_PREFETCH … ) shows @region. */
void pci_register_bar(PCIDevice *device, unsigned number, uint8_t type, MemoryRegion *region);
/** pci_bar_address: where the guest put it, or UINT64_MAX while it is not decoded. */
uint64_t pci_bar_address(PCIDevice *device, unsigned number);
void pci_default_config_write(PCIDevice *device, uint32_t address, uint32_t value, unsigned size);
uint32_t pci_default_config_read(PCIDevice *device, uint32_t address, unsigned size);
/** pci_set_interrupt_pin: 1-4 (INTA-INTD); pci_set_irq: drives it. */
void pci_set_interrupt_pin(PCIDevice *device, uint8_t pin);
void pci_set_irq(PCIDevice *device, int level);
/** pci_add_capability: @size bytes of capability @id at @offset (0: a free place); returns the offset or 0. */
unsigned pci_add_capability(PCIDevice *device, uint8_t id, unsigned offset, unsigned size,
                            GError **error);
/**
 * pci_device_set_unplugged: @unplugged true: the guest finds nothing at the device's address, its BARs are not
 * decoded, its interrupt is withdrawn and it does no DMA. Setting it back to false, the next reset too, shows the
 * device as configuration space then says. The device itself stays realized.
 */
void pci_device_set_unplugged(PCIDevice *device, bool unplugged);
bool pci_device_is_unplugged(PCIDevice *device);

/** PCIMapIRQ: which of the host bridge's interrupts (0-3) pin 0-3 of @devfn drives. */
typedef int (*PCIMapIRQ)(PCIDevice *device, int pin);

/** pci_bus_new: @owner is the host bridge. @memory / @io: where BARs appear. */
PCIBus *pci_bus_new(Machine *machine, Device *owner, const char *name, MemoryRegion *memory,
                    MemoryRegion *io);
/** pci_bus_set_irq_handler: @handler(opaque, n, level) hears of interrupt n = map(device, pin), ORed over devices. */
void pci_bus_set_irq_handler(PCIBus *bus, PCIMapIRQ map, IRQHandler handler, void *opaque,
                             unsigned count);
/** pci_bus_irq_level: whether any device drives interrupt @n. */
bool pci_bus_irq_level(PCIBus *bus, unsigned n);
PCIDevice *pci_bus_device(PCIBus *bus, uint8_t devfn);
/** pci_bus_reserve_slot: automatic addresses avoid @slot (a -device names it). */
void pci_bus_reserve_slot(PCIBus *bus, unsigned slot);
/** pci_bus_highest_free: function 0 of the free slot with the highest number; -1: all are taken. */
int pci_bus_highest_free(PCIBus *bus);
/**
 * What takes devices in and lets them go while the guest runs. @plugged: @device was realized. @request_unplug: as
 * BusClass.request_unplug. @reset: the bus is being reset, its devices are not yet. Machine lock held.
 */
typedef struct {
    void (*plugged)(void *opaque, PCIDevice *device);
    bool (*request_unplug)(void *opaque, PCIDevice *device, GError **error);
    void (*reset)(void *opaque);
} PCIHotplugOps;

/** pci_bus_set_hotplug: @ops NULL: devices stay as they are, which is how a bus begins. */
void pci_bus_set_hotplug(PCIBus *bus, const PCIHotplugOps *ops, void *opaque);
/** pci_bus_slot_is_removable: every function of @slot (0-31) is of a type that can be unplugged; an empty slot is. */
bool pci_bus_slot_is_removable(PCIBus *bus, unsigned slot);
/** pci_bus_empty_slot: unrealizes the functions of @slot that can be unplugged, function 0 last. */
void pci_bus_empty_slot(PCIBus *bus, unsigned slot);
/** pci_bus_config_read / write: a configuration access by bus/devfn encoded as in CONFIG_ADDRESS. */
uint32_t pci_bus_config_read(PCIBus *root, uint32_t config_address, unsigned size);
void pci_bus_config_write(PCIBus *root, uint32_t config_address, uint32_t value, unsigned size);
/** pci_device_new: unrealized device of @type_name at @devfn (-1: any). */
PCIDevice *pci_device_new(const char *type_name, int devfn);

#endif
