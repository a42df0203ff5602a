/*
 * A PV disk's rings: from the front end's nodes to queues at work, and back.
 *
 * Source: xen/io/blkif.h, xen/io/protocols.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <xen/io/protocols.h>

#include "util/error.h"
#include "util/log.h"
#include "xen_disk.h"

#define NOT_GIVEN UINT64_MAX

/* What the front end chose. */
typedef struct {
    const BlkifLayout *layout;
    unsigned pages, queues;
    bool persistent;
    bool large_sectors; /* counts in sector-size */
} Choice;

/* ---- reading the front end's nodes ---- */

/* Native is the word size of the shared structures that the guest uses. */
static bool read_protocol(XenDevice *device, const BlkifLayout **layout, GError **error)
{
    g_autofree char *protocol = xen_device_read_frontend(device, "protocol");
    const struct {
        const char *name;
        const BlkifLayout *layout;
    } protocols[] = {{XEN_IO_PROTO_ABI_X86_64, &blkif_layout_x86_64},
                     {XEN_IO_PROTO_ABI_X86_32, &blkif_layout_x86_32}};

    if (!protocol) {
        bool wide = xen_domain_long_mode(xen_device_domain(device));
        *layout = wide ? &blkif_layout_x86_64 : &blkif_layout_x86_32;
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(protocols); i++) {
        if (g_str_equal(protocols[i].name, protocol)) {
            *layout = protocols[i].layout;
            return true;
        }
    }
    g_autofree char *shown = g_strescape(protocol, NULL);
    return error_setf(error, "unknown protocol '%.32s'", shown);
}

