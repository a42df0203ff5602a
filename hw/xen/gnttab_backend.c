/*
 * Grants for the back ends, which are domain 0: pin a page, copy a piece.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_private.h"

static void unpin_locked(XenDomain *domain, XenGrantPin *pin)
{
    guest_unpin(domain->memory, pin->gfn, pin->page, pin->writable);
    pin->page = NULL;
    if (pin->generation != domain->gnttab.generation) {
        return;
    }
    XenGrantActive *active = xen_gnttab_active(domain, pin->ref);
    if (active && (pin->writable ? active->writers : active->readers) > 0) {
        xen_gnttab_release(domain, active, pin->writable);
    }
}

static int pin_locked(XenDomain *domain, uint32_t ref, bool writable, bool copy, XenGrantPin *pin,
                      XenGrantActive **active)
{
    int status = xen_gnttab_acquire(domain, 0, ref, writable, copy, active);
    if (status != GNTST_okay) {
        return status;
    }
    void *page =
        xen_frame_absent(domain, (*active)->gfn) ? NULL : guest_pin(domain->memory, (*active)->gfn);
    if (!page) {
        xen_gnttab_release(domain, *active, writable);
        return GNTST_bad_page;
    }
    *pin = (XenGrantPin){.page = page,
                         .gfn = (*active)->gfn,
                         .ref = ref,
                         .generation = domain->gnttab.generation,
                         .writable = writable};
    return GNTST_okay;
}

int xen_grant_pin(XenDomain *domain, uint32_t ref, bool writable, XenGrantPin *pin)
{
    XenGrantActive *active;
    xen_lock(domain);
    int status = pin_locked(domain, ref, writable, false, pin, &active);
    xen_unlock(domain);
    return status;
}

void xen_grant_unpin(XenDomain *domain, XenGrantPin *pin)
{
    xen_lock(domain);
    unpin_locked(domain, pin);
    xen_unlock(domain);
}

void xen_grant_unpin_all(XenDomain *domain, XenGrantPin *pins, unsigned count)
{
    xen_lock(domain);
    while (count > 0) {
        unpin_locked(domain, &pins[--count]);
    }
    xen_unlock(domain);
}

int xen_grant_pin_all(XenDomain *domain, const uint32_t *refs, unsigned count, bool writable,
                      XenGrantPin *pins)
{
    int status = GNTST_okay;
    unsigned done = 0;
    XenGrantActive *active;
    xen_lock(domain);
    while (done < count && status == GNTST_okay) {
        status = pin_locked(domain, refs[done], writable, false, &pins[done], &active);
        done += status == GNTST_okay;
    }
    while (status != GNTST_okay && done > 0) {
        unpin_locked(domain, &pins[--done]);
    }
    xen_unlock(domain);
    return status;
}

static int copy(XenDomain *domain, uint32_t ref, unsigned offset, void *buffer, unsigned length,
                bool write)
{
    XenGrantPin pin;
    XenGrantActive *active;
    if (offset > XEN_PAGE_SIZE || length > XEN_PAGE_SIZE - offset) {
        return GNTST_bad_copy_arg;
    }
    xen_lock(domain);
    int status = pin_locked(domain, ref, write, true, &pin, &active);
    if (status == GNTST_okay) {
        if (offset < active->offset || offset + length > active->offset + active->length) {
            status = GNTST_general_error;
        } else if (write) {
            memcpy((uint8_t *)pin.page + offset, buffer, length);
        } else {
            memcpy(buffer, (uint8_t *)pin.page + offset, length);
        }
        unpin_locked(domain, &pin);
    }
    xen_unlock(domain);
    return status;
}

int xen_grant_read(XenDomain *domain, uint32_t ref, unsigned offset, void *buffer, unsigned length)
{
    return copy(domain, ref, offset, buffer, length, false);
}

int xen_grant_write(XenDomain *domain, uint32_t ref, unsigned offset, const void *buffer,
                    unsigned length)
{
    return copy(domain, ref, offset, (void *)buffer, length, true);
}

unsigned xen_grant_active(XenDomain *domain)
{
    xen_lock(domain);
    unsigned count = domain->gnttab.active_count;
    xen_unlock(domain);
    return count;
}
