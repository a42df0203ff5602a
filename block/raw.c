/*
 * Format "raw": the bytes of the node below, or a window of them (offset=, size=).
 *
 * Where raw was only guessed, a guest must not be able to turn the image into one of another format
 * by writing its first sector: the next start would then read what the guest made up as metadata.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/node.h"
#include "util/error.h"

#include <errno.h>

typedef struct {
    uint64_t offset, size; /* bytes */
    bool has_size;
    bool windowed;
    bool guessed;
} RawState;

static const char *const raw_options[] = {"file", "offset", "size", NULL};

static bool set_window(BlockNode *node, RawState *raw, GError **error)
{
    uint64_t whole = node->child->node->length;

    if (raw->offset > whole) {
        return error_setf(error,
                          "Offset (%" G_GUINT64_FORMAT ") cannot be greater than size of the "
                          "containing file (%" G_GUINT64_FORMAT ")",
                          raw->offset, whole);
    }
    if (raw->has_size && raw->size > whole - raw->offset) {
        return error_setf(error,
                          "The sum of offset (%" G_GUINT64_FORMAT ") and size (%" G_GUINT64_FORMAT
                          ") has to be smaller or equal to the actual size of the containing file "
                          "(%" G_GUINT64_FORMAT ")",
                          raw->offset, raw->size, whole);
    }
    if (raw->has_size && raw->size % BLOCK_SECTOR_SIZE != 0) {
        return error_setf(error, "Specified size is not multiple of %d", BLOCK_SECTOR_SIZE);
    }
    node->length = raw->has_size ? raw->size : whole - raw->offset;
    return true;
}

static void print_guess_warning(const char *filename)
{
    g_printerr("WARNING: Image format was not specified for '%s' and probing guessed raw.\n"
               "         Automatically detecting the format is dangerous for raw images, write "
               "operations on block 0 will be restricted.\n"
               "         Specify the 'raw' format explicitly to remove the restrictions.\n",
               filename);
}

static bool raw_open(BlockNode *node, JsonObject *object, const BlockOpenContext *context,
                     GError **error)
{
    RawState *raw = node->state;
    g_autoptr(OptionReader) reader = option_reader_new(object, NULL);

    raw->has_size = option_reader_has(reader, "size");
    raw->windowed = raw->has_size || option_reader_has(reader, "offset");
    if (!option_get_size(reader, "offset", 1, &raw->offset, error) ||
        !option_get_size(reader, "size", 1, &raw->size, error) ||
        !block_open_child(node, "file", object, context, error) || !set_window(node, raw, error)) {
        return false;
    }
    raw->guessed = context->guessed;
    if (raw->guessed && !node->read_only) {
        print_guess_warning(node->filename);
    }
    return true;
}

static void raw_close(BlockNode *node)
{
}

static uint64_t raw_length(BlockNode *node)
{
    RawState *raw = node->state;

    if (raw->has_size) {
        return raw->size;
    }
    uint64_t whole = block_node_length(node->child->node);
    return whole > raw->offset ? whole - raw->offset : 0;
}

/* 0 if the write leaves an image that is still taken for raw. */
static int check_first_sector(const BlockOperation *operation)
{
    uint8_t sector[BLOCK_PROBE_SIZE];

    if (operation->kind != BLOCK_OPERATION_WRITE || operation->offset >= sizeof(sector)) {
        return 0;
    }
    if (operation->offset != 0 || operation->length < sizeof(sector)) {
        return -EINVAL;
    }
    vector_copy_out(operation->vector, operation->count, 0, sector, sizeof(sector));
    return block_probe(sector, sizeof(sector)) ? -EPERM : 0;
}

static void raw_submit(BlockNode *node, BlockOperation *operation)
{
    RawState *raw = node->state;
    int result = raw->guessed ? check_first_sector(operation) : 0;

    if (result < 0) {
        block_operation_done_later(operation, result);
        return;
    }
    operation->offset += raw->offset;
    block_node_submit(node->child->node, operation);
}

/* A window must not be pulled away by a resize. */
static void raw_child_permissions(BlockNode *node, unsigned permissions, unsigned shared,
                                  unsigned *child_permissions, unsigned *child_shared)
{
    RawState *raw = node->state;

    *child_permissions = permissions;
    *child_shared = raw->windowed && permissions ? shared & ~BLOCK_PERMISSION_RESIZE : shared;
}

static uint32_t raw_request_alignment(BlockNode *node)
{
    return block_node_request_alignment(node->child->node);
}

const BlockDriver block_driver_raw = {
    .name = "raw",
    .options = raw_options,
    .state_size = sizeof(RawState),
    .open = raw_open,
    .close = raw_close,
    .length = raw_length,
    .submit = raw_submit,
    .child_permissions = raw_child_permissions,
    .request_alignment = raw_request_alignment,
};
