/*
 * From the guest's words to a request that may be done: every number checked on our copy, every
 * page pinned, neighbouring pages merged.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "hw/xen/xen_abi.h"
#include "util/error.h"
#include "xen_block_private.h"

/* Linux's front end asks for 32 segments at most unless told otherwise. */
static const unsigned pool_capacity[] = {32, BLKIF_INDIRECT_SEGMENTS};

/* ---- memory ---- */

static XenBlockRequest *allocate(unsigned capacity)
{
    size_t per_segment =
        sizeof(BlkifSegment) + sizeof(XenGrantPin) + sizeof(XenBlockGrant *) + sizeof(struct iovec);
    XenBlockRequest *request = g_malloc(sizeof(*request) + capacity * per_segment);
    uint8_t *arrays = (uint8_t *)(request + 1);

    request->capacity = capacity;
    request->pins = (XenGrantPin *)arrays;
    request->grants = (XenBlockGrant **)(request->pins + capacity);
    request->vector = (struct iovec *)(request->grants + capacity);
    request->segments = (BlkifSegment *)(request->vector + capacity);
    return request;
}

static unsigned pool_for(unsigned segments)
{
    return segments > pool_capacity[0];
}

static XenBlockRequest *request_new(XenBlockQueue *queue, unsigned segments)
{
    unsigned pool = pool_for(segments);
    XenBlockRequest *request = queue->pool[pool];

    if (request) {
        queue->pool[pool] = request->next;
    } else {
        request = allocate(pool_capacity[pool]);
    }
    /* The arrays' places stay. */
    request->queue = queue;
    request->next = NULL;
    request->operation = request->steps = 0;
    request->barrier = request->durable = false;
    request->id = request->offset = request->length = request->overwritten = 0;
    request->segment_count = segments;
    request->vector_count = request->pinned = 0;
    return request;
}

static void unpin(XenBlockRequest *request)
{
    XenBlockQueue *queue = request->queue;

    if (!queue->target->persistent) {
        xen_grant_unpin_all(queue->target->domain, request->pins, request->pinned);
        request->pinned = 0;
    }
    while (request->pinned > 0) {
        unsigned i = --request->pinned;
        if (request->grants[i]) {
            xen_block_grants_put(&queue->grants, request->grants[i]);
        } else {
            xen_grant_unpin(queue->target->domain, &request->pins[i]);
        }
    }
}

void xen_block_request_free(XenBlockRequest *request)
{
    unsigned pool = pool_for(request->capacity);

    unpin(request);
    request->next = request->queue->pool[pool];
    request->queue->pool[pool] = request;
}

void xen_block_request_free_pools(XenBlockQueue *queue)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(queue->pool); i++) {
        while (queue->pool[i]) {
            XenBlockRequest *next = queue->pool[i]->next;
            g_free(queue->pool[i]);
            queue->pool[i] = next;
        }
    }
}

/* ---- segments ---- */

/* Bytes of all segments, or 0 if one of them is no part of a page. */
static uint64_t check_segments(const XenBlockTarget *target, const XenBlockRequest *request)
{
    unsigned sectors_per_page = XEN_PAGE_SIZE / target->sector_unit;
    uint64_t length = 0;

    for (unsigned i = 0; i < request->segment_count; i++) {
        const BlkifSegment *segment = &request->segments[i];
        if (segment->first > segment->last || segment->last >= sectors_per_page) {
            return 0;
        }
        length += (segment->last - segment->first + 1u) * target->sector_unit;
    }
    return length;
}

/* True with *@offset in bytes if sectors of @length bytes from @sector are on the disk. */
static bool check_range(const XenBlockTarget *target, uint64_t sector, uint64_t length,
                        uint64_t *offset)
{
    uint64_t capacity = __atomic_load_n(&target->capacity, __ATOMIC_RELAXED);

    if (sector > capacity / target->sector_unit) {
        return false;
    }
    *offset = sector * target->sector_unit;
    return length <= capacity - *offset && *offset % target->logical_size == 0 &&
           length % target->logical_size == 0;
}

static int pin_persistent(XenBlockRequest *request, bool to_guest)
{
    XenBlockQueue *queue = request->queue;
    int status = GNTST_okay;

    while (request->pinned < request->segment_count && status == GNTST_okay) {
        unsigned i = request->pinned;
        uint32_t ref = request->segments[i].ref;
        request->grants[i] = xen_block_grants_get(&queue->grants, ref, &status);
        if (status == GNTST_no_space) {
            status = xen_grant_pin(queue->target->domain, ref, to_guest, &request->pins[i]);
        }
        request->pinned += status == GNTST_okay;
    }
    return status;
}

