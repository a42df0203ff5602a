/*
 * Hyper-V enlightenments that KVM provides: checked against what it has, switched on for a vCPU;
 * and the little that comes out of the kernel for them.
 *
 * Sources: the kernel's Documentation/virt/kvm/api.rst (KVM_GET_SUPPORTED_HV_CPUID,
 * KVM_CAP_HYPERV_SYNIC, KVM_CAP_HYPERV_ENFORCE_CPUID, KVM_EXIT_HYPERV); Microsoft's TLFS.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"

#define HOST_LEAVES_MAX       256
#define INVALID_CONNECTION_ID 0x12u

/* The host's leaves, as a CPU model reads them; NULL: this KVM has no enlightenments. */
static X86CPUIDEntry *host_leaves(KvmVcpu *vcpu, unsigned *count)
{
    g_autofree struct kvm_cpuid2 *list =
        g_malloc0(sizeof(*list) + HOST_LEAVES_MAX * sizeof(list->entries[0]));
    X86CPUIDEntry *entries;

    list->nent = HOST_LEAVES_MAX;
    if (!kvm_check(vcpu->kvm, KVM_CAP_HYPERV_CPUID) ||
        ioctl(vcpu->fd, KVM_GET_SUPPORTED_HV_CPUID, list) < 0) {
        return NULL;
    }
    entries = g_new0(X86CPUIDEntry, list->nent);
    for (unsigned i = 0; i < list->nent; i++) {
        const struct kvm_cpuid_entry2 *from = &list->entries[i];

        entries[i] = (X86CPUIDEntry){.function = from->function,
                                     .eax = from->eax,
                                     .ebx = from->ebx,
                                     .ecx = from->ecx,
                                     .edx = from->edx};
    }
    *count = list->nent;
    return entries;
}

static bool enable(KvmVcpu *vcpu, uint32_t capability, const char *name, GError **error)
{
    struct kvm_enable_cap request = {.cap = capability, .args[0] = 1};

    return ioctl(vcpu->fd, KVM_ENABLE_CAP, &request) == 0 ||
           error_set_errno(error, errno, "-cpu: %s: KVM refuses it", name);
}

bool kvm_hyperv_setup(KvmVcpu *vcpu, GError **error)
{
    const X86CPUModel *model = vcpu->parent.model;
    g_autofree X86CPUIDEntry *host = NULL;
    unsigned count = 0;
    const char *missing;

    if (!x86_cpu_model_shows_hyperv(model)) {
        return true;
    }
    host = host_leaves(vcpu, &count);
    missing = x86_cpu_model_hyperv_missing(model, host, count);
    if (missing || !host) {
        return error_setf(error, "-cpu: %s is not supported by this host's KVM",
                          missing ? missing : "hv-spinlocks");
    }
    if (x86_cpu_model_has(model, "hv-synic") &&
        !enable(vcpu, KVM_CAP_HYPERV_SYNIC, "hv-synic", error)) {
        return false;
    }
    return !x86_cpu_model_hyperv_enforced(model) ||
           enable(vcpu, KVM_CAP_HYPERV_ENFORCE_CPUID, "hv-enforce-cpuid", error);
}

/* The SynIC's pages are KVM's to write; nobody is connected to the guest's messages and events. */
void kvm_hyperv_exit(KvmVcpu *vcpu)
{
    vcpu->io_pending = true;
    if (vcpu->run->hyperv.type == KVM_EXIT_HYPERV_HCALL) {
        vcpu->run->hyperv.u.hcall.result = INVALID_CONNECTION_ID;
    }
}
