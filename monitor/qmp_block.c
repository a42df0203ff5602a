/*
 * QMP: block nodes and the drives over them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <string.h>

#include "monitor/block_devices.h"
#include "monitor/qmp_command.h"

/* ---- throttling ---- */

static const struct {
    const char *name;
    ThrottleBucket bucket;
} bucket_names[] = {
    {"bps", THROTTLE_BYTES_TOTAL},         {"bps_rd", THROTTLE_BYTES_READ},
    {"bps_wr", THROTTLE_BYTES_WRITE},      {"iops", THROTTLE_OPERATIONS_TOTAL},
    {"iops_rd", THROTTLE_OPERATIONS_READ}, {"iops_wr", THROTTLE_OPERATIONS_WRITE},
};

static char *suffixed(const char *name, const char *suffix)
{
    return g_strconcat(name, suffix, NULL);
}

static void describe_limits(JsonObject *info, const ThrottleLimits *limits)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bucket_names); i++) {
        const char *name = bucket_names[i].name;
        unsigned bucket = bucket_names[i].bucket;
        g_autofree char *max = suffixed(name, "_max"), *length = suffixed(name, "_max_length");

        json_object_set_int_member(info, name, (gint64)limits->buckets[bucket].average);
        if (limits->buckets[bucket].burst) {
            json_object_set_int_member(info, max, (gint64)limits->buckets[bucket].burst);
            json_object_set_int_member(info, length, (gint64)limits->buckets[bucket].burst_length);
        }
    }
    if (limits->operation_size) {
        json_object_set_int_member(info, "iops_size", (gint64)limits->operation_size);
    }
}

static bool read_limits(const QmpCall *call, ThrottleLimits *limits, GError **error)
{
    memset(limits, 0, sizeof(*limits));
    for (unsigned i = 0; i < G_N_ELEMENTS(bucket_names); i++) {
        const char *name = bucket_names[i].name;
        unsigned bucket = bucket_names[i].bucket;
        g_autofree char *max = suffixed(name, "_max"), *length = suffixed(name, "_max_length");
        int64_t average = qmp_int(call, name, 0), burst = qmp_int(call, max, 0);
        int64_t seconds = qmp_int(call, length, 1);

        if (average < 0 || burst < 0 || seconds < 0) {
            return error_setf(error, "bps/iops/max values must not be negative");
        }
        limits->buckets[bucket].average = (uint64_t)average;
        limits->buckets[bucket].burst = (uint64_t)burst;
        limits->buckets[bucket].burst_length = (uint64_t)seconds;
    }
    limits->operation_size = (uint64_t)MAX(qmp_int(call, "iops_size", 0), 0);
    return true;
}

static bool block_set_io_throttle(QmpCall *call, GError **error)
{
    BlockBackend *backend =
        block_backend_by_names(qmp_string(call, "device"), qmp_string(call, "id"), error);
    ThrottleLimits limits;

    if (!backend || !read_limits(call, &limits, error)) {
        return false;
    }
    if (qmp_has(call, "group")) {
        return error_setf(error, "Parameter 'group': each drive has limits of its own");
    }
    if (!block_backend_is_inserted(backend)) {
        return error_setf(error, "Device has no medium");
    }
    return block_backend_change_limits(backend, &limits, error);
}

/* ---- nodes ---- */

static JsonObject *describe_image(const BlockNodeInfo *node)
{
    JsonObject *image = json_object_new();

    json_object_set_int_member(image, "virtual-size", (gint64)node->length);
    json_object_set_string_member(image, "filename", node->filename);
    json_object_set_string_member(image, "format", node->driver);
    if (node->has_allocated) {
        json_object_set_int_member(image, "actual-size", (gint64)node->allocated);
    }
    json_object_set_boolean_member(image, "dirty-flag", FALSE);
    return image;
}

