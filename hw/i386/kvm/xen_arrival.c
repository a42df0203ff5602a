/*
 * A Xen guest that was loaded, before it runs for the first time here. It may come from the other
 * kind of host.
 *
 * Its hypercalls: a host without CONFIG_KVM_XEN writes a port into the hypercall page and into a
 * kernel that has no such page; that works on either kind. What comes from a host with
 * CONFIG_KVM_XEN has the instruction there. In place it becomes the port write, which is as long: a
 * vCPU may stand before or behind it. Pages are known by the MSR that made them. A kernel without
 * one is looked through from where its system call entry is; xen_patch.c knows what to look for.
 *
 * Its upcalls: pending in vcpu_info is what counts; each kind puts it to its vCPUs in its own way.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <sys/ioctl.h>

#include "hw/i386/kvm/xen_host.h"
#include "target/i386/kvm/kvm_x86.h"
#include "util/trace.h"

TRACE_DEFINE(xen_arrival)

#define MSR_LSTAR        0xc0000082u
#define MSR_SYSENTER_EIP 0x176u
#define EFER_LMA         (UINT64_C(1) << 10)
#define CR0_PG           (UINT64_C(1) << 31)
/* Linux with page table isolation: the user's half of a pair of tables has this bit in CR3. */
#define CR3_USER_HALF (UINT64_C(1) << 12)
#define CALL_AT       5u /* behind mov $number,%eax */

/* ---- the hypercall page ---- */

static bool is_stub(const uint8_t *stub, uint32_t number)
{
    uint32_t in_stub;

    memcpy(&in_stub, stub + 1, sizeof(in_stub));
    return stub[0] == 0xb8 && in_stub == number;
}

static void make_page_write_port(KvmXenHost *host, uint64_t gfn)
{
    uint8_t *page = gfn == XEN_GFN_NONE ? NULL : xen_host_frame(host, gfn);
    unsigned changed = 0;

    for (uint32_t i = 0; page && i < XEN_PAGE_SIZE / XEN_HYPERCALL_STUB_SIZE; i++) {
        uint8_t *stub = page + i * XEN_HYPERCALL_STUB_SIZE;

        if (is_stub(stub, i) && xen_call_is_instruction(stub + CALL_AT)) {
            memcpy(stub + CALL_AT, xen_call_port_write, XEN_CALL_LENGTH);
            changed++;
        }
    }
    if (changed) {
        ram_dirty_mark(page, XEN_PAGE_SIZE);
        TRACE(xen_arrival, "%u stubs at frame 0x%" G_GINT64_MODIFIER "x", changed, gfn);
    }
}

/* ---- a kernel without one ---- */

static bool look_from(KvmXenHost *host, const X86Paging *paging, uint64_t address)
{
    X86Translation translation;

    if (!address || !x86_page_walk(paging, address, xen_host_read_ram, host, &translation)) {
        return false;
    }
    xen_patcher_run(host->patcher, paging, address);
    TRACE(xen_arrival, "looked from 0x%" G_GINT64_MODIFIER "x: %s", address,
          xen_patcher_found(host->patcher) ? "found" : "nothing");
    return xen_patcher_found(host->patcher);
}

static uint64_t msr(KvmVcpu *vcpu, uint32_t index)
{
    uint64_t value;

    return kvm_msr_get(vcpu->fd, index, &value) ? value : 0;
}

/* True if this vCPU has led to the kernel's text, whether or not there was something to change. */
static bool look_by_vcpu(KvmXenHost *host, KvmVcpu *vcpu)
{
    struct kvm_sregs sregs;
    struct kvm_regs regs;
    X86Paging paging;

    if (ioctl(vcpu->fd, KVM_GET_SREGS, &sregs) < 0 || ioctl(vcpu->fd, KVM_GET_REGS, &regs) < 0 ||
        !(sregs.cr0 & CR0_PG)) {
        return false;
    }
    paging = (X86Paging){sregs.cr0, sregs.cr3, sregs.cr4, sregs.efer};
    for (unsigned half = 0; half < (sregs.cr3 & CR3_USER_HALF ? 2 : 1); half++) {
        const uint64_t entries[] = {
            sregs.efer & EFER_LMA ? msr(vcpu, MSR_LSTAR) : 0,
            msr(vcpu, MSR_SYSENTER_EIP),
            sregs.ss.dpl == 0 ? regs.rip : 0,
        };

        paging.cr3 = half ? sregs.cr3 & ~CR3_USER_HALF : sregs.cr3;
        for (unsigned i = 0; i < G_N_ELEMENTS(entries); i++) {
            if (look_from(host, &paging, entries[i])) {
                return true;
            }
        }
    }
    return true;
}

static void make_calls_write_port(KvmXenHost *host)
{
    bool looked = false;

    for (unsigned i = 0; i < XEN_HYPERCALL_PAGES; i++) {
        make_page_write_port(host, host->hypercall_pages[i]);
    }
    /* all vCPUs run the same kernel */
    for (unsigned i = 0; i < host->vcpu_count && !looked; i++) {
        looked = host->vcpus[i].vcpu && look_by_vcpu(host, host->vcpus[i].vcpu);
    }
}

void xen_host_arrived(KvmXenHost *host)
{
    if (host->kind == &xen_host_user_kind && !host->calls_write_port) {
        make_calls_write_port(host);
        host->calls_write_port = true;
    }
    for (unsigned i = 0; i < host->vcpu_count; i++) {
        if (!host->vcpus[i].vcpu) {
            continue;
        }
        host->kind->arrived(host, &host->vcpus[i]);
        if (xen_domain_upcall_pending(host->domain, i)) {
            xen_host_raise_upcall(&host->parent, i);
        }
    }
}