static int pin_once(XenBlockRequest *request, bool to_guest)
{
    uint32_t refs[BLKIF_INDIRECT_SEGMENTS];

    for (unsigned i = 0; i < request->segment_count; i++) {
        refs[i] = request->segments[i].ref;
        request->grants[i] = NULL;
    }
    int status = xen_grant_pin_all(request->queue->target->domain, refs, request->segment_count,
                                   to_guest, request->pins);
    request->pinned = status == GNTST_okay ? request->segment_count : 0;
    return status;
}

static void make_vector(XenBlockRequest *request)
{
    uint32_t unit = request->queue->target->sector_unit;
    struct iovec *last = NULL;

    for (unsigned i = 0; i < request->segment_count; i++) {
        const BlkifSegment *segment = &request->segments[i];
        void *page = request->grants[i] ? request->grants[i]->pin.page : request->pins[i].page;
        uint8_t *start = (uint8_t *)page + segment->first * unit;
        size_t length = (segment->last - segment->first + 1u) * unit;

        if (last && (uint8_t *)last->iov_base + last->iov_len == start) {
            last->iov_len += length;
        } else {
            last = &request->vector[request->vector_count++];
            *last = (struct iovec){start, length};
        }
    }
}

/* @to_guest: data go to the pages. */
static bool pin(XenBlockRequest *request, bool to_guest)
{
    int status = request->queue->target->persistent ? pin_persistent(request, to_guest)
                                                    : pin_once(request, to_guest);
    if (status != GNTST_okay) {
        return false;
    }
    make_vector(request);
    return true;
}

/* Fetches the segments of an indirect request from the guest's pages, each read once. */
static bool fetch_indirect(XenBlockRequest *request, const BlkifRequest *blkif)
{
    uint8_t bytes[BLKIF_INDIRECT_SEGMENTS * BLKIF_SEGMENT_SIZE];

    G_STATIC_ASSERT(BLKIF_INDIRECT_SEGMENTS <= BLKIF_SEGMENTS_PER_PAGE);
    if (xen_grant_read(request->queue->target->domain, blkif->indirect_refs[0], 0, bytes,
                       request->segment_count * BLKIF_SEGMENT_SIZE) != GNTST_okay) {
        return false;
    }
    blkif_decode_segments(bytes, request->segment_count, request->segments);
    return true;
}

/* ---- operations ---- */

typedef struct {
    bool supported;
    bool indirect; /* may be an indirect request's inner operation */
    bool empty;    /* may have no segments */
    bool writes;
    uint8_t before; /* steps around the data */
    uint8_t data;
} OperationRow;

static const OperationRow operations[] = {
    [BLKIF_OP_READ] = {true, true, false, false, 0, STEP_READ},
    [BLKIF_OP_WRITE] = {true, true, false, true, 0, STEP_WRITE},
    [BLKIF_OP_WRITE_BARRIER] = {true, false, true, true, STEP_FLUSH_FIRST, STEP_WRITE},
    [BLKIF_OP_FLUSH_DISKCACHE] = {true, false, true, false, STEP_FLUSH_FIRST, STEP_WRITE},
};

static const OperationRow *find_operation(const BlkifRequest *blkif)
{
    const OperationRow *row =
        blkif->operation < G_N_ELEMENTS(operations) ? &operations[blkif->operation] : NULL;

    return row && row->supported && (row->indirect || !blkif->indirect) ? row : NULL;
}

/* NULL with *@status if it is not to be done. */
static XenBlockRequest *make_transfer(XenBlockQueue *queue, const OperationRow *row,
                                      const BlkifRequest *blkif, int16_t *status)
{
    const XenBlockTarget *target = queue->target;
    unsigned limit = blkif->indirect ? BLKIF_INDIRECT_SEGMENTS : BLKIF_DIRECT_SEGMENTS;

    *status = BLKIF_RSP_ERROR;
    if (blkif->segment_count > limit || (blkif->segment_count == 0 && !row->empty)) {
        return NULL;
    }
    if (target->read_only &&
        (row->writes || (row->data == STEP_WRITE && blkif->segment_count > 0))) {
        return NULL;
    }
    XenBlockRequest *request = request_new(queue, blkif->segment_count);
    request->steps = row->before | (blkif->segment_count > 0 ? row->data : 0);
    request->barrier = request->durable = blkif->operation == BLKIF_OP_WRITE_BARRIER;
    if (blkif->segment_count == 0) {
        return request;
    }
    if (!blkif->indirect) {
        memcpy(request->segments, blkif->segments, blkif->segment_count * sizeof(BlkifSegment));
    } else if (!fetch_indirect(request, blkif)) {
        xen_block_request_free(request);
        return NULL;
    }
    request->length = check_segments(target, request);
    if (request->length == 0 ||
        !check_range(target, blkif->sector, request->length, &request->offset) ||
        !pin(request, row->data == STEP_READ)) {
        xen_block_request_free(request);
        return NULL;
    }
    return request;
}

