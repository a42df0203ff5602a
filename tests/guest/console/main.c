/*
 * The primary console: what a builder leaves, output that is drained whether anybody listens or
 * not, events that answer it, indices that lie, a soft reset.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

#include <xen/io/console.h>

#define VECTOR   0xf3
#define DRAIN_MS 3000

static volatile struct xencons_interface *ring;
static uint32_t port;

static bool drained(void)
{
    return ring->out_cons == ring->out_prod;
}

/* As much as there is room for; returns how much that was. */
static unsigned put(unsigned length)
{
    uint32_t producer = ring->out_prod, room = sizeof(ring->out) - (producer - ring->out_cons);
    length = length < room ? length : room;
    for (unsigned i = 0; i < length; i++) {
        ring->out[MASK_XENCONS_IDX(producer + i, ring->out)] = i % 64 == 63 ? '\n' : 'a' + i % 26;
    }
    barrier();
    ring->out_prod = producer + length;
    return length;
}

static bool wait_drained(void)
{
    for (unsigned i = 0; i < DRAIN_MS && !drained(); i++) {
        rest(1);
    }
    return drained();
}

static void find(void)
{
    uint64_t pfn = 0, event = 0;
    PortStatus s;
    expect("CONSOLE_PFN", get_param(HVM_PARAM_CONSOLE_PFN, &pfn), 0);
    expect("the frame where libxl has it", pfn, 0xfeff8);
    expect("CONSOLE_EVTCHN", get_param(HVM_PARAM_CONSOLE_EVTCHN, &event), 0);
    check(event != 0, "a port: %llu", (unsigned long long)event);
    expect("which is there", port_status(event, &s), 0);
    expect("and interdomain", s.status, EVTCHNSTAT_interdomain);
    ring = (void *)(uintptr_t)(pfn << PAGE_SHIFT);
    port = event;
}

static void empty(void)
{
    expect("no output yet", ring->out_prod | ring->out_cons, 0);
    expect("no input yet", ring->in_prod | ring->in_cons, 0);
    grants_map();
    check(grants_v1[GNTTAB_RESERVED_CONSOLE].flags & GTF_permit_access, "the reserved grant");
    expect("is of its frame", grants_v1[GNTTAB_RESERVED_CONSOLE].frame, 0xfeff8);
}

static void output(void)
{
    for (unsigned i = 0; i < 5; i++) {
        events_forget();
        expect("a ring full of output", put(sizeof(ring->out)), sizeof(ring->out));
        port_send(port);
        check(wait_drained(), "is taken");
        check(event_wait(port, 1, DRAIN_MS), "an event says so");
    }
    events_forget();
    port_send(port);
    rest(50);
    expect("an event about nothing is not answered", event_count[port], 0);
}

static void lies(void)
{
    static const uint32_t wrong[] = {sizeof(ring->out) + 1, 0x7fffffff, 0x80000000, 0xffffffff};
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        ring->out_prod = ring->out_cons + wrong[i];
        ring->in_cons = ring->in_prod + wrong[i];
        port_send(port);
        check(wait_drained(), "more than there can be (0x%x): nothing is taken", wrong[i]);
        ring->in_cons = ring->in_prod;
    }
    ring->out_cons = ring->out_prod - 10;
    port_send(port);
    check(wait_drained(), "our own index may be moved");
}

static void works(void)
{
    put(100);
    port_send(port);
    check(wait_drained(), "the console works");
}

void test_main(void)
{
    struct sched_shutdown s = {.reason = SHUTDOWN_soft_reset};
    xen_start();
    xen_map_shared_info();
    events_by_callback_vector(VECTOR);
    find();
    empty();
    output();
    lies();
    works();
    expect("soft reset comes back", sched_op(SCHEDOP_shutdown, &s), 0);
    find();
    works();
}
