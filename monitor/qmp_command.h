/*
 * A QMP command: one row with everything about it. The row checks its arguments, is listed by
 * query-commands and query-qmp-schema, and runs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_QMP_COMMAND_H
#define MONITOR_QMP_COMMAND_H

#include "monitor/monitor_private.h"
#include "monitor/schema.h"
#include "util/error.h"

/* One run of a command. @arguments have been checked against the row; never NULL. */
typedef struct {
    Monitor *monitor;
    JsonObject *arguments;
    JsonNode *result; /* left NULL: an empty object */
} QmpCall;

typedef enum {
    QMP_OOB = 1 << 0,            /* may run out of band: takes no time, waits for nothing */
    QMP_OPEN_ARGUMENTS = 1 << 1, /* takes members beyond the row's, such as a device's properties */
} QmpFlags;

typedef struct {
    const char *name;
    const char *arguments; /* members, or "=TYPE"; NULL: none */
    const char *result;    /* a type; NULL: the empty object */
    unsigned flags;
    bool (*handle)(QmpCall *call, GError **error);
    const char *features; /* words, or NULL */
} QmpCommand;

/* The tables, each in the file of its subject; qmp_command.c lists them all. */
typedef struct {
    const QmpCommand *commands;
    unsigned count;
} QmpTable;

extern const QmpTable qmp_table_control, qmp_table_run, qmp_table_machine, qmp_table_cpu,
    qmp_table_chardev, qmp_table_block, qmp_table_media, qmp_table_object, qmp_table_device,
    qmp_table_memory, qmp_table_fd, qmp_table_misc, qmp_table_migration, qmp_table_pci,
    qmp_table_schema, qmp_table_human, qmp_table_input, qmp_table_options, qmp_table_xen,
    qmp_table_xenstore, qmp_table_balloon, qmp_table_stats, qmp_table_net;

/** qmp_command_find: by name, or NULL. qmp_command_foreach: all, by name. */
const QmpCommand *qmp_command_find(const char *name);
void qmp_command_foreach(void (*visit)(const QmpCommand *command, void *opaque), void *opaque);

/**
 * qmp_run: runs @name with @arguments (may be NULL; not taken), checked.
 * Returns the result, or NULL with @error, whose code is the QMP class.
 */
JsonNode *qmp_run(Monitor *monitor, const char *name, JsonObject *arguments, GError **error);

/* Arguments. What is absent is the default, NULL or false. */
static inline bool qmp_has(const QmpCall *call, const char *name)
{
    return json_object_has_member(call->arguments, name);
}

static inline const char *qmp_string(const QmpCall *call, const char *name)
{
    return json_object_get_string_member_with_default(call->arguments, name, NULL);
}

static inline int64_t qmp_int(const QmpCall *call, const char *name, int64_t absent)
{
    return json_object_get_int_member_with_default(call->arguments, name, absent);
}

static inline bool qmp_bool(const QmpCall *call, const char *name, bool absent)
{
    return json_object_get_boolean_member_with_default(call->arguments, name, absent);
}

/**
 * qmp_bytes: the member "data" as bytes, text or base64 as the member "format" says; g_free it.
 * qmp_return_bytes: @bytes as a string of that format; bytes that are no text give way to U+FFFD.
 */
uint8_t *qmp_bytes(const QmpCall *call, gsize *length, GError **error);
bool qmp_return_bytes(QmpCall *call, const void *bytes, gsize length);

/* Results; all take over what they are given and return true. */
static inline bool qmp_return_node(QmpCall *call, JsonNode *node)
{
    call->result = node;
    return true;
}

static inline bool qmp_return_object(QmpCall *call, JsonObject *object)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, object);
    return qmp_return_node(call, node);
}

static inline bool qmp_return_array(QmpCall *call, JsonArray *array)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_take_array(node, array);
    return qmp_return_node(call, node);
}

static inline bool qmp_return_string(QmpCall *call, const char *text)
{
    return qmp_return_node(call, json_node_init_string(json_node_alloc(), text));
}

/** qmp_fail: like error_setf(), with a class of its own. */
bool qmp_fail(GError **error, XenolithError class, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
