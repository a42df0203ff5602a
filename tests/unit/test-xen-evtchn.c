/*
 * Event channels: every operation of the guest, both delivery ABIs, back ends, poll, saved state.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen-fixture.h"

#define EVTCHN(f, op, s) call_struct(f, __HYPERVISOR_event_channel_op, op, &(s), sizeof(s))

static uint32_t new_ipi(Fixture *f, unsigned vcpu)
{
    evtchn_bind_ipi_t bind = {.vcpu = vcpu};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_ipi, bind), ==, 0);
    return bind.port;
}

static int64_t on_port(Fixture *f, unsigned op, uint32_t port)
{
    evtchn_send_t send = {port};
    return EVTCHN(f, op, send);
}

static bool pending_2l(Fixture *f, uint32_t port)
{
    return shared_info(f)[SHARED_INFO_PENDING + port / 8] & 1 << port % 8;
}

static void ipi_sets_bit_selector_and_upcall(void)
{
    Fixture *f = fixture_new(2);
    uint32_t port = new_ipi(f, 1);
    g_assert_cmpuint(port, ==, 1);
    g_assert_cmpuint(GPOINTER_TO_UINT(g_hash_table_lookup(f->ports, GUINT_TO_POINTER(port))), ==,
                     XEN_PORT_IPI + 1);
    g_assert_cmpint(on_port(f, EVTCHNOP_send, port), ==, 0);
    g_assert_true(pending_2l(f, port));
    g_assert_cmpuint(f->upcalls[1], ==, 1);
    g_assert_cmpuint(f->upcalls[0], ==, 0);
    g_assert_true(xen_domain_upcall_pending(f->domain, 1));
    g_assert_cmpuint(shared_info(f)[SHARED_INFO_VCPU_SIZE + VCPU_INFO_SELECTOR_64], ==, 1);
    g_assert_cmpint(on_port(f, EVTCHNOP_send, port), ==, 0);
    g_assert_cmpuint(f->upcalls[1], ==, 1);
    fixture_free(f);
}

static void masked_port_is_raised_by_unmask(void)
{
    Fixture *f = fixture_new(1);
    uint32_t port = new_ipi(f, 0);
    shared_info(f)[SHARED_INFO_MASK_64] = 1 << port;
    on_port(f, EVTCHNOP_send, port);
    g_assert_cmpuint(f->upcalls[0], ==, 0);
    g_assert_cmpint(on_port(f, EVTCHNOP_unmask, port), ==, 0);
    g_assert_cmpuint(f->upcalls[0], ==, 1);
    g_assert_cmpint(on_port(f, EVTCHNOP_unmask, 0), ==, -XEN_EINVAL);
    fixture_free(f);
}

static void wrong_arguments_get_xens_errors(void)
{
    Fixture *f = fixture_new(2);
    evtchn_bind_ipi_t ipi = {.vcpu = 2};
    evtchn_bind_virq_t virq = {.virq = 24};
    evtchn_bind_pirq_t pirq = {.pirq = 64};
    evtchn_alloc_unbound_t alloc = {.dom = 0};
    evtchn_bind_interdomain_t inter = {.remote_dom = 9};
    evtchn_status_t status = {.dom = 7};
    evtchn_reset_t reset = {.dom = 7};
    evtchn_bind_vcpu_t move = {.port = 1, .vcpu = 2};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_ipi, ipi), ==, -XEN_ENOENT);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, virq), ==, -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){.virq = VIRQ_CONSOLE, .vcpu = 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, virq), ==, -XEN_EINVAL);
    virq = (evtchn_bind_virq_t){.virq = VIRQ_TIMER, .vcpu = 2};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, virq), ==, -XEN_ENOENT);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_pirq, pirq), ==, -XEN_EINVAL);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_alloc_unbound, alloc), ==, -XEN_EPERM);
    alloc.dom = 9;
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_alloc_unbound, alloc), ==, -XEN_ESRCH);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, inter), ==, -XEN_ESRCH);
    inter.remote_dom = 0;
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, inter), ==, -XEN_EINVAL);
    inter.remote_dom = DOMID_SELF;
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, inter), ==, -XEN_EINVAL);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_status, status), ==, -XEN_ESRCH);
    status = (evtchn_status_t){.dom = DOMID_SELF, .port = 5000};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_status, status), ==, -XEN_EINVAL);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_reset, reset), ==, -XEN_ESRCH);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_vcpu, move), ==, -XEN_ENOENT);
    move.vcpu = 0;
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_vcpu, move), ==, -XEN_EINVAL);
    g_assert_cmpint(on_port(f, EVTCHNOP_close, 1), ==, -XEN_EINVAL);
    g_assert_cmpint(on_port(f, EVTCHNOP_send, 1), ==, -XEN_EINVAL);
    g_assert_cmpint(call(f, __HYPERVISOR_event_channel_op, 15, FIXTURE_ARGUMENT, 0), ==,
                    -XEN_ENOSYS);
    g_assert_cmpint(call(f, __HYPERVISOR_event_channel_op, EVTCHNOP_close, FIXTURE_UNMAPPED, 0), ==,
                    -XEN_EFAULT);
    g_assert_cmpint(call(f, __HYPERVISOR_event_channel_op, EVTCHNOP_send, FIXTURE_UNMAPPED, 0), ==,
                    -XEN_EFAULT);
    fixture_free(f);
}

static void virq_is_bound_once_and_timer_goes_to_the_kernel(void)
{
    Fixture *f = fixture_new(2);
    evtchn_bind_virq_t bind = {.virq = VIRQ_TIMER, .vcpu = 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, bind), ==, 0);
    g_assert_cmpuint(f->timer_port[1], ==, bind.port);
    evtchn_bind_virq_t again = {.virq = VIRQ_TIMER, .vcpu = 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, again), ==, -XEN_EEXIST);
    xen_domain_raise_virq(f->domain, VIRQ_TIMER, 1);
    g_assert_true(pending_2l(f, bind.port));
    evtchn_bind_vcpu_t move = {.port = bind.port};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_vcpu, move), ==, -XEN_EINVAL);
    evtchn_status_t status = {.dom = DOMID_SELF, .port = bind.port};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_status, status), ==, 0);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_virq);
    g_assert_cmpuint(status.vcpu, ==, 1);
    g_assert_cmpint(on_port(f, EVTCHNOP_close, bind.port), ==, 0);
    g_assert_false(pending_2l(f, bind.port));
    g_assert_cmpuint(f->timer_port[1], ==, 0);
    /* A global one may be moved, and closed from where it is. */
    bind = (evtchn_bind_virq_t){.virq = VIRQ_ARGO};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, bind), ==, 0);
    move = (evtchn_bind_vcpu_t){.port = bind.port, .vcpu = 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_vcpu, move), ==, 0);
    unsigned before = f->upcalls[1];
    shared_info(f)[SHARED_INFO_VCPU_SIZE] = 0;
    memset(shared_info(f) + SHARED_INFO_VCPU_SIZE, 0, 16);
    xen_domain_raise_virq(f->domain, VIRQ_ARGO, 0);
    g_assert_cmpuint(f->upcalls[1], ==, before + 1);
    g_assert_cmpint(on_port(f, EVTCHNOP_close, bind.port), ==, 0);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, bind), ==, 0);
    fixture_free(f);
}

