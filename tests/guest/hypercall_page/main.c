/*
 * The hypercall page and what comes of hypercalls that an HVM guest cannot make.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static void page_is_filled(void)
{
    uint8_t *page = xen_page();
    unsigned starts = 0, first = 0;
    for (unsigned i = 0; i < 48; i++) {
        /* mov $i, %eax; Xen itself has UD2 where a PV guest's iret is. */
        bool sets = page[i * 32] == 0xb8 && *(uint32_t *)(page + i * 32 + 1) == i;
        starts +=
            sets || (i == __HYPERVISOR_iret && page[i * 32] == 0x0f && page[i * 32 + 1] == 0x0b);
        first += page[i * 32] != 0;
    }
    expect("every stub sets its number", starts, 48);
    expect("every stub is there", first, 48);
}

static void page_can_be_moved(void)
{
    uint8_t *other = page_alloc();
    xen_set_page(other);
    check(memcmp(other, xen_page(), 32 * 48) == 0, "a second page gets the same stubs");
    long (*stub)(void) = (long (*)(void))(void *)(other + 32 * __HYPERVISOR_xen_version);
    long result;
    unsigned long zero = 0, nothing = 0;
    /* First argument: DI or BX; 0 in both: XENVER_version. */
#ifdef __x86_64__
    __asm__ volatile("call *%[stub]"
                     : "=a"(result), "+D"(zero), "+S"(nothing)
                     : [stub] "r"(stub)
                     : "memory", "rcx", "r11");
#else
    __asm__ volatile("call *%[stub]"
                     : "=a"(result), "+b"(zero), "+c"(nothing)
                     : [stub] "r"(stub)
                     : "memory");
#endif
    expect("the second page works", result, xen_version(XENVER_version, NULL));
}

static void refused(void)
{
    static const unsigned none[] = {0,  1,  2,  3,  4,  8,  9,  10, 11,
                                    14, 16, 19, 22, 25, 28, 30, 43, 47};
    unsigned right = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        long result = hypercall(none[i], 0, 0, 0, 0, 0);
        if (result != -XEN_ENOSYS) {
            note("hypercall %u: %ld", none[i], result);
        } else {
            right++;
        }
    }
    expect("hypercalls that only PV guests or nobody has: -ENOSYS", right, ARRAY_SIZE(none));
    check(hypercall(__HYPERVISOR_domctl, 0, 0, 0, 0, 0) < 0, "domctl is refused");
    check(hypercall(__HYPERVISOR_sysctl, 0, 0, 0, 0, 0) < 0, "sysctl is refused");
    check(hypercall(__HYPERVISOR_platform_op, 0, 0, 0, 0, 0) < 0, "platform_op is refused");
}

static void sub_operations(void)
{
    static const unsigned calls[] = {__HYPERVISOR_memory_op, __HYPERVISOR_xen_version,
                                     __HYPERVISOR_sched_op,  __HYPERVISOR_event_channel_op,
                                     __HYPERVISOR_hvm_op,    __HYPERVISOR_physdev_op};
    for (unsigned i = 0; i < ARRAY_SIZE(calls); i++) {
        expect("a sub-operation that does not exist: -ENOSYS", hypercall(calls[i], 60, 0, 0, 0, 0),
               -XEN_ENOSYS);
    }
    expect("vcpu_op likewise", hypercall(__HYPERVISOR_vcpu_op, 60, 0, 0, 0, 0), -XEN_ENOSYS);
    expect("grant_table_op likewise", hypercall(__HYPERVISOR_grant_table_op, 60, 0, 0, 0, 0),
           -XEN_ENOSYS);
}

static void bad_pointers(void)
{
    expect("event_channel_op with no memory: -EFAULT",
           event_channel_op(EVTCHNOP_status, no_memory()), -XEN_EFAULT);
    expect("send with no memory: -EFAULT", event_channel_op(EVTCHNOP_send, no_memory()),
           -XEN_EFAULT);
    expect("memory_op with no memory: -EFAULT", memory_op(XENMEM_add_to_physmap, no_memory()),
           -XEN_EFAULT);
    expect("hvm_op with no memory: -EFAULT", hvm_op(HVMOP_get_param, no_memory()), -XEN_EFAULT);
    /* A KVM that answers SCHEDOP_poll itself does not look. */
    long poll = sched_op(SCHEDOP_poll, no_memory());
    check(poll == -XEN_EFAULT || (poll == 0 && xen_instruction_traps(__HYPERVISOR_sched_op)),
          "sched_op with no memory: -EFAULT, got %ld", poll);
    expect("physdev_op with no memory: -EFAULT", physdev_op(PHYSDEVOP_eoi, no_memory()),
           -XEN_EFAULT);
    expect("vcpu_op with no memory: -EFAULT", vcpu_op(VCPUOP_register_vcpu_info, 0, no_memory()),
           -XEN_EFAULT);
    expect("grant_table_op with no memory: -EFAULT",
           grant_table_op(GNTTABOP_query_size, no_memory(), 1), -XEN_EFAULT);
    /* What Xen only reads may be read-only; what it writes may not. */
    uint8_t *page = page_alloc();
    struct xen_hvm_param *param = window_map(7, frame_of(page), WINDOW_READ_ONLY);
    ((struct xen_hvm_param *)page)->domid = DOMID_SELF;
    expect("an answer into a read-only page: -EFAULT", hvm_op(HVMOP_get_param, param), -XEN_EFAULT);
    expect("a question in a read-only page is read", hvm_op(HVMOP_set_param, param), 0);
    window_unmap(7);
    /* Over a page border whose second page is of another frame. */
    uint8_t *left = page_alloc(), *between = page_alloc(), *right = page_alloc();
    (void)between;
    window_map(10, frame_of(left), 0);
    window_map(11, frame_of(right), 0);
    struct evtchn_status *status = (void *)(uintptr_t)(WINDOW_START + 11 * PAGE_SIZE - 4);
    *status = (struct evtchn_status){.dom = DOMID_SELF, .port = 1};
    expect("a structure over two frames is read", event_channel_op(EVTCHNOP_status, status), 0);
    expect("and written", status->status != 0xffff, 1);
    window_unmap(11);
    expect("half of it missing: -EFAULT", event_channel_op(EVTCHNOP_status, status), -XEN_EFAULT);
}

void test_main(void)
{
    xen_start();
    if (xen_transport() == TRANSPORT_PAGE) {
        page_is_filled();
        page_can_be_moved();
    }
    expect("the version comes through", xen_version(XENVER_version, NULL),
           cpuid(xen_base() + 1, 0).eax);
    refused();
    sub_operations();
    bad_pointers();
}
