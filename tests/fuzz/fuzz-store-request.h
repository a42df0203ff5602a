/*
 * Requests to xenstore that are right in most of their parts, from a fuzzer's input.
 *
 * Source: Xen's public/io/xs_wire.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_FUZZ_FUZZ_STORE_REQUEST_H
#define TESTS_FUZZ_FUZZ_STORE_REQUEST_H

#include "fuzz-input.h"
#include "hw/xen/store/store_private.h"

enum { REQUEST_ROOM = sizeof(struct xsd_sockmsg) + 5000, REMEMBERED = 4 };

/* What answers said: the transactions that a connection may name. */
typedef struct {
    uint32_t transactions[REMEMBERED];
    unsigned count;
} Remembered;

/* What each request takes: p path, t token, n permissions, v value, d domain, f end of a
 * transaction, o offset, c words of a command, e an empty string. */
static const struct {
    uint8_t type;
    const char *fields;
} request_shapes[] = {
    {XS_WRITE, "pv"},
    {XS_WRITE, "pv"},
    {XS_WRITE, "pv"},
    {XS_WRITE, "pv"},
    {XS_MKDIR, "p"},
    {XS_MKDIR, "p"},
    {XS_RM, "p"},
    {XS_RM, "p"},
    {XS_READ, "p"},
    {XS_READ, "p"},
    {XS_DIRECTORY, "p"},
    {XS_DIRECTORY_PART, "po"},
    {XS_GET_PERMS, "p"},
    {XS_SET_PERMS, "pn"},
    {XS_SET_PERMS, "pn"},
    {XS_WATCH, "pt"},
    {XS_WATCH, "pt"},
    {XS_UNWATCH, "pt"},
    {XS_RESET_WATCHES, "e"},
    {XS_TRANSACTION_START, "e"},
    {XS_TRANSACTION_START, "e"},
    {XS_TRANSACTION_END, "f"},
    {XS_TRANSACTION_END, "f"},
    {XS_GET_DOMAIN_PATH, "d"},
    {XS_IS_DOMAIN_INTRODUCED, "d"},
    {XS_INTRODUCE, "doo"},
    {XS_RELEASE, "d"},
    {XS_RESUME, "d"},
    {XS_SET_TARGET, "dd"},
    {XS_CONTROL, "c"},
    {XS_CONTROL, "ccc"},
    {XS_ERROR, "p"},
};

static void append(GByteArray *to, const char *text)
{
    g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text) + 1);
}

static void append_path(GByteArray *to, Input *input)
{
    static const char *const names[] = {"data",
                                        "data/a",
                                        "data/b",
                                        "data/b/c",
                                        "/local/domain/1/data/b",
                                        "/local/domain/1",
                                        "/local/domain/1/data",
                                        "/tool/x",
                                        "/",
                                        "",
                                        "@introduceDomain",
                                        "@releaseDomain",
                                        "device/vbd/1/state",
                                        "/local/domain/0",
                                        "//",
                                        "data/",
                                        "control/shutdown",
                                        "data/\x01"};
    uint8_t what = (uint8_t)take(input, 1);

    if (what < 224) {
        append(to, names[what % (what < 128 ? 7 : G_N_ELEMENTS(names))]);
    } else if (what < 250) {
        g_autofree char *name = g_strdup_printf("data/n%u", what % 64);
        append(to, name);
    } else {
        g_autofree char *name = g_strnfill(what < 253 ? 1020 : 3080, 'a');
        g_autofree char *whole = g_strconcat(what % 2 ? "/" : "data/", name, NULL);
        append(to, whole);
    }
}

static void append_bytes(GByteArray *to, Input *input)
{
    size_t length, limit = take(input, 1) % 64;
    const uint8_t *bytes = take_bytes(input, limit, &length);

    g_byte_array_append(to, bytes, (guint)length);
}

static void append_one_of(GByteArray *to, Input *input, const char *const *words)
{
    append(to, words[take(input, 1) % g_strv_length((char **)words)]);
}

static void append_field(GByteArray *to, Input *input, char field)
{
    static const char *const tokens[] = {"t", "u", "", NULL};
    static const char *const permissions[] = {"b1", "r1", "n0", "w0", "n1", "r5", "x", NULL};
    static const char *const domains[] = {"1", "1", "0", "5", "32752", "x", NULL};
    static const char *const ends[] = {"T", "T", "F", "", NULL};
    static const char *const numbers[] = {"0",  "1", "7", "4096", "18446744073709551615",
                                          "-1", NULL};
    static const char *const commands[] = {"help", "check", "quota", "set", "nodes",
                                           "10",   "print", "log",   "on",  NULL};
    const char *const *const words = field == 't'   ? tokens
                                     : field == 'd' ? domains
                                     : field == 'f' ? ends
                                     : field == 'o' ? numbers
                                                    : commands;

    if (field == 'p') {
        append_path(to, input);
    } else if (field == 'v') {
        append_bytes(to, input);
    } else if (field == 'e') {
        append(to, "");
    } else if (field == 'n') {
        unsigned last = take(input, 1) % 3;
        for (unsigned i = 0; i <= last; i++) {
            append_one_of(to, input, permissions);
        }
    } else {
        append_one_of(to, input, words);
    }
}

static uint32_t take_transaction(Input *input, const Remembered *remembered)
{
    uint8_t what = (uint8_t)take(input, 1);

    if (what < 128 || remembered->count == 0) {
        return what == 1;
    }
    return remembered->transactions[what % MIN(remembered->count, REMEMBERED)];
}

/* A whole request; now and then its end or its header lies. */
static GByteArray *take_request(Input *input, const Remembered *remembered)
{
    uint8_t what = (uint8_t)take(input, 1);
    const char *fields = request_shapes[what % G_N_ELEMENTS(request_shapes)].fields;
    struct xsd_sockmsg header = {.type = request_shapes[what % G_N_ELEMENTS(request_shapes)].type,
                                 .req_id = what};
    GByteArray *request = g_byte_array_new();
    uint8_t lie = (uint8_t)take(input, 1);

    header.tx_id = take_transaction(input, remembered);
    header.type = lie == 255 ? (uint32_t)take(input, 1) : header.type;
    g_byte_array_append(request, (const guint8 *)&header, sizeof(header));
    for (; *fields; fields++) {
        append_field(request, input, *fields);
    }
    if (lie > 248) {
        append_bytes(request, input);
    }
    header.len = request->len - sizeof(header);
    if (lie == 254) {
        header.len = (uint32_t)take(input, 2);
    }
    memcpy(request->data, &header, sizeof(header));
    return request;
}

/* Looks at a whole answer. */
static void remember(Remembered *remembered, const uint8_t *answer, size_t length)
{
    struct xsd_sockmsg header;

    if (length < sizeof(header)) {
        return;
    }
    memcpy(&header, answer, sizeof(header));
    if (header.type == XS_TRANSACTION_START && header.len <= length - sizeof(header)) {
        g_autofree char *text = g_strndup((const char *)answer + sizeof(header), header.len);
        remembered->transactions[remembered->count++ % REMEMBERED] =
            (uint32_t)g_ascii_strtoull(text, NULL, 10);
    }
}

#endif
