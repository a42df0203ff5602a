/*
 * Reading -drive: old names and new ones, cache modes, throttling; then the node tree that they
 * stand for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/drive_options.h"
#include "util/error.h"
#include "util/options.h"

#include <string.h>

#define MAX_INDEX 65535

/* ---- flat options ---- */

static void flatten(JsonObject *from, const char *prefix, JsonObject *to)
{
    g_autoptr(GList) members = json_object_get_members(from);

    for (GList *m = members; m; m = m->next) {
        JsonNode *value = json_object_get_member(from, m->data);
        g_autofree char *name = g_strconcat(prefix, m->data, NULL);
        if (JSON_NODE_HOLDS_OBJECT(value)) {
            g_autofree char *below = g_strconcat(name, ".", NULL);
            flatten(json_node_get_object(value), below, to);
        } else {
            json_object_set_member(to, name, json_node_copy(value));
        }
    }
}

static const struct {
    const char *old, *name;
} renames[] = {
    {"readonly", "read-only"},
    {"bps", "throttling.bps-total"},
    {"bps_rd", "throttling.bps-read"},
    {"bps_wr", "throttling.bps-write"},
    {"iops", "throttling.iops-total"},
    {"iops_rd", "throttling.iops-read"},
    {"iops_wr", "throttling.iops-write"},
    {"bps_max", "throttling.bps-total-max"},
    {"bps_rd_max", "throttling.bps-read-max"},
    {"bps_wr_max", "throttling.bps-write-max"},
    {"iops_max", "throttling.iops-total-max"},
    {"iops_rd_max", "throttling.iops-read-max"},
    {"iops_wr_max", "throttling.iops-write-max"},
    {"iops_size", "throttling.iops-size"},
    {"group", "throttling.group"},
};

static bool rename_old(JsonObject *flat, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(renames); i++) {
        if (!json_object_has_member(flat, renames[i].old)) {
            continue;
        }
        if (json_object_has_member(flat, renames[i].name)) {
            return error_setf(error, "'%s' and its alias '%s' can't be used at the same time",
                              renames[i].name, renames[i].old);
        }
        json_object_set_member(flat, renames[i].name, json_object_dup_member(flat, renames[i].old));
        json_object_remove_member(flat, renames[i].old);
    }
    return true;
}

static bool take_string(JsonObject *flat, OptionReader *reader, const char *name, char **value,
                        GError **error)
{
    const char *text = NULL;

    if (!option_get_string(reader, name, &text, error)) {
        return false;
    }
    *value = g_strdup(text);
    json_object_remove_member(flat, name);
    return true;
}

static bool take_bool(JsonObject *flat, OptionReader *reader, const char *name, bool *value,
                      GError **error)
{
    bool good = option_get_bool(reader, name, value, error);

    json_object_remove_member(flat, name);
    return good;
}

/* ---- what -drive knows itself ---- */

static bool read_strings(DriveOptions *options, OptionReader *reader, char **media, char **cache,
                         char **format, GError **error)
{
    const struct {
        const char *name;
        char **value;
    } strings[] = {
        {"file", &options->file},
        {"driver", &options->driver},
        {"format", format},
        {"id", &options->id},
        {"if", &options->interface},
        {"media", media},
        {"cache", cache},
        {"aio", &options->aio},
        {"discard", &options->discard},
        {"werror", &options->werror},
        {"rerror", &options->rerror},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (!take_string(options->rest, reader, strings[i].name, strings[i].value, error)) {
            return false;
        }
    }
    return true;
}

static bool read_numbers(DriveOptions *options, OptionReader *reader, GError **error)
{
    const struct {
        const char *name;
        int64_t *value;
    } numbers[] = {{"index", &options->index}, {"bus", &options->bus}, {"unit", &options->unit}};

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        *numbers[i].value = -1;
        if (!option_get_int(reader, numbers[i].name, -1, MAX_INDEX, numbers[i].value, error)) {
            return false;
        }
        json_object_remove_member(options->rest, numbers[i].name);
    }
    return true;
}

static bool one_of(const char *text, const char *const *names)
{
    return !text || g_strv_contains(names, text);
}