/* @backend: the drive over it, or NULL. */
static JsonObject *describe_node(const BlockNodeInfo *node, BlockBackend *backend)
{
    JsonObject *info = json_object_new(), *cache = json_object_new();
    ThrottleLimits limits = {0};

    if (backend) {
        block_backend_limits(backend, &limits);
    }
    json_object_set_string_member(info, "node-name", node->name);
    json_object_set_string_member(info, "drv", node->driver);
    json_object_set_string_member(info, "file", node->filename);
    json_object_set_boolean_member(info, "ro", node->read_only);
    json_object_set_boolean_member(info, "encrypted", FALSE);
    json_object_set_int_member(info, "backing_file_depth", 0);
    json_object_set_string_member(info, "detect_zeroes", node->detect_zeroes);
    json_object_set_boolean_member(info, "active", TRUE);
    describe_limits(info, &limits);
    json_object_set_object_member(info, "image", describe_image(node));
    json_object_set_boolean_member(cache, "writeback",
                                   !backend || block_backend_write_cache(backend));
    json_object_set_boolean_member(cache, "direct", node->direct);
    json_object_set_boolean_member(cache, "no-flush", node->no_flush);
    json_object_set_object_member(info, "cache", cache);
    json_object_set_int_member(info, "write_threshold", 0);
    return info;
}

static void add_node(const BlockNodeInfo *node, void *list)
{
    json_array_add_object_element(list, describe_node(node, NULL));
}

static bool query_named_block_nodes(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    block_node_query_all(add_node, list);
    return qmp_return_array(call, list);
}

static bool blockdev_add(QmpCall *call, GError **error)
{
    if (!qmp_has(call, "node-name")) {
        return error_setf(error, "'node-name' must be specified for the root node");
    }
    return block_node_add(call->arguments, error);
}

static bool blockdev_del(QmpCall *call, GError **error)
{
    return block_node_delete(qmp_string(call, "node-name"), error);
}

static bool block_resize(QmpCall *call, GError **error)
{
    const char *device = qmp_string(call, "device"), *node = qmp_string(call, "node-name");
    int64_t size = qmp_int(call, "size", 0);

    if (!device == !node) {
        return error_setf(error, "Need exactly one of 'device' and 'node-name'");
    }
    if (device) {
        BlockBackend *backend = block_backend_by_names(device, NULL, error);
        if (!backend) {
            return false;
        }
        node = block_backend_node_name(backend);
        if (!node) {
            return error_setf(error, "Device '%s' has no medium", device);
        }
    }
    if (size < 0) {
        return error_setf(error, "Parameter 'size' expects a >0 size");
    }
    return block_node_resize(node, (uint64_t)size, error);
}

/* ---- drives ---- */

static const char *io_status_name(int errnum)
{
    return errnum == 0 ? "ok" : errnum == ENOSPC ? "nospace" : "failed";
}

static void add_drive(BlockBackend *backend, void *list)
{
    JsonObject *info;
    g_autofree char *qdev = block_device_path(backend);
    const char *node_name = block_backend_node_name(backend);
    BlockNodeInfo node;

    if (!block_backend_is_attached(backend) && !block_backend_drive_id(backend)[0]) {
        return;
    }
    info = json_object_new();
    json_object_set_string_member(info, "device", block_backend_drive_id(backend));
    if (qdev[0]) {
        json_object_set_string_member(info, "qdev", qdev);
    }
    json_object_set_string_member(info, "type", "unknown");
    json_object_set_boolean_member(info, "removable", block_backend_is_removable(backend));
    json_object_set_boolean_member(info, "locked", block_backend_medium_locked(backend));
    if (block_backend_has_tray(backend)) {
        json_object_set_boolean_member(info, "tray_open", block_backend_tray_open(backend));
    }
    if (block_backend_has_io_status(backend)) {
        json_object_set_string_member(info, "io-status",
                                      io_status_name(block_backend_io_status(backend)));
    }
    if (node_name && block_node_query(node_name, &node)) {
        json_object_set_object_member(info, "inserted", describe_node(&node, backend));
    }
    json_array_add_object_element(list, info);
}

static bool query_block(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    block_backend_foreach(add_drive, list);
    return qmp_return_array(call, list);
}

/* ---- statistics ---- */

