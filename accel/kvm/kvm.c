/*
 * The KVM accelerator: opens the device, makes the VM with a split irqchip, and makes vCPUs.
 *
 * Source: the kernel's Documentation/virt/kvm/api.rst.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "accel/kvm/kvm_accel.h"
#include "util/error.h"

#define RESERVED_PINS IOAPIC_PIN_COUNT

G_DEFINE_FINAL_TYPE(KvmAccel, kvm_accel, TYPE_ACCEL)
ACCEL_TYPE_REGISTER(kvm_accel_get_type)

/* What this machine cannot do without; the kernel version is the one that brought it. */
static const struct {
    int capability;
    const char *name, *since;
} required[] = {
    {KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP", "4.5"},
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "2.6.25"},
    {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "KVM_CAP_DESTROY_MEMORY_REGION_WORKS", "2.6.30"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "4.11"},
    {KVM_CAP_READONLY_MEM, "KVM_CAP_READONLY_MEM", "3.7"},
    {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", "2.6.30"},
    {KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI", "3.5"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD", "2.6.32"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD", "2.6.32"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", "2.6.29"},
    {KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS", "2.6.33"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", "2.6.26"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR", "2.6.24"},
    {KVM_CAP_ADJUST_CLOCK, "KVM_CAP_ADJUST_CLOCK", "2.6.33"},
};

int kvm_check(KvmAccel *kvm, int capability)
{
    int result = ioctl(kvm->vm_fd, KVM_CHECK_EXTENSION, capability);

    return result > 0 ? result : 0;
}

bool kvm_enable(KvmAccel *kvm, uint32_t capability, uint64_t arg0, uint64_t arg1)
{
    struct kvm_enable_cap argument = {.cap = capability, .args = {arg0, arg1}};

    return ioctl(kvm->vm_fd, KVM_ENABLE_CAP, &argument) == 0;
}

static bool open_device(KvmAccel *kvm, GError **error)
{
    const char *device = kvm->options.device;
    int version;

    kvm->fd = open(device, O_RDWR | O_CLOEXEC);
    if (kvm->fd < 0) {
        int errnum = errno;
        return error_set_errno(error, errnum, "Could not access KVM kernel module %s%s", device,
                               errnum == EACCES ? " (is this user in the group that owns it?)"
                                                : "");
    }
    version = ioctl(kvm->fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        return error_setf(error, "%s is not a KVM of API version %d (it says %d)", device,
                          KVM_API_VERSION, version);
    }
    return true;
}

static bool create_vm(KvmAccel *kvm, GError **error)
{
    do {
        kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
    } while (kvm->vm_fd < 0 && errno == EINTR);
    if (kvm->vm_fd < 0) {
        return error_set_errno(error, errno, "KVM cannot make a virtual machine");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(required); i++) {
        if (!kvm_check(kvm, required[i].capability)) {
            return error_setf(error, "this host's KVM lacks %s (Linux %s or newer is needed)",
                              required[i].name, required[i].since);
        }
    }
    return true;
}

static bool set_addresses(KvmAccel *kvm, GError **error)
{
    uint64_t identity_map = KVM_IDENTITY_MAP_ADDRESS;

    if (kvm_check(kvm, KVM_CAP_SET_IDENTITY_MAP_ADDR) &&
        ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0) {
        return error_set_errno(error, errno, "KVM refuses the identity map's address");
    }
    if (ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, (unsigned long)KVM_TSS_ADDRESS) < 0) {
        return error_set_errno(error, errno, "KVM refuses the TSS's address");
    }
    return true;
}

static bool set_up_vm(KvmAccel *kvm, GError **error)
{
    if (!set_addresses(kvm, error)) {
        return false;
    }
    if (!kvm_enable(kvm, KVM_CAP_SPLIT_IRQCHIP, RESERVED_PINS, 0)) {
        return error_set_errno(error, errno, "KVM refuses a split irqchip");
    }
    kvm->run_size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (kvm->run_size < (int)sizeof(struct kvm_run)) {
        return error_setf(error, "KVM_GET_VCPU_MMAP_SIZE says %d", kvm->run_size);
    }
    kvm->has_sregs2 = kvm_check(kvm, KVM_CAP_SREGS2);
    kvm->has_xcrs = kvm_check(kvm, KVM_CAP_XCRS);
    kvm->has_debugregs = kvm_check(kvm, KVM_CAP_DEBUGREGS);
    kvm->nested_size = kvm_check(kvm, KVM_CAP_NESTED_STATE);
    /* optional: the payload of an exception not yet injected, and a pending triple fault, can be
     * saved */
    kvm_enable(kvm, KVM_CAP_EXCEPTION_PAYLOAD, 1, 0);
    kvm->has_triple_fault_event = kvm_enable(kvm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1, 0);
    return kvm_options_apply(kvm, error);
}

static bool kvm_start(Accel *accel, AddressSpace *memory, AddressSpace *io,
                      const AccelGuestOps *ops, void *opaque, GError **error)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);

    kvm->memory = memory;
    kvm->io = io;
    kvm->ops = ops;
    kvm->opaque = opaque;
    if (!open_device(kvm, error) || !create_vm(kvm, error) || !set_up_vm(kvm, error)) {
        return false;
    }
    kvm->host_cpuid = kvm_x86_host_cpuid(kvm, error);
    if (!kvm->host_cpuid) {
        return false;
    }
    kvm->routes = kvm_irq_routes_new(kvm);
    kvm->slots = kvm_memory_slots_new(kvm);
    kvm->zones = kvm_io_zones_new(kvm);
    return true;
}

