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
            return error_setf(error, "-machine xen-platform-dev=on: the guest has no Xen without "
                                     "-accel kvm,xen-version=");
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

static bool build_platform_device(PcMachine *pc, GError **error)
{
    Device *device;

    if (pc->xen_platform_dev == ON_OFF_AUTO_OFF) {
        return true;
    }
    device = HW_DEVICE(pci_device_new(TYPE_XEN_PLATFORM, -1));
    pc->xen_platform = HW_XEN_PLATFORM(device);
    xen_platform_set_store(pc->xen_platform, xen_machine_store(pc->xen));
    xen_platform_set_unplug_handler(pc->xen_platform, unplugged, pc);
    return device_realize_and_unref(device, HW_MACHINE(pc), HW_BUS(i440fx_bus(pc->host)), error);
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
    return build_platform_device(pc, error) &&
           xen_control_new(machine, store, xen_domain_id(domain), error) != NULL &&
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
