/*
 * JsonStream: framing and checks; json-glib then makes the value.
 *
 * Source: RFC 8259. QEMU's habits on top of it: strings may stand in single quotes, and a byte 0xff
 * (which no UTF-8 text has) ends whatever went before it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/json_stream.h"

#include <stdbool.h>
#include <string.h>

#include "util/error.h"

#define RESYNC_BYTE 0xff

typedef enum {
    STATE_VALUE, /* between tokens */
    STATE_WORD,  /* a number, true, false, null */
    STATE_STRING,
    STATE_ESCAPE,     /* after a backslash */
    STATE_HEX,        /* the digits after \u */
    STATE_SKIP_TOKEN, /* after an error: until a control character or a new bracket */
    STATE_SKIP_LINE,  /* after a value too large: until the line ends */
} State;

struct JsonStream {
    JsonStreamTake take;
    void *opaque;
    State state;
    GString *text;     /* the value so far, as json-glib shall see it */
    size_t word_start; /* in @text */
    unsigned tokens;
    unsigned depth;
    char brackets[JSON_STREAM_MAX_DEPTH]; /* the closing ones that are awaited */
    char quote;
    unsigned hex_digits, hex_value;
};

JsonStream *json_stream_new(JsonStreamTake take, void *opaque)
{
    JsonStream *stream = g_new0(JsonStream, 1);

    stream->take = take;
    stream->opaque = opaque;
    stream->text = g_string_new(NULL);
    return stream;
}

void json_stream_free(JsonStream *stream)
{
    if (stream) {
        g_string_free(stream->text, TRUE);
        g_free(stream);
    }
}

static void start_over(JsonStream *stream, State state)
{
    /* One huge line must not cost its memory for the rest of the session. */
    if (stream->text->allocated_len > 65536) {
        g_string_free(stream->text, TRUE);
        stream->text = g_string_new(NULL);
    }
    g_string_truncate(stream->text, 0);
    stream->depth = 0;
    stream->tokens = 0;
    stream->state = state;
}

void json_stream_reset(JsonStream *stream)
{
    start_over(stream, STATE_VALUE);
}

static void fail(JsonStream *stream, State next, const char *message)
{
    g_autoptr(GError) error = NULL;

    error_setf(&error, "%s", message);
    start_over(stream, next);
    stream->take(NULL, error, stream->opaque);
}

static void fail_syntax(JsonStream *stream, const char *message)
{
    fail(stream, STATE_SKIP_TOKEN, message);
}

/* ---- a whole value ---- */

static void finish(JsonStream *stream)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GError) reason = NULL;
    JsonNode *node;

    if (!g_utf8_validate(stream->text->str, (gssize)stream->text->len, NULL)) {
        fail(stream, STATE_VALUE, "JSON parse error, invalid UTF-8 sequence in string");
        return;
    }
    if (!json_parser_load_from_data(parser, stream->text->str, (gssize)stream->text->len,
                                    &reason)) {
        fail(stream, STATE_VALUE, "JSON parse error, invalid syntax");
        return;
    }
    node = json_node_copy(json_parser_get_root(parser));
    start_over(stream, STATE_VALUE);
    stream->take(node, NULL, stream->opaque);
}

static void end_of_token(JsonStream *stream)
{
    stream->state = STATE_VALUE;
    if (stream->depth == 0) {
        finish(stream);
    }
}

/* ---- words ---- */

static size_t digits(const char *text)
{
    return strspn(text, "0123456789");
}

static bool is_number(const char *text)
{
    text += *text == '-';
    size_t count = digits(text);
    if (count == 0 || (text[0] == '0' && count > 1)) {
        return false;
    }
    text += count;
    if (*text == '.') {
        count = digits(++text);
        if (count == 0) {
            return false;
        }
        text += count;
    }
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        count = digits(text);
        if (count == 0) {
            return false;
        }
        text += count;
    }
    return *text == '\0';
}

static bool is_word_byte(uint8_t byte)
{
    return g_ascii_isalnum(byte) || byte == '-' || byte == '+' || byte == '.' || byte == '_';
}

/* False: an error was told and the stream has started over. */
static bool end_of_word(JsonStream *stream)
{
    static const char *const words[] = {"true", "false", "null", NULL};
    const char *word = stream->text->str + stream->word_start;

    if (!g_strv_contains(words, word) && !is_number(word)) {
        g_autofree char *message =
            g_strdup_printf("JSON parse error, invalid keyword '%.32s'", word);
        fail_syntax(stream, message);
        return false;
    }
    end_of_token(stream);
    return true;
}

/* ---- bytes ---- */

static bool count_token(JsonStream *stream)
{
    if (++stream->tokens > JSON_STREAM_MAX_TOKENS) {
        fail(stream, STATE_SKIP_LINE, "JSON token count limit exceeded");
        return false;
    }
    return true;
}

static void open_bracket(JsonStream *stream, char closing)
{
    if (stream->depth == JSON_STREAM_MAX_DEPTH) {
        fail(stream, STATE_SKIP_LINE, "JSON nesting depth limit exceeded");
        return;
    }
    if (count_token(stream)) {
        stream->brackets[stream->depth++] = closing;
        g_string_append_c(stream->text, closing == '}' ? '{' : '[');
    }
}

static void close_bracket(JsonStream *stream, char closing)
{
    if (stream->depth == 0 || stream->brackets[stream->depth - 1] != closing) {
        fail_syntax(stream, "JSON parse error, unmatched bracket");
        return;
    }
    stream->depth--;
    g_string_append_c(stream->text, closing);
    end_of_token(stream);
}

