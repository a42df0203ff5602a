/*
 * Xen for a machine: one device that holds the domain, the host over KVM, and the store with its
 * ring and its socket; it brings them up, resets, saves and loads them with the board.
 *
 * Source of what a builder of domains sets: Xen's tools/libs/light (HVM), public/hvm/params.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <cpuid.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "hw/char/xen_primary_console.h"
#include "hw/core/run_state.h"
#include "hw/i386/kvm/xen_host.h"
#include "hw/xen/evtchn.h"
#include "hw/xen/gnttab.h"
#include "hw/xen/store_client.h"
#include "hw/xen/store_domain_tree.h"
#include "hw/xen/store_ring.h"
#include "hw/xen/store_socket.h"
#include "hw/xen/xen_bus.h"
#include "util/error.h"
#include "util/log.h"
#include "util/trace.h"

TRACE_DEFINE(xen_host)

#define SPECIAL_GFN(index) ((XEN_SPECIAL_BASE >> XEN_PAGE_SHIFT) + (index))
#define STORE_GFN          SPECIAL_GFN(XEN_SPECIAL_STORE)
#define CONSOLE_GFN        SPECIAL_GFN(XEN_SPECIAL_CONSOLE)

DEVICE_DECLARE(XenMachine, xen_machine_device, HW_XEN_MACHINE)

struct _XenMachine {
    Device parent_instance;
    KvmXenHost host;
    XenDomain *domain;
    XenStore *store;
    StoreRing *ring;
    StoreSocket *socket;
    StoreClient *client;
    XenBus *bus;
    XenEvtchnBackend *store_event;
    XenPrimaryConsole *console;
    bool made;     /* reset once, when it was made */
    bool started;  /* the guest has run */
    bool arrived;  /* loaded, and has not run since */
    bool waking;   /* S3 ends: the guest's memory and its domain are as it left them */
};

/* ---- the store's event channel and ring ---- */

static gboolean poll_ring_again(gpointer opaque)
{
    XenMachine *xen = opaque;

    return store_ring_poll(xen->ring) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* On the guest's own vCPU: what it asks is answered before its hypercall returns. A guest that asks
 * for ever is left to the main loop. */
static void store_notified(void *opaque)
{
    XenMachine *xen = opaque;

    if (store_ring_poll(xen->ring)) {
        g_idle_add_full(G_PRIORITY_DEFAULT, poll_ring_again, g_object_ref(xen), g_object_unref);
    }
}

static void ring_notify(void *opaque)
{
    XenMachine *xen = opaque;

    if (xen->store_event) {
        xen_evtchn_notify(xen->store_event);
    }
}

static const StoreRingOps ring_ops = {.notify = ring_notify};

static void release_store_port(XenMachine *xen)
{
    if (xen->store_event) {
        store_lock(xen->store);
        XenEvtchnBackend *event = g_steal_pointer(&xen->store_event);
        store_unlock(xen->store);
        xen_evtchn_unbind(event);
    }
}

static bool take_store_port(XenMachine *xen, uint32_t port, GError **error)
{
    const XenEvtchnHandler handler = {.fd = -1, .notify = store_notified, .opaque = xen};

    xen->store_event = xen_evtchn_bind(xen->domain, port, &handler, error);
    return xen->store_event != NULL;
}

/* What the builder of a domain leaves: the port and the page of the store. */
static uint32_t offer_store(XenMachine *xen)
{
    uint32_t port = xen_evtchn_offer(xen->domain);
    g_autoptr(GError) error = NULL;

    xen_domain_set_param(xen->domain, HVM_PARAM_STORE_PFN, STORE_GFN);
    xen_domain_set_param(xen->domain, HVM_PARAM_STORE_EVTCHN, port);
    xen_grant_set_reserved(xen->domain, GNTTAB_RESERVED_XENSTORE, STORE_GFN);
    if (!take_store_port(xen, port, &error)) {
        report_error("the Xen guest's store is out of its reach: %s", error->message);
    }
    return port;
}

/* ---- reset ---- */

static void release_ports(XenMachine *xen)
{
    release_store_port(xen);
    xen_primary_console_release(xen->console);
}

static char *uuid_text(const uint8_t *uuid)
{
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                           uuid[0], uuid[1], uuid[2], uuid[3], uuid[4], uuid[5], uuid[6], uuid[7],
                           uuid[8], uuid[9], uuid[10], uuid[11], uuid[12], uuid[13], uuid[14],
                           uuid[15]);
}