static bool check_strings(DriveOptions *options, const char *media, char **format, GError **error)
{
    static const char *const aio_names[] = {"threads", "native", "io_uring", NULL};
    static const char *const discard_names[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const media_names[] = {"disk", "cdrom", NULL};

    if (!one_of(media, media_names)) {
        return error_setf(error, "'%s' invalid media", media);
    }
    if (!one_of(options->aio, aio_names)) {
        return error_setf(error, "invalid aio option '%s'", options->aio);
    }
    if (!one_of(options->discard, discard_names)) {
        return error_setf(error, "Invalid discard option '%s'", options->discard);
    }
    if (options->driver && *format) {
        return error_setf(error, "Cannot specify both 'driver' and 'format'");
    }
    if (*format) {
        options->driver = g_steal_pointer(format);
    }
    if (options->file && !options->file[0]) {
        g_clear_pointer(&options->file, g_free);
    }
    options->cdrom = media && g_str_equal(media, "cdrom");
    options->read_only = options->cdrom;
    return true;
}

static const struct {
    const char *name;
    bool writeback, direct, no_flush;
} cache_modes[] = {
    {"none", true, true, false},       {"off", true, true, false},
    {"writeback", true, false, false}, {"writethrough", false, false, false},
    {"unsafe", true, false, true},     {"directsync", false, true, false},
};

static bool set_cache_mode(DriveOptions *options, const char *mode, GError **error)
{
    options->cache_writeback = true;
    if (!mode) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(cache_modes); i++) {
        if (g_str_equal(cache_modes[i].name, mode)) {
            options->cache_writeback = cache_modes[i].writeback;
            options->cache_direct = cache_modes[i].direct;
            options->cache_no_flush = cache_modes[i].no_flush;
            return true;
        }
    }
    return error_setf(error, "invalid cache option '%s'", mode);
}

static bool read_bools(DriveOptions *options, OptionReader *reader, GError **error)
{
    bool copy_on_read = false;
    const struct {
        const char *name;
        bool *value;
    } bools[] = {
        {"cache.writeback", &options->cache_writeback},
        {"cache.direct", &options->cache_direct},
        {"cache.no-flush", &options->cache_no_flush},
        {"read-only", &options->read_only},
        {"snapshot", &options->snapshot},
        {"copy-on-read", &copy_on_read},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bools); i++) {
        if (!take_bool(options->rest, reader, bools[i].name, bools[i].value, error)) {
            return false;
        }
    }
    options->read_only = options->read_only || options->cdrom;
    if (copy_on_read) {
        return error_setf(error, "copy-on-read=on is not supported");
    }
    return true;
}

/* ---- throttling ---- */

static const char *const bucket_names[THROTTLE_BUCKET_COUNT] = {
    [THROTTLE_BYTES_TOTAL] = "bps-total",     [THROTTLE_BYTES_READ] = "bps-read",
    [THROTTLE_BYTES_WRITE] = "bps-write",     [THROTTLE_OPERATIONS_TOTAL] = "iops-total",
    [THROTTLE_OPERATIONS_READ] = "iops-read", [THROTTLE_OPERATIONS_WRITE] = "iops-write",
};

static bool read_limit(DriveOptions *options, OptionReader *reader, const char *name,
                       const char *suffix, uint64_t *value, GError **error)
{
    g_autofree char *key = g_strdup_printf("throttling.%s%s", name, suffix);
    bool good = option_get_uint(reader, key, 0, INT64_MAX, value, error);

    json_object_remove_member(options->rest, key);
    return good;
}

static bool read_throttling(DriveOptions *options, OptionReader *reader, GError **error)
{
    ThrottleLimits *limits = &options->limits;

    for (unsigned i = 0; i < THROTTLE_BUCKET_COUNT; i++) {
        limits->buckets[i].burst_length = 1;
        if (!read_limit(options, reader, bucket_names[i], "", &limits->buckets[i].average, error) ||
            !read_limit(options, reader, bucket_names[i], "-max", &limits->buckets[i].burst,
                        error) ||
            !read_limit(options, reader, bucket_names[i], "-max-length",
                        &limits->buckets[i].burst_length, error)) {
            return false;
        }
    }
    if (!read_limit(options, reader, "iops-size", "", &limits->operation_size, error)) {
        return false;
    }
    if (option_reader_has(reader, "throttling.group")) {
        return error_setf(error, "throttling.group is not supported: each drive has limits of its "
                                 "own");
    }
    return throttle_limits_check(limits, error);
}

/* ---- all of it ---- */

static bool read_all(DriveOptions *options, OptionReader *reader, GError **error)
{
    g_autofree char *media = NULL, *cache = NULL, *format = NULL;

    return read_strings(options, reader, &media, &cache, &format, error) &&
           check_strings(options, media, &format, error) && set_cache_mode(options, cache, error) &&
           read_numbers(options, reader, error) && read_bools(options, reader, error) &&
           read_throttling(options, reader, error);
}

