/*
 * Event channels from the side of the back ends (domain 0, in this process).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_EVTCHN_H
#define HW_XEN_EVTCHN_H

#include "hw/xen/xen_domain.h"

typedef struct XenEvtchnBackend XenEvtchnBackend;

/** What happens when the guest sends: @fd (when not -1) is written, else @notify is called on a
 * vCPU thread. */
typedef struct {
    int fd; /* an eventfd of the caller's, open until unbind */
    void (*notify)(void *opaque);
    void *opaque;
} XenEvtchnHandler;

/** xen_evtchn_offer: a new port of the guest that waits for domain 0 (store, console); 0 when full.
 */
uint32_t xen_evtchn_offer(XenDomain *domain);
/**
 * xen_evtchn_bind: connects to @guest_port, which the guest (or xen_evtchn_offer) left unbound for
 * domain 0. NULL and @error if it is not so.
 */
XenEvtchnBackend *xen_evtchn_bind(XenDomain *domain, uint32_t guest_port,
                                  const XenEvtchnHandler *handler, GError **error);
/** xen_evtchn_listen: a port of domain 0 that the guest may bind by its number (xen_evtchn_number).
 */
XenEvtchnBackend *xen_evtchn_listen(XenDomain *domain, const XenEvtchnHandler *handler);
/** xen_evtchn_number: domain 0's number of the port. */
uint32_t xen_evtchn_number(const XenEvtchnBackend *backend);
/** xen_evtchn_guest_port: the guest's end, 0 if there is none (any more). */
uint32_t xen_evtchn_guest_port(const XenEvtchnBackend *backend);
/** xen_evtchn_notify: sends to the guest; false if it has closed its end. Any thread. */
bool xen_evtchn_notify(XenEvtchnBackend *backend);
/** xen_evtchn_unbind: the guest's end is unbound again; no call of the handler starts after this.
 */
void xen_evtchn_unbind(XenEvtchnBackend *backend);

#endif