static void create_tree(XenMachine *xen, uint32_t store_port, uint32_t console_port)
{
    MachineConfig *config = machine_config(xen->host.machine);
    g_autofree char *uuid = uuid_text(config->uuid);
    g_autofree char *name = config->name ? g_strdup(config->name)
                                         : g_strdup_printf("dom%u", xen_domain_id(xen->domain));
    g_autoptr(GError) error = NULL;
    StoreDomainConfig tree = {
        .domid = xen_domain_id(xen->domain),
        .name = name,
        .uuid = uuid,
        .memory_static_max = config->ram_size / 1024,
        .memory_target = config->ram_size / 1024,
        .cpus = config->smp.cpus,
        .max_cpus = config->smp.max_cpus,
        .acpi = true,
        .acpi_s3 = true,
        .acpi_s4 = true,
        .store_port = store_port,
        .store_ring_ref = STORE_GFN,
        .has_console = true,
        .console_port = console_port,
        .console_ring_ref = CONSOLE_GFN,
        .console_tty = xen_primary_console_tty(xen->console),
        .bios = config->kernel && !config->bios ? NULL : "seabios",
        .start_time = time(NULL),
    };

    if (!store_domain_tree_create(xen->store, &tree, &error)) {
        report_error("the Xen guest's part of the store cannot be made: %s", error->message);
    }
}

static void reset(Device *device)
{
    XenMachine *xen = HW_XEN_MACHINE(device);
    uint32_t store_port;

    if ((xen->made && !xen->started) || xen->waking) {
        return; /* devices made since then have their areas in the store */
    }
    xen->made = true;
    release_ports(xen);
    xen_patcher_forget(xen->host.patcher);
    xen_domain_reset(xen->domain, false);
    memset(xen_host_special_page(&xen->host, 0), 0, XEN_SPECIAL_PAGES * XEN_PAGE_SIZE);
    store_reset(xen->store);
    store_ring_reset(xen->ring);
    store_port = offer_store(xen);
    create_tree(xen, store_port, xen_primary_console_offer(xen->console));
}

static void show_port(XenMachine *xen, const char *whose, uint32_t port)
{
    g_autofree char *path =
        g_strdup_printf(STORE_DOMAIN_PATH "%u/%s/port", xen_domain_id(xen->domain), whose);

    store_client_printf(xen->client, 0, NULL, path, "%u", port);
}

/*
 * The guest starts another kernel in itself: its connections go, the tree and its memory stay. PV
 * devices begin anew; those that share an image with an emulated disk let it go before that disk is
 * plugged back, and wait until the new kernel unplugs it again.
 */
void xen_machine_soft_reset(KvmXenHost *host)
{
    XenMachine *xen = (XenMachine *)((char *)host - offsetof(XenMachine, host));

    xen_bus_let_go(xen->bus);
    release_ports(xen);
    xen_patcher_forget(host->patcher);
    xen_domain_reset(xen->domain, true);
    store_ring_reset(xen->ring);
    show_port(xen, "store", offer_store(xen));
    show_port(xen, "console", xen_primary_console_offer(xen->console));
    host->board.soft_reset(host->board.opaque);
    xen_bus_emulated_unplugged(xen->bus);
}

/* ---- saved state ---- */

static GVariant *save_host(KvmXenHost *host)
{
    return g_variant_new("(bb@at)", atomic_load(&host->line_level), host->calls_write_port,
                         g_variant_new_fixed_array(G_VARIANT_TYPE_UINT64, host->hypercall_pages,
                                                   XEN_HYPERCALL_PAGES, sizeof(uint64_t)));
}