static void loopback_connects_two_ports_of_the_guest(void)
{
    Fixture *f = fixture_new(2);
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = DOMID_SELF};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_alloc_unbound, alloc), ==, 0);
    g_assert_cmpint(on_port(f, EVTCHNOP_send, alloc.port), ==, 0); /* dropped */
    evtchn_bind_interdomain_t bind = {.remote_dom = 5, .remote_port = alloc.port};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, bind), ==, 0);
    g_assert_true(pending_2l(f, bind.local_port)); /* something may have been lost */
    g_assert_cmpint(on_port(f, EVTCHNOP_send, bind.local_port), ==, 0);
    g_assert_true(pending_2l(f, alloc.port));
    evtchn_bind_vcpu_t move = {.port = alloc.port, .vcpu = 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_vcpu, move), ==, 0);
    evtchn_status_t status = {.dom = 5, .port = alloc.port};
    EVTCHN(f, EVTCHNOP_status, status);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_interdomain);
    g_assert_cmpuint(status.u.interdomain.port, ==, bind.local_port);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    g_assert_cmpint(on_port(f, EVTCHNOP_close, bind.local_port), ==, 0);
    EVTCHN(f, EVTCHNOP_status, status);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_unbound);
    g_assert_cmpuint(status.u.unbound.dom, ==, 5);
    fixture_free(f);
}

