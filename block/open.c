/*
 * From options to nodes: common options, drivers by name or by what the file is, the node below.
 *
 * Two styles come in. -blockdev names each driver and node. -drive may leave them out: then a file
 * name chooses the protocol and the image's first bytes the format, where raw is the only one we
 * have.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/error.h"

#include <string.h>
#include <sys/stat.h>

static const char *const common_options[] = {"driver",         "node-name",   "read-only",
                                             "auto-read-only", "discard",     "detect-zeroes",
                                             "cache",          "force-share", NULL};
static const char *const cache_options[] = {"direct", "no-flush", NULL};
static const char *const discard_names[] = {"ignore", "off", "unmap", "on", NULL};
static const char *const detect_zeroes_names[] = {"off", "on", "unmap", NULL};

/* ---- which options there are ---- */

static bool refuse_option(const BlockDriver *driver, const BlockOpenContext *context,
                          const char *prefix, const char *name, GError **error)
{
    if (!context->drive_style) {
        return error_setf(error, "Parameter '%s%s%s' is unexpected", context->path, prefix, name);
    }
    if (driver->is_protocol) {
        return error_setf(error, "Block protocol '%s' doesn't support the option '%s%s'",
                          driver->name, prefix, name);
    }
    return error_setf(error, "Block format '%s' does not support the option '%s%s'", driver->name,
                      prefix, name);
}

static bool check_names(JsonObject *object, const BlockDriver *driver,
                        const BlockOpenContext *context, GError **error)
{
    g_autoptr(GList) members = json_object_get_members(object);

    for (GList *m = members; m; m = m->next) {
        if (!g_strv_contains(common_options, m->data) &&
            !g_strv_contains(driver->options, m->data)) {
            return refuse_option(driver, context, "", m->data, error);
        }
    }
    return true;
}

/* ---- common options ---- */

static bool read_cache(OptionReader *reader, BlockNode *node, const BlockOpenContext *context,
                       GError **error)
{
    JsonObject *cache;

    node->direct = context->direct;
    node->no_flush = context->no_flush;
    if (!option_get_object(reader, "cache", &cache, error)) {
        return false;
    }
    if (!cache) {
        return true;
    }
    g_autoptr(GList) members = json_object_get_members(cache);
    for (GList *m = members; m; m = m->next) {
        if (!g_strv_contains(cache_options, m->data)) {
            return refuse_option(node->driver, context, "cache.", m->data, error);
        }
    }
    g_autoptr(OptionReader) cache_reader = option_reader_new(cache, NULL);
    return option_get_bool(cache_reader, "direct", &node->direct, error) &&
           option_get_bool(cache_reader, "no-flush", &node->no_flush, error);
}

static bool read_common(JsonObject *object, BlockNode *node, const BlockOpenContext *context,
                        GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    int discard = context->is_child ? 2 : 0;
    int detect_zeroes = DETECT_ZEROES_OFF;

    node->read_only = context->read_only;
    node->auto_read_only = context->auto_read_only;
    node->force_share = context->force_share;
    if (!option_get_bool(reader, "read-only", &node->read_only, error) ||
        !option_get_bool(reader, "auto-read-only", &node->auto_read_only, error) ||
        !option_get_bool(reader, "force-share", &node->force_share, error) ||
        !option_get_enum(reader, "discard", discard_names, &discard, error) ||
        !option_get_enum(reader, "detect-zeroes", detect_zeroes_names, &detect_zeroes, error) ||
        !read_cache(reader, node, context, error)) {
        return false;
    }
    node->unmap = discard >= 2;
    node->detect_zeroes = detect_zeroes;
    if (node->force_share && !node->read_only) {
        return error_setf(error, "force-share=on can only be used with read-only images");
    }
    if (detect_zeroes == DETECT_ZEROES_UNMAP && !node->unmap && !context->drive_style) {
        return error_setf(error, "setting detect-zeroes to unmap is not allowed without setting "
                                 "discard operation to unmap");
    }
    return true;
}

