/*
 * The domain as others see it: what it tells is what the guest has done, and asking changes
 * nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/xen_query.h"
#include "xen-fixture.h"

#define EVTCHN(f, op, s) call_struct(f, __HYPERVISOR_event_channel_op, op, &(s), sizeof(s))

typedef struct {
    XenHypercallCount rows[XEN_HYPERCALL_NUMBERS];
    unsigned count;
} Counts;

static void take_count(const XenHypercallCount *count, void *opaque)
{
    Counts *counts = opaque;

    counts->rows[counts->count++] = *count;
}

static void hypercalls_are_counted_by_number_over_all_vcpus(void)
{
    Fixture *f = fixture_new(2);
    Counts counts = {.count = 0};

    xen_query_hypercalls(f->domain, take_count, &counts);
    g_assert_cmpuint(counts.count, ==, 0);
    for (unsigned vcpu = 0; vcpu < 2; vcpu++) {
        XenHypercall version = {.number = __HYPERVISOR_xen_version, .long_mode = true};
        xen_domain_hypercall(f->domain, vcpu, &version);
    }
    call(f, 39, 0, 0, 0);
    call(f, 63, 0, 0, 0);
    call(f, UINT32_MAX, 0, 0, 0);
    xen_query_hypercalls(f->domain, take_count, &counts);
    g_assert_cmpuint(counts.count, ==, 3);
    g_assert_cmpuint(counts.rows[0].number, ==, __HYPERVISOR_xen_version);
    g_assert_cmpstr(counts.rows[0].name, ==, "xen_version");
    g_assert_cmpuint(counts.rows[0].count, ==, 2);
    g_assert_cmpuint(counts.rows[1].number, ==, 39);
    g_assert_null(counts.rows[1].name);
    g_assert_cmpuint(counts.rows[2].number, ==, 63);
    g_assert_cmpuint(counts.rows[2].count, ==, 2);
    fixture_free(f);
}

static void calls_from_user_mode_are_none(void)
{
    Fixture *f = fixture_new(1);
    XenHypercall version = {.number = __HYPERVISOR_xen_version, .long_mode = true, .cpl = 3};
    Counts counts = {.count = 0};

    xen_domain_hypercall(f->domain, 0, &version);
    xen_query_hypercalls(f->domain, take_count, &counts);
    g_assert_cmpuint(counts.count, ==, 0);
    fixture_free(f);
}

/* ---- ports ---- */

static void take_port(const XenPortInfo *port, void *list)
{
    g_array_append_val(list, *port);
}

static GArray *ports_of(Fixture *f)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(XenPortInfo));

    xen_query_ports(f->domain, take_port, list);
    return list;
}

static void ports_tell_type_ends_and_bits(void)
{
    Fixture *f = fixture_new(2);
    evtchn_alloc_unbound_t unbound = {.dom = DOMID_SELF, .remote_dom = 0};
    evtchn_bind_virq_t virq = {.virq = VIRQ_TIMER, .vcpu = 1};
    evtchn_bind_ipi_t ipi = {.vcpu = 1};

    g_assert_cmpint(EVTCHN(f, EVTCHNOP_alloc_unbound, unbound), ==, 0);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_virq, virq), ==, 0);
    g_assert_cmpint(EVTCHN(f, EVTCHNOP_bind_ipi, ipi), ==, 0);
    shared_info(f)[SHARED_INFO_MASK_64] = 1 << virq.port;
    XenEvtchnBackend *backend =
        xen_evtchn_bind(f->domain, unbound.port, &(XenEvtchnHandler){.fd = -1}, NULL);
    g_autoptr(GArray) ports = ports_of(f);
    const XenPortInfo *port = (const XenPortInfo *)(void *)ports->data;
    g_assert_cmpuint(ports->len, ==, 3);
    g_assert_cmpuint(port[0].port, ==, unbound.port);
    g_assert_cmpint(port[0].type, ==, XEN_PORT_TYPE_INTERDOMAIN);
    g_assert_true(port[0].has_remote);
    g_assert_cmpuint(port[0].remote, ==, 0);
    g_assert_cmpuint(port[0].target, ==, xen_evtchn_number(backend));
    g_assert_cmpint(port[1].type, ==, XEN_PORT_TYPE_VIRQ);
    g_assert_cmpuint(port[1].target, ==, VIRQ_TIMER);
    g_assert_cmpuint(port[1].vcpu, ==, 1);
    g_assert_true(port[1].masked);
    g_assert_false(port[2].masked);
    g_assert_cmpint(port[2].type, ==, XEN_PORT_TYPE_IPI);
    XenEvtchnInfo info = xen_query_evtchn(f->domain);
    g_assert_false(info.fifo);
    g_assert_cmpuint(info.open, ==, 3);
    g_assert_cmpuint(info.limit, ==, 4096);
    xen_evtchn_unbind(backend);
    fixture_free(f);
}

