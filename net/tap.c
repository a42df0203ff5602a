/*
 * -netdev tap: frames to and from an interface of the host.
 *
 * The kernel does what a peer leaves to do with a packet, and is told what the peer takes undone
 * (struct virtio_net_hdr before each frame), so that large segments go through whole.
 *
 * Source: QEMU's documented -netdev tap; linux/if_tun.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "chardev/fd_source.h"
#include "net/netdev.h"
#include "net/tap_open.h"
#include "util/error.h"
#include "util/log.h"

#define DEFAULT_SCRIPT      "/etc/qemu-ifup"
#define DEFAULT_DOWN_SCRIPT "/etc/qemu-ifdown"

#define FRAME_MIN     14
#define READS_AT_ONCE 64 /* then others have their turn */
#define PIECES_MAX    64

G_STATIC_ASSERT(sizeof(NetOffload) == 10);

typedef struct {
    NetClient *client;
    TapInterface tap;
    char *down_script; /* NULL: none */
    bool blocked;      /* the adapter takes no frames now */
    bool full;         /* the interface takes none now */
    bool gone;         /* somebody has removed the interface */
    GSource *reader, *writer;
    uint8_t input[sizeof(NetOffload) + NET_FRAME_MAX];
} TapNetdev;

/* ---- from the interface ---- */

static int reader_wanted(void *opaque)
{
    TapNetdev *self = opaque;

    return self->blocked || self->gone ? FD_SOURCE_NONE : self->tap.fd;
}

static bool send_on(void *opaque, const NetPacket *packet)
{
    TapNetdev *self = opaque;

    if (!net_client_send(self->client, packet)) {
        self->blocked = true;
    }
    return true; /* what cannot be taken waits */
}

static void hand_over(TapNetdev *self, size_t size)
{
    size_t header = self->tap.vnet_header ? sizeof(NetOffload) : 0;
    struct iovec piece = {self->input + header, size - header};
    NetPacket packet = {&piece, 1, size - header, {0}};

    if (size < header + FRAME_MIN) {
        return;
    }
    memcpy(&packet.offload, self->input, header);
    net_finish_packet(&packet, net_client_peer_takes(self->client), send_on, self);
}

static bool reader_ready(void *opaque)
{
    TapNetdev *self = opaque;

    for (unsigned i = 0; i < READS_AT_ONCE && !self->blocked; i++) {
        ssize_t size = read(self->tap.fd, self->input, sizeof(self->input));
        if (size > 0) {
            hand_over(self, size);
            continue;
        }
        if (size == 0 || (errno != EAGAIN && errno != EINTR && errno != EIO)) {
            self->gone = true;
            report_warning("netdev %s: interface %s has gone", self->client->name, self->tap.name);
        }
        break;
    }
    return true;
}

static void tap_peer_ready(NetClient *client)
{
    TapNetdev *self = client->opaque;

    self->blocked = false;
    g_main_context_wakeup(NULL);
}

/* ---- to the interface ---- */

static int writer_wanted(void *opaque)
{
    TapNetdev *self = opaque;

    return self->full && !self->gone ? self->tap.fd : FD_SOURCE_NONE;
}

static bool writer_ready(void *opaque)
{
    TapNetdev *self = opaque;

    self->full = false;
    net_client_ready(self->client);
    return true;
}

static bool tap_receive(NetClient *client, const NetPacket *packet)
{
    TapNetdev *self = client->opaque;
    NetOffload header = packet->offload;
    struct iovec pieces[PIECES_MAX] = {{&header, sizeof(header)}};
    unsigned first = !self->tap.vnet_header;

    if (self->gone || packet->count >= PIECES_MAX) {
        return true; /* dropped */
    }
    memcpy(pieces + 1, packet->pieces, packet->count * sizeof(*pieces));
    if (writev(self->tap.fd, pieces + first, packet->count + 1 - first) < 0 && errno == EAGAIN) {
        self->full = true;
        g_main_context_wakeup(NULL);
        return false;
    }
    return true; /* sent; or refused, as headers that make no sense are */
}

