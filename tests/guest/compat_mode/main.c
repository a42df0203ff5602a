/*
 * A 64-bit kernel that makes hypercalls from compatibility mode: arguments in the 32-bit registers,
 * structures of the 32-bit layout.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#ifdef __x86_64__
/*
 * All of it lies below 4 GiB, the stack too. RCX holds the function's fourth argument, which is
 * where a 32-bit hypercall has its second.
 */
__asm__(".text\n"
        "compat_call:\n"
        "    push %rbx\n"
        "    push %rbp\n"
        "    mov %rdi, %rbp\n"
        "    mov %rsi, %rax\n"
        "    mov %rdx, %rbx\n"
        "    pushq $0x08\n" /* 32-bit code */
        "    push $1f\n"
        "    lretq\n"
        ".code32\n"
        "1:  mov %ss, %edx\n"
        "    mov $0x10, %esi\n"
        "    mov %esi, %ss\n"
        "    mov %esi, %ds\n"
        "    mov %esi, %es\n"
        "    call *%ebp\n"
        "    push $0x18\n" /* 64-bit code */
        "    push $2f\n"
        "    lret\n"
        ".code64\n"
        "2:  mov %eax, %eax\n"
        "    pop %rbp\n"
        "    pop %rbx\n"
        "    movslq %eax, %rax\n"
        "    ret\n");
long compat_call(uintptr_t entry, unsigned number, unsigned long first, const void *second);

static long compat(unsigned number, unsigned long first, const void *second)
{
    return compat_call(xen_entry(number), number, first, second);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    expect("the version comes through", compat(__HYPERVISOR_xen_version, XENVER_version, NULL),
           xen_version(XENVER_version, NULL));
    struct evtchn_bind_ipi bind = {0};
    expect("a structure that is the same for both",
           compat(__HYPERVISOR_event_channel_op, EVTCHNOP_bind_ipi, &bind), 0);
    check(bind.port > 0, "port %u", bind.port);
    void *page = page_alloc();
    uint32_t add[4] = {DOMID_SELF, XENMAPSPACE_grant_table, 0, frame_of(page)};
    expect("add_to_physmap of the 32-bit layout",
           compat(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, add), 0);
    struct {
        uint32_t op, result, args[6];
    } list[2] = {{__HYPERVISOR_xen_version, 7, {XENVER_pagesize}}, {63, 7, {0}}};
    /* ecx is the count here and the list comes first. */
    expect("a multicall of 32-bit entries",
           compat(__HYPERVISOR_multicall, (uintptr_t)list, (void *)2), 0);
    expect("its first result", (int32_t)list[0].result, 4096);
    expect("its second result", (int32_t)list[1].result, -XEN_ENOSYS);
    uint32_t remove[2] = {DOMID_SELF, frame_of(page)};
    expect("remove_from_physmap of the 32-bit layout",
           compat(__HYPERVISOR_memory_op, XENMEM_remove_from_physmap, remove), 0);
    expect("no memory: -EFAULT", compat(__HYPERVISOR_memory_op, XENMEM_add_to_physmap, no_memory()),
           -XEN_EFAULT);
    expect("shared info is still the 64-bit one", port_send(bind.port), 0);
    check(port_pending(bind.port), "an event is pending in the 64-bit words");
}
#else
void test_main(void)
{
    skip("compatibility mode", "a 32-bit kernel has none");
}
#endif
