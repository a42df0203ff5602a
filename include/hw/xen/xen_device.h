/*
 * XenDevice: the back end of one paravirtual device: its areas in xenstore, its half of the state
 * machine, its life from hotplug to removal. What a class adds is what lies in the areas and what
 * it means to be connected.
 *
 * Source: xen/io/xenbus.h (states), docs/misc/xenstore-paths.pandoc (areas).
 *
 *   backend area   /local/domain/0/backend/TYPE/DOMID/NUMBER   of domain 0, the guest reads
 *   frontend area  /local/domain/DOMID/device/CLASS/NUMBER     of the guest, domain 0 reads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_XEN_DEVICE_H
#define HW_XEN_XEN_DEVICE_H

#include <xen/io/xenbus.h>

#include "hw/xen/xen_bus.h"

#define TYPE_XEN_DEVICE            (xen_device_get_type())
#define HW_XEN_DEVICE(object)      G_TYPE_CHECK_INSTANCE_CAST((object), TYPE_XEN_DEVICE, XenDevice)
#define HW_XEN_DEVICE_CLASS(klass) G_TYPE_CHECK_CLASS_CAST((klass), TYPE_XEN_DEVICE, XenDeviceClass)
#define HW_XEN_DEVICE_GET_CLASS(object)                                                            \
    G_TYPE_INSTANCE_GET_CLASS((object), TYPE_XEN_DEVICE, XenDeviceClass)

typedef struct XenDevice XenDevice;
typedef struct XenDeviceClass XenDeviceClass;

GType xen_device_get_type(void);

struct XenDevice {
    Device parent_instance;
    uint32_t number; /* set by the class in set_up */

    /* The bus's own. */
    XenBus *bus;
    char *backend_path, *frontend_path, *error_path;
    XenbusState state;          /* ours */
    XenbusState frontend_state; /* as last seen; XenbusStateUnknown: gone */
    bool present;               /* the areas are in the store */
    bool online;                /* false: to be removed when the front end has closed */
    bool connected;
    bool unplug_asked;       /* the front end has been asked to let go */
    int64_t unplug_deadline; /* virtual clock, ns: until then it is not asked twice */
    bool fresh;             /* realized, not yet reset */
    bool reconnect_pending; /* loaded; the machine has not run since */
    bool was_connected;     /* ... and was connected when saved */
    GVariant *saved;        /* the class's state to reconnect with, or NULL */
    StoreClientWatch *frontend_watch, *backend_watch, *error_watch;
};

struct XenDeviceClass {
    DeviceClass parent_class;
    const char *backend_type;   /* "qdisk" */
    const char *frontend_class; /* "vbd" */

    /** set_up: at realize: checks properties, sets the number, claims what it needs. */
    bool (*set_up)(XenDevice *device, GError **error);
    /** tear_down: the reverse; the device is disconnected and its areas are gone. */
    void (*tear_down)(XenDevice *device);
    /**
     * may_appear: false: the guest is not to see the device now; asked at reset and when emulated
     * devices were unplugged. It may claim what the device needs to work; let_go gives that back.
     * NULL: always.
     */
    bool (*may_appear)(XenDevice *device);
    /**
     * let_go: machine reset, before any device's own: give back what other devices will want in
     * theirs. The device is disconnected. May be NULL.
     */
    void (*let_go)(XenDevice *device);
    /** publish: writes the class's nodes in both areas, within @transaction. */
    bool (*publish)(XenDevice *device, uint32_t transaction, GError **error);
    /**
     * connect: the front end is ready: reads its nodes, takes rings and ports. Runs before our
     * state is Connected. @saved: what save() gave (checked here: it came from a file), or NULL.
     */
    bool (*connect)(XenDevice *device, GVariant *saved, GError **error);
    /** disconnect: the reverse: nothing of the guest's is touched when it returns. */
    void (*disconnect)(XenDevice *device);
    /** frontend_changed: the front end entered @state; ours has followed. May be NULL. */
    void (*frontend_changed)(XenDevice *device, XenbusState state);
    /** save: of a connected device of a stopped machine, floating. NULL: nothing to keep. */
    GVariant *(*save)(XenDevice *device);
};

/* ---- for classes ---- */

/** xen_device_number_is_free: no other device of the class and bus has @device's number. */
bool xen_device_number_is_free(XenDevice *device);
/** xen_device_domain, xen_device_domain_id: whose device it is. */
XenDomain *xen_device_domain(XenDevice *device);
StoreClient *xen_device_client(XenDevice *device);

/** xen_device_write_backend, _write_frontend: a node of an area; @transaction may be 0. */
bool xen_device_write_backend(XenDevice *device, uint32_t transaction, GError **error,
                              const char *name, const char *format, ...) G_GNUC_PRINTF(5, 6);
bool xen_device_write_frontend(XenDevice *device, uint32_t transaction, GError **error,
                               const char *name, const char *format, ...) G_GNUC_PRINTF(5, 6);
/** xen_device_read_frontend: a node's text or NULL; caller frees. What it says is the guest's. */
char *xen_device_read_frontend(XenDevice *device, const char *name);
/**
 * xen_device_read_frontend_number: @name as a number from @minimum to @maximum. *@value is left as
 * it is (the default) if there is no such node; false and @error if it holds something else.
 */
bool xen_device_read_frontend_number(XenDevice *device, const char *name, uint64_t minimum,
                                     uint64_t maximum, uint64_t *value, GError **error);

/**
 * xen_device_fail: the front end cannot be served: the reason goes to
 * error/device/CLASS/NUMBER/error of the guest, the connection is dropped, our state is Closing.
 * The guest may close and begin again. Main loop.
 */
void xen_device_fail(XenDevice *device, const char *reason);
/** xen_device_touch_state: writes our state again, for front ends that look at nodes then. */
void xen_device_touch_state(XenDevice *device);
/** xen_device_state_name: "Connected". */
const char *xen_device_state_name(XenbusState state);

/* ---- hotplug ---- */

/**
 * xen_device_request_unplug: asks the front end to close; the device is removed (unrealized) when
 * it has, or at once if none has ever come. A front end that is in use may refuse for as long as it
 * likes (device_unplug_refused() tells if it says so); the next machine reset removes the device
 * all the same.
 */
void xen_device_request_unplug(XenDevice *device);

/* How much of its own time a front end has for an answer before device_del may be forced. */
#define XEN_DEVICE_UNPLUG_SECONDS 5

/**
 * xen_device_unplug: what device_del does: asks; when it has been asked XEN_DEVICE_UNPLUG_SECONDS
 * ago or has refused, removes the device. In between: false, and @error says that it waits.
 */
bool xen_device_unplug(XenDevice *device, GError **error);
/** xen_device_remove: removes it now, whatever the front end does. */
void xen_device_remove(XenDevice *device);

#endif
