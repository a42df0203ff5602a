/*
 * xen-net-device: the PV network adapter. Queues and their rings are in xen_net_queue.c.
 *
 * Source: xen/io/netif.h; nodes as libxl and Linux's back end write them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/xen/xen_device.h"
#include "net/net.h"
#include "util/error.h"
#include "xen_net_headers.h"
#include "xen_net_queue.h"

#define INDEX_FREE   (-1)
#define NOT_GIVEN    UINT64_MAX
#define QUEUES_MAX   16
#define QUEUES_USUAL 4 /* of a guest with that many vCPUs */
#define GROUPS_MAX   64
#define HEADERS_MAX  256 /* bytes of a frame in which its flow is looked for */
#define SAVED_STATE  "ay"

typedef struct {
    XenDevice parent_instance;
    char *netdev_property, *mac_property, *address_property;
    int32_t index_property, bootindex_property;
    uint32_t queues_max; /* 0: one for each vCPU, up to QUEUES_USUAL */

    uint8_t mac[NET_MAC_LENGTH];
    NetClient *client;
    /* connected */
    XenNetTarget target;
    GPtrArray *queues; /* XenNetQueue */
    unsigned takes;    /* NET_TAKES_ bits of the front end */
    bool filters;      /* it wants the groups only that it names */
    GByteArray *groups;
    const char *broken; /* why; an idle callback will tell the guest */
} XenNet;

GType xen_net_get_type(void);
DEVICE_TYPE(XenNet, xen_net, "xen-net-device", TYPE_XEN_DEVICE)

#define HW_XEN_NET(object) G_TYPE_CHECK_INSTANCE_CAST((object), xen_net_get_type(), XenNet)

/* ---- groups ---- */

static guint find_group(const XenNet *net, const uint8_t *mac)
{
    guint at = 0;

    while (at < net->groups->len && memcmp(net->groups->data + at, mac, NET_MAC_LENGTH) != 0) {
        at += NET_MAC_LENGTH;
    }
    return at;
}

static bool change_group(void *opaque, bool add, const uint8_t mac[NET_MAC_LENGTH])
{
    XenNet *net = opaque;
    guint at = find_group(net, mac);

    if (!add) {
        if (at < net->groups->len) {
            g_byte_array_remove_range(net->groups, at, NET_MAC_LENGTH);
        }
        return true;
    }
    if (at == net->groups->len) {
        if (at == GROUPS_MAX * NET_MAC_LENGTH) {
            return false;
        }
        g_byte_array_append(net->groups, mac, NET_MAC_LENGTH);
    }
    return true;
}

static bool is_multicast(const uint8_t *mac)
{
    static const uint8_t broadcast[NET_MAC_LENGTH] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return (mac[0] & 1) && memcmp(mac, broadcast, NET_MAC_LENGTH) != 0;
}

/* ---- between the network and the queues ---- */

/* What the peer cannot take now waits in its queue; the segments behind it go there too. */
static bool send_one(void *opaque, const NetPacket *packet)
{
    XenNet *net = opaque;

    if (!net_client_send(net->client, packet)) {
        net->target.blocked = true;
    }
    return true;
}

static bool frame_from_guest(void *opaque, const NetPacket *packet)
{
    XenNet *net = opaque;

    return net_finish_packet(packet, net_client_peer_takes(net->client), send_one, net);
}

static void buffers_there(void *opaque)
{
    net_client_ready(HW_XEN_NET(opaque)->client);
}

/* The headers may lie in several pieces. */
static uint32_t flow_of(const NetPacket *packet)
{
    uint8_t start[HEADERS_MAX];
    size_t length = 0;

    for (unsigned i = 0; i < packet->count && length < sizeof(start); i++) {
        size_t step = MIN(packet->pieces[i].iov_len, sizeof(start) - length);
        memcpy(start + length, packet->pieces[i].iov_base, step);
        length += step;
    }
    return xen_net_flow(start, length);
}

static XenNetQueue *queue_for(XenNet *net, const NetPacket *packet)
{
    uint32_t flow = net->queues->len > 1 ? flow_of(packet) : 0;

    return g_ptr_array_index(net->queues, flow % net->queues->len);
}

static bool frame_to_guest(NetClient *client, const NetPacket *packet)
{
    XenNet *net = client->opaque;

    if (net->queues->len == 0 || packet->count == 0 || packet->pieces[0].iov_len < NET_MAC_LENGTH) {
        return true; /* nobody is there */
    }
    const uint8_t *destination = packet->pieces[0].iov_base;
    if (net->filters && is_multicast(destination) &&
        find_group(net, destination) == net->groups->len) {
        return true;
    }
    return xen_net_queue_receive(queue_for(net, packet), packet);
}