/* ---- drivers ---- */

/* "nbd:…", but not "./a:b": a protocol's name ends before any slash. */
static char *protocol_prefix(const char *filename)
{
    size_t length = strcspn(filename, ":/");

    return filename[length] == ':' && length > 0 ? g_strndup(filename, length) : NULL;
}

static bool is_device(const char *filename)
{
    struct stat status;

    return stat(filename, &status) == 0 && (S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode));
}

/* The protocol for @filename; *@rest is what that protocol opens. */
static const BlockDriver *protocol_for(const char *filename, const char **rest, GError **error)
{
    g_autofree char *prefix = protocol_prefix(filename);

    *rest = filename;
    if (!prefix) {
        return is_device(filename) ? &block_driver_host_device : &block_driver_file;
    }
    const BlockDriver *driver = block_driver_find(prefix);
    if (driver && driver->is_protocol) {
        *rest = filename + strlen(prefix) + 1;
        return driver;
    }
    if (block_driver_is_foreign(prefix)) {
        block_driver_refuse(prefix, error);
    } else {
        error_setf(error, "Unknown protocol '%s'", prefix);
    }
    return NULL;
}

static const BlockDriver *named_driver(const char *name, const BlockOpenContext *context,
                                       GError **error)
{
    const BlockDriver *driver = block_driver_find(name);

    if (driver) {
        return driver;
    }
    if (context->drive_style || block_driver_is_foreign(name)) {
        block_driver_refuse(name, error);
    } else {
        error_setf(error, "Parameter '%sdriver' does not accept value '%s'", context->path, name);
    }
    return NULL;
}

/* ---- opening ---- */

static bool read_node_name(JsonObject *object, const BlockOpenContext *context, const char **name,
                           GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);

    *name = NULL;
    if (!option_get_string(reader, "node-name", name, error)) {
        return false;
    }
    if (!*name && !context->is_child && !context->drive_style) {
        return error_setf(error, "'node-name' must be specified for the root node");
    }
    return true;
}

static BlockNode *open_with(const BlockDriver *driver, JsonObject *object,
                            const BlockOpenContext *context, GError **error)
{
    const char *name;

    if (!check_names(object, driver, context, error) ||
        !read_node_name(object, context, &name, error)) {
        return NULL;
    }
    BlockNode *node = block_node_new(driver, name, error);
    if (!node) {
        return NULL;
    }
    node->state = g_malloc0(driver->state_size);
    if (!read_common(object, node, context, error) || !driver->open(node, object, context, error)) {
        g_clear_pointer(&node->state, g_free);
        block_node_unref(node);
        return NULL;
    }
    return node;
}

/* A child of -drive: the file name says which protocol, unless driver= does. */
static BlockNode *open_by_filename(JsonObject *object, const BlockOpenContext *context,
                                   GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    const char *filename = NULL, *rest;

    if (!option_get_string(reader, "filename", &filename, error)) {
        return NULL;
    }
    if (!filename) {
        error_setf(error, "A block device must be specified for \"file\"");
        return NULL;
    }
    const BlockDriver *driver = protocol_for(filename, &rest, error);
    if (!driver) {
        return NULL;
    }
    g_autofree char *kept = g_strdup(rest);
    json_object_set_string_member(object, "filename", kept);
    return open_with(driver, object, context, error);
}

BlockNode *block_open(JsonObject *options, const BlockOpenContext *context, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(options, NULL);
    const char *name = NULL;

    if (!option_get_string(reader, "driver", &name, error)) {
        return NULL;
    }
    if (name) {
        const BlockDriver *driver = named_driver(name, context, error);
        return driver ? open_with(driver, options, context, error) : NULL;
    }
    if (!context->drive_style) {
        error_setf(error, "Parameter '%sdriver' is missing", context->path);
        return NULL;
    }
    return context->is_child ? open_by_filename(options, context, error)
                             : block_open_probed(options, context, error);
}