static void take_value_byte(JsonStream *stream, uint8_t byte)
{
    switch (byte) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return;
    case '{':
        open_bracket(stream, '}');
        return;
    case '[':
        open_bracket(stream, ']');
        return;
    case '}':
    case ']':
        close_bracket(stream, (char)byte);
        return;
    case ',':
    case ':':
        if (stream->depth == 0) {
            fail_syntax(stream, "JSON parse error, expecting value");
            return;
        }
        g_string_append_c(stream->text, (char)byte);
        return;
    case '"':
    case '\'':
        if (count_token(stream)) {
            stream->quote = (char)byte;
            stream->state = STATE_STRING;
            g_string_append_c(stream->text, '"');
        }
        return;
    default:
        if (!is_word_byte(byte)) {
            fail_syntax(stream, "JSON parse error, stray character");
        } else if (count_token(stream)) {
            /* Two words with nothing between them cannot occur: the first would go on. */
            g_string_append_c(stream->text, ' ');
            stream->word_start = stream->text->len;
            stream->state = STATE_WORD;
            g_string_append_c(stream->text, (char)byte);
        }
    }
}

static void take_string_byte(JsonStream *stream, uint8_t byte)
{
    if (byte == (uint8_t)stream->quote) {
        g_string_append_c(stream->text, '"');
        end_of_token(stream);
    } else if (byte < 0x20) {
        fail_syntax(stream, "JSON parse error, control character in string");
        /* It may have been the newline after a string that was never closed. */
        stream->state = STATE_VALUE;
    } else if (byte == '\\') {
        stream->state = STATE_ESCAPE;
    } else if (byte == '"') {
        g_string_append(stream->text, "\\\"");
    } else {
        g_string_append_c(stream->text, (char)byte);
    }
}

static void take_escape_byte(JsonStream *stream, uint8_t byte)
{
    if (byte == 0 || !strchr("\"'\\/bfnrtu", byte)) {
        fail_syntax(stream, "JSON parse error, invalid escape sequence in string");
        return;
    }
    if (byte != '\'') {
        g_string_append_c(stream->text, '\\');
    }
    g_string_append_c(stream->text, (char)byte);
    stream->state = byte == 'u' ? STATE_HEX : STATE_STRING;
    stream->hex_digits = stream->hex_value = 0;
}

static void take_hex_byte(JsonStream *stream, uint8_t byte)
{
    if (!g_ascii_isxdigit(byte)) {
        fail_syntax(stream, "JSON parse error, invalid escape sequence in string");
        return;
    }
    g_string_append_c(stream->text, (char)byte);
    stream->hex_value = stream->hex_value << 4 | (unsigned)g_ascii_xdigit_value((char)byte);
    if (++stream->hex_digits == 4) {
        if (stream->hex_value == 0) {
            fail_syntax(stream, "JSON parse error, \\u0000 is not permitted in strings");
            return;
        }
        stream->state = STATE_STRING;
    }
}

static void take_byte(JsonStream *stream, uint8_t byte)
{
    if (byte == RESYNC_BYTE) {
        bool pending = stream->text->len > 0;
        bool skipping = stream->state >= STATE_SKIP_TOKEN;
        start_over(stream, STATE_VALUE);
        if (pending || !skipping) {
            fail(stream, STATE_VALUE, "JSON parse error, stray character");
        }
        return;
    }
    if (stream->state == STATE_WORD) {
        if (is_word_byte(byte)) {
            g_string_append_c(stream->text, (char)byte);
            return;
        }
        if (!end_of_word(stream) && byte >= 0x20) {
            return;
        }
        if (stream->state == STATE_SKIP_TOKEN) {
            stream->state = STATE_VALUE;
        }
    }
    switch (stream->state) {
    case STATE_VALUE:
        take_value_byte(stream, byte);
        break;
    case STATE_STRING:
        take_string_byte(stream, byte);
        break;
    case STATE_ESCAPE:
        take_escape_byte(stream, byte);
        break;
    case STATE_HEX:
        take_hex_byte(stream, byte);
        break;
    case STATE_SKIP_TOKEN:
        if (byte < 0x20 || byte == '{' || byte == '[') {
            stream->state = STATE_VALUE;
            take_value_byte(stream, byte < 0x20 ? ' ' : byte);
        }
        break;
    default: /* STATE_SKIP_LINE */
        if (byte == '\n') {
            stream->state = STATE_VALUE;
        }
        break;
    }
}

/* Plain text within a string, in one go. */
static size_t take_string_run(JsonStream *stream, const uint8_t *data, size_t length)
{
    size_t run = 0;

    while (run < length && data[run] >= 0x20 && data[run] != RESYNC_BYTE && data[run] != '\\' &&
           data[run] != '"' && data[run] != '\'') {
        run++;
    }
    g_string_append_len(stream->text, (const char *)data, (gssize)run);
    return run;
}

void json_stream_feed(JsonStream *stream, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t taken = stream->state == STATE_STRING ? take_string_run(stream, data, length) : 0;
        if (taken == 0) {
            take_byte(stream, *data);
            taken = 1;
        }
        if (stream->text->len > JSON_STREAM_MAX_BYTES) {
            fail(stream, STATE_SKIP_LINE, "JSON token size limit exceeded");
        }
        data += taken;
        length -= taken;
    }
}
