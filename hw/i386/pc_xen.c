/*
 * Xen on the PC board: its interrupt lines, its PCI device, its bus.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/i386/pc_machine.h"
#include "hw/pci/i440fx.h"
#include "hw/block/xen_block.h"
#include "hw/xen/xen_control.h"
#include "util/error.h"

#define NO_XEN "the guest has no Xen without -accel kvm,xen-version="

static void set_gsi(void *opaque, unsigned gsi, bool level)
{
    PcMachine *pc = opaque;
    IRQLine *line = device_get_irq_in(HW_DEVICE(pc->gsi), "xen", (int)gsi);

    if (line) {
        irq_set(line, level);
    }
}

static bool gsi_level(void *opaque, unsigned gsi)
{
    PcMachine *pc = opaque;

    return gsi_device_level(pc->gsi, gsi);
}

/* The only device whose pin a guest may name and mean: Xen's own. */
static void set_intx(void *opaque, unsigned device, unsigned pin, bool level)
{
    PcMachine *pc = opaque;

    if (pc->xen_platform && pin == 0 &&
        PCI_SLOT(pci_device_devfn(HW_PCI_DEVICE(pc->xen_platform))) == device) {
        xen_platform_set_irq(pc->xen_platform, level);
    }
}

static void soft_reset(void *opaque)
{
    PcMachine *pc = opaque;

    if (pc->xen_platform) {
        xen_platform_soft_reset(pc->xen_platform);
    }
}

static bool line_changed(void *opaque, unsigned gsi, bool level)
{
    PcMachine *pc = opaque;

    return xen_machine_set_gsi(pc->xen, gsi, level);
}

bool pc_xen_start(PcMachine *pc, GError **error)
{
    const XenMachineBoard board = {set_gsi, gsi_level, set_intx, soft_reset, pc, pc->cpu_model};
    Machine *machine = HW_MACHINE(pc);

    if (!xen_machine_wanted(machine)) {
        if (pc->xen_platform_dev == ON_OFF_AUTO_ON) {
            return error_setf(error, "-machine xen-platform-dev=on: " NO_XEN);
        }
        if (pc->xen_pv_disks) {
            return error_setf(error, "-machine xen-pv-disks=on: " NO_XEN);
        }
        return true;
    }
    pc->xen = xen_machine_new(machine, pc->below_4g, pc->above_4g, &board, error);
    return pc->xen != NULL;
}

static void unplugged(void *opaque)
{
    PcMachine *pc = opaque;

    xen_bus_emulated_unplugged(xen_machine_bus(pc->xen));
}

static void use_platform_device(PcMachine *pc, XenPlatform *platform)
{
    pc->xen_platform = platform;
    xen_platform_set_store(platform, xen_machine_store(pc->xen));
    xen_platform_set_unplug_handler(platform, unplugged, pc);
}

static XenPlatform *find_platform_device(PcMachine *pc)
{
    GPtrArray *devices = machine_devices(HW_MACHINE(pc));

    for (guint i = 0; i < devices->len; i++) {
        if (IS_HW_XEN_PLATFORM(g_ptr_array_index(devices, i))) {
            return g_ptr_array_index(devices, i);
        }
    }
    return NULL;
}

/*
 * The platform device, unless -device made it. It comes after every -device and takes the highest
 * slot that is free: who gives devices their slots, as libvirt does, counts from the lowest up and
 * knows nothing of this one.
 */
static bool build_platform_device(PcMachine *pc, GError **error)
{
    PCIBus *bus = i440fx_bus(pc->host);
    XenPlatform *present = find_platform_device(pc);
    Device *device;

    if (present) {
        use_platform_device(pc, present);
        return true;
    }
    if (pc->xen_platform_dev == ON_OFF_AUTO_OFF) {
        return true;
    }
    device = HW_DEVICE(pci_device_new(TYPE_XEN_PLATFORM, pci_bus_highest_free(bus)));
    device_set_path(device, "/machine/xen-platform");
    use_platform_device(pc, HW_XEN_PLATFORM(device));
    return device_realize_and_unref(device, HW_MACHINE(pc), HW_BUS(bus), error);
}

/* -machine xen-pv-disks=on: every IDE hard disk is there as a PV disk too, hda as xvda and so on. */
static bool build_pv_disks(PcMachine *pc, GError **error)
{
    for (unsigned i = 0; pc->xen_pv_disks && i < IDE_CHANNEL_COUNT * IDE_UNIT_COUNT; i++) {
        IDEDrive *drive = ide_controller_drive(pc->ide, i / IDE_UNIT_COUNT, i % IDE_UNIT_COUNT);
        if (drive && ide_drive_is_disk(drive) &&
            !xen_block_create_twin(xen_machine_bus(pc->xen), drive, i, error)) {
            g_prefix_error(error, "-machine xen-pv-disks=on: ");
            return false;
        }
    }
    return true;
}

bool pc_xen_build_last(PcMachine *pc, GError **error)
{
    return !pc->xen || (build_platform_device(pc, error) && build_pv_disks(pc, error));
}

bool pc_xen_build(PcMachine *pc, GError **error)
{
    Machine *machine = HW_MACHINE(pc);
    XenDomain *domain;
    XenStore *store;

    if (!pc->xen) {
        return true;
    }
    domain = xen_machine_domain(pc->xen);
    store = xen_machine_store(pc->xen);
    gsi_set_filter(pc->gsi, line_changed, pc);
    return xen_control_new(machine, store, xen_domain_id(domain), error) != NULL &&
           xen_block_create_drives(xen_machine_bus(pc->xen), error);
}

/* A guest that is started by firmware has its map from there; Xen's is what we know of it. */
static E820Table *firmware_map(PcMachine *pc, GError **error)
{
    E820Table *map = e820_copy(pc->platform.e820);

    if (e820_add_legacy_holes(map, error)) {
        return map;
    }
    e820_free(map);
    return NULL;
}

static void set_memory_map(PcMachine *pc, const E820Table *table)
{
    unsigned count;
    const E820Entry *entries = e820_entries(table, &count);
    g_autofree XenMemoryMapEntry *map = g_new(XenMemoryMapEntry, count);

    for (unsigned i = 0; i < count; i++) {
        map[i] = (XenMemoryMapEntry){entries[i].address, entries[i].length, entries[i].type};
    }
    xen_machine_set_memory_map(pc->xen, map, count);
}

bool pc_xen_finish(PcMachine *pc, GError **error)
{
    const E820Table *boot = pc->boot ? boot_protocol_memory_map(pc->boot) : NULL;
    E820Table *map;

    if (!pc->xen) {
        return true;
    }
    if (boot) {
        set_memory_map(pc, boot);
        return true;
    }
    map = firmware_map(pc, error);
    if (!map) {
        return false;
    }
    set_memory_map(pc, map);
    e820_free(map);
    return true;
}