/* ---- the node below ---- */

static BlockOpenContext child_context(const BlockNode *node, const BlockOpenContext *context,
                                      const char *path)
{
    return (BlockOpenContext){
        .drive_style = context->drive_style,
        .is_child = true,
        .path = path,
        .read_only = node->read_only,
        .auto_read_only = node->auto_read_only,
        .force_share = node->force_share,
        .direct = node->direct,
        .no_flush = node->no_flush,
    };
}

static BlockNode *find_reference(const char *name, GError **error)
{
    BlockNode *node = block_node_find(name);

    if (!node) {
        error_setf(error, "Cannot find device='%s' nor node-name='%s'", name, name);
        return NULL;
    }
    return block_node_ref(node);
}

static BlockNode *open_or_find(BlockNode *node, const char *role, JsonNode *value,
                               const BlockOpenContext *context, GError **error)
{
    if (value && JSON_NODE_HOLDS_VALUE(value) && json_node_get_value_type(value) == G_TYPE_STRING) {
        return find_reference(json_node_get_string(value), error);
    }
    if (!value || !JSON_NODE_HOLDS_OBJECT(value)) {
        error_setf(error,
                   value ? "Invalid parameter type for '%s%s', expected: object"
                         : "Parameter '%s%s' is missing",
                   context->path, role);
        return NULL;
    }
    g_autofree char *path = g_strdup_printf("%s%s.", context->path, role);
    BlockOpenContext below = child_context(node, context, path);
    return block_open(json_node_get_object(value), &below, error);
}

bool block_open_child(BlockNode *node, const char *role, JsonObject *options,
                      const BlockOpenContext *context, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(options, NULL);
    BlockNode *below = open_or_find(node, role, option_get_node(reader, role), context, error);

    if (!below) {
        return false;
    }
    g_autofree char *user = g_strdup_printf("node '%s'", node->name);
    node->child = block_link_new(below, node, role, user, 0, BLOCK_PERMISSION_ALL, error);
    block_node_unref(below);
    if (!node->child) {
        return false;
    }
    node->read_only = node->read_only || below->read_only;
    g_free(node->filename);
    node->filename = g_strdup(below->filename);
    return true;
}

/* ---- -drive without a format ---- */

static BlockNode *open_below_probe(JsonObject *options, const BlockOpenContext *context,
                                   GError **error)
{
    BlockNode stand_in = {.driver = &block_driver_raw}; /* carries what the node below inherits */
    g_autoptr(OptionReader) reader = option_reader_new(options, NULL);

    if (!read_common(options, &stand_in, context, error)) {
        return NULL;
    }
    return open_or_find(&stand_in, "file", option_get_node(reader, "file"), context, error);
}

static bool probe(BlockNode *below, bool *guessed, GError **error)
{
    uint8_t start[BLOCK_PROBE_SIZE];

    *guessed = below->length > 0;
    if (below->length < sizeof(start)) {
        return true;
    }
    int result = block_node_run(below, BLOCK_OPERATION_READ, 0, start, sizeof(start));
    if (result < 0) {
        return error_set_errno(error, -result, "Could not read image for determining its format");
    }
    const char *format = block_probe(start, sizeof(start));
    if (!format && g_str_has_suffix(below->filename, ".dmg")) {
        format = "dmg";
    }
    if (format) {
        block_driver_refuse(format, error);
        g_prefix_error(error, "Could not open '%s': ", below->filename);
        return false;
    }
    return true;
}

BlockNode *block_open_probed(JsonObject *options, const BlockOpenContext *context, GError **error)
{
    BlockOpenContext raw_context = *context;
    BlockNode *below = open_below_probe(options, context, error);
    BlockNode *node = NULL;

    if (!below) {
        return NULL;
    }
    if (probe(below, &raw_context.guessed, error)) {
        json_object_set_string_member(options, "file", below->name);
        node = open_with(&block_driver_raw, options, &raw_context, error);
    }
    block_node_unref(below);
    return node;
}
