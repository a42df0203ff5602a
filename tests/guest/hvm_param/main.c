/*
 * HVM parameters: what a guest may read and write, and the errors of the rest.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static long access(unsigned op, unsigned domain, unsigned index)
{
    struct xen_hvm_param param = {.domid = domain, .index = index};
    return hvm_op(op, &param);
}

static void builders_values(void)
{
    uint64_t store_pfn = 0, store_event = 0, console_pfn = 0, value;
    PortStatus s;
    expect("STORE_PFN can be read", get_param(HVM_PARAM_STORE_PFN, &store_pfn), 0);
    expect("STORE_EVTCHN can be read", get_param(HVM_PARAM_STORE_EVTCHN, &store_event), 0);
    check(store_pfn != 0 && store_event != 0, "the store is at frame 0x%llx, port %llu",
          (unsigned long long)store_pfn, (unsigned long long)store_event);
    expect("the port is there", port_status(store_event, &s), 0);
    expect("and interdomain", s.status, EVTCHNSTAT_interdomain);
    expect("CONSOLE_PFN can be read", get_param(HVM_PARAM_CONSOLE_PFN, &console_pfn), 0);
    expect("CONSOLE_EVTCHN can be read", get_param(HVM_PARAM_CONSOLE_EVTCHN, &value), 0);
    expect("STORE_PFN cannot be written: -EPERM", set_param(HVM_PARAM_STORE_PFN, 1), -XEN_EPERM);
    expect("CONSOLE_PFN neither: -EPERM", set_param(HVM_PARAM_CONSOLE_PFN, 1), -XEN_EPERM);
    get_param(HVM_PARAM_STORE_PFN, &value);
    expect("it is what it was", value, store_pfn);
}

static void kept_values(void)
{
    static const struct {
        unsigned index;
        uint64_t value;
    } kept[] = {{HVM_PARAM_VM86_TSS, 0xf0000},
                {HVM_PARAM_ACPI_IOPORTS_LOCATION, 1},
                {HVM_PARAM_CALLBACK_IRQ, 0}};
    for (unsigned i = 0; i < ARRAY_SIZE(kept); i++) {
        uint64_t value = 77;
        note("parameter %u", kept[i].index);
        expect("it can be written", set_param(kept[i].index, kept[i].value), 0);
        expect("it can be read", get_param(kept[i].index, &value), 0);
        expect("it is what was written", value, kept[i].value);
    }
    uint64_t value = 77;
    expect("a callback of a kind that is none is taken",
           set_param(HVM_PARAM_CALLBACK_IRQ, UINT64_C(9) << 56), 0);
    get_param(HVM_PARAM_CALLBACK_IRQ, &value);
    expect("and kept", value, (int64_t)(UINT64_C(9) << 56));
    set_param(HVM_PARAM_CALLBACK_IRQ, 0);
}

static void refused(void)
{
    static const unsigned builders[] = {HVM_PARAM_IOREQ_PFN, HVM_PARAM_BUFIOREQ_PFN,
                                        HVM_PARAM_HPET_ENABLED, HVM_PARAM_IDENT_PT,
                                        HVM_PARAM_MONITOR_RING_PFN};
    for (unsigned i = 0; i < ARRAY_SIZE(builders); i++) {
        expect("a parameter of the builder's cannot be read: -EPERM",
               access(HVMOP_get_param, DOMID_SELF, builders[i]), -XEN_EPERM);
        expect("nor written: -EPERM", access(HVMOP_set_param, DOMID_SELF, builders[i]), -XEN_EPERM);
    }
    for (unsigned op = HVMOP_set_param; op <= HVMOP_get_param; op++) {
        expect("a parameter that is none: -EINVAL", access(op, DOMID_SELF, HVM_NR_PARAMS),
               -XEN_EINVAL);
        expect("one beyond all: -EINVAL", access(op, DOMID_SELF, 0xffffffff), -XEN_EINVAL);
        expect("of domain 0: -EPERM", access(op, 0, HVM_PARAM_CALLBACK_IRQ), -XEN_EPERM);
        expect("of nobody: -ESRCH", access(op, xen_domid() + 1000, HVM_PARAM_CALLBACK_IRQ),
               -XEN_ESRCH);
        expect("nowhere: -EFAULT", hvm_op(op, no_memory()), -XEN_EFAULT);
    }
    expect("by the domain's number", access(HVMOP_get_param, xen_domid(), HVM_PARAM_CALLBACK_IRQ),
           0);
    expect("an ACPI port that is none: -EINVAL", set_param(HVM_PARAM_ACPI_IOPORTS_LOCATION, 7),
           -XEN_EINVAL);
}

void test_main(void)
{
    xen_start();
    xen_latch();
    builders_values();
    kept_values();
    refused();
}
