/*
 * What a reset leaves: nothing. By SHUTDOWN_soft_reset the kernel goes on in a domain as just
 * built; by a reset of the machine it starts again, and finds the same.
 *
 * Words: soft, or machine (once more after a reset).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

#include <xen/io/xs_wire.h>

#define VECTOR     0xf3
#define CMOS_COUNT 0x71

static StoreAnswer answer;

/* Uses all there is and leaves it in use. */
static void use_everything(void)
{
    volatile struct vcpu_info *place = page_alloc();
    struct vcpu_register_vcpu_info info = {.mfn = frame_of((void *)(uintptr_t)place)};
    static struct vcpu_runstate_info area;
    struct vcpu_register_runstate_memory_area runstate = {.addr.v = 0};
    set_xen_guest_handle(runstate.addr.h, &area);
    grants_map();
    grant_page(30, xen_domid(), page_alloc(), 0);
    expect("grant table version 2", grant_set_version(2), 0);
    check(bind_ipi(0) > 0 && bind_virq(VIRQ_TIMER, 0) > 0 && alloc_unbound(DOMID_SELF, 0) > 0,
          "some ports");
    expect("vcpu_info is moved", vcpu_op(VCPUOP_register_vcpu_info, 0, &info), 0);
    vcpu_info_moved(0, place);
    expect("a runstate area", vcpu_op(VCPUOP_register_runstate_memory_area, 0, &runstate), 0);
    events_by_callback_vector(VECTOR);
    check(store_connect() && store_write(0, "data/kept", "yes", &answer) && answer.type == XS_WRITE,
          "a value in the store");
    set_timer_op(system_time() + 3600 * UINT64_C(1000000000));
    struct vcpu_set_periodic_timer period = {.period_ns = 50 * NS_PER_MS};
    expect("a periodic timer", vcpu_op(VCPUOP_set_periodic_timer, 0, &period), 0);
}

static void as_just_built(uint64_t store_pfn, uint64_t store_event)
{
    uint64_t pfn = 0, event = 0, callback = 1;
    uint32_t version = 0;
    PortStatus s;
    expect("the version", xen_version(XENVER_version, NULL), cpuid(xen_base() + 1, 0).eax);
    expect("no callback", get_param(HVM_PARAM_CALLBACK_IRQ, &callback) + (int64_t)callback, 0);
    get_param(HVM_PARAM_STORE_PFN, &pfn);
    get_param(HVM_PARAM_STORE_EVTCHN, &event);
    expect("the store is at the same frame", pfn, store_pfn);
    if (store_event) {
        expect("with the same port", event, store_event);
    }
    expect("which is there", port_status(event, &s), 0);
    expect("and interdomain", s.status, EVTCHNSTAT_interdomain);
    unsigned open = 0;
    for (uint32_t port = 1; port < 64; port++) {
        open += port_status(port, &s) == 0 && s.status != EVTCHNSTAT_closed;
    }
    expect("no ports but the store's and the console's", open, 2);
    check(bind_virq(VIRQ_TIMER, 0) > 0, "the timer's VIRQ is free");
    grant_get_version(DOMID_SELF, &version);
    expect("grant table version 1", version, 1);
}

static void works(void)
{
    vcpu_info_moved(0, NULL);
    xen_map_shared_info();
    expect("nothing is pending", shared_info->vcpu_info[0].evtchn_upcall_pending, 0);
    events_by_callback_vector(VECTOR);
    events_forget();
    rest(120);
    expect("no timer comes", event_total, 0);
    long port = bind_ipi(0);
    port_send(port);
    check(event_wait(port, 1, 2000), "events come through shared info");
    uint64_t before = system_time();
    rest(2);
    check(system_time() > before, "time runs");
    grants_map();
    expect("the grant of before is gone", grants_v1[30].flags, 0);
    check(grants_v1[1].flags & GTF_permit_access, "the store's is there");
    check(store_connect() && store_text(XS_READ, 0, "domid", &answer) && answer.type == XS_READ,
          "the store answers");
}

static void soft(void)
{
    uint64_t pfn = 0, event = 0;
    uint32_t *old_shared_info;
    struct sched_shutdown s = {.reason = SHUTDOWN_soft_reset};
    get_param(HVM_PARAM_STORE_PFN, &pfn);
    get_param(HVM_PARAM_STORE_EVTCHN, &event);
    use_everything();
    old_shared_info = (uint32_t *)(uintptr_t)shared_info;
    expect("soft reset comes back", sched_op(SCHEDOP_shutdown, &s), 0);
    old_shared_info[0] = 0x12345678;
    expect("shared info is RAM again", old_shared_info[0], 0x12345678);
    as_just_built(pfn, 0);
    works();
    check(store_text(XS_READ, 0, "data/kept", &answer) && answer.type == XS_READ,
          "the store's tree was kept");
    expect("a second soft reset", sched_op(SCHEDOP_shutdown, &s), 0);
    works();
}

static void machine(void)
{
    uint64_t pfn = 0, event = 0;
    struct sched_shutdown s = {.reason = SHUTDOWN_reboot};
    get_param(HVM_PARAM_STORE_PFN, &pfn);
    get_param(HVM_PARAM_STORE_EVTCHN, &event);
    if (cmos_read(CMOS_COUNT) != event + 1) {
        cmos_write(CMOS_COUNT, event + 1);
        use_everything();
        say("# the machine is reset");
        sched_op(SCHEDOP_shutdown, &s);
        rest(3000);
        bail_out("no reset came");
    }
    as_just_built(pfn, event);
    works();
    check(store_text(XS_READ, 0, "data/kept", &answer) && store_is_error(&answer, "ENOENT"),
          "the store's tree is as at the start");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    if (option("soft")) {
        soft();
    } else {
        machine();
    }
}
