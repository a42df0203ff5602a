/*
 * Messages as events: PHYSDEVOP_get_free_pirq, a message that names a pirq by its address and
 * vector 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define VECTOR       0xf3
#define MSI_BASE     0xfee00000u
#define PIRQ_SHIFT   12
#define PLAIN_VECTOR 0x72

static volatile unsigned plain;

static void on_plain(TrapFrame *frame __attribute__((unused)))
{
    plain++;
    lapic_eoi();
}

static long get_free(int type, unsigned *pirq)
{
    struct physdev_get_free_pirq get = {.type = type};
    long result = physdev_op(PHYSDEVOP_get_free_pirq, &get);
    *pirq = get.pirq;
    return result;
}

static void free_pirqs(unsigned *pirq)
{
    unsigned second = 0, gsi = 0;
    expect("a free pirq for messages", get_free(MAP_PIRQ_TYPE_MSI, pirq), 0);
    expect("another", get_free(MAP_PIRQ_TYPE_MSI, &second), 0);
    check(*pirq != second && *pirq > 23 && second > 23, "they differ and are no GSI's: %u, %u",
          *pirq, second);
    expect("a free pirq for a GSI", get_free(MAP_PIRQ_TYPE_GSI, &gsi), 0);
    expect_range("is one of the GSIs'", gsi, 16, 255);
    expect("nowhere: -EFAULT", physdev_op(PHYSDEVOP_get_free_pirq, no_memory()), -XEN_EFAULT);
}

static void messages(unsigned pirq, long port)
{
    uint32_t address = MSI_BASE | (pirq & 0xff) << PIRQ_SHIFT;
    events_forget();
    check(hpet_send_message(address, 0, 200), "the HPET can send messages");
    check(event_wait(port, 1, 2000), "a message comes as an event");
    rest(5);
    expect("once", event_count[port], 1);
    for (unsigned i = 2; i <= 10; i++) {
        hpet_send_message(address, 0, 200);
        if (!event_wait(port, i, 2000)) {
            break;
        }
    }
    expect("ten come", event_count[port], 10);
    expect("each on vCPU 0", event_vcpu[port], 0);
    port_mask(port);
    hpet_send_message(address, 0, 200);
    rest(20);
    expect("masked it does not come", event_count[port], 10);
    port_unmask(port);
    check(event_wait(port, 11, 2000), "unmasked it comes");
    trap_set(PLAIN_VECTOR, on_plain);
    hpet_send_message(MSI_BASE, PLAIN_VECTOR, 200);
    check(wait_for(&plain, 1, 2000), "a message with a vector is an ordinary interrupt");
    expect("and no event", event_count[port], 11);
}

static void to_other_vcpu(unsigned pirq, long port)
{
    if (!check(smp_start(1), "vCPU 1 comes up")) {
        return;
    }
    expect("the port is moved there", port_bind_vcpu(port, 1), 0);
    events_forget();
    hpet_send_message(MSI_BASE | (pirq & 0xff) << PIRQ_SHIFT, 0, 200);
    check(event_wait(port, 1, 2000), "a message comes");
    expect("on vCPU 1", event_vcpu[port], 1);
}

void test_main(void)
{
    unsigned pirq = 0;
    PortStatus s;
    xen_start();
    xen_map_shared_info();
    events_by_callback_vector(VECTOR);
    free_pirqs(&pirq);
    if (pirq == 0) {
        return;
    }
    long port = bind_pirq(pirq, 0);
    check(port > 0, "the pirq is bound to port %ld", port);
    port_status(port, &s);
    expect("its status", s.status, EVTCHNSTAT_pirq);
    expect("with its pirq", s.pirq, pirq);
    messages(pirq, port);
    to_other_vcpu(pirq, port);
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = pirq};
    port_close(port);
    expect("the pirq is given back", physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
    expect("once", physdev_op(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
}
