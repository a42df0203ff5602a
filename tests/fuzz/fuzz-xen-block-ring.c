/*
 * libFuzzer: a hostile front end of a PV disk. It writes any requests into its ring (indirect ones
 * and discards among them), moves indices and grants about while they are worked on, and takes its
 * ring away and back; saved queues come from the input too.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define FIXTURE_KEEPS_RAM
#include "block/block.h"
#include "hw/block/xen_block_queue.h"
#include "fuzz-input.h"
#include "tests/unit/xen-fixture.h"
#include "util/machine_lock.h"
#include "util/options.h"

enum {
    RING_FRAME = 20,
    DATA_FRAME = 40,
    DISK_SIZE = 1 << 20,
};

typedef struct {
    Fixture *fixture;
    XenBlockTarget target;
    XenBlockQueue *queue;
    const BlkifLayout *layout;
    unsigned pages;
    bool broken;
} Disk;

static BlockBackend *open_backend(void)
{
    static BlockBackend *backend;
    g_autoptr(JsonObject) options = NULL;

    if (!backend) {
        machine_lock();
        options = options_parse("driver=null-co,node-name=n,size=1M,read-zeroes=on", NULL, NULL);
        g_assert_true(block_node_add(options, NULL));
        backend = block_backend_attach("n", "fuzz", (BlockPermissions){.write = true}, NULL);
        g_assert_nonnull(backend);
    }
    return backend;
}

/* ---- the guest ---- */

static uint8_t *page(Disk *disk, unsigned frame)
{
    return disk->fixture->ram + frame % FIXTURE_FRAMES * XEN_PAGE_SIZE;
}

static void grant(Disk *disk, uint32_t ref, uint16_t flags, uint32_t frame)
{
    grant_entry_v1_t entry = {flags, 0, frame};

    memcpy(disk->fixture->pages[XEN_PAGE_GRANT_TABLE][0] + ref % 512 * sizeof(entry), &entry,
           sizeof(entry));
}

static uint32_t new_port(Disk *disk)
{
    evtchn_alloc_unbound_t alloc = {.dom = DOMID_SELF, .remote_dom = 0};

    call_struct(disk->fixture, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound, &alloc,
                sizeof(alloc));
    return alloc.port;
}

static uint32_t *producer(Disk *disk)
{
    return (uint32_t *)page(disk, RING_FRAME);
}

/* A request that is right in most of its fields. */
static void put_request(Disk *disk, Input *input)
{
    uint32_t index = *producer(disk) & (xen_ring_entries(disk->layout->slot_size, disk->pages) - 1);
    uint8_t *slot = page(disk, RING_FRAME) + XEN_RING_HEADER + index * disk->layout->slot_size;
    uint8_t shape = (uint8_t)take(input, 1), count = (uint8_t)take(input, 1) % 14;
    uint64_t sector = take(input, 2) % (DISK_SIZE / 512);
    uint8_t *segments = slot + disk->layout->segments;

    memset(slot, 0, disk->layout->slot_size);
    slot[0] = shape % 8;
    slot[1] = shape % 8 == BLKIF_OP_INDIRECT || shape % 8 == BLKIF_OP_DISCARD ? shape >> 7 : count;
    memcpy(slot + disk->layout->sector, &sector, 8);
    if (shape % 8 == BLKIF_OP_DISCARD) {
        slot[disk->layout->discard_count] = count;
        count = 0;
    } else if (shape % 8 == BLKIF_OP_INDIRECT) {
        slot[2] = (uint8_t)take(input, 1);
        slot[disk->layout->indirect_refs] = DATA_FRAME;
        segments = page(disk, DATA_FRAME);
        count = slot[2];
    }
    for (unsigned i = 0; i < count && (shape % 8 == BLKIF_OP_INDIRECT || i < 11); i++) {
        segments[8 * i] = (uint8_t)(DATA_FRAME + 1 + i % 200);
        segments[8 * i + 5] = 7;
    }
    *producer(disk) += 1;
}

static void scribble(Disk *disk, Input *input)
{
    unsigned place = (unsigned)take(input, 2);
    uint64_t value = take(input, 8);
    uint8_t *bytes = place & 0x8000 ? page(disk, DATA_FRAME) : page(disk, RING_FRAME);

    memcpy(bytes + place % (XEN_PAGE_SIZE - 8), &value, sizeof(value));
}

/* ---- the back end ---- */

static void broken(void *opaque)
{
    ((Disk *)opaque)->broken = true;
}

static void close_queue(Disk *disk)
{
    if (disk->queue) {
        xen_block_queue_stop(disk->queue);
        block_drain(disk->target.backend);
        xen_block_queue_close(disk->queue);
        disk->queue = NULL;
    }
}

/* Made, but nothing is begun yet. */
static void open_queue(Disk *disk, GVariant *saved)
{
    uint32_t refs[XEN_RING_PAGES_MAX];
    XenBlockQueueConfig config = {.layout = disk->layout, .refs = refs, .pages = disk->pages};

    close_queue(disk);
    for (unsigned i = 0; i < disk->pages; i++) {
        refs[i] = RING_FRAME + i;
        grant(disk, refs[i], GTF_permit_access, RING_FRAME + i);
    }
    config.port = new_port(disk);
    disk->queue = xen_block_queue_open(&disk->target, &config, saved, NULL);
}