/* ring-page-order, or num-ring-pages of older front ends. */
static bool read_pages(XenDisk *disk, unsigned *pages, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    uint64_t order = NOT_GIVEN, count = 1;

    if (!xen_device_read_frontend_number(device, "ring-page-order", 0, disk->ring_order_max, &order,
                                         error)) {
        return false;
    }
    if (order != NOT_GIVEN) {
        *pages = 1u << order;
        return true;
    }
    if (!xen_device_read_frontend_number(device, "num-ring-pages", 1, 1u << disk->ring_order_max,
                                         &count, error)) {
        return false;
    }
    if (count & (count - 1)) {
        return error_setf(error, "num-ring-pages is not a power of 2");
    }
    *pages = (unsigned)count;
    return true;
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

static bool read_choice(XenDisk *disk, Choice *choice, GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    uint64_t queues = 1;

    if (!read_protocol(device, &choice->layout, error) ||
        !read_pages(disk, &choice->pages, error) ||
        !read_flag(device, "feature-persistent", &choice->persistent, error) ||
        !read_flag(device, "feature-large-sector-size", &choice->large_sectors, error) ||
        !xen_device_read_frontend_number(device, "multi-queue-num-queues", 1, disk->queues_max,
                                         &queues, error)) {
        return false;
    }
    choice->queues = (unsigned)queues;
    return true;
}

/* A node that must be there. */
static bool read_needed(XenDevice *device, const char *prefix, const char *name, uint32_t *value,
                        GError **error)
{
    g_autofree char *path = g_strconcat(prefix, name, NULL);
    uint64_t number = NOT_GIVEN;

    if (!xen_device_read_frontend_number(device, path, 0, UINT32_MAX, &number, error)) {
        return false;
    }
    if (number == NOT_GIVEN) {
        return error_setf(error, "%s is missing", path);
    }
    *value = (uint32_t)number;
    return true;
}

/* One page is "ring-ref", or "ring-ref0" of front ends that count. */
static bool read_refs(XenDevice *device, const char *prefix, unsigned pages, uint32_t *refs,
                      GError **error)
{
    if (pages == 1 && read_needed(device, prefix, "ring-ref", refs, NULL)) {
        return true;
    }
    for (unsigned i = 0; i < pages; i++) {
        g_autofree char *name = g_strdup_printf("ring-ref%u", i);
        if (!read_needed(device, prefix, name, &refs[i], error)) {
            return false;
        }
    }
    return true;
}

/* ---- queues ---- */

/* A thread for each queue: the named one, or any; one for all where the image's nodes can be used
 * from one thread only. */
static IOThread *thread_for_queue(XenDisk *disk)
{
    IOThread *first = disk->threads->len > 0 ? g_ptr_array_index(disk->threads, 0) : disk->thread;

    if (disk->thread || (first && !block_backend_any_thread(disk->target.backend))) {
        io_thread_share(first);
        return first;
    }
    return io_thread_ref_any();
}

static bool open_queue(XenDisk *disk, const Choice *choice, unsigned index, GVariant *saved,
                       GError **error)
{
    XenDevice *device = HW_XEN_DEVICE(disk);
    uint32_t refs[XEN_RING_PAGES_MAX];
    g_autofree char *prefix =
        choice->queues > 1 ? g_strdup_printf("queue-%u/", index) : g_strdup("");
    XenBlockQueueConfig config = {
        .layout = choice->layout,
        .refs = refs,
        .pages = choice->pages,
        .context = io_thread_context(g_ptr_array_index(disk->threads, index)),
    };

    if (!read_refs(device, prefix, choice->pages, refs, error) ||
        !read_needed(device, prefix, "event-channel", &config.port, error)) {
        return false;
    }
    XenBlockQueue *queue = xen_block_queue_open(&disk->target, &config, saved, error);
    if (!queue) {
        return false;
    }
    g_ptr_array_add(disk->queues, queue);
    return true;
}

/* Takes what is of the whole disk; *@queues is a state for each queue, NULL without @saved. */
static bool load_disk(XenDisk *disk, GVariant *saved, unsigned count, GVariant **queues,
                      GError **error)
{
    gboolean lost_data = FALSE;

    if (saved) {
        if (!g_variant_is_of_type(saved, G_VARIANT_TYPE(XEN_DISK_STATE))) {
            return error_setf(error, "saved disk has type '%s'", g_variant_get_type_string(saved));
        }
        g_variant_get(saved, "(b@a" XEN_BLOCK_QUEUE_STATE ")", &lost_data, queues);
        if (g_variant_n_children(*queues) != count) {
            return error_setf(error, "saved queues are not those of the front end");
        }
    }
    disk->target.lost_data = disk->target.lost_elsewhere = lost_data;
    return true;
}

static bool open_queues(XenDisk *disk, const Choice *choice, GVariant *saved, GError **error)
{
    g_autoptr(GVariant) queues = NULL;

    if (!load_disk(disk, saved, choice->queues, &queues, error)) {
        return false;
    }
    for (unsigned i = 0; i < choice->queues; i++) {
        g_autoptr(GVariant) one = queues ? g_variant_get_child_value(queues, i) : NULL;
        if (!open_queue(disk, choice, i, one, error)) {
            return false;
        }
    }
    return true;
}

static void for_each_queue(XenDisk *disk, void (*visit)(XenBlockQueue *queue))
{
    for (guint i = 0; i < disk->queues->len; i++) {
        visit(g_ptr_array_index(disk->queues, i));
    }
}

static void close_queues(XenDisk *disk)
{
    for_each_queue(disk, xen_block_queue_close);
    g_ptr_array_set_size(disk->queues, 0);
    block_backend_set_context(disk->target.backend, NULL);
    g_ptr_array_set_size(disk->threads, 0);
}

/* The first queue's context is the backend's own. */
static void get_threads(XenDisk *disk, unsigned queues)
{
    for (unsigned i = 0; i < queues; i++) {
        g_ptr_array_add(disk->threads, thread_for_queue(disk));
    }
    block_backend_set_context(disk->target.backend,
                              io_thread_context(g_ptr_array_index(disk->threads, 0)));
}

/* ---- a ring whose indices lie ---- */

static gboolean report_broken(gpointer opaque)
{
    XenDisk *disk = opaque;

    if (__atomic_exchange_n(&disk->broken, false, __ATOMIC_ACQ_REL) &&
        HW_XEN_DEVICE(disk)->connected) {
        xen_device_fail(HW_XEN_DEVICE(disk), "the ring's indices contradict each other");
    }
    return G_SOURCE_REMOVE;
}

static void queue_broken(void *opaque)
{
    XenDisk *disk = opaque;

    __atomic_store_n(&disk->broken, true, __ATOMIC_RELEASE);
    g_idle_add_full(G_PRIORITY_DEFAULT, report_broken, g_object_ref(disk), g_object_unref);
}

/* ---- connection ---- */

bool xen_disk_connect(XenDevice *device, GVariant *saved, GError **error)
{
    XenDisk *disk = HW_XEN_DISK(device);
    Choice choice = {0};

    if (!read_choice(disk, &choice, error)) {
        return false;
    }
    disk->target.domain = xen_device_domain(device);
    disk->target.logical_size = (uint32_t)disk->logical_block_size;
    disk->target.sector_unit =
        choice.large_sectors ? (uint32_t)disk->logical_block_size : XEN_DISK_SECTOR_SIZE;
    disk->target.persistent = disk->persistent_grants && choice.persistent;
    disk->target.broken = queue_broken;
    disk->target.opaque = disk;
    __atomic_store_n(&disk->broken, false, __ATOMIC_RELEASE);
    get_threads(disk, choice.queues);
    if (!open_queues(disk, &choice, saved, error) || !xen_disk_publish_size(disk, 0, error)) {
        close_queues(disk);
        return false;
    }
    for_each_queue(disk, xen_block_queue_start);
    for_each_queue(disk, xen_block_queue_kick);
    return true;
}

void xen_disk_disconnect(XenDevice *device)
{
    XenDisk *disk = HW_XEN_DISK(device);

    for_each_queue(disk, xen_block_queue_stop);
    block_drain(disk->target.backend);
    close_queues(disk);
}

GVariant *xen_disk_save(XenDevice *device)
{
    XenDisk *disk = HW_XEN_DISK(device);
    GVariantBuilder queues;

    g_variant_builder_init(&queues, G_VARIANT_TYPE("a" XEN_BLOCK_QUEUE_STATE));
    for (guint i = 0; i < disk->queues->len; i++) {
        g_variant_builder_add_value(&queues,
                                    xen_block_queue_save(g_ptr_array_index(disk->queues, i)));
    }
    return g_variant_new("(b@a" XEN_BLOCK_QUEUE_STATE ")",
                         __atomic_load_n(&disk->target.lost_data, __ATOMIC_RELAXED),
                         g_variant_builder_end(&queues));
}

/* ---- holding requests back ---- */

void xen_disk_hold(XenDisk *disk)
{
    __atomic_add_fetch(&disk->target.holds, 1, __ATOMIC_SEQ_CST);
    for_each_queue(disk, xen_block_queue_settle);
}

void xen_disk_unhold(XenDisk *disk)
{
    if (__atomic_sub_fetch(&disk->target.holds, 1, __ATOMIC_SEQ_CST) == 0) {
        for_each_queue(disk, xen_block_queue_retry);
    }
}

void xen_disk_resume(XenDisk *disk)
{
    if (disk->held_by_stop) {
        disk->held_by_stop = false;
        xen_disk_unhold(disk);
    }
}