static GVariant *save(Device *device)
{
    XenMachine *xen = HW_XEN_MACHINE(device);
    GVariantBuilder builder;

    /* the vCPUs are saved after this */
    xen_host_end_sleeps(&xen->host);
    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&builder, "{sv}", "host", save_host(&xen->host));
    g_variant_builder_add(&builder, "{sv}", "domain", xen_domain_save(xen->domain));
    g_variant_builder_add(&builder, "{sv}", "store", store_save(xen->store));
    g_variant_builder_add(&builder, "{sv}", "console-port",
                          g_variant_new_uint32(xen_primary_console_port(xen->console)));
    g_variant_builder_add(
        &builder, "{sv}", "special",
        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, xen_host_special_page(&xen->host, 0),
                                  XEN_SPECIAL_PAGES * XEN_PAGE_SIZE, 1));
    xen_host_mark_written(&xen->host);
    return g_variant_builder_end(&builder);
}

static bool load_host(KvmXenHost *host, GVariant *state, GError **error)
{
    g_autoptr(GVariant) saved = g_variant_lookup_value(state, "host", G_VARIANT_TYPE("(bbat)"));
    g_autoptr(GVariant) pages = NULL;
    const uint64_t *gfns;
    gboolean line, write_port;
    gsize count;

    if (!saved) {
        return error_setf(error, "the saved state of Xen has no valid 'host'");
    }
    g_variant_get(saved, "(bb@at)", &line, &write_port, &pages);
    gfns = g_variant_get_fixed_array(pages, &count, sizeof(*gfns));
    if (count != XEN_HYPERCALL_PAGES) {
        return error_setf(error, "the saved state of Xen has %zu hypercall pages", count);
    }
    memcpy(host->hypercall_pages, gfns, sizeof(host->hypercall_pages));
    atomic_store(&host->line_level, line);
    host->calls_write_port = write_port && host->kind == &xen_host_user_kind;
    return true;
}

static bool load_special(XenMachine *xen, GVariant *state, GError **error)
{
    g_autoptr(GVariant) bytes = g_variant_lookup_value(state, "special", G_VARIANT_TYPE_BYTESTRING);
    gsize length = 0;
    const void *data = bytes ? g_variant_get_fixed_array(bytes, &length, 1) : NULL;

    if (length != XEN_SPECIAL_PAGES * XEN_PAGE_SIZE) {
        return error_setf(error, "the saved state of Xen has no valid 'special'");
    }
    memcpy(xen_host_special_page(&xen->host, 0), data, length);
    return true;
}

/* The terminal is this process's, not the one's that the store came from. */
static void show_tty(XenMachine *xen)
{
    g_autofree char *path =
        g_strdup_printf(STORE_DOMAIN_PATH "%u/console/tty", xen_domain_id(xen->domain));
    const char *tty = xen_primary_console_tty(xen->console);

    if (tty) {
        store_client_printf(xen->client, 0, NULL, path, "%s", tty);
    } else {
        store_client_remove(xen->client, 0, path, NULL); /* perhaps none is there */
    }
}

static bool load(Device *device, GVariant *state, GError **error)
{
    XenMachine *xen = HW_XEN_MACHINE(device);
    g_autoptr(GVariant) domain = NULL, store = NULL;
    uint32_t console_port;

    if (!g_variant_is_of_type(state, G_VARIANT_TYPE_VARDICT)) {
        return error_setf(error, "the saved state of Xen is no dictionary");
    }
    domain = g_variant_lookup_value(state, "domain", NULL);
    store = g_variant_lookup_value(state, "store", NULL);
    if (!domain || !store) {
        return error_setf(error, "the saved state of Xen has no domain or no store");
    }
    if (!g_variant_lookup(state, "console-port", "u", &console_port)) {
        return error_setf(error, "the saved state of Xen has no valid 'console-port'");
    }
    xen->started = true;
    release_ports(xen);
    if (!xen_domain_load(xen->domain, domain, error) || !load_special(xen, state, error) ||
        !store_load(xen->store, store, error) ||
        !take_store_port(xen, (uint32_t)xen_domain_param(xen->domain, HVM_PARAM_STORE_EVTCHN),
                         error) ||
        !load_host(&xen->host, state, error) ||
        !xen_primary_console_load(xen->console, console_port, error)) {
        return false;
    }
    xen->arrived = true;
    show_tty(xen);
    store_notified(xen);
    return true;
}

