/*
 * What must hold of an upcall whatever way it comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "upcall_checks.h"

#define WAIT_MS 2000
#define ROW     50

static void once_and_in_a_row(long port)
{
    events_forget();
    port_send(port);
    expect("with interrupts off nothing comes", event_count[port], 0);
    check(event_wait(port, 1, WAIT_MS), "an event comes");
    rest(5);
    expect("once", event_count[port], 1);
    check(upcall_count[0] >= 1 && upcall_count[0] < 20, "by %u upcalls", upcall_count[0]);
    events_forget();
    unsigned sent = 0;
    for (; sent < ROW; sent++) {
        port_send(port);
        if (!event_wait(port, sent + 1, WAIT_MS)) {
            break;
        }
    }
    expect("fifty in a row come", sent, ROW);
    rest(5);
    expect("and no more", event_count[port], ROW);
}

static void masked(long port)
{
    events_forget();
    port_mask(port);
    port_send(port);
    rest(10);
    expect("a masked one does not come", event_count[port], 0);
    port_unmask(port);
    check(event_wait(port, 1, WAIT_MS), "unmasked it comes");
}

static void several_at_once(long port)
{
    long others[5];
    events_forget();
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        others[i] = bind_ipi(0);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        port_send(others[i]);
        port_send(others[i]);
    }
    port_send(port);
    check(event_wait(port, 1, WAIT_MS), "several at once come");
    unsigned right = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        right += event_wait(others[i], 1, WAIT_MS) && event_count[others[i]] == 1;
        port_close(others[i]);
    }
    expect("each once, though sent twice", right, ARRAY_SIZE(others));
}

static void during_the_wait(void)
{
    long port = bind_virq(VIRQ_TIMER, 0);
    events_forget();
    set_timer_op(system_time() + 20 * NS_PER_MS);
    check(event_wait(port, 1, WAIT_MS), "a sleeping vCPU is woken by a timer's event");
    port_close(port);
}

void upcall_checks(void)
{
    long port = bind_ipi(0);
    once_and_in_a_row(port);
    masked(port);
    several_at_once(port);
    during_the_wait();
    port_close(port);
}

static void send_there(void *opaque)
{
    port_send(*(long *)opaque);
}

void upcall_checks_other(unsigned vcpu)
{
    long there = bind_ipi(vcpu), here = bind_ipi(0);
    events_forget();
    port_send(there);
    check(event_wait(there, 1, WAIT_MS), "an event for vCPU %u comes", vcpu);
    expect("there", event_vcpu[there], vcpu);
    expect("and makes no upcall here", upcall_count[0], 0);
    unsigned sent = 1;
    for (; sent < ROW; sent++) {
        port_send(there);
        if (!event_wait(there, sent + 1, WAIT_MS)) {
            break;
        }
    }
    expect("fifty in a row come there", sent, ROW);
    smp_begin(vcpu, send_there, &here);
    check(event_wait(here, 1, WAIT_MS), "an event that it sends comes");
    expect("here", event_vcpu[here], 0);
    smp_wait(vcpu, WAIT_MS);
    long timer = bind_virq(VIRQ_TIMER, vcpu);
    check(timer > 0, "its timer has a port");
    port_close(timer);
    port_close(there);
    port_close(here);
}