static void count_up(void *opaque)
{
    (*(unsigned *)opaque)++;
}

static void back_end_and_guest_notify_each_other(void)
{
    Fixture *f = fixture_new(1);
    unsigned calls = 0;
    XenEvtchnHandler handler = {.fd = -1, .notify = count_up, .opaque = &calls};
    uint32_t port = xen_evtchn_offer(f->domain);
    XenEvtchnBackend *b = xen_evtchn_bind(f->domain, port, &handler, NULL);
    g_assert_nonnull(b);
    g_assert_cmpuint(calls, ==, 1);
    g_assert_null(xen_evtchn_bind(f->domain, port, &handler, NULL));
    on_port(f, EVTCHNOP_send, port);
    g_assert_cmpuint(calls, ==, 2);
    g_assert_true(xen_evtchn_notify(b));
    g_assert_true(pending_2l(f, port));
    on_port(f, EVTCHNOP_close, port);
    g_assert_false(xen_evtchn_notify(b));
    xen_evtchn_unbind(b);
    b = xen_evtchn_listen(f->domain, &handler);
    evtchn_bind_interdomain_t bind = {.remote_dom = 0, .remote_port = xen_evtchn_number(b)};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, bind), ==, 0);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_interdomain, bind), ==, -XEN_EINVAL);
    port = xen_evtchn_guest_port(b);
    evtchn_status_t status = {.dom = DOMID_SELF, .port = port};
    xen_evtchn_unbind(b);
    EVTCHN(f, EVTCHNOP_status, status);
    g_assert_cmpuint(status.status, ==, EVTCHNSTAT_unbound);
    fixture_free(f);
}

static void table_fills_and_reset_empties_it(void)
{
    Fixture *f = fixture_new(1);
    evtchn_bind_ipi_t bind = {0};
    for (unsigned i = 1; i < EVTCHN_2L_PORTS_64; i++) {
        g_assert_cmpuint(new_ipi(f, 0), ==, i);
    }
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_ipi, bind), ==, -XEN_ENOSPC);
    on_port(f, EVTCHNOP_close, 77);
    g_assert_cmpuint(new_ipi(f, 0), ==, 77);
    evtchn_reset_t reset = {.dom = DOMID_SELF};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_reset, reset), ==, 0);
    g_assert_cmpuint(new_ipi(f, 0), ==, 1);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_reset_cont, reset), ==, 0);
    fixture_free(f);
}

/* ---- FIFO ---- */

enum { CONTROL_GFN = 40, ARRAY_GFN = 50 };

static int64_t init_control(Fixture *f, unsigned vcpu, uint64_t gfn, uint32_t offset)
{
    evtchn_init_control_t init = {.control_gfn = gfn, .offset = offset, .vcpu = vcpu};
    int64_t result = EVTCHN(f, EVTCHNOP_init_control, init);
    g_assert_true(result != 0 || init.link_bits == 17);
    return result;
}

static int64_t expand(Fixture *f, uint64_t gfn)
{
    evtchn_expand_array_t e = {gfn};
    return EVTCHN(f, EVTCHNOP_expand_array, e);
}

static struct evtchn_fifo_control_block *control(Fixture *f, unsigned vcpu)
{
    return guest(f, (CONTROL_GFN + vcpu) * XEN_PAGE_SIZE);
}

static uint32_t *word(Fixture *f, uint32_t port)
{
    return (uint32_t *)guest(f, ARRAY_GFN * XEN_PAGE_SIZE) + port;
}

static Fixture *fifo_fixture(void)
{
    Fixture *f = fixture_new(2);
    g_assert_cmpint(init_control(f, 0, CONTROL_GFN, 0), ==, 0);
    g_assert_cmpint(init_control(f, 1, CONTROL_GFN + 1, 0), ==, 0);
    g_assert_cmpint(expand(f, ARRAY_GFN), ==, 0);
    return f;
}

