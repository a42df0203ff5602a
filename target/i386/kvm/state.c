/*
 * The whole state of a vCPU as a dictionary of KVM's own structures, and back.
 *
 * The structures are kernel ABI, so their bytes are as good a format as any; lengths are checked
 * here and what is in them by KVM, whose refusal is the caller's error.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "target/i386/kvm/kvm_x86.h"
#include "util/error.h"

typedef struct {
    const char *name;
    unsigned long get, set;
    size_t size;
    size_t needs; /* offset of a bool in KvmAccel, 0: always there */
} Part;

/*
 * In the order of loading: the mode and APIC base first (MSRs and LAPIC depend on it), the MSRs
 * before the LAPIC, run state before events, which change it.
 */
static const Part mode_parts[] = {
    {"sregs", KVM_GET_SREGS, KVM_SET_SREGS, sizeof(struct kvm_sregs), 0},
    {"sregs2", KVM_GET_SREGS2, KVM_SET_SREGS2, sizeof(struct kvm_sregs2),
     offsetof(KvmAccel, has_sregs2)},
};
static const Part parts_before_msrs[] = {
    {"regs", KVM_GET_REGS, KVM_SET_REGS, sizeof(struct kvm_regs), 0},
    {"xcrs", KVM_GET_XCRS, KVM_SET_XCRS, sizeof(struct kvm_xcrs), offsetof(KvmAccel, has_xcrs)},
};
static const Part parts_after_msrs[] = {
    {"lapic", KVM_GET_LAPIC, KVM_SET_LAPIC, sizeof(struct kvm_lapic_state), 0},
    {"mp-state", KVM_GET_MP_STATE, KVM_SET_MP_STATE, sizeof(struct kvm_mp_state), 0},
    {"events", KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, sizeof(struct kvm_vcpu_events), 0},
    {"debugregs", KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, sizeof(struct kvm_debugregs),
     offsetof(KvmAccel, has_debugregs)},
};

#define PART_SIZE_MAX sizeof(struct kvm_lapic_state)

static bool part_available(const KvmAccel *kvm, const Part *part)
{
    return !part->needs || G_STRUCT_MEMBER(bool, kvm, part->needs);
}

static GVariant *bytes_variant(const void *data, size_t size)
{
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, data, size, 1);
}

static void save_parts(KvmVcpu *vcpu, const Part *parts, unsigned count, GVariantBuilder *builder)
{
    for (unsigned i = 0; i < count; i++) {
        union {
            uint8_t bytes[PART_SIZE_MAX];
            struct kvm_sregs2 aligned;
        } buffer = {0};

        if (part_available(vcpu->kvm, &parts[i]) && ioctl(vcpu->fd, parts[i].get, &buffer) == 0) {
            g_variant_builder_add(builder, "{sv}", parts[i].name,
                                  bytes_variant(&buffer, parts[i].size));
        }
    }
}

size_t kvm_x86_fpu_size(const KvmAccel *kvm)
{
    return kvm->xsave_size ? (size_t)kvm->xsave_size : sizeof(struct kvm_fpu);
}

bool kvm_x86_get_fpu(KvmVcpu *vcpu, void *area)
{
    unsigned long request = KVM_GET_FPU;

    if (vcpu->kvm->xsave_size) {
        request = kvm_check(vcpu->kvm, KVM_CAP_XSAVE2) ? KVM_GET_XSAVE2 : KVM_GET_XSAVE;
    }
    return ioctl(vcpu->fd, request, area) == 0;
}

struct kvm_nested_state *kvm_x86_get_nested(KvmVcpu *vcpu)
{
    struct kvm_nested_state *nested;

    if (!vcpu->kvm->nested_size) {
        return NULL;
    }
    nested = g_malloc0((size_t)vcpu->kvm->nested_size);
    nested->size = (uint32_t)vcpu->kvm->nested_size;
    if (ioctl(vcpu->fd, KVM_GET_NESTED_STATE, nested) < 0) {
        g_free(nested);
        return NULL;
    }
    return nested;
}

static void save_nested(KvmVcpu *vcpu, GVariantBuilder *builder)
{
    g_autofree struct kvm_nested_state *nested = kvm_x86_get_nested(vcpu);

    if (nested && nested->size <= (uint32_t)vcpu->kvm->nested_size) {
        g_variant_builder_add(builder, "{sv}", "nested", bytes_variant(nested, nested->size));
    }
}

