/*
 * What the chardev tests share: a front end that records, and a main loop that runs until something
 * is so.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_UNIT_CHARDEV_FIXTURE_H
#define TESTS_UNIT_CHARDEV_FIXTURE_H

#include <string.h>

#include "chardev/chardev.h"
#include "util/options.h"

#define TEST_TIMEOUT_US (10 * G_USEC_PER_SEC)

typedef struct {
    CharFrontend frontend;
    GByteArray *received;
    unsigned room; /* what can_receive() says; receive() takes it away */
    unsigned opened, closed, breaks, mux_in, mux_out;
} Recorder;

/* Runs the main loop until @condition holds. */
#define run_until(condition)                                                                       \
    do {                                                                                           \
        gint64 run_until_deadline = g_get_monotonic_time() + TEST_TIMEOUT_US;                      \
        while (!(condition)) {                                                                     \
            if (g_get_monotonic_time() > run_until_deadline) {                                     \
                g_error("%s:%d: still not: %s", __FILE__, __LINE__, #condition);                   \
            }                                                                                      \
            if (!g_main_context_iteration(NULL, FALSE)) {                                          \
                g_usleep(500);                                                                     \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static inline void run_for_ms(unsigned ms)
{
    gint64 end = g_get_monotonic_time() + ms * 1000;

    while (g_get_monotonic_time() < end) {
        if (!g_main_context_iteration(NULL, FALSE)) {
            g_usleep(500);
        }
    }
}

static inline unsigned recorder_can_receive(void *opaque)
{
    return ((Recorder *)opaque)->room;
}

static inline void recorder_receive(void *opaque, const uint8_t *data, unsigned length)
{
    Recorder *recorder = opaque;

    g_assert_cmpuint(length, <=, recorder->room);
    recorder->room -= length;
    g_byte_array_append(recorder->received, data, length);
}

static inline void recorder_event(void *opaque, CharEvent event)
{
    Recorder *recorder = opaque;
    unsigned *counters[] = {
        [CHAR_EVENT_OPENED] = &recorder->opened,   [CHAR_EVENT_CLOSED] = &recorder->closed,
        [CHAR_EVENT_BREAK] = &recorder->breaks,    [CHAR_EVENT_MUX_IN] = &recorder->mux_in,
        [CHAR_EVENT_MUX_OUT] = &recorder->mux_out,
    };

    (*counters[event])++;
}

static inline void recorder_init(Recorder *recorder, Chardev *chardev)
{
    memset(recorder, 0, sizeof(*recorder));
    recorder->received = g_byte_array_new();
    recorder->room = 65536;
    if (chardev) {
        g_assert_true(char_frontend_attach(&recorder->frontend, chardev, NULL));
        char_frontend_set_handlers(&recorder->frontend, recorder_can_receive, recorder_receive,
                                   recorder_event, recorder);
    }
}

static inline void recorder_clear(Recorder *recorder)
{
    char_frontend_detach(&recorder->frontend);
    g_byte_array_unref(recorder->received);
}

static inline bool recorder_has(Recorder *recorder, const char *text)
{
    return recorder->received->len == strlen(text) &&
           (!text[0] || memcmp(recorder->received->data, text, strlen(text)) == 0);
}

static inline Chardev *try_chardev(const char *text, GError **error)
{
    g_autoptr(JsonObject) options = options_parse(text, "backend", error);

    g_assert_nonnull(options);
    return chardev_new(options, error);
}

static inline Chardev *make_chardev(const char *text)
{
    GError *error = NULL;
    Chardev *chardev = try_chardev(text, &error);

    g_assert_no_error(error);
    g_assert_nonnull(chardev);
    return chardev;
}

static inline int write_text(Recorder *recorder, const char *text)
{
    return char_write(&recorder->frontend, (const uint8_t *)text, strlen(text));
}

#endif
