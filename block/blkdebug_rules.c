/*
 * The rules of "blkdebug": see the header. Names of events and options, and the form of the
 * configuration file, are QEMU's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/blkdebug_rules.h"

#include <errno.h>
#include <string.h>

#include "block/node.h"
#include "util/error.h"

#define STATE_START    1
#define ANY_SECTOR     -1
#define ERRNO_MAX      4095
#define CONFIG_MAXIMUM (1024 * 1024) /* bytes */
#define ALL_TYPES                                                                                  \
    (1u << BLKDEBUG_IO_READ | 1u << BLKDEBUG_IO_WRITE | 1u << BLKDEBUG_IO_WRITE_ZEROES |           \
     1u << BLKDEBUG_IO_DISCARD | 1u << BLKDEBUG_IO_FLUSH)

typedef struct {
    BlkdebugEvent event;
    int64_t state; /* 0: any */
    bool inject;
    int64_t new_state; /* set-state */
    int64_t errnum, sector;
    unsigned types; /* 1 << BlkdebugIoType */
    bool once, active;
} Rule;

struct BlkdebugRules {
    GPtrArray *all; /* of Rule */
    int64_t state;
};

static const struct {
    const char *name;
    BlkdebugEvent event;
} events[] = {
    {"read_aio", BLKDEBUG_EVENT_READ_AIO},         {"write_aio", BLKDEBUG_EVENT_WRITE_AIO},
    {"flush_to_os", BLKDEBUG_EVENT_FLUSH_TO_OS},   {"flush_to_disk", BLKDEBUG_EVENT_FLUSH_TO_DISK},
    {"pwritev", BLKDEBUG_EVENT_PWRITEV},           {"pwritev_zero", BLKDEBUG_EVENT_PWRITEV_ZERO},
    {"pwritev_done", BLKDEBUG_EVENT_PWRITEV_DONE}, {"none", BLKDEBUG_EVENT_NONE},
};

/* Of formats that we have not, and of writes that are padded with what they do not cover. */
static const char *const other_events[] = {
    "l1_update",
    "l1_grow_alloc_table",
    "l1_grow_write_table",
    "l1_grow_activate_table",
    "l2_load",
    "l2_update",
    "l2_update_compressed",
    "l2_alloc_cow_read",
    "l2_alloc_write",
    "read_backing_aio",
    "read_compressed",
    "write_compressed",
    "vmstate_load",
    "vmstate_save",
    "cow_read",
    "cow_write",
    "reftable_load",
    "reftable_grow",
    "reftable_update",
    "refblock_load",
    "refblock_update",
    "refblock_update_part",
    "refblock_alloc",
    "refblock_alloc_hookup",
    "refblock_alloc_write",
    "refblock_alloc_write_blocks",
    "refblock_alloc_write_table",
    "refblock_alloc_switch_table",
    "cluster_alloc",
    "cluster_alloc_bytes",
    "cluster_free",
    "pwritev_rmw_head",
    "pwritev_rmw_after_head",
    "pwritev_rmw_tail",
    "pwritev_rmw_after_tail",
    "empty_image_prepare",
    "l1_shrink_write_table",
    "l1_shrink_free_l2_clusters",
    "cor_write",
    "cluster_alloc_space",
    NULL,
};

BlkdebugRules *blkdebug_rules_new(void)
{
    BlkdebugRules *rules = g_new0(BlkdebugRules, 1);

    rules->all = g_ptr_array_new_with_free_func(g_free);
    rules->state = STATE_START;
    return rules;
}

void blkdebug_rules_free(BlkdebugRules *rules)
{
    if (rules) {
        g_ptr_array_unref(rules->all);
        g_free(rules);
    }
}

/* ---- reading them ---- */

static bool parse_event(const char *name, BlkdebugEvent *event, GError **error)
{
    if (!name) {
        return error_setf(error, "Missing event name for rule");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(events); i++) {
        if (g_str_equal(events[i].name, name)) {
            *event = events[i].event;
            return true;
        }
    }
    *event = BLKDEBUG_EVENT_OTHER;
    return g_strv_contains(other_events, name) ||
           error_setf(error, "Invalid event name \"%s\"", name);
}

static bool read_inject(OptionReader *reader, Rule *rule, GError **error)
{
    static const char *const types[] = {"read",         "write", "write-zeroes", "discard", "flush",
                                        "block-status", NULL};
    bool immediately = false; /* the request never ends inside its submission */
    int type = -1;

    rule->errnum = EIO;
    rule->sector = ANY_SECTOR;
    if (!option_get_int(reader, "errno", 0, ERRNO_MAX, &rule->errnum, error) ||
        !option_get_int(reader, "sector", ANY_SECTOR, INT64_MAX / BLOCK_SECTOR_SIZE, &rule->sector,
                        error) ||
        !option_get_enum(reader, "iotype", types, &type, error) ||
        !option_get_bool(reader, "once", &rule->once, error) ||
        !option_get_bool(reader, "immediately", &immediately, error)) {
        return false;
    }
    rule->types = type < 0 ? ALL_TYPES : 1u << type;
    return true;
}

