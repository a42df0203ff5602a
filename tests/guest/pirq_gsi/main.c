/*
 * PHYSDEVOP_map_pirq of a GSI: its interrupts come as events instead of through the I/O APIC; a
 * level line that is still up at the EOI comes again.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VECTOR     0xf3
#define GSI        20
#define PIN_VECTOR 0x71

static volatile unsigned through_ioapic;

static void on_pin(TrapFrame *frame __attribute__((unused)))
{
    through_ioapic++;
    hpet_acknowledge();
    lapic_eoi();
}

static long map(int gsi, int *pirq)
{
    struct physdev_map_pirq m = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = *pirq};
    long result = physdev_op(PHYSDEVOP_map_pirq, &m);
    *pirq = m.pirq;
    return result;
}

static long unmap(int pirq, unsigned domain)
{
    struct physdev_unmap_pirq u = {.domid = domain, .pirq = pirq};
    return physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

static long eoi(unsigned pirq)
{
    struct physdev_eoi e = {.irq = pirq};
    return physdev_op(PHYSDEVOP_eoi, &e);
}

static long status(unsigned pirq, uint32_t *flags)
{
    struct physdev_irq_status_query q = {.irq = pirq};
    long result = physdev_op(PHYSDEVOP_irq_status_query, &q);
    *flags = q.flags;
    return result;
}

static void errors(void)
{
    int pirq = -1;
    uint32_t flags;
    struct physdev_map_pirq m = {
        .domid = xen_domid() + 1000, .type = MAP_PIRQ_TYPE_GSI, .index = GSI, .pirq = -1};
    expect("of nobody: -ESRCH", physdev_op(PHYSDEVOP_map_pirq, &m), -XEN_ESRCH);
    m.domid = DOMID_SELF;
    m.type = 99;
    expect("a kind that is none: -EINVAL", physdev_op(PHYSDEVOP_map_pirq, &m), -XEN_EINVAL);
    expect("a GSI below all: -EINVAL", map(-5, &pirq), -XEN_EINVAL);
    pirq = -1;
    expect("a GSI beyond all: -EINVAL", map(4000, &pirq), -XEN_EINVAL);
    expect("EOI of no pirq: -EINVAL", eoi(200), -XEN_EINVAL);
    expect("EOI beyond all: -EINVAL", eoi(0xffffffff), -XEN_EINVAL);
    expect("status beyond all: -EINVAL", status(0xffffffff, &flags), -XEN_EINVAL);
    expect("unmap of no pirq: -EINVAL", unmap(200, DOMID_SELF), -XEN_EINVAL);
    expect("unmap of nobody's: -ESRCH", unmap(20, xen_domid() + 1000), -XEN_ESRCH);
    expect("nowhere: -EFAULT", physdev_op(PHYSDEVOP_map_pirq, no_memory()), -XEN_EFAULT);
    expect("no such operation: -ENOSYS", physdev_op(60, NULL), -XEN_ENOSYS);
    check(physdev_op(PHYSDEVOP_apic_read, &m) < 0, "the physical I/O APIC is not for guests");
}

static void needs_a_vector(void)
{
    int pirq = -1;
    expect("without a vector for events it cannot be mapped: -EINVAL", map(GSI, &pirq),
           -XEN_EINVAL);
}

static void edge(int pirq, long port)
{
    events_forget();
    through_ioapic = 0;
    hpet_raise(GSI, false, 200);
    check(event_wait(port, 1, 2000), "an edge comes as an event");
    rest(5);
    expect("once", event_count[port], 1);
    expect("and not through the I/O APIC", through_ioapic, 0);
    expect("EOI", eoi(pirq), 0);
    hpet_raise(GSI, false, 200);
    check(event_wait(port, 2, 2000), "a second edge comes");
    eoi(pirq);
}

static void level(int pirq, long port)
{
    hpet_acknowledge();
    events_forget();
    hpet_raise(GSI, true, 200);
    check(event_wait(port, 1, 2000), "a level comes as an event");
    rest(5);
    expect("once while it has no EOI", event_count[port], 1);
    expect("EOI while the line is up", eoi(pirq), 0);
    check(event_wait(port, 2, 2000), "it comes again");
    hpet_acknowledge();
    expect("EOI while the line is down", eoi(pirq), 0);
    rest(5);
    expect("it does not come again", event_count[port], 2);
}

void test_main(void)
{
    int pirq = -1, again = -1;
    uint32_t flags = 0;
    PortStatus s;
    xen_start();
    xen_map_shared_info();
    needs_a_vector();
    events_by_callback_vector(VECTOR);
    trap_set(PIN_VECTOR, on_pin);
    ioapic_set(GSI, PIN_VECTOR, false);
    if (!check(hpet_raise(GSI, false, 200), "the HPET can raise GSI 20")) {
        return;
    }
    check(wait_for(&through_ioapic, 1, 2000), "unmapped it comes through the I/O APIC");
    errors();
    expect("GSI 20 is mapped", map(GSI, &pirq), 0);
    check(pirq >= 16 && pirq < 256, "it is pirq %d", pirq);
    expect("mapped again", map(GSI, &again), 0);
    expect("it is the same", again, pirq);
    expect("the status", status(pirq, &flags), 0);
    check(flags & XENIRQSTAT_needs_eoi, "it needs an EOI");
    long port = bind_pirq(pirq, 0);
    check(port > 0, "it is bound to port %ld", port);
    port_status(port, &s);
    expect("whose status is", s.status, EVTCHNSTAT_pirq);
    expect("with its pirq", s.pirq, pirq);
    expect("bound again: -EEXIST", bind_pirq(pirq, 0), -XEN_EEXIST);
    edge(pirq, port);
    level(pirq, port);
    expect("the port is closed", port_close(port), 0);
    ioapic_set(GSI, PIN_VECTOR, false);
    through_ioapic = 0;
    hpet_raise(GSI, false, 200);
    check(wait_for(&through_ioapic, 1, 2000), "after that it comes through the I/O APIC");
    expect("unmapped", unmap(pirq, DOMID_SELF), 0);
    check(eoi(pirq) == -XEN_EINVAL, "it is no pirq any more");
}
