/*
 * The options of -accel kvm.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "accel/kvm/kvm_accel.h"
#include "util/error.h"
#include "util/options.h"

#define PAGE_SIZE 4096u

static bool set_kernel_irqchip(KvmOptions *options, const char *value, GError **error)
{
    if (g_str_equal(value, "split")) {
        return true;
    }
    if (g_str_equal(value, "on")) {
        return error_setf(error,
                          "kernel-irqchip=on is not supported: PIC, IOAPIC and PIT are always "
                          "emulated here (use kernel-irqchip=split)");
    }
    if (g_str_equal(value, "off")) {
        return error_setf(error, "kernel-irqchip=off is not supported: the LAPIC is always KVM's "
                                 "(use kernel-irqchip=split)");
    }
    return error_setf(error, "Parameter 'kernel-irqchip' expects 'split', not '%s'", value);
}

static bool set_shadow_memory(KvmOptions *options, const char *value, GError **error)
{
    options->shadow_memory_set = true;
    return parse_size(value, "kvm-shadow-mem", 1, &options->shadow_memory, error);
}

static bool set_dirty_ring_size(KvmOptions *options, const char *value, GError **error)
{
    uint64_t size = 0;

    if (!parse_uint(value, "dirty-ring-size", 0, UINT32_MAX, &size, error)) {
        return false;
    }
    if (size & (size - 1)) {
        return error_setf(error, "dirty-ring-size must be a power of two, not %s", value);
    }
    options->dirty_ring_size = (uint32_t)size;
    return true;
}

static bool set_notify_vmexit(KvmOptions *options, const char *value, GError **error)
{
    static const char *const names[] = {"run", "internal-error", "disable"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(value, names[i])) {
            options->notify_vmexit = i;
            options->notify_vmexit_set = true;
            return true;
        }
    }
    return error_setf(error, "Parameter 'notify-vmexit' does not accept value '%s'", value);
}

static bool set_notify_window(KvmOptions *options, const char *value, GError **error)
{
    uint64_t window = 0;

    if (!parse_uint(value, "notify-window", 0, UINT32_MAX, &window, error)) {
        return false;
    }
    options->notify_window = (uint32_t)window;
    return true;
}

static bool set_device(KvmOptions *options, const char *value, GError **error)
{
    g_free(options->device);
    options->device = g_strdup(value);
    return true;
}

static bool refuse_xen(const char *key, const char *value, uint64_t max, GError **error)
{
    uint64_t number = 0;

    if (!parse_uint(value, key, 0, max, &number, error)) {
        return false;
    }
    return number == 0 || error_setf(error, "%s=%s: Xen guests are not available yet", key, value);
}

static bool set_xen_version(KvmOptions *options, const char *value, GError **error)
{
    return refuse_xen("xen-version", value, UINT32_MAX, error);
}

static bool set_xen_max_pirq(KvmOptions *options, const char *value, GError **error)
{
    return refuse_xen("xen-evtchn-max-pirq", value, UINT16_MAX, error);
}

static bool set_xen_max_frames(KvmOptions *options, const char *value, GError **error)
{
    return refuse_xen("xen-gnttab-max-frames", value, UINT16_MAX, error);
}

static const struct {
    const char *key;
    bool (*set)(KvmOptions *options, const char *value, GError **error);
} option_table[] = {
    {"kernel-irqchip", set_kernel_irqchip},
    {"kvm-shadow-mem", set_shadow_memory},
    {"dirty-ring-size", set_dirty_ring_size},
    {"notify-vmexit", set_notify_vmexit},
    {"notify-window", set_notify_window},
    {"device", set_device},
    {"xen-version", set_xen_version},
    {"xen-evtchn-max-pirq", set_xen_max_pirq},
    {"xen-gnttab-max-frames", set_xen_max_frames},
};

bool kvm_options_set(KvmOptions *options, const char *key, const char *value, GError **error)
{
    g_autofree char *plain = g_strdelimit(g_strdup(key), "_", '-');

    for (unsigned i = 0; i < G_N_ELEMENTS(option_table); i++) {
        if (g_str_equal(plain, option_table[i].key)) {
            return option_table[i].set(options, value, error);
        }
    }
    return error_setf(error, "Property 'kvm-accel.%s' not found", key);
}

static bool apply_dirty_ring(KvmAccel *kvm, GError **error)
{
    uint64_t bytes = (uint64_t)kvm->options.dirty_ring_size * sizeof(struct kvm_dirty_gfn);
    int most = kvm_check(kvm, KVM_CAP_DIRTY_LOG_RING);

    if (!kvm->options.dirty_ring_size) {
        return true;
    }
    if (most <= 0) {
        return error_setf(error, "dirty-ring-size=%u: this host's KVM has no dirty ring",
                          kvm->options.dirty_ring_size);
    }
    if (bytes > (uint64_t)most) {
        return error_setf(error, "dirty-ring-size=%u is too big (maximum is %u)",
                          kvm->options.dirty_ring_size,
                          most / (unsigned)sizeof(struct kvm_dirty_gfn));
    }
    return kvm_enable(kvm, KVM_CAP_DIRTY_LOG_RING, bytes, 0) ||
           error_set_errno(error, errno, "dirty-ring-size=%u", kvm->options.dirty_ring_size);
}

static bool apply_notify_vmexit(KvmAccel *kvm, GError **error)
{
    KvmOptions *options = &kvm->options;
    uint64_t flags = KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER;

    if (options->notify_vmexit == NOTIFY_VMEXIT_DISABLE ||
        !kvm_check(kvm, KVM_CAP_X86_NOTIFY_VMEXIT)) {
        return true;
    }
    return kvm_enable(kvm, KVM_CAP_X86_NOTIFY_VMEXIT,
                      (uint64_t)options->notify_window << 32 | flags, 0) ||
           error_set_errno(error, errno, "notify-vmexit cannot be switched on");
}

bool kvm_options_apply(KvmAccel *kvm, GError **error)
{
    KvmOptions *options = &kvm->options;

    if (options->shadow_memory_set &&
        ioctl(kvm->vm_fd, KVM_SET_NR_MMU_PAGES, options->shadow_memory / PAGE_SIZE) < 0) {
        return error_set_errno(error, errno,
                               "kvm-shadow-mem=%" G_GUINT64_FORMAT " is refused by KVM",
                               options->shadow_memory);
    }
    return apply_dirty_ring(kvm, error) && apply_notify_vmexit(kvm, error);
}
