/*
 * A front end of a PV disk, as far as the back end can tell: grants, rings of either word size,
 * event channels, and the nodes of the front end's area. Images are files of the test's own folder.
 *
 * Guest memory: grant N is frame N. Frames 20 to 83 hold rings (16 pages for each of 4 queues),
 * from DATA_FRAME on there are data pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_XEN_BLOCK_FIXTURE_H
#define TESTS_UNIT_XEN_BLOCK_FIXTURE_H

#include "block-fixture.h"
#include "hw/block/xen_disk.h"
#include "xen-bus-fixture.h"

enum {
    RING_FRAME = 20,
    DATA_FRAME = 90,
    DATA_FRAMES = 160,
    IMAGE_SIZE = 4 << 20,
};

typedef struct {
    XenDevice *device;
    unsigned pages, queues;
    bool narrow;   /* 32-bit ABI */
    unsigned unit; /* bytes of a sector number */
    struct {
        uint32_t port, produced, consumed;
    } queue[4];
} Front;

static Front front;

/* ---- guest memory ---- */

static inline void grant_flags(uint32_t ref, uint16_t flags)
{
    *((grant_entry_v1_t *)xen->pages[XEN_PAGE_GRANT_TABLE][0] + ref) =
        (grant_entry_v1_t){GTF_permit_access | flags, 0, ref};
}

static inline bool grant_in_use(uint32_t ref)
{
    return ((grant_entry_v1_t *)xen->pages[XEN_PAGE_GRANT_TABLE][0] + ref)->flags &
           (GTF_reading | GTF_writing);
}

static inline uint8_t *frame(uint32_t number)
{
    return xen->ram + (size_t)number * XEN_PAGE_SIZE;
}

static inline uint8_t *ring_bytes(unsigned queue)
{
    return frame(RING_FRAME + 16 * queue);
}

static inline uint32_t *ring_index(unsigned queue, unsigned offset)
{
    return (uint32_t *)(ring_bytes(queue) + offset);
}

#define REQ_PROD  0
#define REQ_EVENT 4
#define RSP_PROD  8
#define RSP_EVENT 12

/* ---- connecting ---- */

static inline uint32_t new_port(void)
{
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = 0};

    g_assert_cmpint(call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc,
                                sizeof(alloc)),
                    ==, 0);
    return alloc.port;
}

static inline void write_in_queue(unsigned queue, const char *name, uint64_t value)
{
    g_autofree char *path =
        front.queues > 1 ? g_strdup_printf("queue-%u/%s", queue, name) : g_strdup(name);

    guest_write_number(front.device, path, value);
}

static inline void prepare_queue(unsigned q)
{
    memset(ring_bytes(q), 0, 16 * XEN_PAGE_SIZE);
    *ring_index(q, REQ_EVENT) = *ring_index(q, RSP_EVENT) = 1;
    front.queue[q].produced = front.queue[q].consumed = 0;
    front.queue[q].port = new_port();
    write_in_queue(q, "event-channel", front.queue[q].port);
    for (unsigned i = 0; i < front.pages; i++) {
        g_autofree char *name =
            front.pages > 1 ? g_strdup_printf("ring-ref%u", i) : g_strdup("ring-ref");
        grant_flags(RING_FRAME + 16 * q + i, 0);
        write_in_queue(q, name, RING_FRAME + 16 * q + i);
    }
}

/* Writes all of the front end's nodes but its state. */
static inline void prepare_front(XenDevice *device)
{
    front.device = device;
    front.pages = front.pages ? front.pages : 1;
    front.queues = front.queues ? front.queues : 1;
    front.unit = front.unit ? front.unit : 512;
    guest_write_text(device, "protocol", front.narrow ? "x86_32-abi" : "x86_64-abi");
    if (front.pages > 1) {
        guest_write_number(device, "ring-page-order", (uint64_t)__builtin_ctz(front.pages));
    }
    if (front.queues > 1) {
        guest_write_number(device, "multi-queue-num-queues", front.queues);
    }
    for (unsigned q = 0; q < front.queues; q++) {
        prepare_queue(q);
    }
    for (uint32_t i = 0; i < DATA_FRAMES; i++) {
        grant_flags(DATA_FRAME + i, 0);
    }
}

static inline void connect_front(XenDevice *device)
{
    prepare_front(device);
    g_assert_cmpuint(enter(device, XenbusStateInitialised), ==, XenbusStateConnected);
    g_assert_cmpuint(enter(device, XenbusStateConnected), ==, XenbusStateConnected);
}

/* ---- requests ---- */

/* As the i386 compiler lays it out. */
typedef struct __attribute__((packed, aligned(4))) {
    uint8_t operation, nr_segments;
    uint16_t handle;
    uint64_t id, sector;
    union {
        struct blkif_request_segment seg[11];
        uint64_t nr_sectors;
        struct __attribute__((packed)) {
            uint16_t handle, pad;
            uint32_t grefs[8];
        } indirect;
    };
} NarrowRequest;