static void look_at_all(NetClient *client)
{
    XenNet *net = client->opaque;

    net->target.blocked = false;
    for (guint i = 0; i < net->queues->len; i++) {
        xen_net_queue_look(g_ptr_array_index(net->queues, i));
    }
}

static unsigned frontend_takes(NetClient *client)
{
    return HW_XEN_NET(client->opaque)->takes;
}

static void tell_filter(NetClient *client, NetRxFilter *filter)
{
    XenNet *net = client->opaque;

    memcpy(filter->main_mac, net->mac, NET_MAC_LENGTH);
    filter->promiscuous = true; /* the front end picks */
    filter->all_multicast = !net->filters;
    g_byte_array_append(filter->multicast_table, net->groups->data, net->groups->len);
}

static const NetClientClass client_class = {
    .type = "xen-net-device",
    .is_adapter = true,
    .receive = frame_to_guest,
    .peer_ready = look_at_all,
    .link_changed = look_at_all,
    .takes = frontend_takes,
    .rx_filter = tell_filter,
};

/* ---- life ---- */

static bool index_is_free(XenDevice *device, uint32_t index)
{
    device->number = index;
    return xen_device_number_is_free(device);
}

static bool choose_index(XenNet *net, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(net);

    if (net->index_property != INDEX_FREE) {
        return index_is_free(device, (uint32_t)net->index_property) ||
               error_setf(error, "device vif/%d exists already", net->index_property);
    }
    for (uint32_t index = 0; index < INT32_MAX; index++) {
        if (index_is_free(device, index)) {
            net->index_property = (int32_t)index;
            return true;
        }
    }
    return error_setf(error, "cannot find device index for network device");
}

static bool choose_mac(XenNet *net, GError **error)
{
    const char *text = net->mac_property;

    if (!text || !text[0]) {
        net_default_mac(net->mac);
        return true;
    }
    if (!net_parse_mac(text, net->mac)) {
        return error_setf(error, "Parameter 'mac' expects a MAC address, not '%s'", text);
    }
    if (net->mac[0] & 1) {
        return error_setf(error, "mac '%s' is a multicast address", text);
    }
    net_use_mac(net->mac);
    return true;
}

/* What was chosen can be asked for. */
static void tell_mac(XenNet *net)
{
    const uint8_t *mac = net->mac;

    g_free(net->mac_property);
    net->mac_property = g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
                                        mac[3], mac[4], mac[5]);
}

static void make_client(XenNet *net, NetClient *netdev)
{
    const char *id = device_get_id(HW_DEVICE(net));
    g_autofree char *name =
        id ? g_strdup(id) : g_strdup_printf("xen-net-device.%d", net->index_property);

    net->client = net_client_new(&client_class, name, net);
    memcpy(net->client->mac, net->mac, NET_MAC_LENGTH);
    net_client_set_info(net->client, "macaddr=%s", net->mac_property);
    if (netdev) {
        net_client_connect(net->client, netdev);
    }
}

static bool xen_net_set_up(XenDevice *device, GError **error)
{
    XenNet *net = HW_XEN_NET(device);
    const char *id = net->netdev_property;
    NetClient *netdev = NULL;

    if (net->queues_max == 0) {
        unsigned cpus = machine_config(device_get_machine(HW_DEVICE(net)))->smp.cpus;
        net->queues_max = CLAMP(cpus, 1, QUEUES_USUAL);
    }
    if (!choose_index(net, error) || !choose_mac(net, error) ||
        (id && id[0] && !(netdev = net_netdev_claim(id, "netdev", error)))) {
        return false;
    }
    tell_mac(net);
    make_client(net, netdev);
    return true;
}

static void xen_net_tear_down(XenDevice *device)
{
    g_clear_pointer(&HW_XEN_NET(device)->client, net_client_free);
}

/* ---- what the areas say ---- */

static bool xen_net_publish(XenDevice *device, uint32_t t, GError **error)
{
    static const char *const features[] = {
        "feature-rx-copy",           "feature-sg",
        "feature-gso-tcpv4",         "feature-gso-tcpv6",
        "feature-ipv6-csum-offload", "feature-split-event-channels",
        "feature-multicast-control",
    };
    XenNet *net = HW_XEN_NET(device);

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if (!xen_device_write_backend(device, t, error, features[i], "1")) {
            return false;
        }
    }
    return xen_device_write_backend(device, t, error, "mac", "%s", net->mac_property) &&
           xen_device_write_frontend(device, t, error, "mac", "%s", net->mac_property) &&
           xen_device_write_backend(device, t, error, "type", "vif") &&
           xen_device_write_backend(device, t, error, "handle", "%u", device->number) &&
           xen_device_write_frontend(device, t, error, "handle", "%u", device->number) &&
           xen_device_write_backend(device, t, error, "feature-rx-flip", "0") &&
           xen_device_write_backend(device, t, error, "multi-queue-max-queues", "%u",
                                    net->queues_max);
}

