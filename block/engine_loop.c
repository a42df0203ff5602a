/*
 * An I/O thread's wait. GLib's loop calls it where it would poll(): as long as nothing but
 * doorbells and requests happens it stays here, and each turn is one system call that submits what
 * the last turn has made and waits for the next completion.
 *
 * What GLib itself waits for (its wake-up, sources that others attach) has polls in the ring like
 * the doorbells; when one of them completes, GLib gets its answer from poll().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/engine_private.h"
#include "util/clock.h"

#include <sys/prctl.h>

#define OTHERS_MAX 8

/* What this thread's GLib waits for beside the engine's own descriptors. */
static __thread struct {
    BlockEngine *engine;
    unsigned count;
    int fds[OTHERS_MAX];
    BlockDoorbell *polls[OTHERS_MAX];
    bool signalled; /* one of them has rung since poll() last looked at all of them */
    bool plain;     /* this kernel's ring polls once only: GLib's own wait serves */
} loop;

static void other_rung(void *opaque G_GNUC_UNUSED)
{
    loop.signalled = true;
}

static void forget_others(void)
{
    while (loop.count > 0) {
        block_doorbell_free(loop.polls[--loop.count]);
    }
}

static bool is_own(const BlockEngine *engine, int fd)
{
    return fd == ring_fd(engine->ring);
}

static bool knows_all(const GPollFD *fds, guint count)
{
    unsigned known = 0;

    for (guint i = 0; i < count; i++) {
        if (!is_own(loop.engine, fds[i].fd)) {
            if (known == loop.count || loop.fds[known] != fds[i].fd) {
                return false;
            }
            known++;
        }
    }
    return known == loop.count;
}

/* True if the ring waits for all of them; for ever false after one that it could not. */
static bool ring_has_others(void)
{
    for (unsigned i = 0; i < loop.count && !loop.plain; i++) {
        loop.plain = loop.polls[i]->tag != NULL;
    }
    if (loop.plain) {
        forget_others();
    }
    return !loop.plain;
}

/* False: there are things here that the ring cannot wait for. */
static bool watch_others(const GPollFD *fds, guint count)
{
    if (loop.plain || knows_all(fds, count)) {
        return ring_has_others();
    }
    forget_others();
    for (guint i = 0; i < count; i++) {
        if (is_own(loop.engine, fds[i].fd)) {
            continue;
        }
        if (loop.count == OTHERS_MAX || fds[i].events != G_IO_IN) {
            return false;
        }
        loop.fds[loop.count] = fds[i].fd;
        loop.polls[loop.count++] =
            block_doorbell_new(loop.engine->context, fds[i].fd, other_rung, NULL);
    }
    return ring_has_others();
}

/* Until the engine's next deadline or GLib's: ns, -1 for ever. */
static int64_t wait_ns(const BlockEngine *engine, int64_t until_ns)
{
    int64_t deadline_ns = engine_next_deadline(engine);

    if (deadline_ns == 0 || (until_ns != 0 && until_ns < deadline_ns)) {
        deadline_ns = until_ns;
    }
    if (deadline_ns == 0) {
        return -1;
    }
    /* Read once: MAX evaluates what it returns again, when the rest may be negative, for ever. */
    int64_t left_ns = deadline_ns - clock_get_ns(CLOCK_REALTIME_HOST);
    return MAX(left_ns, 0);
}

static gint plain_poll(BlockEngine *engine, GPollFD *fds, guint count, int64_t until_ns)
{
    int64_t left_ns = wait_ns(engine, until_ns);

    engine_submit_queued(engine);
    loop.signalled = false;
    return g_poll(fds, count,
                  left_ns < 0 ? -1 : (gint)MIN((left_ns + NS_PER_MS - 1) / NS_PER_MS, INT_MAX));
}

static gint loop_poll(GPollFD *fds, guint count, gint timeout_ms)
{
    BlockEngine *engine = loop.engine;
    int64_t until_ns =
        timeout_ms < 0 ? 0 : clock_get_ns(CLOCK_REALTIME_HOST) + timeout_ms * NS_PER_MS;

    if (!watch_others(fds, count) || timeout_ms == 0) {
        return plain_poll(engine, fds, count, until_ns);
    }
    /*
     * Set before we came, too: a poll in the ring tells of a write once, and the completion may
     * have been taken while GLib dispatched. Only poll(), which sees what still is, takes it back.
     */
    while (!loop.signalled && ring_can_wait(engine->ring) && ring_has_others()) {
        int64_t left_ns = engine_ready(engine) ? 0 : wait_ns(engine, until_ns);

        if (left_ns != 0) {
            engine_send_refused(ring_submit_and_wait(engine->ring, left_ns));
        } else if (until_ns != 0 && until_ns <= clock_get_ns(CLOCK_REALTIME_HOST)) {
            break;
        }
        engine_run(engine, true);
    }
    engine_submit_queued(engine);
    loop.signalled = false;
    return g_poll(fds, count, 0);
}

void block_context_enter(GMainContext *context)
{
    BlockEngine *engine = engine_for_context(context);

    /* Short waits end when they are due, not within the 50 us that a thread is given otherwise. */
    prctl(PR_SET_TIMERSLACK, 1);
    engine_set_thread(engine);
    if (engine->ring && ring_can_wait(engine->ring)) {
        loop.engine = engine;
        g_main_context_set_poll_func(context, loop_poll);
    }
}

void block_context_leave(GMainContext *context)
{
    BlockEngine *engine = engine_of_thread();

    if (loop.engine) {
        forget_others();
        loop.engine = NULL;
        loop.plain = false;
        g_main_context_set_poll_func(context, NULL);
    }
    engine_set_thread(NULL);
    engine_unref(engine);
}