/* ---- running and standing still ---- */

static void run_state_changed(RunEvent event, void *opaque)
{
    XenMachine *xen = opaque;
    KvmXenHost *host = &xen->host;

    if (event == RUN_EVENT_STOP) {
        xen_timers_set_running(host->timers, false);
        for (unsigned i = 0; i < host->vcpu_count; i++) {
            if (host->vcpus[i].vcpu) {
                host->kind->stopped(host, &host->vcpus[i]);
            }
        }
    } else if (event == RUN_EVENT_WAKEUP || event == RUN_EVENT_WAKEUP_DONE) {
        xen->waking = event == RUN_EVENT_WAKEUP;
    } else if (event == RUN_EVENT_RESUME) {
        xen->started = true;
        for (unsigned i = 0; i < host->vcpu_count; i++) {
            if (host->vcpus[i].vcpu) {
                host->kind->resumed(host, &host->vcpus[i]);
            }
        }
        if (xen->arrived) {
            xen->arrived = false;
            xen_host_arrived(host);
        }
        xen_domain_update_time(xen->domain);
        xen_timers_set_running(host->timers, true);
    }
}

/* ---- construction ---- */

static bool has_kernel_xen(KvmAccel *kvm, int *flags)
{
    const int needed = KVM_XEN_HVM_CONFIG_HYPERCALL_MSR | KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |
                       KVM_XEN_HVM_CONFIG_SHARED_INFO;

    *flags = kvm_check(kvm, KVM_CAP_XEN_HVM);
    return (*flags & needed) == needed;
}

static bool start_kernel_xen(KvmXenHost *host, GError **error)
{
    KvmAccel *kvm = host->kvm;
    struct kvm_xen_hvm_config config = {.flags = KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL,
                                        .msr = kvm->xen_hypercall_msr};
    struct kvm_xen_hvm_attr version = {.type = KVM_XEN_ATTR_TYPE_XEN_VERSION,
                                       .u.xen_version = kvm->options.xen_version};
    struct kvm_xen_hvm_attr long_mode = {.type = KVM_XEN_ATTR_TYPE_LONG_MODE, .u.long_mode = 1};

    if (ioctl(kvm->vm_fd, KVM_XEN_HVM_CONFIG, &config) < 0) {
        return error_setf(error, "xen-version=0x%x: KVM refuses a Xen guest",
                          kvm->options.xen_version);
    }
    ioctl(kvm->vm_fd, KVM_XEN_HVM_SET_ATTR, &version); /* Linux 5.19; else it is ours to answer */
    /* as the domain begins; KVM itself begins the other way */
    ioctl(kvm->vm_fd, KVM_XEN_HVM_SET_ATTR, &long_mode);
    return true;
}

static bool choose_kind(KvmXenHost *host, GError **error)
{
    KvmAccel *kvm = host->kvm;
    XenAssist assist = kvm->options.xen_assist;
    int flags;
    bool kernel = has_kernel_xen(kvm, &flags);

    if (assist == XEN_ASSIST_KERNEL && !kernel) {
        return error_setf(error,
                          "xen-assist=kernel: this host's KVM is built without CONFIG_KVM_XEN "
                          "(KVM_CAP_XEN_HVM says 0x%x)",
                          flags);
    }
    kernel = kernel && assist != XEN_ASSIST_USER;
    host->kind = kernel ? &xen_host_kernel_kind : &xen_host_user_kind;
    host->parent.ops = kernel ? &xen_host_kernel_ops : &xen_host_user_ops;
    TRACE(xen_host, "%s (KVM_CAP_XEN_HVM 0x%x)", host->kind->name, flags);
    if (kernel && !start_kernel_xen(host, error)) {
        return false;
    }
    host->calls_write_port = !kernel;
    host->kernel_sends = kernel && (flags & KVM_XEN_HVM_CONFIG_EVTCHN_SEND);
    host->patcher = xen_patcher_new(host);
    return kvm_xen_filter_msrs(kvm, error);
}

static bool is_amd(void)
{
    unsigned eax, ebx, ecx, edx;

    __cpuid(0, eax, ebx, ecx, edx);
    return ebx == 0x68747541 /* Auth */ || ebx == 0x6f677948 /* Hygo */;
}