DriveOptions *drive_options_read(JsonObject *object, GError **error)
{
    DriveOptions *options = g_new0(DriveOptions, 1);

    options->rest = json_object_new();
    flatten(object, "", options->rest);
    if (rename_old(options->rest, error)) {
        g_autoptr(OptionReader) reader = option_reader_new(options->rest, NULL);
        if (read_all(options, reader, error)) {
            return options;
        }
    }
    drive_options_free(options);
    return NULL;
}

void drive_options_free(DriveOptions *options)
{
    json_object_unref(options->rest);
    g_free(options->file);
    g_free(options->driver);
    g_free(options->id);
    g_free(options->interface);
    g_free(options->werror);
    g_free(options->rerror);
    g_free(options->aio);
    g_free(options->discard);
    g_free(options);
}

bool drive_options_have_medium(const DriveOptions *options)
{
    return options->file || options->driver || json_object_get_size(options->rest) > 0;
}

/* ---- the node ---- */

/* The object that @name is below: made on the way; @leaf is the last part of @name. */
static JsonObject *object_for(JsonObject *root, const char *name, const char **leaf)
{
    const char *dot;

    while ((dot = strchr(name, '.'))) {
        g_autofree char *segment = g_strndup(name, (gsize)(dot - name));
        JsonNode *member = json_object_get_member(root, segment);
        if (!member || !JSON_NODE_HOLDS_OBJECT(member)) {
            json_object_set_object_member(root, segment, json_object_new());
        }
        root = json_object_get_object_member(root, segment);
        name = dot + 1;
    }
    *leaf = name;
    return root;
}

static void set_string(JsonObject *root, const char *name, const char *value)
{
    const char *leaf;
    JsonObject *object = object_for(root, name, &leaf);

    json_object_set_string_member(object, leaf, value);
}

static void set_default(JsonObject *root, const char *name, const char *value)
{
    const char *leaf;
    JsonObject *object = object_for(root, name, &leaf);

    if (!json_object_has_member(object, leaf)) {
        json_object_set_string_member(object, leaf, value);
    }
}

static const char *on_off(bool on)
{
    return on ? "on" : "off";
}

/* "json:{…}" as a file name is a node in full. */
static bool merge_json(JsonObject *root, const char *text, GError **error)
{
    g_autoptr(JsonObject) given = NULL;

    if (text[0] != '{') {
        return error_setf(error, "file=json: expects a JSON object, not '%s'", text);
    }
    given = options_parse(text, NULL, error);
    if (!given) {
        return false;
    }
    g_autoptr(GList) members = json_object_get_members(given);
    for (GList *m = members; m; m = m->next) {
        if (!json_object_has_member(root, m->data)) {
            json_object_set_member(root, m->data, json_object_dup_member(given, m->data));
        }
    }
    return true;
}

static bool is_protocol(const DriveOptions *options)
{
    static const char *const protocols[] = {"file",     "host_device", "null-co",
                                            "null-aio", "blkdebug",    NULL};

    return options->driver && g_strv_contains(protocols, options->driver);
}

static void copy_rest(const DriveOptions *options, JsonObject *root)
{
    g_autoptr(GList) members = json_object_get_members(options->rest);

    for (GList *m = members; m; m = m->next) {
        const char *leaf;
        JsonObject *object = object_for(root, m->data, &leaf);
        json_object_set_member(object, leaf, json_object_dup_member(options->rest, m->data));
    }
}

JsonObject *drive_options_describe_node(const DriveOptions *options, bool as_base, GError **error)
{
    g_autoptr(JsonObject) root = json_object_new();
    bool protocol = is_protocol(options);
    bool json = options->file && g_str_has_prefix(options->file, "json:");

    copy_rest(options, root);
    if (options->driver) {
        set_string(root, "driver", options->driver);
    }
    if (json && !merge_json(root, options->file + strlen("json:"), error)) {
        return NULL;
    }
    if (options->file && !json) {
        set_string(root, protocol ? "filename" : "file.filename", options->file);
    }
    if (options->aio && !json) {
        set_default(root, protocol ? "aio" : "file.aio", options->aio);
    }
    if (options->discard) {
        set_string(root, "discard", options->discard);
    }
    set_string(root, "read-only", on_off(options->read_only || as_base));
    set_string(root, "auto-read-only", on_off(true));
    set_string(root, "cache.direct", on_off(options->cache_direct));
    set_string(root, "cache.no-flush", on_off(options->cache_no_flush));
    return g_steal_pointer(&root);
}