G_STATIC_ASSERT(sizeof(NarrowRequest) == 108);
G_STATIC_ASSERT(sizeof(struct blkif_request) == 112);

typedef struct {
    uint8_t operation;
    uint8_t inner; /* of an indirect request; flags of a discard */
    unsigned segments;
    uint64_t id, sector, sectors;
    struct blkif_request_segment seg[256];
    uint32_t indirect_ref;
} Request;

static inline unsigned slot_size(void)
{
    return front.narrow ? 108 : 112;
}

static inline uint32_t ring_entries(void)
{
    return xen_ring_entries((front.narrow ? &blkif_layout_x86_32 : &blkif_layout_x86_64)->slot_size,
                              front.pages);
}

static inline uint8_t *ring_slot(unsigned q, uint32_t index)
{
    return ring_bytes(q) + 64 + (index & (ring_entries() - 1)) * slot_size();
}

static inline void encode_wide(uint8_t *slot, const Request *r)
{
    struct blkif_request wide = {.operation = r->operation,
                                 .nr_segments = (uint8_t)r->segments,
                                 .id = r->id,
                                 .sector_number = r->sector};

    memcpy(wide.seg, r->seg, sizeof(wide.seg));
    if (r->operation == BLKIF_OP_DISCARD) {
        struct blkif_request_discard discard = {.operation = r->operation,
                                                .flag = r->inner,
                                                .id = r->id,
                                                .sector_number = r->sector,
                                                .nr_sectors = r->sectors};
        memcpy(&wide, &discard, sizeof(discard));
    } else if (r->operation == BLKIF_OP_INDIRECT) {
        struct blkif_request_indirect indirect = {.operation = r->operation,
                                                  .indirect_op = r->inner,
                                                  .nr_segments = (uint16_t)r->segments,
                                                  .id = r->id,
                                                  .sector_number = r->sector,
                                                  .indirect_grefs = {r->indirect_ref}};
        memcpy(&wide, &indirect, sizeof(indirect));
    }
    memcpy(slot, &wide, sizeof(wide));
}

static inline void encode_narrow(uint8_t *slot, const Request *r)
{
    NarrowRequest narrow = {.operation = r->operation,
                            .nr_segments = (uint8_t)r->segments,
                            .id = r->id,
                            .sector = r->sector};

    memcpy(narrow.seg, r->seg, sizeof(narrow.seg));
    if (r->operation == BLKIF_OP_DISCARD) {
        narrow.nr_segments = r->inner;
        narrow.nr_sectors = r->sectors;
    } else if (r->operation == BLKIF_OP_INDIRECT) {
        narrow.nr_segments = r->inner;
        narrow.handle = (uint16_t)r->segments;
        narrow.indirect.grefs[0] = r->indirect_ref;
    }
    memcpy(slot, &narrow, sizeof(narrow));
}

static inline void put_request(unsigned q, const Request *request)
{
    uint8_t *slot = ring_slot(q, front.queue[q].produced++);

    if (request->operation == BLKIF_OP_INDIRECT) {
        memcpy(frame(request->indirect_ref), request->seg, sizeof(request->seg));
    }
    (front.narrow ? encode_narrow : encode_wide)(slot, request);
}

static inline void send_event(unsigned q)
{
    evtchn_send_t send = {front.queue[q].port};

    g_assert_cmpint(
        call_struct(xen, __HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send)), ==, 0);
}

static inline void submit(unsigned q)
{
    __atomic_store_n(ring_index(q, REQ_PROD), front.queue[q].produced, __ATOMIC_SEQ_CST);
    send_event(q);
}

static inline unsigned responses_waiting(unsigned q)
{
    return __atomic_load_n(ring_index(q, RSP_PROD), __ATOMIC_ACQUIRE) - front.queue[q].consumed;
}

/* The main loop runs until @condition holds, which an I/O thread brings about. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        int64_t wait_end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;                           \
        while (!(condition)) {                                                                     \
            if (!g_main_context_iteration(NULL, FALSE)) {                                          \
                g_usleep(50);                                                                      \
            }                                                                                      \
            g_assert_cmpint(g_get_monotonic_time(), <, wait_end);                                  \
        }                                                                                          \
    } while (0)

static inline void wait_responses(unsigned q, unsigned count)
{
    WAIT_UNTIL(responses_waiting(q) >= count);
}

static inline uint32_t shared_index(unsigned q, unsigned offset)
{
    return __atomic_load_n(ring_index(q, offset), __ATOMIC_ACQUIRE);
}

/* The next response's status; its id and operation are checked when @request is given. */
static inline int16_t take_response(unsigned q, uint64_t *id)
{
    uint8_t *slot;
    int16_t status;
    uint64_t got;

    wait_responses(q, 1);
    slot = ring_slot(q, front.queue[q].consumed++);
    memcpy(&got, slot, 8);
    memcpy(&status, slot + 10, 2);
    if (id) {
        *id = got;
    }
    return status;
}