static void fifo_links_in_order_by_priority(void)
{
    Fixture *f = fifo_fixture();
    uint32_t a = new_ipi(f, 0), b = new_ipi(f, 0), c = new_ipi(f, 0);
    evtchn_set_priority_t high = {c, 2};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_set_priority, high), ==, 0);
    on_port(f, EVTCHNOP_send, a);
    on_port(f, EVTCHNOP_send, b);
    on_port(f, EVTCHNOP_send, c);
    g_assert_cmpuint(control(f, 0)->head[7], ==, a);
    g_assert_cmpuint(control(f, 0)->head[2], ==, c);
    g_assert_cmphex(control(f, 0)->ready, ==, 1u << 7 | 1u << 2);
    g_assert_cmphex(*word(f, a), ==, 1u << 31 | 1u << 29 | b);
    g_assert_cmphex(*word(f, b), ==, 1u << 31 | 1u << 29);
    g_assert_cmpuint(f->upcalls[0], ==, 1);
    /* The guest takes the whole queue; the next event is a head again. */
    *word(f, a) = *word(f, b) = 0;
    on_port(f, EVTCHNOP_send, a);
    g_assert_cmpuint(control(f, 0)->head[7], ==, a);
    fixture_free(f);
}

static void fifo_masked_event_is_linked_by_unmask(void)
{
    Fixture *f = fifo_fixture();
    uint32_t port = new_ipi(f, 1);
    g_assert_null(g_hash_table_lookup(f->ports, GUINT_TO_POINTER(port)));
    *word(f, port) = 1u << 30;
    on_port(f, EVTCHNOP_send, port);
    g_assert_cmphex(*word(f, port), ==, 3u << 30);
    g_assert_cmpint(on_port(f, EVTCHNOP_unmask, port), ==, 0);
    g_assert_cmphex(*word(f, port), ==, 1u << 31 | 1u << 29);
    g_assert_cmpuint(f->upcalls[1], ==, 1);
    fixture_free(f);
}

static void fifo_event_before_its_page_comes_with_the_page(void)
{
    Fixture *f = fixture_new(1);
    uint32_t port = new_ipi(f, 0);
    on_port(f, EVTCHNOP_send, port);
    g_assert_cmpint(expand(f, ARRAY_GFN), ==, -XEN_EOPNOTSUPP);
    evtchn_set_priority_t set = {port, 1};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_set_priority, set), ==, -XEN_ENOSYS);
    g_assert_cmpint(init_control(f, 0, CONTROL_GFN, 0), ==, 0);
    g_assert_cmpint(on_port(f, EVTCHNOP_unmask, port), ==, 0); /* no word yet */
    g_assert_cmpint(expand(f, ARRAY_GFN), ==, 0);
    g_assert_cmphex(*word(f, port), ==, 1u << 31 | 1u << 29);
    uint32_t late = new_ipi(f, 0);
    on_port(f, EVTCHNOP_send, late);
    g_assert_cmphex(*word(f, port), ==, 1u << 31 | 1u << 29 | late);
    fixture_free(f);
}

static void fifo_refuses_bad_frames_and_offsets(void)
{
    Fixture *f = fifo_fixture();
    g_assert_cmpint(init_control(f, 2, CONTROL_GFN, 0), ==, -XEN_ENOENT);
    g_assert_cmpint(init_control(f, 0, CONTROL_GFN, 0), ==, -XEN_EINVAL);
    Fixture *g = fixture_new(1);
    g_assert_cmpint(init_control(g, 0, CONTROL_GFN, 4), ==, -XEN_EINVAL);
    g_assert_cmpint(init_control(g, 0, CONTROL_GFN, 4096 - 64), ==, -XEN_EINVAL);
    g_assert_cmpint(init_control(g, 0, UINT64_MAX, 0), ==, -XEN_EINVAL);
    fixture_free(g);
    g_assert_cmpint(expand(f, 1 << 20), ==, -XEN_EINVAL);
    for (unsigned i = 1; i < 128; i++) {
        g_assert_cmpint(expand(f, ARRAY_GFN + i % 8), ==, 0);
    }
    g_assert_cmpint(expand(f, ARRAY_GFN), ==, -XEN_ENOSPC);
    evtchn_set_priority_t set = {new_ipi(f, 0), 16};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_set_priority, set), ==, -XEN_EINVAL);
    set.port = 131071;
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_set_priority, set), ==, -XEN_EINVAL);
    fixture_free(f);
}

