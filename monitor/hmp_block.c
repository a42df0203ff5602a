/*
 * HMP: drives, media, images.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "block/block_query.h"
#include "monitor/hmp.h"
#include "monitor/qmp_command.h"
#include "util/options.h"

/* "drive_add [-n] ADDRESS OPTIONS": the address is from a time when it made a device. */
static bool run_drive_add(HmpCall *call, GError **error)
{
    bool is_node = strcmp(call->words[0], "-n") == 0;
    g_autoptr(JsonObject) options = options_parse(call->words[call->count - 1], NULL, error);

    if (!options) {
        return false;
    }
    if (is_node) {
        return block_node_add(options, error);
    }
    if (strcmp(json_object_get_string_member_with_default(options, "if", ""), "none") != 0) {
        return error_setf(error, "Can't hot-add drive to type 0: only if=none can be added");
    }
    if (!drive_add(options, DRIVE_IF_NONE, error)) {
        return false;
    }
    hmp_printf(call, "OK\n");
    return true;
}

static bool run_drive_del(HmpCall *call, GError **error)
{
    return drive_delete(call->words[0], error);
}

static bool run_eject(HmpCall *call, GError **error)
{
    bool force = strcmp(call->words[0], "-f") == 0;

    if (force && call->count < 2) {
        return error_setf(error, "eject: a device is missing");
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "eject", 's', "device",
                                         call->words[force ? 1 : 0], 'b', "force", (int)force, 0);
    return result != NULL;
}

static bool run_change(HmpCall *call, GError **error)
{
    unsigned at = strcmp(call->words[0], "-f") == 0;

    if (call->count < at + 2) {
        return error_setf(error, "change: a device and a file are needed");
    }
    g_autoptr(JsonNode) result =
        hmp_qmp(call, error, "blockdev-change-medium", 's', "device", call->words[at], 's',
                "filename", call->words[at + 1], 's', "format", hmp_word(call, at + 2), 's',
                "read-only-mode", hmp_word(call, at + 3), 'b', "force", (int)at, 0);
    return result != NULL;
}

static bool run_block_resize(HmpCall *call, GError **error)
{
    uint64_t size;

    if (!hmp_size(call->words[1], UINT64_C(1) << 20, &size, error)) {
        return false;
    }
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "block_resize", 's', "device", call->words[0],
                                         'i', "size", (int64_t)size, 0);
    return result != NULL;
}

static bool run_throttle(HmpCall *call, GError **error)
{
    static const char *const names[] = {"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"};
    g_autoptr(JsonObject) arguments = json_object_new();

    json_object_set_string_member(arguments, "device", call->words[0]);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        uint64_t value;
        if (!parse_uint(call->words[i + 1], names[i], 0, INT64_MAX, &value, error)) {
            return false;
        }
        json_object_set_int_member(arguments, names[i], (gint64)value);
    }
    return hmp_qmp_object(call, "block_set_io_throttle", arguments, error);
}

/* Only images with a backing file have something to commit; there are none. */
static bool run_commit(HmpCall *call, GError **error)
{
    if (strcmp(call->words[0], "all") == 0) {
        return true;
    }
    return error_setf(error, "'commit' error for '%s': no backing file", call->words[0]);
}

static const HmpCommand commands[] = {
    {"drive_add", "[-n] address [file=FILE][,if=none][,id=ID][,KEY=VALUE...]", "add a drive", 2, 3,
     run_drive_add},
    {"drive_del", "id", "take a drive's image away and forget it", 1, 1, run_drive_del,
     hmp_names_drives},
    {"eject", "[-f] device", "eject a medium, -f: even if the guest has locked it", 1, 2, run_eject,
     hmp_names_drives},
    {"change", "[-f] device file [format [read-only-mode]]", "put another medium in", 2, 5,
     run_change, hmp_names_drives},
    {"block_resize", "device size", "change the size of an image (MiB, or with a suffix)", 2, 2,
     run_block_resize, hmp_names_drives},
    {"block_set_io_throttle", "device bps bps_rd bps_wr iops iops_rd iops_wr",
     "limit a drive's rates", 7, 7, run_throttle, hmp_names_drives},
    {"commit", "device|all", "write changes of a snapshot back", 1, 1, run_commit,
     hmp_names_drives},
};
const HmpTable hmp_table_block = {commands, G_N_ELEMENTS(commands)};

/* ---- info ---- */