static void save_fpu(KvmVcpu *vcpu, GVariantBuilder *builder)
{
    size_t size = kvm_x86_fpu_size(vcpu->kvm);
    g_autofree void *area = g_malloc0(size);

    if (kvm_x86_get_fpu(vcpu, area)) {
        g_variant_builder_add(builder, "{sv}", vcpu->kvm->xsave_size ? "xsave" : "fpu",
                              bytes_variant(area, size));
    }
}

static void save_msrs(KvmVcpu *vcpu, GVariantBuilder *builder)
{
    const GArray *list = vcpu->power_on->msrs;
    g_autoptr(GArray) msrs = g_array_new(FALSE, TRUE, sizeof(struct kvm_msr_entry));
    GVariantBuilder values;
    uint64_t deadline;

    g_array_append_vals(msrs, list->data, list->len);
    kvm_msrs_get(vcpu, msrs);
    g_variant_builder_init(&values, G_VARIANT_TYPE("a(ut)"));
    for (guint i = 0; i < msrs->len; i++) {
        const struct kvm_msr_entry *msr = &g_array_index(msrs, struct kvm_msr_entry, i);
        uint64_t data = msr->index == MSR_IA32_TSC ? kvm_x86_tsc_at_stop(vcpu, msr->data) : msr->data;
        g_variant_builder_add(&values, "(ut)", msr->index, (guint64)data);
    }
    g_variant_builder_add(builder, "{sv}", "msrs", g_variant_builder_end(&values));
    if (kvm_msr_get(vcpu->fd, MSR_TSC_DEADLINE, &deadline)) {
        g_variant_builder_add(builder, "{sv}", "tsc-deadline", g_variant_new_uint64(deadline));
    }
}

static void save_all(KvmVcpu *vcpu, void *opaque)
{
    GVariantBuilder *builder = opaque;
    int khz = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
    uint64_t offset;

    save_parts(vcpu, mode_parts, G_N_ELEMENTS(mode_parts), builder);
    save_nested(vcpu, builder);
    save_parts(vcpu, parts_before_msrs, G_N_ELEMENTS(parts_before_msrs), builder);
    save_fpu(vcpu, builder);
    save_msrs(vcpu, builder);
    save_parts(vcpu, parts_after_msrs, G_N_ELEMENTS(parts_after_msrs), builder);
    if (khz > 0) {
        g_variant_builder_add(builder, "{sv}", "tsc-khz", g_variant_new_uint32((uint32_t)khz));
    }
    if (kvm_x86_tsc_offset(vcpu, &offset)) {
        g_variant_builder_add(builder, "{sv}", "tsc-offset", g_variant_new_uint64(offset));
    }
    g_variant_builder_add(builder, "{sv}", "extint",
                          g_variant_new_int32(kvm_x86_pending_extint(vcpu)));
    g_variant_builder_add(builder, "{sv}", "ended", g_variant_new_boolean(vcpu->blocked));
}

GVariant *kvm_x86_vcpu_save(Accel *accel, Vcpu *vcpu)
{
    GVariantBuilder builder;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    kvm_vcpu_call((KvmVcpu *)vcpu, save_all, &builder);
    return g_variant_builder_end(&builder);
}

/* The bytes called @name if they are there with @size bytes (0: any size). */
static GVariant *lookup_bytes(GVariant *state, const char *name, size_t size, const void **data,
                              size_t *length)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(state, name, G_VARIANT_TYPE_BYTESTRING);

    if (!value) {
        return NULL;
    }
    *data = g_variant_get_fixed_array(value, length, 1);
    return size && *length != size ? NULL : g_steal_pointer(&value);
}

static bool load_part(KvmVcpu *vcpu, const Part *part, GVariant *state, GError **error)
{
    union {
        uint8_t bytes[PART_SIZE_MAX];
        struct kvm_sregs2 aligned;
    } buffer = {0};
    const void *data = NULL;
    size_t length;
    g_autoptr(GVariant) value = lookup_bytes(state, part->name, part->size, &data, &length);

    if (!value) {
        /* what an older kernel could not save, this one does not need */
        return part->needs || error_setf(error, "the saved state of CPU %u has no valid '%s'",
                                         vcpu->parent.index, part->name);
    }
    if (!part_available(vcpu->kvm, part)) {
        return true;
    }
    memcpy(&buffer, data, part->size);
    return ioctl(vcpu->fd, part->set, &buffer) == 0 ||
           error_set_errno(error, errno, "KVM refuses the saved '%s' of CPU %u", part->name,
                           vcpu->parent.index);
}

