/*
 * The wire protocol of xenstore: one table of operations with what each takes and who may use it,
 * enforced before any handler runs. Facts: docs/misc/xenstore.txt, xen/io/xs_wire.h; order of
 * replies and events as xenstored: events that a request causes come before its reply, the first
 * event of a new watch after it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/xen/store/store_private.h"

#include <string.h>

#include "util/trace.h"

TRACE_DEFINE(xenstore_request);

typedef struct {
    StoreConnection *connection;
    StoreTransaction *transaction;
    const char *payload;
    unsigned length;
    const char **argument; /* its strings, as many as the operation looks at */
    unsigned count;
    GByteArray *reply;
    char *event_path; /* a watch event that follows the reply … */
    const char *event_token;
} Request;

typedef int (*RequestHandler)(Request *request);

enum {
    PRIVILEGED = 1 << 0, /* EACCES for others */
    IGNORES_TRANSACTION = 1 << 1,
};

/* How a payload must look; a string ends with a NUL. */
typedef enum {
    ANYTHING,
    ONE_STRING,  /* exactly, and nothing behind it */
    TWO_STRINGS, /* exactly; bytes behind the second NUL are ignored */
    STRING_AND_BYTES,
    STRINGS, /* at least as many as the row says */
} PayloadSyntax;

static void reply_string(Request *request, const char *text)
{
    g_byte_array_append(request->reply, (const uint8_t *)text, strlen(text) + 1);
}

static int done(Request *request, int result)
{
    if (result == 0) {
        reply_string(request, "OK");
    }
    return result;
}

static bool parse_number(const char *text, guint64 max, guint64 *number)
{
    return g_ascii_string_to_unsigned(text, 10, 0, max, number, NULL);
}

static int parse_domid(const char *text, uint16_t *domid)
{
    guint64 number;

    if (!parse_number(text, UINT16_MAX, &number)) {
        return EINVAL;
    }
    *domid = number;
    return 0;
}

/* ---- nodes ---- */

static int do_directory(Request *request)
{
    StoreNode *node;
    int result =
        store_op_read(request->connection, request->transaction, request->argument[0], &node);

    if (result == 0) {
        g_byte_array_append(request->reply, g_bytes_get_data(node->children, NULL),
                            g_bytes_get_size(node->children));
    }
    return result;
}

/* As many whole names as fit; an empty name after the last child says that the list ends. */
static void append_children_from(GByteArray *reply, const StoreNode *node, size_t offset)
{
    gsize length;
    const char *names = g_bytes_get_data(node->children, &length);
    size_t room = XENSTORE_PAYLOAD_MAX - reply->len - 1;

    while (offset < length) {
        size_t size = strlen(names + offset) + 1;

        if (size > room) {
            return;
        }
        g_byte_array_append(reply, (const uint8_t *)names + offset, size);
        offset += size;
        room -= size;
    }
    g_byte_array_append(reply, (const uint8_t *)"", 1);
}

static int do_directory_part(Request *request)
{
    g_autofree char *generation = NULL;
    StoreNode *node;
    guint64 offset;
    int result;

    result = store_op_read(request->connection, request->transaction, request->argument[0], &node);
    if (result != 0) {
        return result;
    }
    if (!parse_number(request->argument[1], UINT32_MAX, &offset)) {
        return EINVAL;
    }
    generation = g_strdup_printf("%" G_GUINT64_FORMAT, node->generation);
    reply_string(request, generation);
    append_children_from(request->reply, node, offset);
    return 0;
}

static int do_read(Request *request)
{
    StoreNode *node;
    int result =
        store_op_read(request->connection, request->transaction, request->argument[0], &node);

    if (result == 0) {
        g_byte_array_append(request->reply, g_bytes_get_data(node->value, NULL),
                            g_bytes_get_size(node->value));
    }
    return result;
}

static int do_write(Request *request)
{
    size_t path_size = strlen(request->argument[0]) + 1;

    return done(request,
                store_op_write(request->connection, request->transaction, request->argument[0],
                               request->payload + path_size, request->length - path_size));
}

static int do_mkdir(Request *request)
{
    return done(request,
                store_op_mkdir(request->connection, request->transaction, request->argument[0]));
}

static int do_rm(Request *request)
{
    return done(request,
                store_op_remove(request->connection, request->transaction, request->argument[0]));
}

static int do_get_perms(Request *request)
{
    StoreNode *node;
    int result = store_op_get_permissions(request->connection, request->transaction,
                                          request->argument[0], &node);

    for (unsigned i = 0; result == 0 && i < node->permission_count; i++) {
        g_autofree char *text = store_permission_format(&node->permissions[i]);

        reply_string(request, text);
    }
    return result;
}

