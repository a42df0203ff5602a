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

/* The Xen layer's own limits; this floor does not know that one. */
enum {
    XEN_PIRQS_MIN = 16,
    XEN_PIRQS_DEFAULT = 256,
    XEN_PIRQS_MAX = 4096,
    XEN_GRANT_FRAMES_DEFAULT = 64,
    XEN_GRANT_FRAMES_MAX = 1024,
    XEN_DOMID_MAX = 0x7fef, /* the ids above are reserved */
};

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

/* ---- Xen ---- */

#define XEN_VERSION_MIN UINT32_C(0x30000)

static bool set_xen_version(KvmOptions *options, const char *value, GError **error)
{
    uint64_t version = 0;

    if (!parse_uint(value, "xen-version", 0, UINT32_MAX, &version, error)) {
        return false;
    }
    if (version != 0 && version < XEN_VERSION_MIN) {
        return error_setf(error,
                          "xen-version=%s: expected a version of at least 3.0 as major << 16 | "
                          "minor, such as 0x4000a for 4.10, or 0 for no Xen",
                          value);
    }
    options->xen_version = (uint32_t)version;
    return true;
}

static bool set_xen_number(const char *key, const char *value, uint64_t min, uint64_t max,
                           uint32_t *number, GError **error)
{
    uint64_t parsed = 0;

    if (!parse_uint(value, key, min, max, &parsed, error)) {
        return false;
    }
    *number = (uint32_t)parsed;
    return true;
}

static bool set_xen_max_pirq(KvmOptions *options, const char *value, GError **error)
{
    return set_xen_number("xen-evtchn-max-pirq", value, XEN_PIRQS_MIN, XEN_PIRQS_MAX,
                          &options->xen_max_pirq, error);
}

static bool set_xen_max_frames(KvmOptions *options, const char *value, GError **error)
{
    return set_xen_number("xen-gnttab-max-frames", value, 1, XEN_GRANT_FRAMES_MAX,
                          &options->xen_max_frames, error);
}

static bool set_xen_domid(KvmOptions *options, const char *value, GError **error)
{
    uint32_t domid;

    if (!set_xen_number("xen-domid", value, 1, XEN_DOMID_MAX, &domid, error)) {
        return false;
    }
    options->xen_domid = (uint16_t)domid;
    return true;
}

static bool set_xen_assist(KvmOptions *options, const char *value, GError **error)
{
    static const char *const names[] = {"auto", "kernel", "user"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(value, names[i])) {
            options->xen_assist = i;
            return true;
        }
    }
    return error_setf(error, "Parameter 'xen-assist' expects 'auto', 'kernel' or 'user', not '%s'",
                      value);
}

static bool set_xen_store_socket(KvmOptions *options, const char *value, GError **error)
{
    g_free(options->xen_store_socket);
    options->xen_store_socket = value[0] ? g_strdup(value) : NULL;
    return true;
}

void kvm_options_init(KvmOptions *options)
{
    options->device = g_strdup("/dev/kvm");
    options->xen_max_pirq = XEN_PIRQS_DEFAULT;
    options->xen_max_frames = XEN_GRANT_FRAMES_DEFAULT;
    options->xen_domid = 1;
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
    {"xen-domid", set_xen_domid},
    {"xen-assist", set_xen_assist},
    {"xen-store-socket", set_xen_store_socket},
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