static void an_injected_event_is_one_the_guest_sees(void)
{
    Fixture *f = fixture_new(2);
    evtchn_alloc_unbound_t unbound = {.dom = DOMID_SELF, .remote_dom = 0};
    evtchn_bind_ipi_t ipi = {.vcpu = 1};

    EVTCHN(f, EVTCHNOP_alloc_unbound, unbound);
    EVTCHN(f, EVTCHNOP_bind_ipi, ipi);
    g_assert_true(xen_port_inject(f->domain, ipi.port));
    g_assert_cmpuint(f->upcalls[1], ==, 1);
    g_autoptr(GArray) ports = ports_of(f);
    g_assert_true(g_array_index(ports, XenPortInfo, 1).pending);
    g_assert_false(xen_port_inject(f->domain, unbound.port));
    g_assert_false(xen_port_inject(f->domain, 0));
    g_assert_false(xen_port_inject(f->domain, 77));
    g_assert_false(xen_port_inject(f->domain, UINT32_MAX));
    fixture_free(f);
}

/* ---- memory and grants ---- */

static unsigned changes;

static void count_change(XenDomain *domain)
{
    changes++;
}

static void memory_that_is_given_back_is_told(void)
{
    Fixture *f = fixture_new(1);
    xen_memory_reservation_t res = {.nr_extents = 2, .domid = DOMID_SELF};
    uint64_t *frames = guest(f, FIXTURE_SCRATCH);

    changes = 0;
    xen_set_memory_listener(count_change);
    g_assert_cmpuint(xen_query_pages(f->domain), ==, FIXTURE_FRAMES);
    frames[0] = 100;
    frames[1] = 101;
    set_xen_guest_handle(res.extent_start, (void *)(uintptr_t)FIXTURE_SCRATCH);
    call_struct(f, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &res, sizeof(res));
    g_assert_cmpuint(xen_query_pages(f->domain), ==, FIXTURE_FRAMES - 2);
    g_assert_cmpuint(changes, ==, 1);
    call_struct(f, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, &res, sizeof(res));
    g_assert_cmpuint(changes, ==, 1);
    xen_domain_reset(f->domain, false);
    g_assert_cmpuint(xen_query_pages(f->domain), ==, FIXTURE_FRAMES);
    g_assert_cmpuint(changes, ==, 2);
    xen_set_memory_listener(NULL);
    fixture_free(f);
}

static void grants_in_use_are_those_that_back_ends_hold(void)
{
    Fixture *f = fixture_new(1);
    XenGrantPin pin;

    g_assert_true(xen_grant_set_reserved(f->domain, 1, 7));
    g_assert_cmpint(xen_grant_pin(f->domain, 1, true, &pin), ==, GNTST_okay);
    XenGrantInfo info = xen_query_grants(f->domain);
    g_assert_cmpuint(info.active, ==, 1);
    g_assert_cmpuint(info.max_frames, ==, FIXTURE_GRANT_FRAMES);
    g_assert_cmpuint(info.version, ==, 1);
    g_assert_cmpuint(info.frames, >=, 1);
    xen_grant_unpin(f->domain, &pin);
    g_assert_cmpuint(xen_query_grants(f->domain).active, ==, 0);
    fixture_free(f);
}

#define ADD(name) g_test_add_func("/xen/query/" #name, name)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD(hypercalls_are_counted_by_number_over_all_vcpus);
    ADD(calls_from_user_mode_are_none);
    ADD(ports_tell_type_ends_and_bits);
    ADD(an_injected_event_is_one_the_guest_sees);
    ADD(memory_that_is_given_back_is_told);
    ADD(grants_in_use_are_those_that_back_ends_hold);
    return g_test_run();
}