static XenBlockRequest *make_discard(XenBlockQueue *queue, const BlkifRequest *blkif,
                                     int16_t *status)
{
    const XenBlockTarget *target = queue->target;
    uint64_t offset, capacity = __atomic_load_n(&target->capacity, __ATOMIC_RELAXED);

    *status = target->discard ? BLKIF_RSP_ERROR : BLKIF_RSP_EOPNOTSUPP;
    if (!target->discard || target->read_only || blkif->sector_count == 0 ||
        blkif->sector_count > capacity / target->sector_unit ||
        !check_range(target, blkif->sector, blkif->sector_count * target->sector_unit, &offset)) {
        return NULL;
    }
    XenBlockRequest *request = request_new(queue, 0);
    request->offset = offset;
    request->length = blkif->sector_count * target->sector_unit;
    request->steps = blkif->secure ? STEP_OVERWRITE | STEP_FLUSH_LAST : STEP_DISCARD;
    return request;
}

XenBlockRequest *xen_block_request_make(XenBlockQueue *queue, const BlkifRequest *blkif,
                                        int16_t *status)
{
    XenBlockRequest *request = NULL;

    *status = BLKIF_RSP_EOPNOTSUPP;
    if (blkif->operation == BLKIF_OP_DISCARD && !blkif->indirect) {
        request = make_discard(queue, blkif, status);
    } else {
        const OperationRow *row = find_operation(blkif);
        request = row ? make_transfer(queue, row, blkif, status) : NULL;
    }
    if (request) {
        request->operation = blkif->operation;
        request->id = blkif->id;
    }
    return request;
}

/* ---- saved state ---- */

GVariant *xen_block_request_save(XenBlockRequest *request)
{
    GVariantBuilder segments;

    g_variant_builder_init(&segments, G_VARIANT_TYPE("a(uyy)"));
    for (unsigned i = 0; i < request->segment_count; i++) {
        g_variant_builder_add(&segments, "(uyy)", request->segments[i].ref,
                              request->segments[i].first, request->segments[i].last);
    }
    return g_variant_new("(yyytttta(uyy))", request->operation, request->steps,
                         (guint8)(request->barrier | request->durable << 1), request->id,
                         request->offset, request->length, request->overwritten, &segments);
}

static void load_segments(XenBlockRequest *request, GVariant *segments)
{
    for (unsigned i = 0; i < request->segment_count; i++) {
        BlkifSegment *segment = &request->segments[i];
        guint32 ref;

        g_variant_get_child(segments, i, "(uyy)", &ref, &segment->first, &segment->last);
        segment->ref = ref;
    }
}

static bool loaded_fits(XenBlockRequest *request)
{
    const XenBlockTarget *target = request->queue->target;
    bool moves = request->steps & (STEP_READ | STEP_WRITE);
    bool discards = request->steps & (STEP_OVERWRITE | STEP_DISCARD);
    uint64_t offset;

    if ((request->steps & ~STEP_ALL) || (moves && discards) ||
        (target->read_only && (request->steps & (STEP_WRITE | STEP_OVERWRITE | STEP_DISCARD))) ||
        ((request->steps & STEP_READ) && (request->steps & STEP_WRITE)) ||
        (moves && request->segment_count == 0)) {
        return false;
    }
    if (!moves && !discards) {
        return true;
    }
    if (moves && check_segments(target, request) != request->length) {
        return false;
    }
    return request->length > 0 && request->overwritten <= request->length &&
           check_range(target, request->offset / target->sector_unit, request->length, &offset) &&
           offset == request->offset;
}

XenBlockRequest *xen_block_request_load(XenBlockQueue *queue, GVariant *saved, GError **error)
{
    g_autoptr(GVariant) segments = g_variant_get_child_value(saved, 7);
    gsize count = g_variant_n_children(segments);
    guint8 operation, steps, flags;
    guint64 id, offset, length, overwritten;

    if (count > BLKIF_INDIRECT_SEGMENTS) {
        error_setf(error, "saved request has %zu segments", (size_t)count);
        return NULL;
    }
    g_variant_get(saved, "(yyytttta(uyy))", &operation, &steps, &flags, &id, &offset, &length,
                  &overwritten, NULL);
    XenBlockRequest *request = request_new(queue, (unsigned)count);
    request->operation = operation;
    request->steps = steps;
    request->barrier = flags & 1;
    request->durable = flags & 2;
    request->id = id;
    request->offset = offset;
    request->length = length;
    request->overwritten = overwritten;
    load_segments(request, segments);
    if (!loaded_fits(request) ||
        ((steps & (STEP_READ | STEP_WRITE)) && !pin(request, steps & STEP_READ))) {
        xen_block_request_free(request);
        error_setf(error, "saved request does not hold together");
        return NULL;
    }
    return request;
}
