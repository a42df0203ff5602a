/*
 * XenBus: where a Xen guest's paravirtual devices plug in. The bus is the back ends' side of
 * xenbus: a pair of areas in xenstore for each device and the state machine between them
 * (xen_device.h).
 *
 * Source: xen/io/xenbus.h, docs/misc/xenstore-paths.pandoc, and the areas as libxl makes them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_BUS_H
#define HW_XEN_XEN_BUS_H

#include "hw/core/bus.h"
#include "hw/xen/store_client.h"
#include "hw/xen/xen_domain.h"

#define TYPE_XEN_BUS "xen-bus"

typedef struct _XenBus XenBus;
GType xen_bus_get_type(void);
#define HW_XEN_BUS(object) G_TYPE_CHECK_INSTANCE_CAST((object), xen_bus_get_type(), XenBus)

/**
 * xen_bus_new: the machine's bus, called "xen-bus". The machine holds it; @domain and @store are
 * the caller's until xen_bus_close(). Watches are dispatched on the default context.
 */
XenBus *xen_bus_new(Machine *machine, XenDomain *domain, XenStore *store);
/** xen_bus_close: its devices are gone; it touches neither domain nor store from now on. */
void xen_bus_close(XenBus *bus);
XenDomain *xen_bus_domain(XenBus *bus);
XenStore *xen_bus_store(XenBus *bus);
/** xen_bus_client: domain 0's access to the store for the devices of the bus. */
StoreClient *xen_bus_client(XenBus *bus);

/**
 * xen_bus_emulated_unplugged: the guest has unplugged emulated devices (ide_drive_unplug() and the
 * like have been called): devices that wait for one of them may appear now. Machine lock held.
 */
void xen_bus_emulated_unplugged(XenBus *bus);

/**
 * xen_bus_let_go: before another kernel starts in the guest: every device disconnects, its areas go
 * and what it shares with an emulated device is given back. They come again by
 * xen_bus_emulated_unplugged(), those that may. Machine lock held.
 */
void xen_bus_let_go(XenBus *bus);

/**
 * xen_bus_reconnect: after loading: store and domain are loaded, rings and ports are bound again.
 * Happens by itself when the machine next runs; does nothing the second time.
 */
void xen_bus_reconnect(XenBus *bus);

#endif