static void fifo_state_is_saved_and_loaded(void)
{
    Fixture *f = fifo_fixture();
    uint32_t a = new_ipi(f, 0), b = new_ipi(f, 0);
    on_port(f, EVTCHNOP_send, a);
    g_autoptr(GVariant) saved = g_variant_ref_sink(xen_domain_save(f->domain));
    g_assert_true(xen_domain_load(f->domain, saved, NULL));
    on_port(f, EVTCHNOP_send, b);
    g_assert_cmphex(*word(f, a), ==, 1u << 31 | 1u << 29 | b);
    fixture_free(f);
}

/* ---- a guest that writes over everything while events are sent ---- */

typedef struct {
    Fixture *f;
    bool stop;
} Hostile;

static gpointer scribble(gpointer data)
{
    Hostile *hostile = data;
    uint32_t value = 1;
    while (!__atomic_load_n(&hostile->stop, __ATOMIC_RELAXED)) {
        for (uint32_t port = 0; port < 64; port++) {
            value = value * 1664525 + 1013904223;
            __atomic_store_n(word(hostile->f, port), value, __ATOMIC_RELAXED);
        }
        for (unsigned i = 0; i < 18; i++) {
            __atomic_store_n((uint32_t *)control(hostile->f, 0) + i, value + i, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* For a host whose kernel sends on 2-level ports only. */
static void bell_is_a_port_the_guest_does_not_look_at(void)
{
    Fixture *f = fixture_new(2);
    g_assert_cmpuint(xen_domain_bell_port(f->domain, 0), ==, 0);
    fixture_free(f);

    f = fifo_fixture();
    uint8_t *selector = shared_info(f) + SHARED_INFO_VCPU_SIZE + VCPU_INFO_SELECTOR_64;
    memset(shared_info(f) + SHARED_INFO_PENDING, 0xff, EVTCHN_2L_PORTS_64 / 8);
    memset(shared_info(f) + SHARED_INFO_MASK_64, 0xff, EVTCHN_2L_PORTS_64 / 8);
    memset(selector, 0xff, 8);
    uint32_t port = xen_domain_bell_port(f->domain, 1);
    g_assert_cmpuint(port, >, 0);
    g_assert_cmpuint(port, <, EVTCHN_2L_PORTS_32);
    g_assert_cmpuint(port, !=, xen_domain_bell_port(f->domain, 0));
    memset(shared_info(f), 0xff, SHARED_INFO_MASK_64 + EVTCHN_2L_PORTS_64 / 8);
    g_assert_cmpuint(port, ==, xen_domain_bell_port(f->domain, 1));
    for (unsigned i = 0; i < EVTCHN_2L_PORTS_64; i++) {
        bool others = i != port;
        g_assert_cmpuint(shared_info(f)[SHARED_INFO_PENDING + i / 8] >> i % 8 & 1, ==, others);
        g_assert_cmpuint(shared_info(f)[SHARED_INFO_MASK_64 + i / 8] >> i % 8 & 1, ==, others);
    }
    for (unsigned i = 0; i < 64; i++) {
        g_assert_cmpuint(selector[i / 8] >> i % 8 & 1, ==, i != port / 64);
    }
    fixture_free(f);
}

static void fifo_survives_a_guest_that_scribbles(void)
{
    Fixture *f = fifo_fixture();
    Hostile hostile = {f, false};
    for (unsigned i = 0; i < 60; i++) {
        new_ipi(f, i & 1);
    }
    GThread *thread = g_thread_new("scribble", scribble, &hostile);
    for (unsigned i = 0; i < 50000; i++) {
        g_assert_cmpint(on_port(f, i % 7 ? EVTCHNOP_send : EVTCHNOP_unmask, 1 + i % 60), ==, 0);
    }
    __atomic_store_n(&hostile.stop, true, __ATOMIC_RELAXED);
    g_thread_join(thread);
    fixture_free(f);
}

/* ---- poll and block ---- */

static int64_t poll_ports(Fixture *f, unsigned count, uint32_t port, uint64_t timeout)
{
    sched_poll_t poll = {.nr_ports = count, .timeout = timeout};
    poll.ports.p = (evtchn_port_t *)(uintptr_t)FIXTURE_SCRATCH;
    memcpy(guest(f, FIXTURE_SCRATCH), &port, sizeof(port));
    return call_struct(f, __HYPERVISOR_sched_op, SCHEDOP_poll, &poll, sizeof(poll));
}

static void poll_sleeps_until_its_port_is_pending(void)
{
    Fixture *f = fixture_new(2);
    uint32_t a = new_ipi(f, 1), b = new_ipi(f, 1);
    shared_info(f)[VCPU_INFO_MASK] = 1;
    memset(shared_info(f) + SHARED_INFO_MASK_64, 0xff, 8);
    g_assert_cmpint(poll_ports(f, 1, a, 0), ==, 0);
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_SLEEP);
    g_assert_true(xen_domain_may_sleep(f->domain, 0));
    on_port(f, EVTCHNOP_send, b);
    g_assert_true(xen_domain_may_sleep(f->domain, 0));
    on_port(f, EVTCHNOP_send, a);
    g_assert_false(xen_domain_may_sleep(f->domain, 0));
    g_assert_cmpuint(f->wakes[0], ==, 1);
    xen_domain_awake(f->domain, 0);
    g_assert_cmpint(poll_ports(f, 1, a, 0), ==, 0);
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_DONE);
    g_assert_cmpint(poll_ports(f, 129, a, 0), ==, -XEN_EINVAL);
    g_assert_cmpint(poll_ports(f, 1, 5000, 0), ==, -XEN_EINVAL);
    uint32_t quiet = new_ipi(f, 0);
    g_assert_cmpint(poll_ports(f, 1, quiet, 5000), ==, 0);
    g_assert_cmpuint(f->last.deadline, ==, 5000);
    g_assert_cmpint(poll_ports(f, 1, quiet, 10), ==, 0); /* past */
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_DONE);
    fixture_free(f);
}

static void block_sleeps_unless_an_upcall_waits(void)
{
    Fixture *f = fixture_new(1);
    shared_info(f)[VCPU_INFO_MASK] = 1;
    g_assert_cmpint(call(f, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0), ==, 0);
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_SLEEP);
    g_assert_cmpuint(shared_info(f)[VCPU_INFO_MASK], ==, 0);
    on_port(f, EVTCHNOP_send, new_ipi(f, 0));
    g_assert_false(xen_domain_may_sleep(f->domain, 0));
    g_assert_cmpint(call(f, __HYPERVISOR_sched_op, SCHEDOP_block, 0, 0), ==, 0);
    g_assert_cmpint(f->last.cpl, ==, XEN_CALL_DONE);
    fixture_free(f);
}