static bool load_parts(KvmVcpu *vcpu, const Part *parts, unsigned count, GVariant *state,
                       GError **error)
{
    for (unsigned i = 0; i < count; i++) {
        if (!load_part(vcpu, &parts[i], state, error)) {
            return false;
        }
    }
    return true;
}

static bool load_fpu(KvmVcpu *vcpu, GVariant *state, GError **error)
{
    KvmAccel *kvm = vcpu->kvm;
    const char *name = kvm->xsave_size ? "xsave" : "fpu";
    size_t size = kvm_x86_fpu_size(kvm);
    const void *data = NULL;
    size_t length = 0;
    g_autoptr(GVariant) value = lookup_bytes(state, name, 0, &data, &length);
    g_autofree uint8_t *buffer = g_malloc0(size);

    /* Areas grow with a host's features; more than this host has must be zeros. */
    if (!value || length < (kvm->xsave_size ? sizeof(struct kvm_xsave) : size)) {
        return error_setf(error, "the saved state of CPU %u has no valid '%s'", vcpu->parent.index,
                          name);
    }
    for (size_t i = size; i < length; i++) {
        if (((const uint8_t *)data)[i]) {
            return error_setf(error, "the saved FPU of CPU %u needs %zu bytes, this host has %zu",
                              vcpu->parent.index, length, size);
        }
    }
    memcpy(buffer, data, MIN(size, length));
    return ioctl(vcpu->fd, kvm->xsave_size ? KVM_SET_XSAVE : KVM_SET_FPU, buffer) == 0 ||
           error_set_errno(error, errno, "KVM refuses the saved FPU of CPU %u", vcpu->parent.index);
}

static bool is_own_msr(const KvmVcpu *vcpu, uint32_t index)
{
    const GArray *own = vcpu->power_on->msrs;

    for (guint i = 0; i < own->len; i++) {
        if (g_array_index(own, struct kvm_msr_entry, i).index == index) {
            return true;
        }
    }
    return false;
}

static bool load_msrs(KvmVcpu *vcpu, GVariant *state, GError **error)
{
    g_autoptr(GVariant) values = g_variant_lookup_value(state, "msrs", G_VARIANT_TYPE("a(ut)"));
    g_autoptr(GArray) msrs = g_array_new(FALSE, TRUE, sizeof(struct kvm_msr_entry));
    GVariantIter iter;
    guint32 index;
    guint64 data;

    if (!values) {
        return error_setf(error, "the saved state of CPU %u has no valid 'msrs'",
                          vcpu->parent.index);
    }
    g_variant_iter_init(&iter, values);
    while (g_variant_iter_next(&iter, "(ut)", &index, &data)) {
        struct kvm_msr_entry entry = {.index = index, .data = data};

        if (is_own_msr(vcpu, index)) {
            g_array_append_val(msrs, entry);
        } else if (data) {
            return error_setf(error,
                              "the saved state of CPU %u has MSR 0x%x, which this host lacks",
                              vcpu->parent.index, index);
        }
    }
    for (guint i = 0; i < msrs->len; i++) {
        const struct kvm_msr_entry *msr = &g_array_index(msrs, struct kvm_msr_entry, i);
        uint64_t now;

        /* a read-only one passes if it has the value already */
        if (!kvm_msr_set(vcpu->fd, msr->index, msr->data) &&
            (!kvm_msr_get(vcpu->fd, msr->index, &now) || now != msr->data)) {
            return error_setf(error, "KVM refuses MSR 0x%x of CPU %u = 0x%" G_GINT64_MODIFIER "x",
                              msr->index, vcpu->parent.index, (uint64_t)msr->data);
        }
    }
    return true;
}

/* VMX can be on only where the feature control MSR allows it. */
static void load_feature_control(KvmVcpu *vcpu, GVariant *state)
{
    g_autoptr(GVariant) values = g_variant_lookup_value(state, "msrs", G_VARIANT_TYPE("a(ut)"));
    GVariantIter iter;
    guint32 index;
    guint64 data;

    if (!values) {
        return;
    }
    g_variant_iter_init(&iter, values);
    while (g_variant_iter_next(&iter, "(ut)", &index, &data)) {
        if (index == MSR_FEATURE_CONTROL) {
            kvm_msr_set(vcpu->fd, index, data);
        }
    }
}