/* ---- connection ---- */

static gboolean report_broken(gpointer opaque)
{
    XenNet *net = opaque;
    const char *reason = net->broken;

    net->broken = NULL;
    if (reason && HW_XEN_DEVICE(net)->connected) {
        xen_device_fail(HW_XEN_DEVICE(net), reason);
    }
    return G_SOURCE_REMOVE;
}

static void queue_broken(void *opaque, const char *reason)
{
    XenNet *net = opaque;

    net->broken = reason;
    g_idle_add_full(G_PRIORITY_DEFAULT, report_broken, g_object_ref(net), g_object_unref);
}

static bool read_flag(XenDevice *device, const char *name, bool *flag, GError **error)
{
    uint64_t value = 0;

    if (!xen_device_read_frontend_number(device, name, 0, UINT32_MAX, &value, error)) {
        return false;
    }
    *flag = value != 0;
    return true;
}

/* What the front end can do with the frames it gets. */
static bool read_features(XenNet *net, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(net);
    bool copies, no_sum, sum6, tso4, tso6;

    if (!read_flag(device, "request-rx-copy", &copies, error) ||
        !read_flag(device, "feature-rx-notify", &net->target.notifies, error) ||
        !read_flag(device, "feature-sg", &net->target.scatter, error) ||
        !read_flag(device, "feature-gso-tcpv4", &tso4, error) ||
        !read_flag(device, "feature-gso-tcpv6", &tso6, error) ||
        !read_flag(device, "feature-no-csum-offload", &no_sum, error) ||
        !read_flag(device, "feature-ipv6-csum-offload", &sum6, error) ||
        !read_flag(device, "request-multicast-control", &net->filters, error)) {
        return false;
    }
    if (!copies) {
        return error_setf(error, "request-rx-copy is not set: page flipping is not there");
    }
    /* A frame whose sum is blank may be of either protocol. */
    bool sums = !no_sum && sum6;
    net->takes = (sums ? NET_TAKES_CSUM : 0) |
                 (sums && tso4 && net->target.scatter ? NET_TAKES_TSO4 : 0) |
                 (sums && tso6 && net->target.scatter ? NET_TAKES_TSO6 : 0);
    return true;
}

/* A node of a queue, *@value NOT_GIVEN if there is none. */
static bool read_node(XenDevice *device, const char *prefix, const char *name, uint64_t *value,
                      GError **error)
{
    g_autofree char *path = g_strconcat(prefix, name, NULL);

    *value = NOT_GIVEN;
    return xen_device_read_frontend_number(device, path, 0, UINT32_MAX, value, error);
}

static bool read_needed(XenDevice *device, const char *prefix, const char *name, uint32_t *value,
                        GError **error)
{
    uint64_t number;

    if (!read_node(device, prefix, name, &number, error)) {
        return false;
    }
    *value = (uint32_t)number;
    return number != NOT_GIVEN || error_setf(error, "%s%s is missing", prefix, name);
}

/* One event channel for both rings, or one for each. */
static bool read_ports(XenDevice *device, const char *prefix, XenNetQueueConfig *config,
                       GError **error)
{
    uint64_t both;

    if (!read_node(device, prefix, "event-channel", &both, error)) {
        return false;
    }
    if (both != NOT_GIVEN) {
        config->tx_port = config->rx_port = (uint32_t)both;
        return true;
    }
    return read_needed(device, prefix, "event-channel-tx", &config->tx_port, error) &&
           read_needed(device, prefix, "event-channel-rx", &config->rx_port, error);
}

static bool open_queue(XenNet *net, const char *prefix, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(net);
    XenNetQueueConfig config;

    if (!read_needed(device, prefix, "tx-ring-ref", &config.tx_reference, error) ||
        !read_needed(device, prefix, "rx-ring-ref", &config.rx_reference, error) ||
        !read_ports(device, prefix, &config, error)) {
        return false;
    }
    XenNetQueue *queue = xen_net_queue_open(&net->target, &config, error);
    if (queue) {
        g_ptr_array_add(net->queues, queue);
    }
    return queue != NULL;
}

static bool open_queues(XenNet *net, GError **error)
{
    uint64_t count = 1;

    if (!xen_device_read_frontend_number(HW_XEN_DEVICE(net), "multi-queue-num-queues", 1,
                                         net->queues_max, &count, error)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *prefix = count > 1 ? g_strdup_printf("queue-%u/", i) : g_strdup("");
        if (!open_queue(net, prefix, error)) {
            return false;
        }
    }
    return true;
}

