/*
 * The 2-level ABI without interrupts: pending and mask bits, selectors, upcall flags, unmask.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define BITS (sizeof(xen_ulong_t) * 8)

static void clear_upcall(unsigned vcpu)
{
    vcpu_info(vcpu)->evtchn_upcall_pending = 0;
    vcpu_info(vcpu)->evtchn_pending_sel = 0;
}

static void port_in_each_word(void)
{
    unsigned right = 0, made = 0;
    static uint32_t ports[PORTS_2L];
    long port;
    while ((port = bind_ipi(0)) > 0) {
        ports[made++] = port;
    }
    for (unsigned i = 0; i < made; i += 37) {
        uint32_t p = ports[i];
        clear_upcall(0);
        bool good = port_send(p) == 0 && port_pending(p) &&
                    vcpu_info(0)->evtchn_upcall_pending == 1 &&
                    vcpu_info(0)->evtchn_pending_sel == (xen_ulong_t)1 << p / BITS;
        port_clear(p);
        right += good;
        if (!good) {
            note("port %u: selector 0x%llx", p,
                 (unsigned long long)vcpu_info(0)->evtchn_pending_sel);
        }
    }
    expect("a port of each word sets its bit, its selector and the upcall flag", right,
           (made + 36) / 37);
    for (unsigned i = 0; i < made; i++) {
        port_close(ports[i]);
    }
}

static void masking(void)
{
    long port = bind_ipi(0);
    clear_upcall(0);
    port_mask(port);
    expect("a masked port is sent", port_send(port), 0);
    check(port_pending(port), "its bit is set");
    expect("without upcall", vcpu_info(0)->evtchn_upcall_pending, 0);
    expect("and without selector", vcpu_info(0)->evtchn_pending_sel, 0);
    expect("it is unmasked", port_unmask(port), 0);
    check(!port_masked(port), "the mask bit is gone");
    expect("now there is an upcall", vcpu_info(0)->evtchn_upcall_pending, 1);
    check(vcpu_info(0)->evtchn_pending_sel != 0, "and a selector");
    clear_upcall(0);
    expect("unmasking what is not masked", port_unmask(port), 0);
    expect("makes no upcall", vcpu_info(0)->evtchn_upcall_pending, 0);
    expect("what is pending already is sent", port_send(port), 0);
    expect("and makes no second upcall", vcpu_info(0)->evtchn_upcall_pending, 0);
    port_clear(port);
    port_mask(port);
    expect("a masked port with nothing pending is unmasked", port_unmask(port), 0);
    expect("without upcall", vcpu_info(0)->evtchn_upcall_pending, 0);
    port_send(port);
    clear_upcall(0);
    port_close(port);
    check(!port_pending(port), "closing clears the pending bit");
}

static void other_vcpu(void)
{
    long port = bind_ipi(1), moved = alloc_unbound(DOMID_SELF, DOMID_SELF);
    long sender = bind_interdomain(DOMID_SELF, moved);
    clear_upcall(0);
    clear_upcall(1);
    port_send(port);
    expect("an IPI for vCPU 1 sets its flag", vcpu_info(1)->evtchn_upcall_pending, 1);
    check(vcpu_info(1)->evtchn_pending_sel != 0, "and its selector");
    expect("and not that of vCPU 0", vcpu_info(0)->evtchn_upcall_pending, 0);
    clear_upcall(1);
    port_bind_vcpu(moved, 1);
    port_send(sender);
    expect("a port that was moved to vCPU 1 too", vcpu_info(1)->evtchn_upcall_pending, 1);
    expect("and not vCPU 0", vcpu_info(0)->evtchn_upcall_pending, 0);
    clear_upcall(1);
    port_clear(moved);
    port_bind_vcpu(moved, 0);
    port_send(sender);
    expect("back on vCPU 0", vcpu_info(0)->evtchn_upcall_pending, 1);
    expect("and not on vCPU 1", vcpu_info(1)->evtchn_upcall_pending, 0);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    port_in_each_word();
    masking();
    other_vcpu();
}