static unsigned tap_takes(NetClient *client)
{
    TapNetdev *self = client->opaque;

    return self->tap.vnet_header ? NET_TAKES_CSUM | NET_TAKES_TSO4 | NET_TAKES_TSO6 : 0;
}

static void tap_set_offloads(NetClient *client, unsigned taken)
{
    TapNetdev *self = client->opaque;
    unsigned offloads = 0;

    if (taken & NET_TAKES_CSUM) {
        offloads = TUN_F_CSUM | (taken & NET_TAKES_TSO4 ? TUN_F_TSO4 : 0) |
                   (taken & NET_TAKES_TSO6 ? TUN_F_TSO6 : 0);
    }
    /* Where the kernel does not follow, hand_over() does in software what the peer does not take.
     */
    if (self->tap.vnet_header && ioctl(self->tap.fd, TUNSETOFFLOAD, (unsigned long)offloads) < 0) {
        self->gone = self->gone || errno == EBADFD;
    }
}

static void tap_free(NetClient *client)
{
    TapNetdev *self = client->opaque;
    g_autoptr(GError) error = NULL;

    fd_source_destroy(&self->reader);
    fd_source_destroy(&self->writer);
    if (self->down_script && !tap_run_script(self->down_script, self->tap.name, &error)) {
        report_warning("netdev %s: %s", client->name, error->message);
    }
    close(self->tap.fd);
    g_free(self->down_script);
    g_free(self);
}

static const NetClientClass tap_class = {
    .type = "tap",
    .receive = tap_receive,
    .peer_ready = tap_peer_ready,
    .takes = tap_takes,
    .set_offloads = tap_set_offloads,
    .free = tap_free,
};

/* ---- options ---- */

typedef struct {
    int fd;
    const char *ifname, *script, *down_script;
    TapHeader header;
    uint64_t sndbuf;
    bool sndbuf_given;
} TapOptions;

static bool refuse_what_is_not_here(OptionReader *options, GError **error)
{
    static const char no_vhost[] = "there is no vhost in this build";
    static const char no_helper[] =
        "this build runs no bridge helper; use fd=, or ifname= with script=";
    bool vhost = false, forced = false;
    uint64_t queues = 1;

    if (!option_get_bool(options, "vhost", &vhost, error) ||
        !option_get_bool(options, "vhostforce", &forced, error) ||
        !option_get_uint(options, "queues", 1, G_MAXUINT32, &queues, error)) {
        return false;
    }
    if (vhost || forced) {
        return error_setf(error, "Parameter '%s' does not accept value 'on': %s",
                          vhost ? "vhost" : "vhostforce", no_vhost);
    }
    if (queues != 1) {
        return error_setf(error,
                          "Parameter 'queues' does not accept value '%" G_GUINT64_FORMAT
                          "': a tap has one queue in this build",
                          queues);
    }
    return netdev_refuse_key(options, "vhostfd", no_vhost, error) &&
           netdev_refuse_key(options, "vhostfds", no_vhost, error) &&
           netdev_refuse_key(options, "poll-us", no_vhost, error) &&
           netdev_refuse_key(options, "helper", no_helper, error) &&
           netdev_refuse_key(options, "br", no_helper, error);
}

/* fds= is a list with ':' between, of which there can be one here. */
static bool read_fd(OptionReader *options, int *fd, GError **error)
{
    const char *fds = NULL;

    if (!option_get_string(options, "fds", &fds, error)) {
        return false;
    }
    if (fds && strchr(fds, ':')) {
        return error_setf(error,
                          "Parameter 'fds' does not accept value '%s': a tap has one queue in this "
                          "build",
                          fds);
    }
    if (fds && option_reader_has(options, "fd")) {
        return error_setf(error, "'fd' and 'fds' are mutually exclusive");
    }
    return netdev_option_fd(options, fds ? "fds" : "fd", fd, error);
}

static bool read_header(OptionReader *options, TapHeader *header, GError **error)
{
    bool on = true;

    if (option_reader_has(options, "vnet_hdr")) {
        if (!option_get_bool(options, "vnet_hdr", &on, error)) {
            return false;
        }
        *header = on ? TAP_HEADER_ON : TAP_HEADER_OFF;
    }
    return true;
}

