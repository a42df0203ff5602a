/*
 * QMP: the Xen domain: what it is and does, its event channels.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "accel/vcpu.h"
#include "hw/xen/xen_query.h"
#include "monitor/monitor_xen.h"
#include "monitor/qmp_command.h"

#define PAGE_SIZE 4096

XenMachine *monitor_xen(GError **error)
{
    XenMachine *xen = xen_machine_find(machine_get());

    if (!xen) {
        error_setf(error, "Xen event channel emulation not enabled: the machine has no Xen without "
                          "-accel kvm,xen-version=");
    }
    return xen;
}

char *monitor_xen_remote(XenMachine *xen, uint16_t domid)
{
    if (domid == 0) {
        return g_strdup("qemu");
    }
    return domid == xen_domain_id(xen_machine_domain(xen)) ? g_strdup("loopback")
                                                           : g_strdup_printf("dom%u", domid);
}

bool monitor_xen_memory_target(XenMachine *xen, uint64_t *bytes)
{
    g_autofree char *path = g_strdup_printf(STORE_DOMAIN_PATH "%u/memory/target",
                                            xen_domain_id(xen_machine_domain(xen)));
    uint64_t kib;

    if (!store_client_read_uint(xen_bus_client(xen_machine_bus(xen)), 0, path, &kib, NULL) ||
        kib > INT64_MAX / 1024) {
        return false;
    }
    *bytes = kib * 1024;
    return true;
}

/* ---- ports ---- */

typedef struct {
    XenMachine *xen;
    JsonArray *list;
} PortList;

static void add_port(const XenPortInfo *port, void *opaque)
{
    static const char *const types[] = {
        [XEN_PORT_TYPE_CLOSED] = "closed",
        [XEN_PORT_TYPE_UNBOUND] = "unbound",
        [XEN_PORT_TYPE_INTERDOMAIN] = "interdomain",
        [XEN_PORT_TYPE_PIRQ] = "pirq",
        [XEN_PORT_TYPE_VIRQ] = "virq",
        [XEN_PORT_TYPE_IPI] = "ipi",
    };
    PortList *ports = opaque;
    JsonObject *info = json_object_new();
    g_autofree char *remote =
        port->has_remote ? monitor_xen_remote(ports->xen, port->remote) : g_strdup("");

    json_object_set_int_member(info, "port", port->port);
    json_object_set_int_member(info, "vcpu", port->vcpu);
    json_object_set_string_member(info, "type", types[port->type]);
    json_object_set_string_member(info, "remote-domain", remote);
    json_object_set_int_member(info, "target", port->target);
    json_object_set_boolean_member(info, "pending", port->pending);
    json_object_set_boolean_member(info, "masked", port->masked);
    json_array_add_object_element(ports->list, info);
}

static JsonArray *list_ports(XenMachine *xen)
{
    PortList ports = {xen, json_array_new()};

    xen_query_ports(xen_machine_domain(xen), add_port, &ports);
    return ports.list;
}

static bool xen_event_list(QmpCall *call, GError **error)
{
    XenMachine *xen = monitor_xen(error);

    return xen && qmp_return_array(call, list_ports(xen));
}

static bool xen_event_inject(QmpCall *call, GError **error)
{
    XenMachine *xen = monitor_xen(error);
    int64_t port = qmp_int(call, "port", 0);

    if (!xen) {
        return false;
    }
    return (port > 0 && port <= UINT32_MAX &&
            xen_port_inject(xen_machine_domain(xen), (uint32_t)port)) ||
           error_setf(error,
                      "Failed to set port %" G_GINT64_FORMAT ": it is out of range, closed or "
                      "unbound",
                      port);
}

/* ---- query-xen ---- */

static void add_hypercall(const XenHypercallCount *count, void *list)
{
    JsonObject *info = json_object_new();

    json_object_set_int_member(info, "number", count->number);
    if (count->name) {
        json_object_set_string_member(info, "name", count->name);
    }
    json_object_set_int_member(info, "count", (gint64)count->count);
    json_array_add_object_element(list, info);
}

static JsonArray *list_hypercalls(XenDomain *domain)
{
    JsonArray *list = json_array_new();

    xen_query_hypercalls(domain, add_hypercall, list);
    return list;
}