static bool init_host(XenMachine *xen, uint64_t top, GError **error)
{
    KvmXenHost *host = &xen->host;

    host->vcpu_count = machine_config(host->machine)->smp.cpus;
    host->vcpus = g_new0(XenHostVcpu, host->vcpu_count);
    for (unsigned i = 0; i < host->vcpu_count; i++) {
        XenHostVcpu *vcpu = &host->vcpus[i];
        vcpu->info_gpa = vcpu->time_gpa = vcpu->runstate_gpa = vcpu->info_told = XEN_GPA_NONE;
        vcpu->sint_route = -1;
    }
    host->shared_info_gfn = XEN_GFN_NONE;
    for (unsigned i = 0; i < XEN_HYPERCALL_PAGES; i++) {
        host->hypercall_pages[i] = XEN_GFN_NONE;
    }
    host->vendor_amd = is_amd();
    host->absent_frames = top >> XEN_PAGE_SHIFT;
    if (!choose_kind(host, error) || !xen_host_memory_init(host, error)) {
        return false;
    }
    host->timers = xen_timers_new(host, error);
    return host->timers != NULL;
}

static bool init_domain(XenMachine *xen, uint64_t ram, uint64_t top, GError **error)
{
    KvmXenHost *host = &xen->host;
    const KvmOptions *options = &host->kvm->options;
    MachineConfig *machine = machine_config(host->machine);
    XenDomainConfig config = {
        .domain_id = options->xen_domid,
        .version = options->xen_version,
        .vcpus = host->vcpu_count,
        .max_pirqs = options->xen_max_pirq,
        .max_grant_frames = options->xen_max_frames,
        .callback_vector = host->kind == &xen_host_kernel_kind ||
                           kvm_check(host->kvm, KVM_CAP_HYPERV_SYNIC2) > 0,
        .ram_frames = ram >> XEN_PAGE_SHIFT,
        .max_gfn = (top >> XEN_PAGE_SHIFT) - 1,
    };

    memcpy(config.uuid, machine->uuid, sizeof(config.uuid));
    xen->domain = xen_domain_new(&config, &host->parent, &host->guest_memory, error);
    host->domain = xen->domain;
    if (!xen->domain) {
        return false;
    }
    xen->console = xen_primary_console_new(
        xen->domain, xen_host_special_page(host, XEN_SPECIAL_CONSOLE), CONSOLE_GFN);
    return true;
}

static bool init_store(XenMachine *xen, GError **error)
{
    const KvmOptions *options = &xen->host.kvm->options;

    xen->store = store_new();
    if (!store_domain_create(xen->store, options->xen_domid, error)) {
        return false;
    }
    xen->ring = store_ring_new(xen->store, options->xen_domid,
                               xen_host_special_page(&xen->host, XEN_SPECIAL_STORE), &ring_ops, xen,
                               error);
    if (!xen->ring || !store_domain_introduce(xen->store, options->xen_domid, error)) {
        return false;
    }
    xen->client = store_client_new(xen->store, STORE_DOMID_PRIVILEGED);
    if (options->xen_store_socket) {
        xen->socket = store_socket_new(xen->store, options->xen_store_socket, NULL, error);
        if (!xen->socket) {
            g_prefix_error(error, "xen-store-socket=%s: ", options->xen_store_socket);
            return false;
        }
    }
    return true;
}

static void xen_machine_device_finalize_parts(XenMachine *xen)
{
    run_state_remove_handler(run_state_changed, xen);
    g_clear_pointer(&xen->bus, xen_bus_close);
    if (xen->host.kvm) {
        xen->host.kvm->xen_ops = NULL;
    }
    g_clear_pointer(&xen->socket, store_socket_free);
    if (xen->domain) {
        release_store_port(xen);
    }
    g_clear_pointer(&xen->console, xen_primary_console_free);
    g_clear_pointer(&xen->client, store_client_free);
    g_clear_pointer(&xen->ring, store_ring_free);
    xen_timers_stop(xen->host.timers);
    atomic_store(&xen->host.line_level, false); /* the board's lines may be gone already */
    g_clear_pointer(&xen->domain, xen_domain_free);
    xen_timers_free(xen->host.timers);
    g_clear_pointer(&xen->store, store_free);
    g_clear_pointer(&xen->host.patcher, xen_patcher_free);
    xen_host_memory_free(&xen->host);
    g_free(xen->host.vcpus);
    memset(&xen->host, 0, sizeof(xen->host));
}