/* A board without CPUs has not started us; management tools ask it about the host all the same. */
static bool probe_host(KvmAccel *kvm)
{
    if (kvm->fd >= 0 || !open_device(kvm, NULL) || !create_vm(kvm, NULL)) {
        return false;
    }
    kvm->host_cpuid = kvm_x86_host_cpuid(kvm, NULL);
    return kvm->host_cpuid != NULL;
}

static const X86CPUIDEntry *kvm_host_cpuid(Accel *accel, unsigned *count)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);

    *count = 0;
    if (!kvm->host_cpuid && !probe_host(kvm)) {
        return NULL;
    }
    *count = kvm->host_cpuid->len;
    return (const X86CPUIDEntry *)(void *)kvm->host_cpuid->data;
}

static void vcpu_free(KvmVcpu *vcpu)
{
    kvm_vcpu_thread_join(vcpu);
    kvm_x86_vcpu_cleanup(vcpu);
    if (vcpu->run) {
        munmap(vcpu->run, (size_t)vcpu->kvm->run_size);
    }
    if (vcpu->stats_fd >= 0) {
        close(vcpu->stats_fd);
    }
    if (vcpu->fd >= 0) {
        close(vcpu->fd);
    }
    g_cond_clear(&vcpu->wake);
    g_free(vcpu);
}

/* Ids beyond 8 bits need messages with wide destinations; it is a setting of the whole VM. */
static bool prepare_apic_id(KvmAccel *kvm, unsigned index, uint32_t apic_id, GError **error)
{
    int most = kvm_check(kvm, KVM_CAP_MAX_VCPUS);
    int most_id = kvm_check(kvm, KVM_CAP_MAX_VCPU_ID);

    if (index >= (unsigned)MAX(most, 1)) {
        return error_setf(error, "CPU %u: this host's KVM runs at most %d CPUs", index, most);
    }
    if (most_id && apic_id >= (unsigned)most_id) {
        return error_setf(error, "CPU %u: APIC id %u is beyond this host's KVM (%d)", index,
                          apic_id, most_id - 1);
    }
    if (apic_id < 255 || kvm->wide_apic_ids) {
        return true;
    }
    kvm->wide_apic_ids =
        kvm_enable(kvm, KVM_CAP_X2APIC_API,
                   KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK, 0);
    return kvm->wide_apic_ids ||
           error_setf(error, "CPU %u: APIC id %u needs KVM's X2APIC API", index, apic_id);
}

static bool vcpu_open(KvmVcpu *vcpu, GError **error)
{
    KvmAccel *kvm = vcpu->kvm;

    /* LAPICs take their id from the vCPU's */
    vcpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)vcpu->parent.apic_id);
    if (vcpu->fd < 0) {
        return error_set_errno(error, errno, "KVM cannot make CPU %u", vcpu->parent.index);
    }
    vcpu->run = mmap(NULL, (size_t)kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
    if (vcpu->run == MAP_FAILED) {
        vcpu->run = NULL;
        return error_set_errno(error, errno, "cannot map the run page of CPU %u",
                               vcpu->parent.index);
    }
    return true;
}

static void find_coalesced_ring(KvmVcpu *vcpu)
{
    KvmAccel *kvm = vcpu->kvm;
    int page = kvm_check(kvm, KVM_CAP_COALESCED_MMIO);

    if (page && !kvm->coalesced_ring) {
        kvm->coalesced_ring = (void *)((uint8_t *)vcpu->run + page * getpagesize());
    }
}

static Vcpu *kvm_vcpu_new(Accel *accel, unsigned index, uint32_t apic_id, const X86CPUModel *model,
                          GError **error)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    KvmVcpu *vcpu;

    if (!prepare_apic_id(kvm, index, apic_id, error)) {
        return NULL;
    }
    vcpu = g_new0(KvmVcpu, 1);
    vcpu->parent = (Vcpu){.accel = accel, .index = index, .apic_id = apic_id, .model = model};
    vcpu->kvm = kvm;
    vcpu->fd = vcpu->stats_fd = -1;
    vcpu->extint_vector = -1;
    g_cond_init(&vcpu->wake);
    if (!vcpu_open(vcpu, error) || !kvm_x86_vcpu_setup(vcpu, error) ||
        !kvm_vcpu_thread_start(vcpu, error)) {
        vcpu_free(vcpu);
        return NULL;
    }
    find_coalesced_ring(vcpu);
    g_ptr_array_add(kvm->vcpus, vcpu);
    return &vcpu->parent;
}

