/*
 * Line editing.
 *
 * Source: ECMA-48 (control sequences); the key bindings are those of Emacs, as in other editors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "monitor/line_editor.h"

#include <stdbool.h>
#include <string.h>

#define MAX_LINE        4095
#define MAX_HISTORY     64
#define CONTROL(letter) ((letter)&0x1f)
#define ESCAPE          0x1b
#define BACKSPACE       0x7f

typedef enum {
    KEY_PLAIN,
    KEY_ESCAPE, /* after ESC */
    KEY_CSI,    /* after ESC [ */
    KEY_SS3,    /* after ESC O */
} KeyState;

struct LineEditor {
    LineEditorOps ops;
    void *opaque;
    char *prompt;
    GString *line;
    size_t cursor;
    GPtrArray *history;
    guint history_place; /* == history->len: the line being typed */
    char *typed;         /* kept while the user looks through the history */
    KeyState state;
    unsigned parameter;
};

LineEditor *line_editor_new(const LineEditorOps *ops, void *opaque, const char *prompt)
{
    LineEditor *editor = g_new0(LineEditor, 1);

    editor->ops = *ops;
    editor->opaque = opaque;
    editor->prompt = g_strdup(prompt);
    editor->line = g_string_new(NULL);
    editor->history = g_ptr_array_new_with_free_func(g_free);
    return editor;
}

void line_editor_free(LineEditor *editor)
{
    if (editor) {
        g_ptr_array_unref(editor->history);
        g_string_free(editor->line, TRUE);
        g_free(editor->prompt);
        g_free(editor->typed);
        g_free(editor);
    }
}

const GPtrArray *line_editor_history(const LineEditor *editor)
{
    return editor->history;
}

/* ---- output ---- */

static void put(LineEditor *editor, const char *text)
{
    editor->ops.write(editor->opaque, text, strlen(text));
}