static int do_set_perms(Request *request)
{
    unsigned count = request->count - 1;
    g_autofree StorePermission *permissions = g_new0(StorePermission, count);

    if (store_quota_exceeded(request->connection, STORE_QUOTA_PERMISSIONS, count)) {
        return ENOSPC;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!store_permission_parse(request->argument[i + 1], &permissions[i])) {
            return EINVAL;
        }
    }
    return done(request, store_op_set_permissions(request->connection, request->transaction,
                                                  request->argument[0], permissions, count));
}

/* ---- watches and transactions ---- */

static int do_watch(Request *request)
{
    request->event_token = request->argument[1];
    return done(request, store_op_watch(request->connection, request->argument[0],
                                        request->argument[1], &request->event_path));
}

static int do_unwatch(Request *request)
{
    return done(request,
                store_op_unwatch(request->connection, request->argument[0], request->argument[1]));
}

static int do_reset_watches(Request *request)
{
    store_connection_drop_watches(request->connection);
    store_connection_drop_transactions(request->connection);
    return done(request, 0);
}

static int do_transaction_start(Request *request)
{
    char text[16];
    uint32_t id;
    int result;

    if (request->transaction) {
        return EBUSY;
    }
    result = store_op_transaction_start(request->connection, &id);
    if (result == 0) {
        g_snprintf(text, sizeof(text), "%u", id);
        reply_string(request, text);
    }
    return result;
}

static int do_transaction_end(Request *request)
{
    bool commit = strcmp(request->argument[0], "T") == 0;

    if (!commit && strcmp(request->argument[0], "F") != 0) {
        return EINVAL;
    }
    if (!request->transaction) {
        return ENOENT;
    }
    return done(request,
                store_op_transaction_end(request->connection, request->transaction, commit));
}

/* ---- domains ---- */

static int do_introduce(Request *request)
{
    uint16_t domid;
    guint64 port;

    /* The frame is not looked at: the ring is where the machine put it. */
    if (parse_domid(request->argument[0], &domid) != 0 ||
        !parse_number(request->argument[2], UINT32_MAX, &port) || port == 0) {
        return EINVAL;
    }
    return done(request, store_domain_do_introduce(request->connection->store, domid));
}

static int do_release(Request *request)
{
    uint16_t domid;
    int result = parse_domid(request->argument[0], &domid);

    return done(request,
                result ? result : store_domain_do_release(request->connection->store, domid));
}

static int do_resume(Request *request)
{
    StoreDomain *domain;
    uint16_t domid;

    if (parse_domid(request->argument[0], &domid) != 0 || domid == STORE_DOMID_PRIVILEGED) {
        return EINVAL;
    }
    domain = store_domain_find(request->connection->store, domid);
    if (!domain || !domain->introduced) {
        return ENOENT;
    }
    domain->shutdown = false;
    return done(request, 0);
}

static int do_get_domain_path(Request *request)
{
    g_autofree char *path = NULL;
    uint16_t domid;
    int result = parse_domid(request->argument[0], &domid);

    if (result == 0) {
        path = g_strdup_printf(STORE_DOMAIN_PATH "%u", domid);
        reply_string(request, path);
    }
    return result;
}

static int do_is_domain_introduced(Request *request)
{
    uint16_t domid;
    int result = parse_domid(request->argument[0], &domid);

    if (result == 0) {
        const StoreDomain *domain = store_domain_find(request->connection->store, domid);

        reply_string(request,
                     domid == STORE_DOMID_SELF || (domain && domain->introduced) ? "T" : "F");
    }
    return result;
}

static int do_set_target(Request *request)
{
    uint16_t domid, target;

    if (parse_domid(request->argument[0], &domid) != 0 ||
        parse_domid(request->argument[1], &target) != 0) {
        return EINVAL;
    }
    return done(request, store_domain_set_target(request->connection->store, domid, target));
}

static int do_control(Request *request)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int result = store_control(request->connection, request->argument, request->count, text);

    if (result == 0) {
        reply_string(request, text->str);
    }
    return result;
}

/* ---- the table ---- */