static void kvm_pic_line(Accel *accel, bool level)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    bool before = atomic_exchange(&kvm->pic_level, level);

    /* The boot CPU may be deep in KVM_RUN, or halted there: it must come out to take the interrupt.
     */
    if (level && !before && kvm->vcpus->len > 0) {
        kvm_vcpu_kick(g_ptr_array_index(kvm->vcpus, 0));
    }
}

uint64_t kvm_clock_ns(KvmAccel *kvm)
{
    struct kvm_clock_data clock = {0};

    if (__atomic_load_n(&kvm->clock_valid, __ATOMIC_ACQUIRE)) {
        return __atomic_load_n(&kvm->clock_ns, __ATOMIC_RELAXED);
    }
    ioctl(kvm->vm_fd, KVM_GET_CLOCK, &clock);
    return clock.clock;
}

uint64_t kvm_clock_epoch_ns(KvmAccel *kvm)
{
    struct kvm_clock_data clock = {0};
    struct timespec now;

    if (!kvm->clock_valid && ioctl(kvm->vm_fd, KVM_GET_CLOCK, &clock) == 0 &&
        (clock.flags & KVM_CLOCK_REALTIME)) {
        return clock.realtime - clock.clock;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - kvm_clock_ns(kvm);
}

static bool kvm_set_option(Accel *accel, const char *key, const char *value, GError **error)
{
    return kvm_options_set(&XL_KVM_ACCEL(accel)->options, key, value, error);
}

static GVariant *kvm_save(Accel *accel)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    struct kvm_clock_data clock = {.clock = kvm->clock_ns};
    GVariantBuilder builder;

    if (!kvm->clock_valid) {
        ioctl(kvm->vm_fd, KVM_GET_CLOCK, &clock);
    }
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "clock", g_variant_new_uint64(clock.clock));
    return g_variant_builder_end(&builder);
}

static bool kvm_load(Accel *accel, GVariant *state, GError **error)
{
    KvmAccel *kvm = XL_KVM_ACCEL(accel);
    struct kvm_clock_data clock = {0};
    uint64_t value;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT) ||
        !g_variant_lookup(state, "clock", "t", &value)) {
        return error_setf(error, "the saved state of the accelerator has no clock");
    }
    clock.clock = value;
    if (ioctl(kvm->vm_fd, KVM_SET_CLOCK, &clock) < 0) {
        return error_set_errno(error, errno, "KVM refuses the guest's clock");
    }
    __atomic_store_n(&kvm->clock_ns, value, __ATOMIC_RELAXED);
    __atomic_store_n(&kvm->clock_valid, true, __ATOMIC_RELEASE);
    return true;
}

static bool kvm_wants_xen(Accel *accel)
{
    return XL_KVM_ACCEL(accel)->options.xen_version != 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void kvm_accel_finalize(GObject *object)
{
    KvmAccel *kvm = XL_KVM_ACCEL(object);

    g_ptr_array_set_size(kvm->vcpus, 0);
    kvm_io_zones_free(kvm->zones);
    kvm_memory_slots_free(kvm->slots);
    kvm_irq_routes_free(kvm->routes);
    if (kvm->host_cpuid) {
        g_array_unref(kvm->host_cpuid);
    }
    g_ptr_array_unref(kvm->vcpus);
    close_fd(&kvm->vm_fd);
    close_fd(&kvm->fd);
    g_free(kvm->options.device);
    g_free(kvm->options.xen_store_socket);
    g_cond_clear(&kvm->stopped_cond);
    g_cond_clear(&kvm->gate_cond);
    g_mutex_clear(&kvm->gate_mutex);
    G_OBJECT_CLASS(kvm_accel_parent_class)->finalize(object);
}

static void kvm_accel_class_init(KvmAccelClass *klass)
{
    AccelClass *accel = XL_ACCEL_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = kvm_accel_finalize;
    accel->name = "kvm";
    accel->description = "KVM";
    accel->set_option = kvm_set_option;
    accel->wants_xen = kvm_wants_xen;
    accel->start = kvm_start;
    accel->host_cpuid = kvm_host_cpuid;
    accel->vcpu_new = kvm_vcpu_new;
    accel->vcpus_resume = kvm_vcpus_resume;
    accel->vcpus_pause = kvm_vcpus_pause;
    accel->pic_line = kvm_pic_line;
    accel->stats = kvm_stats;
    accel->save = kvm_save;
    accel->load = kvm_load;
    accel->log_dirty = kvm_log_dirty;
    accel->sync_dirty = kvm_sync_dirty;
    kvm_irq_routes_class_init(accel);
    kvm_x86_class_init(accel);
}

static void kvm_accel_init(KvmAccel *kvm)
{
    kvm->fd = kvm->vm_fd = kvm->stats_fd = -1;
    kvm_options_init(&kvm->options);
    kvm->vcpus = g_ptr_array_new_with_free_func((GDestroyNotify)vcpu_free);
    g_cond_init(&kvm->stopped_cond);
    g_cond_init(&kvm->gate_cond);
    g_mutex_init(&kvm->gate_mutex);
}