static bool read_options(TapOptions *tap, OptionReader *options, GError **error)
{
    static const char *const not_with_fd[] = {"ifname", "script", "downscript", "vnet_hdr"};

    tap->sndbuf_given = option_reader_has(options, "sndbuf");
    if (!refuse_what_is_not_here(options, error) || !read_fd(options, &tap->fd, error)) {
        return false;
    }
    for (unsigned i = 0; tap->fd >= 0 && i < G_N_ELEMENTS(not_with_fd); i++) {
        if (option_reader_has(options, not_with_fd[i])) {
            return error_setf(error, "Parameter '%s' is invalid with 'fd' or 'fds'",
                              not_with_fd[i]);
        }
    }
    return option_get_string(options, "ifname", &tap->ifname, error) &&
           option_get_string(options, "script", &tap->script, error) &&
           option_get_string(options, "downscript", &tap->down_script, error) &&
           read_header(options, &tap->header, error) &&
           option_get_size(options, "sndbuf", 1, &tap->sndbuf, error) &&
           option_reader_finish(options, error);
}

/* "no" and "" mean none; the default one is run where the host has it. NULL: none. */
static const char *script_to_run(const char *given, const char *standard)
{
    if (!given) {
        return access(standard, X_OK) == 0 ? standard : NULL;
    }
    return given[0] && strcmp(given, "no") != 0 ? given : NULL;
}

/* Without a bound packets that the host holds up would wait in it for ever. */
static bool set_send_buffer(const TapInterface *tap, const TapOptions *options, GError **error)
{
    int size = options->sndbuf && options->sndbuf < INT_MAX ? (int)options->sndbuf : INT_MAX;

    return ioctl(tap->fd, TUNSETSNDBUF, &size) == 0 || !options->sndbuf_given ||
           error_set_errno(error, errno, "Parameter 'sndbuf'");
}

static NetClient *make_client(const char *id, const TapInterface *tap, const char *down_script)
{
    TapNetdev *self = g_new0(TapNetdev, 1);

    self->tap = *tap;
    self->down_script = g_strdup(down_script);
    self->client = net_client_new(&tap_class, id, self);
    self->reader = fd_source_attach(reader_wanted, G_IO_IN, reader_ready, self);
    self->writer = fd_source_attach(writer_wanted, G_IO_OUT, writer_ready, self);
    tap_set_offloads(self->client, 0);
    return self->client;
}

static NetClient *adopt(const char *id, const TapOptions *options, GError **error)
{
    TapInterface tap;
    NetClient *client;

    if (!tap_adopt(&tap, options->fd, error) || !set_send_buffer(&tap, options, error)) {
        return NULL;
    }
    client = make_client(id, &tap, NULL);
    net_client_set_info(client, "fd=%d", options->fd);
    return client;
}

static NetClient *open_tap(const char *id, OptionReader *reader, GError **error)
{
    TapOptions options = {.fd = -1};
    const char *script, *down_script;
    TapInterface tap;
    NetClient *client;

    if (!read_options(&options, reader, error)) {
        return NULL;
    }
    if (options.fd >= 0) {
        return adopt(id, &options, error);
    }
    script = script_to_run(options.script, DEFAULT_SCRIPT);
    down_script = script_to_run(options.down_script, DEFAULT_DOWN_SCRIPT);
    if (!tap_open(&tap, options.ifname, options.header, error)) {
        return NULL;
    }
    if (!set_send_buffer(&tap, &options, error) ||
        (script && !tap_run_script(script, tap.name, error))) {
        close(tap.fd);
        return NULL;
    }
    client = make_client(id, &tap, down_script);
    net_client_set_info(client, "ifname=%s,script=%s,downscript=%s", tap.name,
                        script ? script : "no", down_script ? down_script : "no");
    return client;
}

const NetdevDriver netdev_driver_tap = {
    .type = "tap",
    .help = "an interface of the host: fd=N, or [ifname=NAME][,script=FILE][,downscript=FILE]",
    .open = open_tap,
};
