/*
 * A hypercall from user mode: -EPERM where hypercalls leave the guest by an instruction, a
 * protection fault where they leave it by a port; in no case is anything done.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

typedef struct {
    unsigned long entry, number, first, second, result;
} Call;

static void from_user(void *opaque)
{
    Call *call = opaque;
    long result = call->number;
#ifdef __x86_64__
    unsigned long first = call->first, second = call->second;
    __asm__ volatile("call *%[entry]"
                     : "+a"(result), "+D"(first), "+S"(second)
                     : [entry] "b"(call->entry)
                     : "rcx", "rdx", "r8", "r9", "r10", "r11", "memory");
#else
    unsigned long first = call->first, second = call->second;
    __asm__ volatile("call *%[entry]"
                     : "+a"(result), "+b"(first), "+c"(second)
                     : [entry] "S"(call->entry)
                     : "edx", "memory");
#endif
    call->result = result;
    __asm__ volatile("ud2");
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    struct evtchn_bind_ipi *bind = page_alloc();
    PortStatus status;
    Call calls[] = {
        {.number = __HYPERVISOR_xen_version, .first = XENVER_version},
        {.number = __HYPERVISOR_event_channel_op,
         .first = EVTCHNOP_bind_ipi,
         .second = (unsigned long)(uintptr_t)bind},
        {.number = __HYPERVISOR_sched_op, .first = SCHEDOP_yield},
        {.number = 63},
    };
    long probe = bind_ipi(0);
    port_close(probe);
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        calls[i].entry = xen_entry(calls[i].number);
        int vector = trap_catch_user(from_user, &calls[i]);
        if (xen_instruction_traps(calls[i].number)) {
            expect("the call comes back", vector, 6);
            expect("with -EPERM", (long)calls[i].result, -XEN_EPERM);
        } else {
            expect("the call is a protection fault", vector, 13);
            expect("and gives no result", calls[i].result, 0);
        }
    }
    expect("no port was made", bind->port, 0);
    port_status(probe, &status);
    expect("the next port is still closed", status.status, EVTCHNSTAT_closed);
    expect("the kernel's calls work after it", xen_version(XENVER_pagesize, NULL), 4096);
}
