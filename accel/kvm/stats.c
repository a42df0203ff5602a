/*
 * KVM's own counters of a VM and of its vCPUs, as its statistics descriptor describes them.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst, "KVM_GET_STATS_FD".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "accel/kvm/kvm_accel.h"
#include "util/error.h"

/* Far more than any kernel has; what is read is the kernel's word, not the guest's. */
enum {
    DESCRIPTORS_MAX = 4096,
    NAME_MAX_SIZE = 1024,
    VALUES_MAX = 4096,
};

/* A vCPU's ioctls wait for its run to end, so it is called out for the first look. */
static void open_vcpu(KvmVcpu *vcpu, void *opaque)
{
    vcpu->stats_fd = ioctl(vcpu->fd, KVM_GET_STATS_FD, NULL);
}

static int stats_fd(KvmAccel *kvm, KvmVcpu *vcpu)
{
    if (kvm_check(kvm, KVM_CAP_BINARY_STATS_FD) <= 0) {
        return -1;
    }
    if (vcpu) {
        if (vcpu->stats_fd < 0) {
            kvm_vcpu_call(vcpu, open_vcpu, NULL);
        }
        return vcpu->stats_fd;
    }
    if (kvm->stats_fd < 0) {
        kvm->stats_fd = ioctl(kvm->vm_fd, KVM_GET_STATS_FD, NULL);
    }
    return kvm->stats_fd;
}

static bool read_all(int fd, void *buffer, size_t length, uint64_t offset)
{
    return pread(fd, buffer, length, (off_t)offset) == (ssize_t)length;
}

static AccelStatKind kind_of(uint32_t flags)
{
    switch (flags & KVM_STATS_TYPE_MASK) {
    case KVM_STATS_TYPE_CUMULATIVE:
        return ACCEL_STAT_CUMULATIVE;
    case KVM_STATS_TYPE_INSTANT:
        return ACCEL_STAT_INSTANT;
    case KVM_STATS_TYPE_PEAK:
        return ACCEL_STAT_PEAK;
    case KVM_STATS_TYPE_LINEAR_HIST:
        return ACCEL_STAT_LINEAR_HISTOGRAM;
    default:
        return ACCEL_STAT_LOG2_HISTOGRAM;
    }
}

static AccelStatUnit unit_of(uint32_t flags)
{
    switch (flags & KVM_STATS_UNIT_MASK) {
    case KVM_STATS_UNIT_BYTES:
        return ACCEL_STAT_BYTES;
    case KVM_STATS_UNIT_SECONDS:
        return ACCEL_STAT_SECONDS;
    case KVM_STATS_UNIT_CYCLES:
        return ACCEL_STAT_CYCLES;
#ifdef KVM_STATS_UNIT_BOOLEAN
    case KVM_STATS_UNIT_BOOLEAN:
        return ACCEL_STAT_BOOLEAN;
#endif
    default:
        return ACCEL_STAT_NO_UNIT;
    }
}

/* One descriptor and its values; types that a later kernel may add are left out. */
static bool tell(int fd, const struct kvm_stats_header *header, const struct kvm_stats_desc *row,
                 AccelStatVisitor *visit, void *opaque)
{
    g_autofree uint64_t *values = NULL;
    AccelStat stat = {
        .name = row->name,
        .kind = kind_of(row->flags),
        .unit = unit_of(row->flags),
        .base = (row->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW10 ? 10 : 2,
        .exponent = row->exponent,
        .bucket_size = row->bucket_size,
        .count = row->size,
    };

    if ((row->flags & KVM_STATS_TYPE_MASK) > KVM_STATS_TYPE_MAX || row->size == 0 ||
        row->size > VALUES_MAX) {
        return true;
    }
    values = g_new(uint64_t, row->size);
    if (!read_all(fd, values, row->size * sizeof(*values), header->data_offset + row->offset)) {
        return false;
    }
    stat.values = values;
    visit(&stat, opaque);
    return true;
}

static bool tell_all(int fd, AccelStatVisitor *visit, void *opaque)
{
    struct kvm_stats_header header;
    size_t size;

    if (!read_all(fd, &header, sizeof(header), 0) || header.name_size == 0 ||
        header.name_size > NAME_MAX_SIZE || header.num_desc > DESCRIPTORS_MAX) {
        return false;
    }
    size = sizeof(struct kvm_stats_desc) + header.name_size;
    g_autofree uint8_t *rows = g_malloc(size * header.num_desc + 1);
    if (!read_all(fd, rows, size * header.num_desc, header.desc_offset)) {
        return false;
    }
    for (uint32_t i = 0; i < header.num_desc; i++) {
        struct kvm_stats_desc *row = (void *)(rows + i * size);
        row->name[header.name_size - 1] = '\0';
        if (!tell(fd, &header, row, visit, opaque)) {
            return false;
        }
    }
    return true;
}

bool kvm_stats(Accel *accel, Vcpu *vcpu, AccelStatVisitor *visit, void *opaque, GError **error)
{
    int fd = stats_fd(XL_KVM_ACCEL(accel), (KvmVcpu *)vcpu);

    return fd < 0 || tell_all(fd, visit, opaque) ||
           error_set_errno(error, errno, "KVM does not tell its statistics");
}
