/*
 * HVMOP_set_evtchn_upcall_vector: an ordinary local APIC interrupt for each vCPU, ended by EOI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "upcall_checks.h"

#define VECTOR       0xb3
#define OTHER_VECTOR 0xa2
#define GSI          21
#define GSI_VECTOR   0x61

static volatile unsigned in_service, comes;

static void look_inside(TrapFrame *frame __attribute__((unused)))
{
    in_service += lapic_in_service(VECTOR);
    comes++;
    events_take();
    lapic_eoi();
}

static unsigned through_gsi;

static void on_gsi(TrapFrame *frame __attribute__((unused)))
{
    through_gsi++;
    events_take();
    lapic_eoi();
}

static void needs_eoi(void)
{
    long port = bind_ipi(0);
    trap_set(VECTOR, look_inside);
    in_service = comes = 0;
    events_forget();
    port_send(port);
    check(event_wait(port, 1, 2000), "an event comes");
    expect("as an interrupt in service", in_service, comes);
    port_close(port);
}

static void errors(void)
{
    struct xen_hvm_evtchn_upcall_vector set = {.vcpu = 0, .vector = 0x0f};
    expect("a vector below 0x10: -EINVAL", hvm_op(HVMOP_set_evtchn_upcall_vector, &set),
           -XEN_EINVAL);
    set = (struct xen_hvm_evtchn_upcall_vector){.vcpu = 9, .vector = 0x80};
    expect("of no vCPU: -ENOENT", hvm_op(HVMOP_set_evtchn_upcall_vector, &set), -XEN_ENOENT);
    expect("nowhere: -EFAULT", hvm_op(HVMOP_set_evtchn_upcall_vector, no_memory()), -XEN_EFAULT);
}

static void pending_before(void)
{
    long port = bind_ipi(0);
    events_forget();
    port_send(port);
    expect("a vector is set while an event is pending", events_by_upcall_vector(0, VECTOR), 0);
    check(event_wait(port, 1, 2000), "the event comes");
    port_close(port);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    errors();
    pending_before();
    upcall_checks();
    needs_eoi();
    if (check(smp_start(1), "vCPU 1 comes up")) {
        expect("it has another vector", events_by_upcall_vector(1, OTHER_VECTOR), 0);
        upcall_checks_other(1);
    }
    /* Its own vector goes before the domain's callback. */
    long port = bind_ipi(0);
    events_by_upcall_vector(0, VECTOR);
    set_param(HVM_PARAM_CALLBACK_IRQ, (uint64_t)HVM_PARAM_CALLBACK_TYPE_GSI << 56 | GSI);
    trap_set(GSI_VECTOR, on_gsi);
    ioapic_set(GSI, GSI_VECTOR, true);
    events_forget();
    port_send(port);
    check(event_wait(port, 1, 2000), "with a line as callback too, the event comes");
    expect("by the vCPU's own vector", through_gsi, 0);
}
