/*
 * Xen for a machine: the domain, its host over KVM, the store and their life with the board.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_I386_XEN_MACHINE_H
#define HW_I386_XEN_MACHINE_H

#include "hw/core/machine.h"
#include "hw/xen/store.h"
#include "hw/xen/xen_bus.h"
#include "hw/xen/xen_domain.h"
#include "target/i386/cpu_model.h"

/* Frames that are Xen's: the memory map says so. */
#define XEN_MACHINE_RESERVED_BASE UINT64_C(0xfeff8000)
#define XEN_MACHINE_RESERVED_SIZE UINT64_C(0x4000)

typedef struct _XenMachine XenMachine;

/* What the board does for Xen. All with the machine lock held, but for gsi_level. */
typedef struct {
    /** set_gsi: Xen's share of the line @gsi. */
    void (*set_gsi)(void *opaque, unsigned gsi, bool level);
    /** gsi_level: true while a device (not Xen) drives it. Any thread. */
    bool (*gsi_level)(void *opaque, unsigned gsi);
    /** set_intx: Xen's share of pin 0-3 of the PCI device @device of bus 0. */
    void (*set_intx)(void *opaque, unsigned device, unsigned pin, bool level);
    /** soft_reset: SHUTDOWN_soft_reset: what the guest unplugged is plugged in again. */
    void (*soft_reset)(void *opaque);
    void *opaque;
    const X86CPUModel *model; /* of the vCPUs */
} XenMachineBoard;

/** xen_machine_wanted: -accel kvm,xen-version= asked for it. */
bool xen_machine_wanted(Machine *machine);

/**
 * xen_machine_new: after accel_start() and before the first vCPU. A device of @machine from then
 * on ("/machine/xen"), reset, saved and freed with it.
 * False: the host's KVM cannot; @error names the option.
 */
XenMachine *xen_machine_new(Machine *machine, uint64_t below_4g, uint64_t above_4g,
                            const XenMachineBoard *board, GError **error);
/** xen_machine_set_memory_map: what XENMEM_memory_map tells; @entries are copied. */
void xen_machine_set_memory_map(XenMachine *xen, const XenMemoryMapEntry *entries, unsigned count);
/** xen_machine_find: the one of @machine, or NULL: it has no Xen. */
XenMachine *xen_machine_find(Machine *machine);
XenDomain *xen_machine_domain(XenMachine *xen);
XenBus *xen_machine_bus(XenMachine *xen);
XenStore *xen_machine_store(XenMachine *xen);
/** xen_machine_host_kind: "kernel" (KVM_XEN) or "user". */
const char *xen_machine_host_kind(XenMachine *xen);
/** xen_machine_transport: how hypercalls come to us: "kvm-exit" (KVM_EXIT_XEN) or "io-port". */
const char *xen_machine_transport(XenMachine *xen);
/** xen_machine_set_gsi: a line of a device changed; true if the guest takes it as an event. */
bool xen_machine_set_gsi(XenMachine *xen, unsigned gsi, bool level);

#endif
