/*
 * A Xen console's ring.
 *
 * The page belongs to the guest as much as to us, and all four indices in it may say anything. Each
 * is loaded once and used from the copy, what lies between two of them is checked against the size
 * of its ring, and data is copied out before anybody looks at it. Indices that contradict each
 * other mean an empty ring: the index of ours is set to the guest's.
 *
 * The guest sends an event whenever it has put out or taken bytes, so a round of ours is over when
 * the bytes are done that it found. We send one when we have moved bytes, and only then: front ends
 * count an event without reason as spurious.
 *
 * While the machine stands still the page does too: it may be on its way into a saved state.
 *
 * Source: xen/io/console.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_console_ring.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <xen/io/console.h>

#include "hw/core/run_state.h"
#include "hw/xen/evtchn.h"
#include "util/error.h"
#include "util/log.h"
#include "util/read_section.h"
#include "util/trace.h"

TRACE_DEFINE(xen_console_output);
TRACE_DEFINE(xen_console_input);

typedef struct xencons_interface Page;

#define IN_SIZE  ((uint32_t)sizeof(((Page *)NULL)->in))
#define OUT_SIZE ((uint32_t)sizeof(((Page *)NULL)->out))

/* A back end that stands still keeps this much of what must be taken; the rest is lost. */
#define FLUSH_QUEUE_MAX 65536u

G_STATIC_ASSERT(sizeof(Page) <= XEN_PAGE_SIZE);

struct XenConsoleRing {
    XenDomain *domain;
    Page *page;
    char *name;
    CharFrontend *frontend; /* NULL: nobody */
    guint writable_watch;   /* the back end takes no more output now */
    /* connected */
    XenEvtchnBackend *channel;
    int event_fd;
    GSource *source;
    bool lied; /* the log knows */
};

/* ---- indices ---- */

