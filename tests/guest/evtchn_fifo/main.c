/*
 * The FIFO ABI: set-up, its errors, queues by priority, masks, links, more pages, two vCPUs.
 *
 * Source: Xen's public/event_channel.h and docs/misc (event channel FIFO design).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define PENDING        (1u << EVTCHN_FIFO_PENDING)
#define MASKED         (1u << EVTCHN_FIFO_MASKED)
#define LINKED         (1u << EVTCHN_FIFO_LINKED)
#define VECTOR         0xf3
#define PAGES          3

static struct evtchn_fifo_control_block *control[2];
static volatile event_word_t *words;
static volatile unsigned got, upcalls;
static volatile uint32_t order[64];
static volatile unsigned on_vcpu[64];

static long init_control(unsigned vcpu, unsigned long frame, unsigned offset, unsigned *link_bits)
{
    struct evtchn_init_control init = {.control_gfn = frame, .offset = offset, .vcpu = vcpu};
    long result = event_channel_op(EVTCHNOP_init_control, &init);
    if (link_bits) {
        *link_bits = init.link_bits;
    }
    return result;
}

static long expand(unsigned long frame)
{
    struct evtchn_expand_array e = {.array_gfn = frame};
    return event_channel_op(EVTCHNOP_expand_array, &e);
}

static long priority(uint32_t port, uint32_t value)
{
    struct evtchn_set_priority set = {.port = port, .priority = value};
    return event_channel_op(EVTCHNOP_set_priority, &set);
}

/* Takes one event of queue @p: unlink the head, then clear the pending bit. */
static bool take_head(struct evtchn_fifo_control_block *block, unsigned p, uint32_t *heads)
{
    uint32_t port = heads[p] ? heads[p] : __atomic_load_n(&block->head[p], __ATOMIC_SEQ_CST);
    event_word_t word = __atomic_load_n(&words[port], __ATOMIC_SEQ_CST), wanted;
    do {
        if (!(word & LINKED)) {
            heads[p] = 0;
            return false;
        }
        wanted = word & ~(LINKED | (event_word_t)EVTCHN_FIFO_LINK_MASK);
    } while (!__atomic_compare_exchange_n(&words[port], &word, wanted, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    heads[p] = word & EVTCHN_FIFO_LINK_MASK;
    if ((wanted & PENDING) && !(wanted & MASKED)) {
        __atomic_fetch_and(&words[port], ~PENDING, __ATOMIC_SEQ_CST);
        unsigned at = __atomic_fetch_add(&got, 1, __ATOMIC_SEQ_CST) % 64;
        order[at] = port;
        on_vcpu[at] = cpu_index();
    }
    return heads[p] != 0;
}

static void take_all(void)
{
    static uint32_t heads[2][EVTCHN_FIFO_MAX_QUEUES];
    unsigned cpu = cpu_index();
    vcpu_info(cpu)->evtchn_upcall_pending = 0;
    uint32_t ready = __atomic_exchange_n(&control[cpu]->ready, 0, __ATOMIC_SEQ_CST);
    while (ready) {
        unsigned p = __builtin_ctz(ready);
        if (!take_head(control[cpu], p, heads[cpu])) {
            ready &= ~(1u << p);
        }
        ready |= __atomic_exchange_n(&control[cpu]->ready, 0, __ATOMIC_SEQ_CST);
    }
}

static void on_upcall(TrapFrame *frame __attribute__((unused)))
{
    __atomic_fetch_add(&upcalls, 1, __ATOMIC_SEQ_CST);
    take_all();
}

static void before_setup(void)
{
    long port = bind_ipi(0);
    expect("a priority under the 2-level ABI: -ENOSYS", priority(port, 3), -XEN_ENOSYS);
    expect("an array page under it: -EOPNOTSUPP", expand(frame_of(page_alloc())), -XEN_EOPNOTSUPP);
    expect("a control block of no vCPU: -ENOENT", init_control(2, frame_of(page_alloc()), 0, NULL),
           -XEN_ENOENT);
    expect("one over the page's end: -EINVAL",
           init_control(0, frame_of(page_alloc()), 4096 - 64, NULL), -XEN_EINVAL);
    expect("one that is not aligned: -EINVAL", init_control(0, frame_of(page_alloc()), 12, NULL),
           -XEN_EINVAL);
    expect("one in no RAM: -EINVAL", init_control(0, 0xe0000, 0, NULL), -XEN_EINVAL);
    expect("it is still the 2-level ABI", priority(port, 3), -XEN_ENOSYS);
    /* One that is pending at the change must not be lost. */
    port_send(port);
    vcpu_info(0)->evtchn_upcall_pending = 0;
    vcpu_info(0)->evtchn_pending_sel = 0;
}

static void set_up(void)
{
    unsigned link_bits = 0;
    uint8_t *both = page_alloc(), *array = page_alloc_many(PAGES);
    control[0] = (void *)both;
    control[1] = (void *)(both + 256);
    words = (void *)array;
    expect("vCPU 0's control block", init_control(0, frame_of(both), 0, &link_bits), 0);
    expect("links have 17 bits", link_bits, EVTCHN_FIFO_LINK_BITS);
    expect("vCPU 1's, in the same page", init_control(1, frame_of(both), 256, NULL), 0);
    expect("vCPU 0's again: -EINVAL", init_control(0, frame_of(page_alloc()), 0, NULL),
           -XEN_EINVAL);
    expect("the array's first page", expand(frame_of(array)), 0);
    expect("a page in no RAM: -EINVAL", expand(0xe0000), -XEN_EINVAL);
    trap_set(VECTOR, on_upcall);
    set_param(HVM_PARAM_CALLBACK_IRQ, (uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR);
}

static void queue_order(void)
{
    uint32_t ports[6];
    static const unsigned priorities[6] = {7, 7, 2, 15, 0, 7};
    static const unsigned wanted[6] = {4, 2, 0, 1, 5, 3};
    rest(5);
    got = upcalls = 0;
    for (unsigned i = 0; i < 6; i++) {
        ports[i] = bind_ipi(0);
        if (priorities[i] != EVTCHN_FIFO_PRIORITY_DEFAULT) {
            priority(ports[i], priorities[i]);
        }
    }
    for (unsigned i = 0; i < 6; i++) {
        port_send(ports[i]);
    }
    expect("ready has a bit a priority", control[0]->ready, 1u << 7 | 1u << 2 | 1u << 15 | 1u << 0);
    expect("the head of queue 7 is the first", control[0]->head[7], ports[0]);
    expect("which links to the second", words[ports[0]] & EVTCHN_FIFO_LINK_MASK, ports[1]);
    expect("the upcall flag is set", vcpu_info(0)->evtchn_upcall_pending, 1);
    check(wait_for(&got, 6, 1000), "all six events come");
    for (unsigned i = 0; i < 6; i++) {
        expect("in the order of priority, then of sending", order[i], ports[wanted[i]]);
    }
    check(upcalls >= 1 && upcalls <= 6, "by %u upcalls", upcalls);
    expect("a priority that is none: -EINVAL", priority(ports[0], 16), -XEN_EINVAL);
    expect("of a port that is none: -EINVAL", priority(EVTCHN_FIFO_NR_CHANNELS, 3), -XEN_EINVAL);
    got = 0;
    port_send(ports[0]);
    check(wait_for(&got, 1, 1000), "the queue goes on after it was empty");
    for (unsigned i = 0; i < 6; i++) {
        port_close(ports[i]);
    }
}

static void masks(void)
{
    long port = bind_ipi(0);
    got = upcalls = 0;
    __atomic_fetch_or(&words[port], MASKED, __ATOMIC_SEQ_CST);
    port_send(port);
    expect("a masked event is pending, not linked", words[port], PENDING | MASKED);
    rest(10);
    expect("it does not come", got, 0);
    expect("it is unmasked", port_unmask(port), 0);
    check(wait_for(&got, 1, 1000), "and comes");
    expect("its word is clean", words[port], 0);
    rest(10);
    expect("once", got, 1);
    port_close(port);
}

static void to_other_vcpu(void)
{
    long port = bind_ipi(1), loop = alloc_unbound(DOMID_SELF, DOMID_SELF);
    long sender = bind_interdomain(DOMID_SELF, loop);
    rest(5);
    got = upcalls = 0;
    port_send(port);
    check(wait_for(&got, 1, 2000), "an IPI comes");
    expect("on vCPU 1", on_vcpu[0], 1);
    for (unsigned i = 0; i < 20; i++) {
        unsigned before = got;
        port_send(port);
        if (!wait_for(&got, before + 1, 2000)) {
            break;
        }
    }
    expect("twenty more come", got, 21);
    port_bind_vcpu(loop, 1);
    got = 0;
    port_send(sender);
    check(wait_for(&got, 1, 2000), "a port that was moved comes");
    expect("on vCPU 1", on_vcpu[0], 1);
    port_bind_vcpu(loop, 0);
    got = 0;
    port_send(sender);
    check(wait_for(&got, 1, 2000), "moved back it comes");
    expect("on vCPU 0", on_vcpu[0], 0);
    port_close(port);
    port_close(sender);
    port_close(loop);
}

/* More ports than 2-level has, and than one page of words has. */
static void many_ports(void)
{
    unsigned words_now = WORDS_PER_PAGE;
    uint32_t last = 0;
    long port;
    while (last < words_now + 5 && (port = bind_ipi(0)) > 0) {
        last = port;
    }
    check(last >= words_now + 5, "there are ports behind the first page's: %u", last);
    got = 0;
    expect("one is sent before its page is there", port_send(last), 0);
    rest(5);
    expect("it does not come", got, 0);
    expect("its page", expand(frame_of((void *)(uintptr_t)words) + 1), 0);
    check(wait_for(&got, 1, 1000), "now it comes");
    expect("as itself", order[0], last);
    got = 0;
    port_send(last);
    port_send(last - 1);
    check(wait_for(&got, 2, 1000), "later ones come too");
    expect("a third page", expand(frame_of((void *)(uintptr_t)words) + 2), 0);
    while (last < PORTS_2L + 10 && last < 2 * words_now + 10 && (port = bind_ipi(0)) > 0) {
        last = port;
    }
    got = 0;
    port_send(last);
    check(wait_for(&got, 1, 1000), "port %u comes", last);
}

static void timer(void)
{
    long port = bind_virq(VIRQ_TIMER, 0);
    got = 0;
    set_timer_op(system_time() + 5 * NS_PER_MS);
    check(wait_for(&got, 1, 1000), "the timer's VIRQ comes by the FIFO");
    expect("on its port", order[0], port);
    port_close(port);
}

static void back_to_two_levels(void)
{
    struct evtchn_reset r = {.dom = DOMID_SELF};
    expect("reset", event_channel_op(EVTCHNOP_reset, &r), 0);
    long port = bind_ipi(0);
    expect("ports start again", port, 1);
    expect("with two levels", priority(port, 3), -XEN_ENOSYS);
    port_send(port);
    check(port_pending(port), "an event is pending in shared info");
    port_clear(port);
    expect("the FIFO can be set up again", init_control(0, frame_of(page_alloc()), 0, NULL), 0);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    check(smp_start(1), "vCPU 1 comes up");
    before_setup();
    set_up();
    got = 0;
    check(wait_for(&got, 1, 1000), "what was pending before comes by the FIFO");
    queue_order();
    masks();
    to_other_vcpu();
    many_ports();
    timer();
    back_to_two_levels();
}
