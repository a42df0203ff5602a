/*
 * CharOutput: bytes from a chip gathered into larger writes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/output_buffer.h"

#include <string.h>

#define BUFFER_SIZE     1024
#define FLUSH_THRESHOLD (BUFFER_SIZE / 2)
/* Short enough for echo and for line protocols, long enough for a line from a polling guest. */
#define IDLE_FLUSH_US 2000

struct CharOutput {
    CharFrontend *frontend;
    void (*room)(void *opaque);
    void *opaque;
    bool starved; /* a put was refused since @room was called last */
    bool timer_armed;
    GSource *timer;
    guint watch; /* waits for the back end, 0: it took everything so far */
    unsigned count;
    uint8_t data[BUFFER_SIZE];
};

static GSList *all_outputs;

static gboolean timer_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer data)
{
    CharOutput *output = data;

    g_source_set_ready_time(source, -1);
    output->timer_armed = false;
    char_output_flush(output);
    return G_SOURCE_CONTINUE;
}

static gboolean timer_callback(gpointer data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_functions = {.dispatch = timer_dispatch};

CharOutput *char_output_new(CharFrontend *frontend, void (*room)(void *opaque), void *opaque)
{
    CharOutput *output = g_new0(CharOutput, 1);

    output->frontend = frontend;
    output->room = room;
    output->opaque = opaque;
    output->timer = g_source_new(&timer_functions, sizeof(GSource));
    g_source_set_callback(output->timer, timer_callback, output, NULL);
    g_source_attach(output->timer, NULL);
    all_outputs = g_slist_prepend(all_outputs, output);
    return output;
}

void char_output_free(CharOutput *output)
{
    if (!output) {
        return;
    }
    output->room = NULL;
    char_output_flush(output);
    if (output->watch) {
        g_source_remove(output->watch);
    }
    g_source_destroy(output->timer);
    g_source_unref(output->timer);
    all_outputs = g_slist_remove(all_outputs, output);
    g_free(output);
}

static void writable(void *opaque)
{
    CharOutput *output = opaque;

    output->watch = 0;
    char_output_flush(output);
    if (output->starved && output->count < FLUSH_THRESHOLD && output->room) {
        output->starved = false;
        output->room(output->opaque);
    }
}

void char_output_flush(CharOutput *output)
{
    while (output->count > 0) {
        int taken = char_write(output->frontend, output->data, output->count);
        if (taken == 0) {
            if (!output->watch) {
                output->watch = char_add_writable_watch(output->frontend, writable, output);
            }
            return;
        }
        if (taken < 0) {
            taken = output->count; /* lost on the wire, as with a real one */
        }
        output->count -= taken;
        memmove(output->data, output->data + taken, output->count);
    }
}

/* One timer covers all bytes that come until it fires: a busy line does not arm it for each. */
static void arm_timer(CharOutput *output)
{
    if (!output->timer_armed) {
        output->timer_armed = true;
        g_source_set_ready_time(output->timer, g_get_monotonic_time() + IDLE_FLUSH_US);
    }
}

bool char_output_put(CharOutput *output, uint8_t byte)
{
    if (!output->frontend->chardev) {
        return true;
    }
    if (output->count == BUFFER_SIZE) {
        output->starved = true;
        return false;
    }
    output->data[output->count++] = byte;
    if (output->watch) {
        return true; /* the back end is full and will say when it is not */
    }
    if (byte == '\n' || output->count >= FLUSH_THRESHOLD) {
        char_output_flush(output);
    } else {
        arm_timer(output);
    }
    return true;
}

unsigned char_output_pending(const CharOutput *output)
{
    return output->count;
}

bool char_output_flush_all(void)
{
    bool done = true;

    for (GSList *item = all_outputs; item; item = item->next) {
        CharOutput *output = item->data;
        char_output_flush(output);
        done &= output->count == 0;
    }
    return done;
}
