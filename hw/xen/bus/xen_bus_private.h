/*
 * Between the bus and its devices.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_BUS_XEN_BUS_PRIVATE_H
#define HW_XEN_BUS_XEN_BUS_PRIVATE_H

#include "hw/xen/xen_device.h"

/** xen_bus_is_waking: the reset under way ends S3; connections stay. */
bool xen_bus_is_waking(XenBus *bus);
bool xen_bus_number_is_free(XenBus *bus, XenDevice *device);

/* ---- xen_device.c ---- */

/** xen_device_let_go: disconnects, takes the areas away and gives back what others will want. */
void xen_device_let_go(XenDevice *device);
/** xen_device_try_to_appear: makes the areas of a device that waited, if it may appear now. */
void xen_device_try_to_appear(XenDevice *device);
/** xen_device_reconnect: the end of a load. */
void xen_device_reconnect(XenDevice *device);
/** xen_device_drop: disconnects if connected. */
void xen_device_drop(XenDevice *device);
/** xen_device_set_state: our state, here and in the store. */
void xen_device_set_state(XenDevice *device, XenbusState state);

/* ---- xen_device_area.c ---- */

void xen_device_make_paths(XenDevice *device);
/** xen_device_create_area: both areas and their watches, in one transaction; what was there goes.
 */
bool xen_device_create_area(XenDevice *device, GError **error);
void xen_device_remove_area(XenDevice *device);
/** xen_device_watch, xen_device_unwatch: the areas' watches. */
void xen_device_watch(XenDevice *device);
void xen_device_unwatch(XenDevice *device);

/* ---- xen_device_state.c ---- */

/** xen_device_check_frontend: looks at the front end's state and follows. */
void xen_device_check_frontend(XenDevice *device);
/** xen_device_check_backend: somebody may have written our area: the host's tools. */
void xen_device_check_backend(XenDevice *device);
/** xen_device_check_error: looks whether the front end has refused to let go. */
void xen_device_check_error(XenDevice *device);
/** xen_device_connect_frontend: connects with @saved or afresh; failure is told to the guest. */
void xen_device_connect_frontend(XenDevice *device, GVariant *saved);

#endif