static void open_and_start(Disk *disk, GVariant *saved)
{
    open_queue(disk, saved);
    if (disk->queue) {
        xen_block_queue_start(disk->queue);
    }
}

/* A request in flight as a stream may tell of it, right in most of its fields. */
static GVariant *take_saved_request(Input *input)
{
    GVariantBuilder segments;
    uint8_t what = (uint8_t)take(input, 1), steps = (uint8_t)take(input, 1);
    unsigned count = what % 8;

    g_variant_builder_init(&segments, G_VARIANT_TYPE("a(uyy)"));
    for (unsigned i = 0; i < count; i++) {
        g_variant_builder_add(&segments, "(uyy)", (guint32)(DATA_FRAME + 1 + take(input, 1) % 200),
                              (guint8)(what & 0x80 ? take(input, 1) : 0),
                              (guint8)(what & 0x80 ? take(input, 1) : 7));
    }
    return g_variant_new("(yyytttta(uyy))", (guint8)(what >> 4 & 7),
                         (guint8)(what & 8 ? steps : 1 << steps % 6), (guint8)take(input, 1),
                         (guint64)take(input, 2), (guint64)take(input, 2) * 512,
                         (guint64)(what & 0x40 ? take(input, 4) : count * XEN_PAGE_SIZE),
                         (guint64)take(input, 1) * 512, &segments);
}

static void save_queue(Disk *disk)
{
    g_autoptr(GVariant) saved = NULL;

    if (disk->queue) {
        disk->target.holds++;
        block_drain(disk->target.backend);
        saved = g_variant_ref_sink(xen_block_queue_save(disk->queue));
        disk->target.holds--;
        open_and_start(disk, saved);
    }
}

static void load_queue(Disk *disk, Input *input)
{
    uint32_t consumer = (uint32_t)take(input, 1), answered = (uint32_t)take(input, 1);
    unsigned count = (unsigned)take(input, 1) % 4;
    g_autoptr(GVariant) saved = NULL;
    GVariantBuilder requests;
    bool again = take(input, 1) & 1;

    g_variant_builder_init(&requests, G_VARIANT_TYPE("a(yyytttta(uyy))"));
    for (unsigned i = 0; i < count; i++) {
        g_variant_builder_add_value(&requests, take_saved_request(input));
    }
    saved = g_variant_ref_sink(
        g_variant_new(XEN_BLOCK_QUEUE_STATE, consumer, consumer - answered % 8, &requests));
    open_queue(disk, saved);
    if (disk->queue && again) {
        g_autoptr(GVariant) same = g_variant_ref_sink(xen_block_queue_save(disk->queue));
        open_queue(disk, same);
    }
    if (disk->queue) {
        xen_block_queue_start(disk->queue);
    }
}

static void pump(Disk *disk)
{
    for (unsigned i = 0; i < 8 && g_main_context_iteration(NULL, FALSE); i++) {
    }
    if (disk->broken) {
        disk->broken = false;
        *producer(disk) = *(producer(disk) + 2);
        open_and_start(disk, NULL);
    }
}

static void step(Disk *disk, Input *input)
{
    uint8_t what = (uint8_t)take(input, 1);

    switch (what % 12) {
    case 0:
        scribble(disk, input);
        break;
    case 1:
        *producer(disk) += (uint32_t)take(input, 1);
        break;
    case 2:
        grant(disk, (uint32_t)take(input, 2), (uint16_t)take(input, 2), (uint32_t)take(input, 2));
        break;
    case 3:
        open_and_start(disk, NULL);
        break;
    case 4:
        load_queue(disk, input);
        break;
    case 5:
        save_queue(disk);
        break;
    case 6:
        disk->target.capacity = take(input, 3);
        break;
    case 7:
        if (disk->queue) {
            xen_block_queue_retry(disk->queue);
        }
        break;
    default:
        put_request(disk, input);
        break;
    }
    if (disk->queue && (what & 0x80)) {
        xen_block_queue_kick(disk->queue);
    }
    if (what & 0x40) {
        pump(disk);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    Disk disk = {.fixture = NULL};
    uint8_t flags = (uint8_t)take(&input, 1);

    disk.target = (XenBlockTarget){.backend = open_backend(),
                                   .sector_unit = flags & 1 ? 4096 : 512,
                                   .logical_size = flags & 1 ? 4096 : 512,
                                   .capacity = DISK_SIZE,
                                   .read_only = (flags & 0x1e) == 0,
                                   .discard = flags & 2,
                                   .persistent = flags & 4,
                                   .broken = broken,
                                   .opaque = &disk};
    disk.layout = flags & 8 ? &blkif_layout_x86_32 : &blkif_layout_x86_64;
    disk.pages = 1u << (flags >> 5) % 5;
    disk.fixture = fixture_new(1);
    disk.target.domain = disk.fixture->domain;
    for (unsigned i = 0; i < 200; i++) {
        grant(&disk, DATA_FRAME + i, GTF_permit_access, DATA_FRAME + i);
    }
    open_and_start(&disk, NULL);
    for (unsigned i = 0; i < 200 && input.left > 0; i++) {
        step(&disk, &input);
    }
    if (disk.queue) {
        xen_block_queue_kick(disk.queue);
    }
    pump(&disk);
    close_queue(&disk);
    g_assert_cmpuint(xen_grant_active(disk.fixture->domain), ==, 0);
    fixture_free(disk.fixture);
    return 0;
}
