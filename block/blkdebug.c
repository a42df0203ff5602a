/*
 * Protocol "blkdebug": the node below ("image"), with errors where rules say so and limits that the
 * node below has not: for tests of what is above.
 *
 * "blkdebug:CONFIG:PATH" as a file name is the rules of a file (none if CONFIG is empty) over the
 * image PATH. A request over a limit is done in pieces. Options and their meaning are QEMU's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"

#include <string.h>

#include "block/blkdebug_rules.h"
#include "util/error.h"

typedef struct {
    BlkdebugRules *rules;
    uint64_t align;                                    /* bytes; 0: that of the node below */
    uint64_t maximum, maximum_zeroes, maximum_discard; /* bytes of one request; 0: any */
    unsigned taken, unshared;                          /* permissions */
} BlkdebugState;

/* A request on its way down, whole or piece by piece. */
typedef struct {
    BlockOperation below;
    BlockOperation *whole;
    BlockNode *node;
    uint64_t position, limit;
    struct iovec *vector; /* of the piece */
} Passage;

static const char *const blkdebug_options[] = {
    "image",
    "config",
    "align",
    "max-transfer",
    "opt-write-zero",
    "max-write-zero",
    "opt-discard",
    "max-discard",
    "inject-error",
    "set-state",
    "take-child-perms",
    "unshare-child-perms",
    "filename",
    NULL,
};

/* ---- options ---- */

static bool read_array(OptionReader *reader, const char *key, JsonArray **array, GError **error)
{
    JsonNode *node = option_get_node(reader, key);

    *array = NULL;
    if (node && !JSON_NODE_HOLDS_ARRAY(node)) {
        return error_setf(error, "Invalid parameter type for '%s', expected: array", key);
    }
    *array = node ? json_node_get_array(node) : NULL;
    return true;
}

static bool read_permissions(OptionReader *reader, const char *key, unsigned *permissions,
                             GError **error)
{
    static const char *const names[BLOCK_PERMISSION_COUNT] = {"consistent-read", "write",
                                                              "write-unchanged", "resize"};
    JsonArray *array;

    if (!read_array(reader, key, &array, error)) {
        return false;
    }
    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        const char *name = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_string(node) : NULL;
        unsigned bit = 0;

        while (bit < BLOCK_PERMISSION_COUNT && g_strcmp0(names[bit], name) != 0) {
            bit++;
        }
        if (bit == BLOCK_PERMISSION_COUNT) {
            return error_setf(error, "Parameter '%s[%u]' does not accept value '%s'", key, i,
                              name ? name : "");
        }
        *permissions |= 1u << bit;
    }
    return true;
}

/* @state->align is there already, the others are multiples of it and of what the node below wants.
 */
static bool read_limits(OptionReader *reader, const BlockNode *node, GError **error)
{
    BlkdebugState *state = node->state;
    uint64_t align = MAX(state->align, block_node_request_alignment(node->child->node));
    uint64_t optimal_zeroes = 0, optimal_discard = 0; /* hints, which nobody above asks for */
    const struct {
        const char *name;
        uint64_t *value;
    } limits[] = {
        {"max-transfer", &state->maximum},          {"opt-write-zero", &optimal_zeroes},
        {"max-write-zero", &state->maximum_zeroes}, {"opt-discard", &optimal_discard},
        {"max-discard", &state->maximum_discard},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        if (!option_get_size(reader, limits[i].name, 1, limits[i].value, error)) {
            return false;
        }
        if (*limits[i].value >= INT32_MAX || *limits[i].value % align) {
            return error_setf(error, "Cannot meet constraints with %s %" G_GUINT64_FORMAT,
                              limits[i].name, *limits[i].value);
        }
    }
    return true;
}

static bool read_align(OptionReader *reader, BlkdebugState *state, GError **error)
{
    if (!option_get_size(reader, "align", 1, &state->align, error)) {
        return false;
    }
    return (state->align < INT32_MAX && !(state->align & (state->align - 1))) ||
           error_setf(error, "Cannot meet constraints with align %" G_GUINT64_FORMAT, state->align);
}

