/*
 * A queue at work: its event source, the ring's loop, barriers, batches of responses, saved state.
 *
 * The source is ready when the guest has sent its event (the eventfd), or when somebody in this
 * process wants the ring looked at (its ready time). Each time it shows the responses that
 * completions have left, then takes requests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/block/io_thread.h"
#include "util/error.h"
#include "util/read_section.h"
#include "util/trace.h"
#include "xen_block_private.h"

TRACE_DEFINE(xen_block_request);
TRACE_DEFINE(xen_block_response);

/* Pages of persistent grants for each slot, as Linux's back end has it: 32 for the data of a
 * request of usual size and one for its indirect segments. */
#define PERSISTENT_PER_SLOT 33

typedef struct {
    GSource base;
    XenBlockQueue *queue;
} QueueSource;

/* ---- responses ---- */

static void show_responses(XenBlockQueue *queue)
{
    if (xen_block_ring_push(&queue->ring)) {
        xen_evtchn_notify(queue->channel);
    }
}

static void respond(XenBlockQueue *queue, uint64_t id, uint8_t operation, int16_t status)
{
    TRACE(xen_block_response, "id %" G_GUINT64_FORMAT " operation %u status %d", (guint64)id,
          operation, status);
    xen_block_ring_respond(&queue->ring, id, operation, status);
}

void xen_block_queue_kick(XenBlockQueue *queue)
{
    g_source_set_ready_time(queue->source, 0);
}

/* ---- barriers ---- */

static void start_barrier_if_alone(XenBlockQueue *queue)
{
    if (queue->barrier_waits && queue->in_flight == 1) {
        queue->barrier_waits = false;
        xen_block_request_run(queue->barrier);
    }
}

/* A request goes on, or waits until those before it have ended. */
static void begin(XenBlockRequest *request)
{
    XenBlockQueue *queue = request->queue;

    if (!request->barrier) {
        xen_block_request_run(request);
        return;
    }
    queue->barrier = request;
    queue->barrier_waits = true;
    start_barrier_if_alone(queue);
}

void xen_block_queue_finish(XenBlockRequest *request, int16_t status)
{
    XenBlockQueue *queue = request->queue;
    bool was_barrier = queue->barrier == request;

    respond(queue, request->id, request->operation, status);
    xen_block_request_free(request);
    queue->in_flight--;
    if (was_barrier) {
        queue->barrier = NULL;
    }
    if (queue->in_flight == 0) {
        show_responses(queue);
    }
    if (queue->in_flight > 0 || was_barrier) {
        xen_block_queue_kick(queue); /* the batch's end shows them; the ring may go on */
    }
    start_barrier_if_alone(queue);
}

/* ---- the ring ---- */

static bool may_begin(const XenBlockQueue *queue)
{
    return !queue->stopped && !queue->broken && !queue->barrier &&
           __atomic_load_n(&queue->target->holds, __ATOMIC_ACQUIRE) == 0;
}

static void begin_next(XenBlockQueue *queue)
{
    BlkifRequest blkif;
    int16_t status;

    xen_block_ring_take(&queue->ring, &blkif);
    TRACE(xen_block_request,
          "id %" G_GUINT64_FORMAT " operation %u segments %u sector %" G_GUINT64_FORMAT,
          (guint64)blkif.id, blkif.operation, blkif.segment_count, (guint64)blkif.sector);
    XenBlockRequest *request = xen_block_request_make(queue, &blkif, &status);
    if (!request) {
        respond(queue, blkif.id, blkif.operation, status);
        return;
    }
    queue->in_flight++;
    begin(request);
}

static void break_down(XenBlockQueue *queue)
{
    queue->broken = true;
    queue->target->broken(queue->target->opaque);
}

/* Takes what is there, a ringful at most: a guest that never ends filling shall not keep others of
 * the context waiting. True if the source is to be called again. */
static bool take_requests(XenBlockQueue *queue)
{
    for (uint32_t taken = 0; taken < queue->ring.entries; taken++) {
        int64_t waiting = may_begin(queue) ? xen_block_ring_waiting(&queue->ring) : 0;
        if (waiting < 0) {
            break_down(queue);
            return false;
        }
        if (waiting == 0) {
            return may_begin(queue) && xen_block_ring_arm(&queue->ring);
        }
        begin_next(queue);
    }
    return true;
}

static gboolean queue_dispatch(GSource *base, GSourceFunc callback G_GNUC_UNUSED,
                               gpointer opaque G_GNUC_UNUSED)
{
    XenBlockQueue *queue = ((QueueSource *)base)->queue;
    uint64_t count;

    g_source_set_ready_time(base, -1);
    if (read(queue->event_fd, &count, sizeof(count)) < 0) {
        count = 0; /* no event of the guest: a kick */
    }
    show_responses(queue);
    block_plug();
    bool again = take_requests(queue);
    block_unplug();
    if (again) {
        xen_block_queue_kick(queue);
    }
    show_responses(queue);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.dispatch = queue_dispatch};

/* ---- errors that stopped the machine ---- */

void xen_block_queue_postpone(XenBlockRequest *request)
{
    XenBlockQueue *queue = request->queue;

    request->next = NULL;
    *queue->retry_tail = request;
    queue->retry_tail = &request->next;
}

static XenBlockRequest *take_postponed(XenBlockQueue *queue)
{
    XenBlockRequest *first = queue->retry_head;

    queue->retry_head = NULL;
    queue->retry_tail = &queue->retry_head;
    return first;
}

static void retry(void *opaque)
{
    XenBlockQueue *queue = opaque;
    XenBlockRequest *next, *request = queue->stopped ? NULL : take_postponed(queue);

    for (; request; request = next) {
        next = request->next;
        if (request == queue->barrier && !queue->barrier_waits) {
            xen_block_request_run(request);
        } else {
            begin(request);
        }
    }
    xen_block_queue_kick(queue);
}

