/*
 * The line editor of HMP: keys in, lines out.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>

#include "monitor/line_editor.h"

typedef struct {
    GString *lines; /* each ended by a newline */
    GString *shown;
    LineEditor *editor;
} Screen;

static void show(void *opaque, const char *text, size_t length)
{
    g_string_append_len(((Screen *)opaque)->shown, text, (gssize)length);
}

static void take_line(void *opaque, const char *line)
{
    g_string_append_printf(((Screen *)opaque)->lines, "%s\n", line);
}

static GPtrArray *complete(void *opaque, const char *text)
{
    static const char *const words[] = {"status", "stop", "version"};
    const char *space = strrchr(text, ' ');
    GPtrArray *matches = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], space ? space + 1 : text)) {
            g_ptr_array_add(matches, g_strdup(words[i]));
        }
    }
    return matches;
}

static void check(const char *keys, const char *lines)
{
    static const LineEditorOps ops = {show, take_line, complete};

    for (unsigned pass = 0; pass < 2; pass++) {
        Screen screen = {g_string_new(NULL), g_string_new(NULL), NULL};
        screen.editor = line_editor_new(&ops, &screen, "> ");
        size_t chunk = pass ? 1 : strlen(keys);
        for (size_t at = 0; at < strlen(keys); at += chunk) {
            line_editor_feed(screen.editor, (const uint8_t *)keys + at, chunk);
        }
        g_assert_cmpstr(screen.lines->str, ==, lines);
        line_editor_free(screen.editor);
        g_string_free(screen.lines, TRUE);
        g_string_free(screen.shown, TRUE);
    }
}

static void test_typing_and_erasing(void)
{
    check("abc\r", "abc\n");
    check("abc\n", "abc\n");
    check("abcd\x7f\x08x\r", "abx\n");
    check("one two\x17three\r", "one three\n");
    check("abc\x15xyz\r", "xyz\n");
    check("abc\x03xyz\r", "xyz\n");
}

static void test_moving(void)
{
    check("bc\x01"
          "a\x05"
          "d\r",
          "abcd\n");
    check("ac\x1b[Db\r", "abc\n");
    check("ac\x02"
          "b\x06"
          "d\r",
          "abcd\n");
    check("xabc\x1b[H\x1b[3~\x1b[Fd\r", "abcd\n");
    check("abcd\x01\x06\x06\x0b\r", "ab\n");
    check("a\x1bOCb\x1b[99~c\r", "abc\n");
}

/* A character of two bytes is one step and one erasure. */
static void test_characters_of_several_bytes(void)
{
    check("a\xc3\xa9"
          "b\x02\x02"
          "x\r",
          "ax\xc3\xa9"
          "b\n");
    check("a\xc3\xa9\x7f\r", "a\n");
}

static void test_history(void)
{
    check("one\rtwo\r\x10\x10\r", "one\ntwo\none\n");
    check("one\rtwo\rha\x1b[A\x1b[A\x1b[B\x1b[B!\r", "one\ntwo\nha!\n");
    check("\x10\x0e"
          "x\r",
          "x\n");
}

static void test_completion(void)
{
    check("ver\t\r", "version \n");
    check("info sto\t\r", "info stop \n");
    check("s\tat\t\r", "status \n");
    check("zzz\t\r", "zzz\n");
}

static void test_line_limit(void)
{
    g_autoptr(GString) keys = g_string_new(NULL), line = g_string_new(NULL);

    for (unsigned i = 0; i < 10000; i++) {
        g_string_append_c(keys, 'x');
    }
    g_string_append_c(keys, '\r');
    g_string_set_size(line, 4095);
    memset(line->str, 'x', 4095);
    g_string_append_c(line, '\n');
    check(keys->str, line->str);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/line-editor/typing-and-erasing", test_typing_and_erasing);
    g_test_add_func("/line-editor/moving", test_moving);
    g_test_add_func("/line-editor/characters-of-several-bytes", test_characters_of_several_bytes);
    g_test_add_func("/line-editor/history", test_history);
    g_test_add_func("/line-editor/completion", test_completion);
    g_test_add_func("/line-editor/line-limit", test_line_limit);
    return g_test_run();
}