static void print_inserted(HmpCall *call, JsonObject *info, JsonObject *inserted)
{
    JsonObject *cache;
    const char *device = json_object_get_string_member(info, "device");
    const char *node = inserted ? json_object_get_string_member(inserted, "node-name") : NULL;

    hmp_printf(call, "%s", device[0] ? device : node ? node : "");
    if (node) {
        hmp_printf(call, " (%s)", node);
    }
    if (!inserted) {
        hmp_printf(call, ": [not inserted]\n");
        return;
    }
    cache = json_object_get_object_member(inserted, "cache");
    hmp_printf(call, ": %s (%s%s)\n", json_object_get_string_member(inserted, "file"),
               json_object_get_string_member(inserted, "drv"),
               json_object_get_boolean_member(inserted, "ro") ? ", read-only" : "");
    hmp_printf(call, "    Cache mode:       %s%s%s\n",
               json_object_get_boolean_member(cache, "writeback") ? "writeback" : "writethrough",
               json_object_get_boolean_member(cache, "direct") ? ", direct" : "",
               json_object_get_boolean_member(cache, "no-flush") ? ", ignore flushes" : "");
}

static void print_drive(HmpCall *call, JsonObject *info)
{
    JsonObject *inserted = json_object_has_member(info, "inserted")
                               ? json_object_get_object_member(info, "inserted")
                               : NULL;

    print_inserted(call, info, inserted);
    if (json_object_has_member(info, "qdev")) {
        hmp_printf(call, "    Attached to:      %s\n", json_object_get_string_member(info, "qdev"));
    }
    if (json_object_get_boolean_member(info, "removable")) {
        hmp_printf(call, "    Removable device: %slocked, tray %s\n",
                   json_object_get_boolean_member(info, "locked") ? "" : "not ",
                   json_object_get_boolean_member_with_default(info, "tray_open", FALSE)
                       ? "open"
                       : "closed");
    }
    const char *io_status = json_object_get_string_member_with_default(info, "io-status", "ok");
    if (strcmp(io_status, "ok") != 0) {
        hmp_printf(call, "    I/O status:       %s\n", io_status);
    }
}

static bool info_block(HmpCall *call, GError **error)
{
    const char *wanted = hmp_word(call, 0);
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-block", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *info = json_array_get_object_element(list, i);
        if (!wanted || strcmp(wanted, json_object_get_string_member(info, "device")) == 0) {
            print_drive(call, info);
        }
    }
    return list != NULL;
}

static bool info_blockstats(HmpCall *call, GError **error)
{
    g_autoptr(JsonNode) result = hmp_qmp(call, error, "query-blockstats", 0);
    JsonArray *list = result ? json_node_get_array(result) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        static const char *const counters[] = {
            "rd_bytes",         "wr_bytes",         "rd_operations",    "wr_operations",
            "flush_operations", "wr_total_time_ns", "rd_total_time_ns", "flush_total_time_ns",
        };
        JsonObject *entry = json_array_get_object_element(list, i);
        JsonObject *stats = json_object_get_object_member(entry, "stats");
        const char *device = json_object_get_string_member(entry, "device");
        hmp_printf(call, "%s:",
                   device[0] ? device
                             : json_object_get_string_member_with_default(entry, "node-name", ""));
        for (unsigned c = 0; c < G_N_ELEMENTS(counters); c++) {
            hmp_printf(call, " %s=%" G_GINT64_FORMAT, counters[c],
                       json_object_get_int_member(stats, counters[c]));
        }
        hmp_printf(call, "\n");
    }
    return list != NULL;
}

static void print_node(const BlockNodeInfo *node, void *opaque)
{
    hmp_printf(opaque, "%s: %s (%s%s), %" G_GUINT64_FORMAT " bytes%s%s\n", node->name,
               node->filename, node->driver, node->read_only ? ", read-only" : "", node->length,
               node->child ? ", over " : "", node->child ? node->child : "");
}

static bool info_nodes(HmpCall *call, GError **error)
{
    block_node_query_all(print_node, call);
    return true;
}

static bool info_block_jobs(HmpCall *call, GError **error)
{
    hmp_printf(call, "No active jobs\n");
    return true;
}

static bool info_snapshots(HmpCall *call, GError **error)
{
    hmp_printf(call, "There is no snapshot available.\n");
    return true;
}

static const HmpCommand info_commands[] = {
    {"block", "[device]", "drives and their media", 0, 1, info_block, hmp_names_drives},
    {"blockstats", "", "how much each drive has read and written", 0, 0, info_blockstats},
    {"block-nodes", "", "block nodes", 0, 0, info_nodes},
    {"block-jobs", "", "background jobs", 0, 0, info_block_jobs},
    {"snapshots", "", "snapshots inside images", 0, 0, info_snapshots},
};
const HmpTable hmp_info_block = {info_commands, G_N_ELEMENTS(info_commands)};
