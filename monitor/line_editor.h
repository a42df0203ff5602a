/*
 * A line editor for a terminal at the other end of a character device: cursor keys, history,
 * completion.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_LINE_EDITOR_H
#define MONITOR_LINE_EDITOR_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct LineEditor LineEditor;

typedef struct {
    void (*write)(void *opaque, const char *text, size_t length);
    /** line: the user pressed Enter; the editor shows no prompt until line_editor_prompt(). */
    void (*line)(void *opaque, const char *line);
    /** complete: words that could stand at the end of @text, each a char * of the array (freed). */
    GPtrArray *(*complete)(void *opaque, const char *text);
} LineEditorOps;

LineEditor *line_editor_new(const LineEditorOps *ops, void *opaque, const char *prompt);
void line_editor_free(LineEditor *editor);
void line_editor_feed(LineEditor *editor, const uint8_t *data, size_t length);
/** line_editor_prompt: shows the prompt and what has been typed so far. */
void line_editor_prompt(LineEditor *editor);
/** line_editor_reset: forgets what has been typed; history stays. */
void line_editor_reset(LineEditor *editor);
/** line_editor_history: the lines so far, oldest first. */
const GPtrArray *line_editor_history(const LineEditor *editor);

#endif