static JsonObject *describe_statistics(const BlockStatistics *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"rd_bytes", s->read_bytes},
        {"wr_bytes", s->write_bytes},
        {"unmap_bytes", 0},
        {"rd_operations", s->read_operations},
        {"wr_operations", s->write_operations},
        {"flush_operations", s->flush_operations},
        {"unmap_operations", s->discard_operations},
        {"rd_total_time_ns", s->read_ns},
        {"wr_total_time_ns", s->write_ns},
        {"flush_total_time_ns", s->flush_ns},
        {"unmap_total_time_ns", 0},
        {"wr_highest_offset", s->highest_write_offset},
        {"rd_merged", 0},
        {"wr_merged", 0},
        {"unmap_merged", 0},
        {"failed_rd_operations", s->read_failed},
        {"failed_wr_operations", s->write_failed},
        {"failed_flush_operations", 0},
        {"failed_unmap_operations", 0},
        {"invalid_rd_operations", 0},
        {"invalid_wr_operations", 0},
        {"invalid_flush_operations", 0},
        {"invalid_unmap_operations", 0},
    };
    JsonObject *object = json_object_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(counters); i++) {
        json_object_set_int_member(object, counters[i].name, (gint64)counters[i].value);
    }
    json_object_set_boolean_member(object, "account_invalid", TRUE);
    json_object_set_boolean_member(object, "account_failed", TRUE);
    json_object_set_array_member(object, "timed_stats", json_array_new());
    return object;
}

static JsonObject *node_statistics(const char *node_name)
{
    JsonObject *entry = json_object_new();
    const BlockStatistics none = {0}; /* counted where a device asks, not in the graph */
    BlockNodeInfo node;

    json_object_set_string_member(entry, "node-name", node_name);
    json_object_set_object_member(entry, "stats", describe_statistics(&none));
    if (block_node_query(node_name, &node) && node.child) {
        json_object_set_object_member(entry, "parent", node_statistics(node.child));
    }
    return entry;
}

static void add_drive_statistics(BlockBackend *backend, void *list)
{
    g_autofree char *qdev = block_device_path(backend);
    const char *node_name = block_backend_node_name(backend);
    BlockStatistics statistics;
    BlockNodeInfo node;
    JsonObject *entry;

    if (!block_backend_is_attached(backend) && !block_backend_drive_id(backend)[0]) {
        return;
    }
    entry = json_object_new();
    block_backend_statistics(backend, &statistics);
    json_object_set_string_member(entry, "device", block_backend_drive_id(backend));
    if (qdev[0]) {
        json_object_set_string_member(entry, "qdev", qdev);
    }
    json_object_set_object_member(entry, "stats", describe_statistics(&statistics));
    if (node_name && block_node_query(node_name, &node)) {
        json_object_set_string_member(entry, "node-name", node_name);
        if (node.child) {
            json_object_set_object_member(entry, "parent", node_statistics(node.child));
        }
    }
    json_array_add_object_element(list, entry);
}

static void add_node_statistics(const BlockNodeInfo *node, void *list)
{
    json_array_add_object_element(list, node_statistics(node->name));
}

static bool query_blockstats(QmpCall *call, GError **error)
{
    JsonArray *list = json_array_new();

    if (qmp_bool(call, "query-nodes", false)) {
        block_node_query_all(add_node_statistics, list);
    } else {
        block_backend_foreach(add_drive_statistics, list);
    }
    return qmp_return_array(call, list);
}

/* There are no background jobs. */
static bool no_jobs(QmpCall *call, GError **error)
{
    return qmp_return_array(call, json_array_new());
}

static const QmpCommand commands[] = {
    {"query-block", NULL, "[BlockInfo]", 0, query_block},
    {"query-blockstats", "query-nodes?:bool", "[BlockStats]", 0, query_blockstats},
    {"query-named-block-nodes", "flat?:bool", "[BlockDeviceInfo]", 0, query_named_block_nodes},
    {"blockdev-add", "=BlockdevOptions", NULL, 0, blockdev_add},
    {"blockdev-del", "node-name:str", NULL, 0, blockdev_del},
    {"block_resize", "device?:str node-name?:str size:int", NULL, 0, block_resize},
    {"block_set_io_throttle", "=BlockIOThrottle", NULL, 0, block_set_io_throttle},
    {"query-block-jobs", NULL, "[BlockJobInfo]", 0, no_jobs},
    {"query-jobs", NULL, "[JobInfo]", 0, no_jobs},
};
const QmpTable qmp_table_block = {commands, G_N_ELEMENTS(commands)};