static void narrow_guest_has_its_own_layout(void)
{
    Fixture *f = fixture_new(1);
    f->narrow = true;
    xen_domain_latch_mode(f->domain, false);
    uint32_t port = 0;
    for (unsigned i = 0; i < 40; i++) {
        port = new_ipi(f, 0);
    }
    on_port(f, EVTCHNOP_send, port);
    g_assert_cmpuint(shared_info(f)[VCPU_INFO_SELECTOR_32], ==, 1 << 1);
    memset(shared_info(f), 0, 16);
    shared_info(f)[SHARED_INFO_MASK_32] = 2;
    on_port(f, EVTCHNOP_send, 1);
    g_assert_cmpuint(shared_info(f)[0], ==, 0);
    for (unsigned i = 41; i < EVTCHN_2L_PORTS_32; i++) {
        new_ipi(f, 0);
    }
    evtchn_bind_ipi_t bind = {0};
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_ipi, bind), ==, -XEN_ENOSPC);
    fixture_free(f);
}

#define ADD(name) g_test_add_func("/xen/evtchn/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(ipi_sets_bit_selector_and_upcall);
    ADD(masked_port_is_raised_by_unmask);
    ADD(wrong_arguments_get_xens_errors);
    ADD(virq_is_bound_once_and_timer_goes_to_the_kernel);
    ADD(loopback_connects_two_ports_of_the_guest);
    ADD(back_end_and_guest_notify_each_other);
    ADD(table_fills_and_reset_empties_it);
    ADD(fifo_links_in_order_by_priority);
    ADD(fifo_masked_event_is_linked_by_unmask);
    ADD(fifo_event_before_its_page_comes_with_the_page);
    ADD(fifo_refuses_bad_frames_and_offsets);
    ADD(fifo_state_is_saved_and_loaded);
    ADD(bell_is_a_port_the_guest_does_not_look_at);
    ADD(fifo_survives_a_guest_that_scribbles);
    ADD(poll_sleeps_until_its_port_is_pending);
    ADD(block_sleeps_unless_an_upcall_waits);
    ADD(narrow_guest_has_its_own_layout);
    return g_test_run();
}