static void unrealize(Device *device)
{
    xen_machine_device_finalize_parts(HW_XEN_MACHINE(device));
}

DEVICE_TYPE(XenMachine, xen_machine_device, "xen-machine", TYPE_DEVICE)

static void xen_machine_device_instance_init(XenMachine *xen)
{
}

static void xen_machine_device_class_init(DeviceClass *klass)
{
    klass->description = "Xen for the guest";
    klass->unrealize = unrealize;
    klass->reset = reset;
    klass->save = save;
    klass->load = load;
}

/* ---- the board's side ---- */

static KvmAccel *kvm_of(Machine *machine)
{
    Accel *accel = machine_accel(machine);

    return accel && XL_IS_KVM_ACCEL(accel) ? XL_KVM_ACCEL(accel) : NULL;
}

bool xen_machine_wanted(Machine *machine)
{
    KvmAccel *kvm = kvm_of(machine);

    return kvm && kvm->options.xen_version != 0;
}

XenMachine *xen_machine_new(Machine *machine, uint64_t below_4g, uint64_t above_4g,
                            const XenMachineBoard *board, GError **error)
{
    XenMachine *xen = HW_XEN_MACHINE(device_new(xen_machine_device_get_type()));
    uint64_t top = above_4g ? (UINT64_C(1) << 32) + above_4g : below_4g;

    xen->host.kvm = kvm_of(machine);
    xen->host.kvm->xen_hypercall_msr = x86_cpu_model_shows_hyperv(board->model)
                                           ? KVM_XEN_MSR_HYPERCALL_PAGE_AFTER_HYPERV
                                           : KVM_XEN_MSR_HYPERCALL_PAGE;
    xen->host.machine = machine;
    xen->host.board = *board;
    if (!init_host(xen, top, error) || !init_domain(xen, below_4g + above_4g, top, error) ||
        !init_store(xen, error)) {
        xen_machine_device_finalize_parts(xen);
        g_object_unref(xen);
        return NULL;
    }
    xen->host.kvm->xen_opaque = &xen->host;
    xen->host.kvm->xen_ops = &xen_host_kvm_ops;
    run_state_add_handler(run_state_changed, xen);
    device_set_path(HW_DEVICE(xen), "/machine/xen");
    if (!device_realize_and_unref(HW_DEVICE(xen), machine, NULL, error)) {
        return NULL;
    }
    xen->bus = xen_bus_new(machine, xen->domain, xen->store);
    xen_primary_console_publish(xen->console, xen->bus);
    return xen;
}

XenMachine *xen_machine_find(Machine *machine)
{
    GPtrArray *devices = machine_devices(machine);

    for (guint i = 0; i < devices->len; i++) {
        if (IS_HW_XEN_MACHINE(g_ptr_array_index(devices, i))) {
            return HW_XEN_MACHINE(g_ptr_array_index(devices, i));
        }
    }
    return NULL;
}

void xen_machine_set_memory_map(XenMachine *xen, const XenMemoryMapEntry *entries, unsigned count)
{
    xen_domain_set_memory_map(xen->domain, entries, count);
}

XenDomain *xen_machine_domain(XenMachine *xen)
{
    return xen->domain;
}

XenBus *xen_machine_bus(XenMachine *xen)
{
    return xen->bus;
}

XenStore *xen_machine_store(XenMachine *xen)
{
    return xen->store;
}

const char *xen_machine_host_kind(XenMachine *xen)
{
    return xen->host.kind->name;
}

const char *xen_machine_transport(XenMachine *xen)
{
    return xen->host.kind == &xen_host_kernel_kind ? "kvm-exit" : "io-port";
}

bool xen_machine_set_gsi(XenMachine *xen, unsigned gsi, bool level)
{
    return xen_domain_set_gsi(xen->domain, gsi, level);
}