/* A row without a handler, and every number behind the table, is ENOSYS. */
static const struct {
    const char *name;
    RequestHandler handler;
    unsigned flags;
    PayloadSyntax syntax;
    unsigned least; /* strings, for STRINGS */
} operations[] = {
    [XS_CONTROL] = {"CONTROL", do_control, PRIVILEGED, STRINGS, 1},
    [XS_DIRECTORY] = {"DIRECTORY", do_directory, 0, ONE_STRING},
    [XS_READ] = {"READ", do_read, 0, ONE_STRING},
    [XS_GET_PERMS] = {"GET_PERMS", do_get_perms, 0, ONE_STRING},
    [XS_WATCH] = {"WATCH", do_watch, IGNORES_TRANSACTION, TWO_STRINGS},
    [XS_UNWATCH] = {"UNWATCH", do_unwatch, IGNORES_TRANSACTION, TWO_STRINGS},
    [XS_TRANSACTION_START] = {"TRANSACTION_START", do_transaction_start, 0, ANYTHING},
    [XS_TRANSACTION_END] = {"TRANSACTION_END", do_transaction_end, 0, ONE_STRING},
    [XS_INTRODUCE] = {"INTRODUCE", do_introduce, PRIVILEGED, STRINGS, 3},
    [XS_RELEASE] = {"RELEASE", do_release, PRIVILEGED, ONE_STRING},
    [XS_GET_DOMAIN_PATH] = {"GET_DOMAIN_PATH", do_get_domain_path, 0, ONE_STRING},
    [XS_WRITE] = {"WRITE", do_write, 0, STRING_AND_BYTES},
    [XS_MKDIR] = {"MKDIR", do_mkdir, 0, ONE_STRING},
    [XS_RM] = {"RM", do_rm, 0, ONE_STRING},
    [XS_SET_PERMS] = {"SET_PERMS", do_set_perms, 0, STRINGS, 2},
    [XS_WATCH_EVENT] = {"WATCH_EVENT"},
    [XS_ERROR] = {"ERROR"},
    [XS_IS_DOMAIN_INTRODUCED] = {"IS_DOMAIN_INTRODUCED", do_is_domain_introduced, PRIVILEGED,
                                 ONE_STRING},
    [XS_RESUME] = {"RESUME", do_resume, PRIVILEGED, ONE_STRING},
    [XS_SET_TARGET] = {"SET_TARGET", do_set_target, PRIVILEGED, STRINGS, 2},
    [XS_SET_TARGET + 1] = {"RESTRICT"},
    [XS_RESET_WATCHES] = {"RESET_WATCHES", do_reset_watches, 0, ANYTHING},
    [XS_DIRECTORY_PART] = {"DIRECTORY_PART", do_directory_part, 0, TWO_STRINGS},
};

const char *store_wire_error_name(int errnum)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(xsd_errors); i++) {
        if (xsd_errors[i].errnum == errnum) {
            return xsd_errors[i].errstring;
        }
    }
    return "EINVAL";
}

/* Notes where the payload's strings begin, up to @most of them. */
static void split_strings(Request *request, unsigned most)
{
    const char *at = request->payload, *end = at + request->length;
    const char *nul;

    while (request->count < most && at < end && (nul = memchr(at, '\0', end - at))) {
        request->argument[request->count++] = at;
        at = nul + 1;
    }
}

static bool payload_fits(Request *request, PayloadSyntax syntax, unsigned least)
{
    split_strings(request, syntax == STRING_AND_BYTES ? 1 : XENSTORE_PAYLOAD_MAX);
    switch (syntax) {
    case ONE_STRING:
        return request->count == 1 && strlen(request->payload) + 1 == request->length;
    case TWO_STRINGS:
        return request->count == 2;
    case STRING_AND_BYTES:
        return request->count == 1;
    case STRINGS:
        return request->count >= least;
    default:
        return true;
    }
}

static int carry_out(Request *request, const struct xsd_sockmsg *header)
{
    StoreConnection *connection = request->connection;
    uint32_t type = header->type;
    int result;

    if (type >= G_N_ELEMENTS(operations) || !operations[type].handler) {
        return ENOSYS;
    }
    if ((operations[type].flags & PRIVILEGED) && !store_connection_is_privileged(connection)) {
        return EACCES;
    }
    if (!(operations[type].flags & IGNORES_TRANSACTION)) {
        result = store_op_transaction_find(connection, header->tx_id, &request->transaction);
        if (result != 0) {
            return result;
        }
    }
    if (!payload_fits(request, operations[type].syntax, operations[type].least)) {
        return EINVAL;
    }
    result = operations[type].handler(request);
    return result == 0 && request->reply->len > XENSTORE_PAYLOAD_MAX ? E2BIG : result;
}

static const char *operation_name(uint32_t type)
{
    return type < G_N_ELEMENTS(operations) ? operations[type].name : "unknown";
}

void store_wire_request(StoreConnection *connection, const struct xsd_sockmsg *header,
                        const char *payload)
{
    struct xsd_sockmsg answer = *header;
    const char *argument[XENSTORE_PAYLOAD_MAX];
    Request request = {
        .connection = connection, .payload = payload, .length = header->len, .argument = argument};
    const void *bytes;
    int result;

    request.reply = g_byte_array_new();
    result = carry_out(&request, header);
    TRACE(xenstore_request, "domain %u %s tx %u \"%.*s\": %s", connection->domid,
          operation_name(header->type), header->tx_id, (int)strnlen(payload, header->len), payload,
          result ? store_wire_error_name(result) : "ok");
    if (result != 0) {
        bytes = store_wire_error_name(result);
        answer.type = XS_ERROR;
        answer.len = strlen(bytes) + 1;
    } else {
        bytes = request.reply->data;
        answer.len = request.reply->len;
    }
    store_connection_queue(connection, &answer, bytes);
    if (result == 0 && request.event_path) {
        store_connection_event(connection, request.event_path, request.event_token);
    }
    g_free(request.event_path);
    g_byte_array_unref(request.reply);
}