static void xen_net_disconnect(XenDevice *device)
{
    XenNet *net = HW_XEN_NET(device);

    g_ptr_array_set_size(net->queues, 0);
    g_byte_array_set_size(net->groups, 0);
    net->takes = 0;
    net->filters = false;
    net->broken = NULL;
    net_client_takes_changed(net->client);
    net_client_ready(net->client); /* what waited is dropped: nobody takes it any more */
}

static bool load_groups(XenNet *net, GVariant *saved, GError **error)
{
    gsize size;

    if (!g_variant_is_of_type(saved, G_VARIANT_TYPE(SAVED_STATE))) {
        return error_setf(error, "saved adapter has type '%s'", g_variant_get_type_string(saved));
    }
    const uint8_t *bytes = g_variant_get_fixed_array(saved, &size, 1);
    if (size % NET_MAC_LENGTH || size > GROUPS_MAX * NET_MAC_LENGTH) {
        return error_setf(error, "saved adapter has %zu bytes of multicast groups", (size_t)size);
    }
    g_byte_array_append(net->groups, bytes, (guint)size);
    return true;
}

static bool xen_net_connect(XenDevice *device, GVariant *saved, GError **error)
{
    XenNet *net = HW_XEN_NET(device);

    net->target.domain = xen_device_domain(device);
    net->target.blocked = false;
    net->target.frame = frame_from_guest;
    net->target.multicast = change_group;
    net->target.buffers = buffers_there;
    net->target.broken = queue_broken;
    net->target.opaque = net;
    if ((saved && !load_groups(net, saved, error)) || !read_features(net, error) ||
        !open_queues(net, error)) {
        xen_net_disconnect(device);
        return false;
    }
    net_client_takes_changed(net->client);
    return true;
}

static GVariant *xen_net_save(XenDevice *device)
{
    GByteArray *groups = HW_XEN_NET(device)->groups;

    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, groups->data, groups->len, 1);
}

/* ---- type ---- */

static const DeviceProperty net_properties[] = {
    DEVICE_PROPERTY_TEXT("netdev", XenNet, netdev_property, NULL, "ID of a netdev"),
    DEVICE_PROPERTY_TEXT("mac", XenNet, mac_property, NULL,
                         "Ethernet 6-byte MAC address, as 52:54:00:12:34:56"),
    DEVICE_PROPERTY_RANGE(INT32, "idx", XenNet, index_property, (uint64_t)INDEX_FREE, INT32_MAX,
                          (uint64_t)INDEX_FREE, "the adapter's number; -1: the first that is free"),
    DEVICE_PROPERTY_RANGE(UINT32, "num-queues", XenNet, queues_max, 0, QUEUES_MAX, 0,
                          "queues that the guest may use; 0: one for each CPU, up to 4"),
    DEVICE_PROPERTY_TEXT("addr", XenNet, address_property, NULL,
                         "accepted, as bus=pci.0 is, for tools that place every adapter on PCI; no "
                         "effect"),
    DEVICE_PROPERTY(INT32, "bootindex", XenNet, bootindex_property, (uint64_t)-1,
                    "accepted; the firmware does not boot from it"),
};

static void xen_net_finalize(GObject *object)
{
    g_ptr_array_unref(HW_XEN_NET(object)->queues);
    g_byte_array_unref(HW_XEN_NET(object)->groups);
    G_OBJECT_CLASS(g_type_class_peek_parent(G_OBJECT_GET_CLASS(object)))->finalize(object);
}

static void xen_net_class_init(DeviceClass *klass)
{
    XenDeviceClass *xen_class = HW_XEN_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = xen_net_finalize;
    klass->description = "Xen PV network adapter";
    klass->category = DEVICE_CATEGORY_NETWORK;
    klass->user_creatable = true;
    klass->ignores_bus = true;
    xen_class->backend_type = "vif";
    xen_class->frontend_class = "vif";
    xen_class->set_up = xen_net_set_up;
    xen_class->tear_down = xen_net_tear_down;
    xen_class->publish = xen_net_publish;
    xen_class->connect = xen_net_connect;
    xen_class->disconnect = xen_net_disconnect;
    xen_class->save = xen_net_save;
    device_class_add_properties(klass, net_properties, G_N_ELEMENTS(net_properties));
}

static void xen_net_instance_init(XenNet *net)
{
    net->queues = g_ptr_array_new_with_free_func((GDestroyNotify)xen_net_queue_close);
    net->groups = g_byte_array_new();
}