/* What a kernel with KVM_XEN completes by itself never gets to us. */
static JsonArray *list_uncounted(XenMachine *xen)
{
    JsonArray *list = json_array_new();

    if (g_str_equal(xen_machine_host_kind(xen), "kernel")) {
        json_array_add_string_element(list, "event_channel_op: send");
        json_array_add_string_element(list, "vcpu_op: set_singleshot_timer, stop_singleshot_timer");
        json_array_add_string_element(list, "set_timer_op");
    }
    return list;
}

static JsonObject *describe_evtchn(XenDomain *domain)
{
    XenEvtchnInfo evtchn = xen_query_evtchn(domain);
    JsonObject *info = json_object_new();

    json_object_set_string_member(info, "abi", evtchn.fifo ? "fifo" : "2-level");
    json_object_set_int_member(info, "limit", evtchn.limit);
    json_object_set_int_member(info, "open", evtchn.open);
    return info;
}

static JsonObject *describe_grants(XenDomain *domain)
{
    XenGrantInfo grants = xen_query_grants(domain);
    JsonObject *info = json_object_new();

    json_object_set_int_member(info, "in-use", grants.active);
    json_object_set_int_member(info, "frames", grants.frames);
    json_object_set_int_member(info, "max-frames", grants.max_frames);
    json_object_set_int_member(info, "version", grants.version);
    return info;
}

static JsonArray *list_quotas(XenMachine *xen)
{
    XenStore *store = xen_machine_store(xen);
    uint16_t domid = xen_domain_id(xen_machine_domain(xen));
    JsonArray *list = json_array_new();

    for (StoreQuota quota = 0; quota < STORE_QUOTA_COUNT; quota++) {
        JsonObject *info = json_object_new();
        unsigned used;
        json_object_set_string_member(info, "name", store_quota_name(quota));
        json_object_set_string_member(info, "description", store_quota_description(quota));
        json_object_set_int_member(info, "limit", store_quota_get(store, quota));
        if (store_quota_used(store, domid, quota, &used)) {
            json_object_set_int_member(info, "used", used);
        }
        json_array_add_object_element(list, info);
    }
    return list;
}

static JsonObject *describe_memory(XenMachine *xen)
{
    JsonObject *info = json_object_new();
    uint64_t target;

    json_object_set_int_member(info, "actual",
                               (gint64)xen_query_pages(xen_machine_domain(xen)) * PAGE_SIZE);
    json_object_set_int_member(info, "maximum", (gint64)machine_config(machine_get())->ram_size);
    if (monitor_xen_memory_target(xen, &target)) {
        json_object_set_int_member(info, "target", (gint64)target);
    }
    return info;
}

static bool query_xen(QmpCall *call, GError **error)
{
    XenMachine *xen = monitor_xen(error);
    XenDomain *domain = xen ? xen_machine_domain(xen) : NULL;
    g_autofree char *version = NULL;
    JsonObject *info;

    if (!xen) {
        return false;
    }
    version = g_strdup_printf("%u.%u", xen_query_version(domain) >> 16,
                              xen_query_version(domain) & 0xffff);
    info = json_object_new();
    json_object_set_int_member(info, "domain-id", xen_domain_id(domain));
    json_object_set_string_member(info, "version", version);
    json_object_set_string_member(info, "host", xen_machine_host_kind(xen));
    json_object_set_string_member(info, "transport", xen_machine_transport(xen));
    json_object_set_int_member(info, "guest-bits", xen_domain_long_mode(domain) ? 64 : 32);
    json_object_set_array_member(info, "hypercalls", list_hypercalls(domain));
    json_object_set_array_member(info, "uncounted", list_uncounted(xen));
    json_object_set_object_member(info, "event-channels", describe_evtchn(domain));
    json_object_set_array_member(info, "ports", list_ports(xen));
    json_object_set_object_member(info, "grants", describe_grants(domain));
    json_object_set_array_member(info, "store-quotas", list_quotas(xen));
    json_object_set_object_member(info, "memory", describe_memory(xen));
    return qmp_return_object(call, info);
}

static const QmpCommand commands[] = {
    {"query-xen", NULL, "XenInfo", 0, query_xen},
    {"xen-event-list", NULL, "[EvtchnInfo]", 0, xen_event_list},
    {"xen-event-inject", "port:int", NULL, 0, xen_event_inject},
};
const QmpTable qmp_table_xen = {commands, G_N_ELEMENTS(commands)};
