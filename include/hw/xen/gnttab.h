/*
 * Grants from the side of the back ends (domain 0, in this process): pin, copy, release.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_XEN_GNTTAB_H
#define HW_XEN_GNTTAB_H

#include "hw/xen/xen_domain.h"

/** A granted page held by a back end. Plain data; release it exactly once. */
typedef struct {
    void *page; /* host address of the whole page */
    uint64_t gfn;
    uint32_t ref;
    uint32_t generation;
    bool writable;
} XenGrantPin;

/**
 * xen_grant_pin: takes @ref for domain 0 and marks it in use in the guest's table.
 * Returns GNTST_okay, or the status Xen would give. Sub-page and transitive grants can be copied
 * only.
 */
int xen_grant_pin(XenDomain *domain, uint32_t ref, bool writable, XenGrantPin *pin);
/** xen_grant_unpin: after a domain reset (which released it by force) this does nothing. */
void xen_grant_unpin(XenDomain *domain, XenGrantPin *pin);
/** xen_grant_pin_all: @count of them or none; on failure the status of the first bad one. */
int xen_grant_pin_all(XenDomain *domain, const uint32_t *refs, unsigned count, bool writable,
                      XenGrantPin *pins);
/** xen_grant_unpin_all: the reverse. */
void xen_grant_unpin_all(XenDomain *domain, XenGrantPin *pins, unsigned count);
/** xen_grant_read, xen_grant_write: copies within one granted page; bounds and sub-pages are
 * checked. */
int xen_grant_read(XenDomain *domain, uint32_t ref, unsigned offset, void *buffer, unsigned length);
int xen_grant_write(XenDomain *domain, uint32_t ref, unsigned offset, const void *buffer,
                    unsigned length);
/** xen_grant_set_reserved: fills a reserved entry (0 console, 1 store) that lets domain 0 at @gfn.
 */
bool xen_grant_set_reserved(XenDomain *domain, uint32_t ref, uint64_t gfn);
/** xen_grant_active: how many refs are held by anybody. */
unsigned xen_grant_active(XenDomain *domain);

#endif