void xen_block_queue_retry(XenBlockQueue *queue)
{
    io_context_run(queue->target->context, retry, queue);
}

static void show(void *opaque)
{
    show_responses(opaque);
}

void xen_block_queue_show(XenBlockQueue *queue)
{
    io_context_run(queue->target->context, show, queue);
}

/* ---- saved state ---- */

GVariant *xen_block_queue_save(XenBlockQueue *queue)
{
    GVariantBuilder requests;

    xen_block_queue_show(queue);
    g_variant_builder_init(&requests, G_VARIANT_TYPE("a(yyytttta(uyy))"));
    for (XenBlockRequest *request = queue->retry_head; request; request = request->next) {
        g_variant_builder_add_value(&requests, xen_block_request_save(request));
    }
    if (queue->barrier && queue->barrier_waits) {
        g_variant_builder_add_value(&requests, xen_block_request_save(queue->barrier));
    }
    return g_variant_new("(uua(yyytttta(uyy)))", queue->ring.requests_taken,
                         queue->ring.responses_made, &requests);
}

static bool load_requests(XenBlockQueue *queue, GVariant *requests, GError **error)
{
    for (gsize i = 0; i < g_variant_n_children(requests); i++) {
        g_autoptr(GVariant) saved = g_variant_get_child_value(requests, i);
        XenBlockRequest *request = xen_block_request_load(queue, saved, error);

        if (!request) {
            return false;
        }
        queue->in_flight++;
        xen_block_queue_postpone(request);
        if (request->barrier && i + 1 < g_variant_n_children(requests)) {
            return error_setf(error, "saved queue has requests behind a barrier");
        }
    }
    return true;
}

static bool load(XenBlockQueue *queue, GVariant *saved, GError **error)
{
    g_autoptr(GVariant) requests = NULL;
    guint32 taken, made;

    if (!g_variant_is_of_type(saved, G_VARIANT_TYPE(XEN_BLOCK_QUEUE_STATE))) {
        return error_setf(error, "saved queue has type '%s'", g_variant_get_type_string(saved));
    }
    g_variant_get(saved, "(uu@a(yyytttta(uyy)))", &taken, &made, &requests);
    if (g_variant_n_children(requests) != taken - made) {
        return error_setf(error, "saved queue has %zu requests between indices %u and %u",
                          (size_t)g_variant_n_children(requests), made, taken);
    }
    return xen_block_ring_restore(&queue->ring, taken, made, error) &&
           load_requests(queue, requests, error);
}

/* ---- life ---- */

static bool open_channel(XenBlockQueue *queue, uint32_t port, GError **error)
{
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0) {
        return error_set_errno(error, errno, "no eventfd for an event channel");
    }
    queue->channel = xen_evtchn_bind(queue->target->domain, port,
                                     &(XenEvtchnHandler){.fd = queue->event_fd}, error);
    return queue->channel != NULL;
}

static void make_source(XenBlockQueue *queue)
{
    queue->source = g_source_new(&source_functions, sizeof(QueueSource));
    ((QueueSource *)queue->source)->queue = queue;
    g_source_set_ready_time(queue->source, -1);
    g_source_add_unix_fd(queue->source, queue->event_fd, G_IO_IN);
}

XenBlockQueue *xen_block_queue_open(XenBlockTarget *target, const XenBlockQueueConfig *config,
                                    GVariant *saved, GError **error)
{
    XenBlockQueue *queue = g_new0(XenBlockQueue, 1);

    queue->target = target;
    queue->event_fd = -1;
    queue->retry_tail = &queue->retry_head;
    if (!xen_block_ring_open(&queue->ring, target->domain, config->layout, config->refs,
                             config->pages, error)) {
        g_free(queue);
        return NULL;
    }
    xen_block_grants_init(&queue->grants, target->domain,
                          queue->ring.entries * PERSISTENT_PER_SLOT);
    if (!open_channel(queue, config->port, error) || (saved && !load(queue, saved, error))) {
        xen_block_queue_close(queue);
        return NULL;
    }
    make_source(queue);
    return queue;
}

void xen_block_queue_start(XenBlockQueue *queue)
{
    g_source_attach(queue->source, queue->target->context);
    xen_block_queue_retry(queue);
}

static void stop(void *opaque)
{
    XenBlockQueue *queue = opaque;

    queue->stopped = true;
    g_source_destroy(queue->source);
}

void xen_block_queue_stop(XenBlockQueue *queue)
{
    io_context_run(queue->target->context, stop, queue);
}

static void close_retired(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

static void forget_requests(XenBlockQueue *queue)
{
    XenBlockRequest *next, *request = take_postponed(queue);

    if (queue->barrier && queue->barrier_waits) {
        xen_block_request_free(queue->barrier);
    }
    for (; request; request = next) {
        next = request->next;
        xen_block_request_free(request);
    }
}

void xen_block_queue_close(XenBlockQueue *queue)
{
    if (queue->channel) {
        if (!queue->broken) {
            show_responses(queue);
        }
        xen_evtchn_unbind(queue->channel);
    }
    if (queue->source) {
        g_source_destroy(queue->source);
        g_source_unref(queue->source);
    }
    forget_requests(queue);
    xen_block_request_free_pools(queue);
    xen_block_grants_clear(&queue->grants);
    xen_block_ring_close(&queue->ring);
    if (queue->event_fd >= 0) {
        /* A sender that found the channel just before it went may still write. */
        read_section_retire(GINT_TO_POINTER(queue->event_fd), close_retired);
    }
    g_free(queue);
}

unsigned xen_block_queue_in_flight(XenBlockQueue *queue)
{
    return queue->in_flight;
}
