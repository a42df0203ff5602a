/*
 * A queue at work: its doorbell, the ring's loop, barriers, batches of responses, saved state.
 *
 * The doorbell rings when the guest has sent its event or somebody in this process wants the ring
 * looked at (both write the eventfd), after completions, and at the end of a nap. Each time the
 * responses that completions have left are shown, then requests are taken.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/block/io_thread.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/read_section.h"
#include "util/trace.h"
#include "xen_block_private.h"

TRACE_DEFINE(xen_block_request);
TRACE_DEFINE(xen_block_response);

/* Pages of persistent grants for each slot, as Linux's back end has it: 32 for the data of a
 * request of usual size and one for its indirect segments. */
#define PERSISTENT_PER_SLOT 33

/* ---- responses ---- */

static void show_responses(XenBlockQueue *queue)
{
    if (xen_ring_push(&queue->ring.base)) {
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
    uint64_t one = 1;
    ssize_t written = write(queue->event_fd, &one, sizeof(one));

    (void)written; /* one at its limit rings all the same */
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
    if (queue->doorbell) {
        block_doorbell_again(queue->doorbell); /* the batch's end shows them; the ring may go on */
    } else if (queue->in_flight == 0) {
        show_responses(queue);
    }
    start_barrier_if_alone(queue);
}

/* ---- the ring ---- */

static bool may_begin(const XenBlockQueue *queue)
{
    return queue->doorbell && !queue->broken && !queue->barrier &&
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

/* The ring is empty: the next request brings an event, or is found after a nap. */
static bool wait_for_requests(XenBlockQueue *queue, unsigned taken)
{
    int64_t nap_ns = xen_block_pace_next(&queue->pace, taken, clock_get_ns(CLOCK_REALTIME_HOST));

    block_doorbell_after(queue->doorbell, nap_ns);
    return nap_ns == 0 && xen_ring_arm(&queue->ring.base, 1);
}

/* Takes what is there, a ringful at most: a guest that never ends filling shall not keep others of
 * the context waiting. True if there is more. */
static bool take_requests(XenBlockQueue *queue)
{
    unsigned taken = 0;

    while (taken < queue->ring.base.entries) {
        int64_t waiting = may_begin(queue) ? xen_ring_waiting(&queue->ring.base) : 0;
        if (waiting < 0) {
            break_down(queue);
            return false;
        }
        if (waiting == 0) {
            return may_begin(queue) && wait_for_requests(queue, taken);
        }
        for (; waiting > 0 && taken < queue->ring.base.entries && may_begin(queue); waiting--) {
            begin_next(queue);
            taken++;
        }
    }
    return true;
}

static void rung(void *opaque)
{
    XenBlockQueue *queue = opaque;

    show_responses(queue);
    if (take_requests(queue)) {
        block_doorbell_again(queue->doorbell);
    }
    show_responses(queue); /* of requests that were refused */
}

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
    XenBlockRequest *next, *request = queue->doorbell ? take_postponed(queue) : NULL;

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
    io_context_run(queue->context, retry, queue);
}

static void show(void *opaque)
{
    show_responses(opaque);
}

static void nothing(void *opaque G_GNUC_UNUSED)
{
}

void xen_block_queue_settle(XenBlockQueue *queue)
{
    io_context_run(queue->context, nothing, NULL);
}

void xen_block_queue_show(XenBlockQueue *queue)
{
    io_context_run(queue->context, show, queue);
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
    return g_variant_new("(uua(yyytttta(uyy)))", queue->ring.base.requests_taken,
                         queue->ring.base.responses_made, &requests);
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
    return xen_ring_restore(&queue->ring.base, taken, made, error) &&
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

XenBlockQueue *xen_block_queue_open(XenBlockTarget *target, const XenBlockQueueConfig *config,
                                    GVariant *saved, GError **error)
{
    XenBlockQueue *queue = g_new0(XenBlockQueue, 1);

    queue->target = target;
    queue->context = config->context;
    queue->event_fd = -1;
    xen_block_pace_init(&queue->pace, config->context != NULL);
    queue->retry_tail = &queue->retry_head;
    if (!xen_block_ring_open(&queue->ring, target->domain, config->layout, config->refs,
                             config->pages, error)) {
        g_free(queue);
        return NULL;
    }
    xen_block_grants_init(&queue->grants, target->domain,
                          queue->ring.base.entries * PERSISTENT_PER_SLOT);
    if (!open_channel(queue, config->port, error) || (saved && !load(queue, saved, error))) {
        xen_block_queue_close(queue);
        return NULL;
    }
    return queue;
}

static void start(void *opaque)
{
    XenBlockQueue *queue = opaque;

    queue->doorbell = block_doorbell_new(queue->context, queue->event_fd, rung, queue);
}

void xen_block_queue_start(XenBlockQueue *queue)
{
    io_context_run(queue->context, start, queue);
    xen_block_queue_retry(queue);
}

static void stop(void *opaque)
{
    XenBlockQueue *queue = opaque;

    g_clear_pointer(&queue->doorbell, block_doorbell_free);
}

void xen_block_queue_stop(XenBlockQueue *queue)
{
    io_context_run(queue->context, stop, queue);
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
    forget_requests(queue);
    xen_block_request_free_pools(queue);
    xen_block_grants_clear(&queue->grants);
    xen_ring_close(&queue->ring.base);
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