static bool read_rules(OptionReader *reader, BlkdebugState *state, const char *config,
                       GError **error)
{
    JsonArray *inject, *set_state;

    return (!config || !*config || blkdebug_rules_read_file(state->rules, config, error)) &&
           read_array(reader, "inject-error", &inject, error) &&
           read_array(reader, "set-state", &set_state, error) &&
           blkdebug_rules_add(state->rules, inject, true, error) &&
           blkdebug_rules_add(state->rules, set_state, false, error);
}

/* "CONFIG:PATH" becomes the options "config" and "image". */
static bool split_filename(JsonObject *object, const char *filename, GError **error)
{
    const char *colon = strchr(filename, ':');

    if (!colon || json_object_has_member(object, "image")) {
        return error_setf(error, colon ? "Parameter 'filename' is unexpected"
                                       : "blkdebug requires both config file and image path");
    }
    g_autofree char *config = g_strndup(filename, (gsize)(colon - filename));
    JsonObject *image = json_object_new();
    json_object_set_string_member(object, "config", config);
    json_object_set_string_member(image, "filename", colon + 1);
    json_object_set_object_member(object, "image", image);
    return true;
}

static bool open_parts(BlockNode *node, JsonObject *object, const BlockOpenContext *context,
                       GError **error)
{
    BlkdebugState *state = node->state;
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);
    const char *filename = NULL, *config = NULL;

    if (!option_get_string(reader, "filename", &filename, error)) {
        return false;
    }
    if (filename && !context->drive_style) {
        return error_setf(error, "Parameter '%sfilename' is unexpected", context->path);
    }
    if ((filename && !split_filename(object, filename, error)) ||
        !option_get_string(reader, "config", &config, error) || !read_align(reader, state, error) ||
        !read_rules(reader, state, config, error) ||
        !read_permissions(reader, "take-child-perms", &state->taken, error) ||
        !read_permissions(reader, "unshare-child-perms", &state->unshared, error)) {
        return false;
    }
    return block_open_child(node, "image", object, context, error) &&
           block_link_set(node->child, state->taken, BLOCK_PERMISSION_ALL & ~state->unshared,
                          error) &&
           read_limits(reader, node, error);
}

static void blkdebug_close(BlockNode *node)
{
    blkdebug_rules_free(((BlkdebugState *)node->state)->rules);
}

static bool blkdebug_open(BlockNode *node, JsonObject *object, const BlockOpenContext *context,
                          GError **error)
{
    BlkdebugState *state = node->state;

    state->rules = blkdebug_rules_new();
    if (!open_parts(node, object, context, error)) {
        blkdebug_close(node);
        return false;
    }
    node->length = node->child->node->length;
    return true;
}

/* ---- requests ---- */

static void next_piece(Passage *passage);

static void passage_end(Passage *passage, int result)
{
    BlockOperation *whole = passage->whole;

    if (whole->kind == BLOCK_OPERATION_WRITE || whole->kind == BLOCK_OPERATION_WRITE_ZEROES) {
        blkdebug_rules_event(((BlkdebugState *)passage->node->state)->rules,
                             BLKDEBUG_EVENT_PWRITEV_DONE);
    }
    g_free(passage->vector);
    g_free(passage);
    block_operation_done(whole, result);
}

static void piece_done(BlockOperation *below, int result)
{
    Passage *passage = below->opaque;

    if (result == 0 && passage->position < passage->whole->length) {
        next_piece(passage);
    } else {
        passage_end(passage, result);
    }
}

