/*
 * HVM_PARAM_CALLBACK_IRQ type 2: a vector on every vCPU, without an EOI and without the local
 * APIC's knowledge.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "upcall_checks.h"

#define VECTOR 0xf3

static unsigned in_service, lower_comes;
static volatile unsigned low_seen;

static void on_low(TrapFrame *frame __attribute__((unused)))
{
    low_seen++;
    lapic_eoi();
}

static void look_inside(TrapFrame *frame __attribute__((unused)))
{
    in_service += lapic_in_service(VECTOR);
    events_take();
}

/* An interrupt of low priority must come after it although nobody wrote an EOI. */
static void no_eoi_is_needed(void)
{
    long port = bind_ipi(0);
    trap_set(0x41, on_low);
    trap_set(VECTOR, look_inside);
    events_forget();
    for (unsigned i = 1; i <= 10; i++) {
        port_send(port);
        if (!event_wait(port, i, 2000)) {
            break;
        }
        lapic_send_ipi(0, 0x41);
        lower_comes += wait_for(&low_seen, i, 2000);
    }
    expect("ten events come", event_count[port], 10);
    expect("none is in service after it", lapic_in_service(VECTOR), 0);
    expect("an interrupt of lower priority comes after each", lower_comes, 10);
    note("in service within the handler: %u of 10", in_service);
    port_close(port);
}

static void read_back(void)
{
    uint64_t value = 0;
    expect("the parameter can be read", get_param(HVM_PARAM_CALLBACK_IRQ, &value), 0);
    expect("it is what was set", value,
           (int64_t)((uint64_t)HVM_PARAM_CALLBACK_TYPE_VECTOR << 56 | VECTOR));
}

static void switched_off_and_on(void)
{
    long port = bind_ipi(0);
    events_quiet();
    events_forget();
    port_send(port);
    rest(10);
    expect("without a callback nothing comes", event_count[port], 0);
    expect("another vector", events_by_callback_vector(0xe5), 0);
    trap_set(VECTOR, NULL);
    events_take();
    port_send(port);
    check(event_wait(port, 2, 2000), "events come by it");
    port_close(port);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    expect("the callback is set", events_by_callback_vector(VECTOR), 0);
    read_back();
    upcall_checks();
    if (check(smp_start(1), "vCPU 1 comes up")) {
        upcall_checks_other(1);
    }
    no_eoi_is_needed();
    switched_off_and_on();
}