static bool load_nested(KvmVcpu *vcpu, GVariant *state, GError **error)
{
    const void *data = NULL;
    size_t length = 0;
    g_autoptr(GVariant) value = lookup_bytes(state, "nested", 0, &data, &length);
    g_autofree struct kvm_nested_state *nested = NULL;

    if (!value || !vcpu->kvm->nested_size) {
        return true;
    }
    if (length < sizeof(*nested) || length > (size_t)vcpu->kvm->nested_size) {
        return error_setf(error, "the saved state of CPU %u has no valid 'nested'",
                          vcpu->parent.index);
    }
    load_feature_control(vcpu, state);
    nested = g_memdup2(data, length);
    nested->size = (uint32_t)length;
    return ioctl(vcpu->fd, KVM_SET_NESTED_STATE, nested) == 0 ||
           error_set_errno(error, errno, "KVM refuses the saved 'nested' of CPU %u",
                           vcpu->parent.index);
}

static bool load_tsc_khz(KvmVcpu *vcpu, GVariant *state, GError **error)
{
    int now = ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0);
    guint32 saved;

    if (!g_variant_lookup(state, "tsc-khz", "u", &saved) || !saved || now == (int)saved) {
        return true;
    }
    /* A little off is what every host measures; the clocks the guest uses are kept by KVM. */
    if (ioctl(vcpu->fd, KVM_SET_TSC_KHZ, (unsigned long)saved) < 0 && now > 0 &&
        ABS((int64_t)saved - now) > now / 4000) {
        return error_setf(error, "the guest's TSC of %u kHz cannot be had on this host (%d kHz)",
                          saved, now);
    }
    return true;
}

static void load_tsc(KvmVcpu *vcpu, GVariant *state)
{
    g_autoptr(GVariant) msrs = g_variant_lookup_value(state, "msrs", G_VARIANT_TYPE("a(ut)"));
    guint64 offset, data;
    GVariantIter iter;
    guint32 index;

    if (!msrs || !g_variant_lookup(state, "tsc-offset", "t", &offset)) {
        return;
    }
    g_variant_iter_init(&iter, msrs);
    while (g_variant_iter_next(&iter, "(ut)", &index, &data)) {
        if (index == MSR_IA32_TSC) {
            kvm_x86_tsc_loaded(vcpu, offset, data);
        }
    }
}

/* The timer's deadline after the LAPIC, which says that it is in that mode. */
static void load_deadline(KvmVcpu *vcpu, GVariant *state)
{
    guint64 deadline;

    if (g_variant_lookup(state, "tsc-deadline", "t", &deadline)) {
        kvm_msr_set(vcpu->fd, MSR_TSC_DEADLINE, deadline);
    }
}

static void load_extint(KvmVcpu *vcpu, GVariant *state)
{
    gint32 vector = -1;

    vcpu->extint_vector = -1;
    if (g_variant_lookup(state, "extint", "i", &vector) && vector >= 0 && vector <= 255) {
        struct kvm_interrupt interrupt = {.irq = (uint32_t)vector};

        if (ioctl(vcpu->fd, KVM_INTERRUPT, &interrupt) == 0) {
            vcpu->extint_vector = vector;
        }
    }
    vcpu->run->ready_for_interrupt_injection = 0;
}

bool kvm_x86_vcpu_load(Accel *accel, Vcpu *vcpu, GVariant *state, GError **error)
{
    KvmVcpu *kvm_vcpu = (KvmVcpu *)vcpu;
    gboolean ended = FALSE;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT)) {
        return error_setf(error, "the saved state of CPU %u is no dictionary", vcpu->index);
    }
    if (!load_tsc_khz(kvm_vcpu, state, error) ||
        !load_parts(kvm_vcpu, mode_parts, G_N_ELEMENTS(mode_parts), state, error) ||
        !load_nested(kvm_vcpu, state, error) ||
        !load_parts(kvm_vcpu, parts_before_msrs, G_N_ELEMENTS(parts_before_msrs), state, error) ||
        !load_fpu(kvm_vcpu, state, error) || !load_msrs(kvm_vcpu, state, error) ||
        !load_parts(kvm_vcpu, parts_after_msrs, G_N_ELEMENTS(parts_after_msrs), state, error)) {
        return false;
    }
    load_tsc(kvm_vcpu, state);
    load_deadline(kvm_vcpu, state);
    load_extint(kvm_vcpu, state);
    g_variant_lookup(state, "ended", "b", &ended);
    kvm_vcpu->blocked = ended;
    kvm_vcpu->io_pending = false;
    g_cond_signal(&kvm_vcpu->wake);
    return true;
}