static uint32_t load(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

/* Release: what was copied into or out of the ring is done before the index moves. */
static void put(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

static void report_lie(XenConsoleRing *ring, const char *which, uint32_t producer,
                       uint32_t consumer)
{
    if (!ring->lied) {
        ring->lied = true;
        log_printf(LOG_GUEST_ERRORS, "%s: %s from %u to %u is more than the ring holds\n",
                   ring->name, which, consumer, producer);
    }
}

static void notify(XenConsoleRing *ring)
{
    if (ring->channel) {
        xen_evtchn_notify(ring->channel);
    }
}

/* ---- output ---- */

/* Copies what waits to @bytes, of OUT_SIZE; *@consumer is where it begins. */
static uint32_t copy_output(XenConsoleRing *ring, uint8_t *bytes, uint32_t *consumer)
{
    Page *page = ring->page;
    uint32_t producer = load(&page->out_prod), offset, first, length;

    *consumer = load(&page->out_cons);
    length = producer - *consumer;
    if (length > OUT_SIZE) {
        report_lie(ring, "output", producer, *consumer);
        put(&page->out_cons, producer);
        return 0;
    }
    offset = MASK_XENCONS_IDX(*consumer, page->out);
    first = MIN(length, OUT_SIZE - offset);
    memcpy(bytes, page->out + offset, first);
    memcpy(bytes + first, page->out, length - first);
    return length;
}

static void pump_output(XenConsoleRing *ring);

static void writable(void *opaque)
{
    XenConsoleRing *ring = opaque;

    ring->writable_watch = 0;
    if (ring->channel && run_state_is_running()) {
        pump_output(ring);
    }
}

/* How much the back end takes; what it refuses with an error is lost. */
static uint32_t hand_over(XenConsoleRing *ring, const uint8_t *bytes, uint32_t length)
{
    int taken = ring->frontend ? char_write(ring->frontend, bytes, length) : (int)length;

    if (taken >= 0 && (uint32_t)taken < length) {
        ring->writable_watch = char_add_writable_watch(ring->frontend, writable, ring);
        return (uint32_t)taken;
    }
    return length;
}

static void pump_output(XenConsoleRing *ring)
{
    uint8_t bytes[OUT_SIZE];
    uint32_t consumer, length, taken;

    if (ring->writable_watch) {
        return;
    }
    length = copy_output(ring, bytes, &consumer);
    taken = length ? hand_over(ring, bytes, length) : 0;
    if (taken) {
        TRACE(xen_console_output, "%s: %u of %u bytes", ring->name, taken, length);
        put(&ring->page->out_cons, consumer + taken);
        notify(ring);
    }
}

void xen_console_ring_flush(XenConsoleRing *ring)
{
    uint8_t bytes[OUT_SIZE];
    uint32_t consumer, length;

    if (!ring->channel) {
        return;
    }
    length = copy_output(ring, bytes, &consumer);
    if (length == 0) {
        return;
    }
    if (ring->frontend && char_queued(ring->frontend) < FLUSH_QUEUE_MAX) {
        char_write_all(ring->frontend, bytes, length);
    }
    put(&ring->page->out_cons, consumer + length);
    notify(ring);
}

/* ---- input ---- */

static uint32_t input_room(XenConsoleRing *ring, uint32_t *producer)
{
    Page *page = ring->page;
    uint32_t consumer = load(&page->in_cons), level;

    *producer = load(&page->in_prod);
    level = *producer - consumer;
    if (level > IN_SIZE) {
        report_lie(ring, "input", *producer, consumer);
        *producer = consumer;
        put(&page->in_prod, consumer);
        return IN_SIZE;
    }
    return IN_SIZE - level;
}

static unsigned can_receive(void *opaque)
{
    XenConsoleRing *ring = opaque;
    uint32_t producer;

    return ring->channel && run_state_is_running() ? input_room(ring, &producer) : 0;
}

/* There may be less room than there was: the guest has an index of it. */
static void receive(void *opaque, const uint8_t *data, unsigned length)
{
    XenConsoleRing *ring = opaque;
    Page *page = ring->page;
    uint32_t producer, offset, first;

    if (!ring->channel) {
        return;
    }
    length = MIN(length, input_room(ring, &producer));
    offset = MASK_XENCONS_IDX(producer, page->in);
    first = MIN(length, IN_SIZE - offset);
    memcpy(page->in + offset, data, first);
    memcpy(page->in, data + first, length - first);
    if (length) {
        TRACE(xen_console_input, "%s: %u bytes", ring->name, length);
        put(&page->in_prod, producer + length);
        notify(ring);
    }
}

/* ---- the front end ---- */

static void drop_watch(XenConsoleRing *ring)
{
    g_clear_handle_id(&ring->writable_watch, g_source_remove);
}

static void look_again(XenConsoleRing *ring)
{
    if (ring->source) {
        g_source_set_ready_time(ring->source, 0);
    }
}

void xen_console_ring_set_frontend(XenConsoleRing *ring, CharFrontend *frontend)
{
    drop_watch(ring);
    if (ring->frontend) {
        char_frontend_set_handlers(ring->frontend, NULL, NULL, NULL, NULL);
    }
    ring->frontend = frontend;
    if (frontend) {
        char_frontend_set_handlers(frontend, can_receive, receive, NULL, ring);
    }
    look_again(ring);
}

/* ---- the event channel ---- */

typedef struct {
    GSource base;
    XenConsoleRing *ring;
} RingSource;

static gboolean ring_dispatch(GSource *base, GSourceFunc callback G_GNUC_UNUSED,
                              gpointer opaque G_GNUC_UNUSED)
{
    XenConsoleRing *ring = ((RingSource *)base)->ring;
    uint64_t count;

    g_source_set_ready_time(base, -1);
    if (read(ring->event_fd, &count, sizeof(count)) < 0) {
        count = 0; /* no event of the guest: somebody here wants the ring looked at */
    }
    if (run_state_is_running()) {
        pump_output(ring);
        if (ring->frontend) {
            char_accept_input(ring->frontend);
        }
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = ring_dispatch};

static void run_event(RunEvent event, void *opaque)
{
    switch (event) {
    case RUN_EVENT_STOP: /* the guest has said it, so it is to be heard */
    case RUN_EVENT_EXIT:
        xen_console_ring_flush(opaque);
        break;
    case RUN_EVENT_RESUME:
    case RUN_EVENT_WAKEUP_DONE:
        look_again(opaque);
        break;
    default:
        break;
    }
}

bool xen_console_ring_connect(XenConsoleRing *ring, uint32_t port, GError **error)
{
    xen_console_ring_disconnect(ring);
    ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring->event_fd < 0) {
        return error_set_errno(error, errno, "no eventfd for an event channel");
    }
    ring->channel =
        xen_evtchn_bind(ring->domain, port, &(XenEvtchnHandler){.fd = ring->event_fd}, error);
    if (!ring->channel) {
        close(ring->event_fd);
        return false;
    }
    ring->source = g_source_new(&source_functions, sizeof(RingSource));
    ((RingSource *)ring->source)->ring = ring;
    g_source_add_unix_fd(ring->source, ring->event_fd, G_IO_IN);
    g_source_set_ready_time(ring->source, 0);
    g_source_attach(ring->source, NULL);
    ring->lied = false;
    return true;
}

static void close_retired(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

void xen_console_ring_disconnect(XenConsoleRing *ring)
{
    if (!ring->channel) {
        return;
    }
    drop_watch(ring);
    g_source_destroy(ring->source);
    g_clear_pointer(&ring->source, g_source_unref);
    xen_evtchn_unbind(g_steal_pointer(&ring->channel));
    /* A sender that found the channel just before it went may still write. */
    read_section_retire(GINT_TO_POINTER(ring->event_fd), close_retired);
}

uint32_t xen_console_ring_port(const XenConsoleRing *ring)
{
    return ring->channel ? xen_evtchn_guest_port(ring->channel) : 0;
}

/* ---- life ---- */

XenConsoleRing *xen_console_ring_new(XenDomain *domain, void *page, const char *name)
{
    XenConsoleRing *ring = g_new0(XenConsoleRing, 1);

    ring->domain = domain;
    ring->page = page;
    ring->name = g_strdup(name);
    run_state_add_handler(run_event, ring);
    return ring;
}

void xen_console_ring_free(XenConsoleRing *ring)
{
    if (ring) {
        run_state_remove_handler(run_event, ring);
        xen_console_ring_disconnect(ring);
        xen_console_ring_set_frontend(ring, NULL);
        g_free(ring->name);
        g_free(ring);
    }
}
