/*
 * HVM_PARAM_CALLBACK_IRQ type 0: a level line of the I/O APIC, up for as long as vCPU 0 has an
 * upcall to take.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "upcall_checks.h"

#define GSI    21
#define VECTOR 0x61

static volatile unsigned comes;

/* Ends the interrupt without taking the upcall at first: it must come again. */
static void not_taken_at_once(TrapFrame *frame __attribute__((unused)))
{
    if (++comes == 3) {
        events_take();
    }
    lapic_eoi();
}

static void stays_up(void)
{
    long port = bind_ipi(0);
    trap_set(VECTOR, not_taken_at_once);
    comes = 0;
    events_forget();
    port_send(port);
    check(event_wait(port, 1, 2000), "the line stays up until the upcall is taken");
    check(comes >= 3, "it came %u times", comes);
    port_close(port);
}

static void only_vcpu_0(void)
{
    long port = bind_ipi(1);
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    events_by_gsi(GSI, VECTOR);
    events_forget();
    port_send(port);
    rest(10);
    expect("an event for vCPU 1 raises nothing", event_total, 0);
    expect("its flag is set", vcpu_info(1)->evtchn_upcall_pending, 1);
    port_close(port);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    expect("the callback is set", events_by_gsi(GSI, VECTOR), 0);
    upcall_checks();
    stays_up();
    events_by_gsi(GSI, VECTOR);
    upcall_checks();
    only_vcpu_0();
}