/* What QEMU's block layer and its raw format tell of a request before it is made. */
static const struct {
    BlkdebugIoType type;
    unsigned count;
    BlkdebugEvent events[2];
} kinds[] = {
    [BLOCK_OPERATION_READ] = {BLKDEBUG_IO_READ, 1, {BLKDEBUG_EVENT_READ_AIO}},
    [BLOCK_OPERATION_WRITE] = {BLKDEBUG_IO_WRITE,
                               2,
                               {BLKDEBUG_EVENT_WRITE_AIO, BLKDEBUG_EVENT_PWRITEV}},
    [BLOCK_OPERATION_WRITE_ZEROES] = {BLKDEBUG_IO_WRITE_ZEROES, 1, {BLKDEBUG_EVENT_PWRITEV_ZERO}},
    [BLOCK_OPERATION_DISCARD] = {BLKDEBUG_IO_DISCARD, 0, {0}},
    [BLOCK_OPERATION_FLUSH] = {BLKDEBUG_IO_FLUSH,
                               2,
                               {BLKDEBUG_EVENT_FLUSH_TO_OS, BLKDEBUG_EVENT_FLUSH_TO_DISK}},
};

static void tell_events(BlkdebugRules *rules, BlockOperationKind kind)
{
    for (unsigned i = 0; i < kinds[kind].count; i++) {
        blkdebug_rules_event(rules, kinds[kind].events[i]);
    }
}

static int check_piece(Passage *passage, BlkdebugIoType type)
{
    BlkdebugRules *rules = ((BlkdebugState *)passage->node->state)->rules;

    blkdebug_rules_event(rules, BLKDEBUG_EVENT_NONE);
    return blkdebug_rules_check(rules, type, passage->below.offset, passage->below.length);
}

static void next_piece(Passage *passage)
{
    const BlockOperation *whole = passage->whole;
    uint64_t length = MIN(whole->length - passage->position, passage->limit);
    int result;

    g_clear_pointer(&passage->vector, g_free);
    passage->below = (BlockOperation){
        .kind = whole->kind,
        .flags = whole->flags,
        .offset = whole->offset + passage->position,
        .length = length,
        .vector = whole->vector,
        .count = whole->count,
        .engine = whole->engine,
        .done = piece_done,
        .opaque = passage,
    };
    if (whole->vector && length < whole->length) {
        passage->vector = vector_slice(whole->vector, whole->count, passage->position, length,
                                       &passage->below.count);
        passage->below.vector = passage->vector;
    }
    passage->position += length;
    result = check_piece(passage, kinds[whole->kind].type);
    if (result < 0) {
        passage->position = whole->length;
        block_operation_done_later(&passage->below, result);
    } else {
        block_node_submit(passage->node->child->node, &passage->below);
    }
}

static uint64_t limit_of(const BlkdebugState *state, BlockOperationKind kind)
{
    uint64_t limit = kind == BLOCK_OPERATION_WRITE_ZEROES ? state->maximum_zeroes
                     : kind == BLOCK_OPERATION_DISCARD    ? state->maximum_discard
                                                          : state->maximum;

    return limit ? limit : UINT64_MAX;
}

static void blkdebug_submit(BlockNode *node, BlockOperation *operation)
{
    BlkdebugState *state = node->state;
    Passage *passage = g_new0(Passage, 1);

    passage->whole = operation;
    passage->node = node;
    passage->limit = limit_of(state, operation->kind);
    tell_events(state->rules, operation->kind);
    next_piece(passage);
}

/* ---- the driver ---- */

static uint64_t blkdebug_length(BlockNode *node)
{
    return block_node_length(node->child->node);
}

static void blkdebug_child_permissions(BlockNode *node, unsigned permissions, unsigned shared,
                                       unsigned *child_permissions, unsigned *child_shared)
{
    const BlkdebugState *state = node->state;

    *child_permissions = permissions | state->taken;
    *child_shared = shared & ~state->unshared;
}

static uint32_t blkdebug_request_alignment(BlockNode *node)
{
    uint32_t below = block_node_request_alignment(node->child->node);

    return MAX(below, (uint32_t)((BlkdebugState *)node->state)->align);
}

const BlockDriver block_driver_blkdebug = {
    .name = "blkdebug",
    .is_protocol = true,
    .one_thread = true,
    .options = blkdebug_options,
    .state_size = sizeof(BlkdebugState),
    .open = blkdebug_open,
    .close = blkdebug_close,
    .length = blkdebug_length,
    .submit = blkdebug_submit,
    .child_permissions = blkdebug_child_permissions,
    .request_alignment = blkdebug_request_alignment,
};