static bool continues_character(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

static unsigned columns(const char *text, size_t length)
{
    unsigned count = 0;

    for (size_t i = 0; i < length; i++) {
        count += !continues_character(text[i]);
    }
    return count;
}

static void redraw(LineEditor *editor)
{
    GString *line = editor->line;
    unsigned back = columns(line->str + editor->cursor, line->len - editor->cursor);
    g_autofree char *text =
        back ? g_strdup_printf("\r%s%s\033[K\033[%uD", editor->prompt, line->str, back)
             : g_strdup_printf("\r%s%s\033[K", editor->prompt, line->str);

    put(editor, text);
}

void line_editor_prompt(LineEditor *editor)
{
    put(editor, editor->prompt);
    if (editor->line->len > 0) {
        redraw(editor);
    }
}

void line_editor_reset(LineEditor *editor)
{
    g_string_truncate(editor->line, 0);
    editor->cursor = 0;
    editor->state = KEY_PLAIN;
    editor->history_place = editor->history->len;
    g_clear_pointer(&editor->typed, g_free);
}

/* ---- moving ---- */

static size_t before(const LineEditor *editor, size_t at)
{
    while (at > 0 && continues_character(editor->line->str[--at])) {
    }
    return at;
}

static size_t after(const LineEditor *editor, size_t at)
{
    if (at < editor->line->len) {
        at++;
    }
    while (at < editor->line->len && continues_character(editor->line->str[at])) {
        at++;
    }
    return at;
}

static void move_to(LineEditor *editor, size_t cursor)
{
    editor->cursor = cursor;
    redraw(editor);
}

static void go_left(LineEditor *editor)
{
    move_to(editor, before(editor, editor->cursor));
}

static void go_right(LineEditor *editor)
{
    move_to(editor, after(editor, editor->cursor));
}

static void go_start(LineEditor *editor)
{
    move_to(editor, 0);
}

static void go_end(LineEditor *editor)
{
    move_to(editor, editor->line->len);
}

/* ---- changing ---- */

static void insert(LineEditor *editor, const char *text, size_t length)
{
    bool at_end = editor->cursor == editor->line->len;

    if (editor->line->len + length > MAX_LINE) {
        return;
    }
    g_string_insert_len(editor->line, (gssize)editor->cursor, text, (gssize)length);
    editor->cursor += length;
    if (at_end) {
        editor->ops.write(editor->opaque, text, length);
    } else {
        redraw(editor);
    }
}

static void erase(LineEditor *editor, size_t from, size_t to)
{
    if (from < to) {
        g_string_erase(editor->line, (gssize)from, (gssize)(to - from));
        editor->cursor = from;
        redraw(editor);
    }
}

static void erase_before(LineEditor *editor)
{
    erase(editor, before(editor, editor->cursor), editor->cursor);
}

static void erase_here(LineEditor *editor)
{
    erase(editor, editor->cursor, after(editor, editor->cursor));
}

static void erase_to_end(LineEditor *editor)
{
    erase(editor, editor->cursor, editor->line->len);
}

static void erase_to_start(LineEditor *editor)
{
    erase(editor, 0, editor->cursor);
}

static void erase_word(LineEditor *editor)
{
    size_t from = editor->cursor;

    while (from > 0 && editor->line->str[from - 1] == ' ') {
        from--;
    }
    while (from > 0 && editor->line->str[from - 1] != ' ') {
        from--;
    }
    erase(editor, from, editor->cursor);
}

/* ---- history ---- */

static void show(LineEditor *editor, const char *text)
{
    g_string_assign(editor->line, text);
    move_to(editor, editor->line->len);
}

static void go_up(LineEditor *editor)
{
    if (editor->history_place == 0) {
        return;
    }
    if (editor->history_place == editor->history->len) {
        g_free(editor->typed);
        editor->typed = g_strdup(editor->line->str);
    }
    show(editor, g_ptr_array_index(editor->history, --editor->history_place));
}

static void go_down(LineEditor *editor)
{
    if (editor->history_place == editor->history->len) {
        return;
    }
    editor->history_place++;
    if (editor->history_place < editor->history->len) {
        show(editor, g_ptr_array_index(editor->history, editor->history_place));
    } else {
        show(editor, editor->typed ? editor->typed : "");
    }
}

static void remember(LineEditor *editor, const char *line)
{
    GPtrArray *history = editor->history;

    if (line[0] == '\0' ||
        (history->len > 0 && strcmp(g_ptr_array_index(history, history->len - 1), line) == 0)) {
        return;
    }
    if (history->len == MAX_HISTORY) {
        g_ptr_array_remove_index(history, 0);
    }
    g_ptr_array_add(history, g_strdup(line));
}

static void enter(LineEditor *editor)
{
    g_autofree char *line = g_strdup(editor->line->str);

    put(editor, "\r\n");
    remember(editor, line);
    line_editor_reset(editor);
    editor->ops.line(editor->opaque, line);
}

static void abandon(LineEditor *editor)
{
    put(editor, "\r\n");
    line_editor_reset(editor);
    line_editor_prompt(editor);
}

/* ---- completion ---- */

static size_t common_prefix(const GPtrArray *words)
{
    const char *first = g_ptr_array_index(words, 0);
    size_t length = strlen(first);

    for (guint i = 1; i < words->len; i++) {
        const char *word = g_ptr_array_index(words, i);
        size_t same = 0;
        while (same < length && word[same] == first[same]) {
            same++;
        }
        length = same;
    }
    return length;
}

static void list_words(LineEditor *editor, const GPtrArray *words)
{
    GString *text = g_string_new("\r\n");
    unsigned column = 0;

    for (guint i = 0; i < words->len; i++) {
        g_string_append_printf(text, "%-24s", (char *)g_ptr_array_index(words, i));
        if (++column % 3 == 0 || i + 1 == words->len) {
            g_string_append(text, "\r\n");
        }
    }
    put(editor, text->str);
    g_string_free(text, TRUE);
    redraw(editor);
}

static void complete(LineEditor *editor)
{
    g_autofree char *text = g_strndup(editor->line->str, editor->cursor);
    g_autoptr(GPtrArray) words = editor->ops.complete(editor->opaque, text);
    const char *space = strrchr(text, ' ');
    size_t typed = strlen(space ? space + 1 : text);

    if (words->len == 0) {
        return;
    }
    size_t known = common_prefix(words);
    if (known > typed) {
        insert(editor, (char *)g_ptr_array_index(words, 0) + typed, known - typed);
    } else if (words->len > 1) {
        list_words(editor, words);
    }
    if (words->len == 1) {
        insert(editor, " ", 1);
    }
}

/* ---- keys ---- */

typedef void KeyAction(LineEditor *editor);

static const struct {
    uint8_t byte;
    KeyAction *act;
} control_keys[] = {
    {CONTROL('A'), go_start},     {CONTROL('B'), go_left},   {CONTROL('C'), abandon},
    {CONTROL('D'), erase_here},   {CONTROL('E'), go_end},    {CONTROL('F'), go_right},
    {CONTROL('H'), erase_before}, {CONTROL('I'), complete},  {CONTROL('J'), enter},
    {CONTROL('K'), erase_to_end}, {CONTROL('L'), redraw},    {CONTROL('M'), enter},
    {CONTROL('N'), go_down},      {CONTROL('P'), go_up},     {CONTROL('U'), erase_to_start},
    {CONTROL('W'), erase_word},   {BACKSPACE, erase_before},
};

/* After ESC [ and ESC O; the number is that before a '~'. */
static const struct {
    uint8_t byte;
    unsigned parameter;
    KeyAction *act;
} sequence_keys[] = {
    {'A', 0, go_up},  {'B', 0, go_down},  {'C', 0, go_right}, {'D', 0, go_left},
    {'F', 0, go_end}, {'H', 0, go_start}, {'~', 1, go_start}, {'~', 3, erase_here},
    {'~', 4, go_end}, {'~', 7, go_start}, {'~', 8, go_end},
};

static void take_plain(LineEditor *editor, uint8_t byte)
{
    if (byte == ESCAPE) {
        editor->state = KEY_ESCAPE;
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(control_keys); i++) {
        if (control_keys[i].byte == byte) {
            control_keys[i].act(editor);
            return;
        }
    }
    if (byte >= ' ') {
        insert(editor, (char *)&byte, 1);
    }
}

static void take_sequence(LineEditor *editor, uint8_t byte)
{
    if (g_ascii_isdigit(byte)) {
        editor->parameter = MIN(editor->parameter * 10 + (byte - '0'), 1000u);
        return;
    }
    editor->state = KEY_PLAIN;
    for (unsigned i = 0; i < G_N_ELEMENTS(sequence_keys); i++) {
        if (sequence_keys[i].byte == byte && sequence_keys[i].parameter == editor->parameter) {
            sequence_keys[i].act(editor);
            return;
        }
    }
}

void line_editor_feed(LineEditor *editor, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        switch (editor->state) {
        case KEY_PLAIN:
            /* CR LF is one Enter. */
            if (!(data[i] == '\n' && i > 0 && data[i - 1] == '\r')) {
                take_plain(editor, data[i]);
            }
            break;
        case KEY_ESCAPE:
            editor->state = data[i] == '[' ? KEY_CSI : data[i] == 'O' ? KEY_SS3 : KEY_PLAIN;
            editor->parameter = 0;
            break;
        default:
            take_sequence(editor, data[i]);
            break;
        }
    }
}