static inline int16_t do_request(const Request *request)
{
    uint64_t id;

    put_request(0, request);
    submit(0);
    int16_t status = take_response(0, &id);
    g_assert_cmphex(id, ==, request->id);
    g_assert_cmpuint(ring_slot(0, front.queue[0].consumed - 1)[8], ==,
                     request->operation == BLKIF_OP_INDIRECT ? request->inner : request->operation);
    return status;
}

/* @count whole pages from data frame @first. */
static inline Request make_request(uint8_t operation, uint64_t sector, unsigned first,
                                   unsigned count)
{
    static uint64_t next_id = UINT64_C(0x1122334400000000);
    Request request = {
        .operation = operation, .segments = count, .id = next_id++, .sector = sector};

    for (unsigned i = 0; i < count; i++) {
        request.seg[i] = (struct blkif_request_segment){DATA_FRAME + first + i, 0,
                                                        (uint8_t)(XEN_PAGE_SIZE / front.unit - 1)};
    }
    return request;
}

static inline Request make_indirect(uint8_t inner, uint64_t sector, unsigned first, unsigned count)
{
    Request request = make_request(BLKIF_OP_INDIRECT, sector, first, count);

    request.inner = inner;
    request.indirect_ref = DATA_FRAME + DATA_FRAMES - 1;
    return request;
}

/* ---- images ---- */

static inline void block_setup(void)
{
    memset(&front, 0, sizeof(front));
    fixture_start();
    bus_setup_all();
}

static inline void block_teardown(void)
{
    bus_teardown_all();
    block_cleanup();
    fixture_end();
}

static inline XenDevice *add_disk(const char *drive, const char *properties)
{
    g_autofree char *options = g_strdup_printf("%s,if=none,id=d", drive);
    g_autofree char *text =
        g_strdup_printf("drive=d%s%s", properties ? "," : "", properties ? properties : "");

    add_drive(options);
    return add_device("xen-disk", text);
}

static inline uint8_t *image_bytes(const char *name)
{
    char *bytes;

    g_assert_true(g_file_get_contents(name, &bytes, NULL, NULL));
    return (uint8_t *)bytes;
}

/* ---- what most tests begin with ---- */

#define DISK "file=disk,format=raw"

static inline XenDevice *setup_disk(const char *drive, const char *properties)
{
    block_setup();
    make_image("disk", IMAGE_SIZE);
    return add_disk(drive, properties);
}

static inline XenDevice *setup_connected(const char *drive, const char *properties)
{
    XenDevice *device = setup_disk(drive, properties);

    connect_front(device);
    return device;
}

static inline void assert_backend(XenDevice *device, const char *name, const char *value)
{
    g_autofree char *text = guest_read(device->backend_path, name);

    if (g_strcmp0(text, value)) {
        g_error("%s is %s, not %s", name, text ? text : "absent", value ? value : "absent");
    }
}

static inline void check_transfer(void)
{
    Request read = make_request(BLKIF_OP_READ, 24, 0, 11);
    Request write = make_request(BLKIF_OP_WRITE, 1000, 20, 2);
    g_autofree uint8_t *bytes = NULL;

    g_assert_cmpint(do_request(&read), ==, BLKIF_RSP_OKAY);
    g_assert_true(all_pattern(frame(DATA_FRAME), 24 * 512, 11 * XEN_PAGE_SIZE));
    /* Sectors 2 to 5 of one page, 7 of the next. */
    write.seg[0].first_sect = 2;
    write.seg[0].last_sect = 5;
    write.seg[1].first_sect = write.seg[1].last_sect = 7;
    memset(frame(DATA_FRAME + 20), 0xaa, XEN_PAGE_SIZE);
    memset(frame(DATA_FRAME + 21), 0xbb, XEN_PAGE_SIZE);
    g_assert_cmpint(do_request(&write), ==, BLKIF_RSP_OKAY);
    bytes = image_bytes("disk");
    g_assert_true(all_pattern(bytes, 0, 1000 * 512));
    g_assert_true(all_bytes(bytes + 1000 * 512, 4 * 512, 0xaa));
    g_assert_true(all_bytes(bytes + 1004 * 512, 512, 0xbb));
    g_assert_true(all_pattern(bytes + 1005 * 512, 1005 * 512, IMAGE_SIZE - 1005 * 512));
    g_assert_false(grant_in_use(DATA_FRAME));
    g_assert_false(grant_in_use(DATA_FRAME + 20));
    g_assert_cmpuint(xen_grant_active(xen->domain), ==, front.pages * front.queues);
}

#endif