static bool read_set_state(OptionReader *reader, Rule *rule, GError **error)
{
    if (!option_reader_has(reader, "new_state")) {
        return error_setf(error, "Parameter 'new_state' is missing");
    }
    return option_get_int(reader, "new_state", 0, INT32_MAX, &rule->new_state, error);
}

static bool add_rule(BlkdebugRules *rules, JsonObject *object, bool inject, GError **error)
{
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    g_autofree Rule *rule = g_new0(Rule, 1);
    const char *event = NULL;

    rule->inject = inject;
    if (!option_get_string(reader, "event", &event, error) ||
        !parse_event(event, &rule->event, error) ||
        !option_get_int(reader, "state", 0, INT32_MAX, &rule->state, error) ||
        !(inject ? read_inject : read_set_state)(reader, rule, error) ||
        !option_reader_finish(reader, error)) {
        return false;
    }
    g_ptr_array_add(rules->all, g_steal_pointer(&rule));
    return true;
}

bool blkdebug_rules_add(BlkdebugRules *rules, JsonArray *array, bool inject, GError **error)
{
    const char *key = inject ? "inject-error" : "set-state";

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);

        if (!JSON_NODE_HOLDS_OBJECT(node)) {
            return error_setf(error, "Invalid parameter type for '%s[%u]', expected: object", key,
                              i);
        }
        if (!add_rule(rules, json_node_get_object(node), inject, error)) {
            g_prefix_error(error, "%s.%u: ", key, i);
            return false;
        }
    }
    return true;
}

/* ---- the configuration file ---- */

/* @line: NAME = "VALUE", stripped. */
static bool parse_setting(char *line, JsonObject *section)
{
    char *equals = strchr(line, '=');
    size_t length;

    if (!equals || !section) {
        return false;
    }
    *equals = '\0';
    g_strstrip(line);
    g_strstrip(equals + 1);
    length = strlen(equals + 1);
    if (!*line || length < 2 || equals[1] != '"' || equals[length] != '"') {
        return false;
    }
    equals[length] = '\0';
    json_object_set_string_member(section, line, equals + 2);
    return true;
}

static bool end_section(BlkdebugRules *rules, const char *kind, JsonObject *section, GError **error)
{
    return !section || add_rule(rules, section, g_str_equal(kind, "inject-error"), error);
}

/* The kind of section that @line begins, or NULL. */
static const char *section_kind(const char *line)
{
    return g_str_equal(line, "[inject-error]") ? "inject-error"
           : g_str_equal(line, "[set-state]")  ? "set-state"
                                               : NULL;
}

static bool parse_config(BlkdebugRules *rules, char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(JsonObject) section = NULL;
    const char *kind = NULL;

    for (unsigned i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);

        if (*line == '[') {
            if (!end_section(rules, kind, section, error)) {
                return false;
            }
            g_clear_pointer(&section, json_object_unref);
            kind = section_kind(line);
            section = kind ? json_object_new() : NULL;
        }
        if (*line == '[' ? !kind : *line && *line != '#' && !parse_setting(line, section)) {
            return error_setf(error, "line %u is neither a section nor a setting", i + 1);
        }
    }
    return end_section(rules, kind, section, error);
}

bool blkdebug_rules_read_file(BlkdebugRules *rules, const char *path, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &local)) {
        return error_setf(error, "Could not read blkdebug config file: %s", local->message);
    }
    if (length > CONFIG_MAXIMUM || strlen(text) != length) {
        return error_setf(error, "Could not parse blkdebug config file '%s': it is not a text",
                          path);
    }
    if (!parse_config(rules, text, error)) {
        g_prefix_error(error, "Could not parse blkdebug config file '%s': ", path);
        return false;
    }
    return true;
}

/* ---- at work ---- */

void blkdebug_rules_event(BlkdebugRules *rules, BlkdebugEvent event)
{
    int64_t state = rules->state;
    bool replaced = false;

    for (guint i = 0; i < rules->all->len; i++) {
        Rule *rule = g_ptr_array_index(rules->all, i);

        if (rule->event != event || (rule->state && rule->state != state)) {
            continue;
        }
        if (!rule->inject) {
            rules->state = rule->new_state;
            continue;
        }
        for (guint j = 0; !replaced && j < rules->all->len; j++) {
            ((Rule *)g_ptr_array_index(rules->all, j))->active = false;
        }
        replaced = rule->active = true;
    }
}

static bool covers(const Rule *rule, BlkdebugIoType type, uint64_t offset, uint64_t length)
{
    uint64_t place = (uint64_t)rule->sector * BLOCK_SECTOR_SIZE;

    return rule->active && (rule->types & 1u << type) &&
           (rule->sector == ANY_SECTOR || (place >= offset && place - offset < length));
}

int blkdebug_rules_check(BlkdebugRules *rules, BlkdebugIoType type, uint64_t offset,
                         uint64_t length)
{
    for (guint i = 0; i < rules->all->len; i++) {
        Rule *rule = g_ptr_array_index(rules->all, i);

        if (covers(rule, type, offset, length)) {
            int errnum = (int)rule->errnum;

            if (rule->once) {
                g_ptr_array_remove_index(rules->all, i);
            }
            return -errnum;
        }
    }
    return 0;
}
