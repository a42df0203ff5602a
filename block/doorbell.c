/*
 * Doorbells. The ring polls an eventfd for as long as it is asked to: each write of it is a
 * completion, nobody has to read it or to ask again. Where there is no ring, or one that stops
 * polling after the first time, the engine's source watches the eventfd.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "block/engine_private.h"
#include "util/clock.h"

#include <sys/eventfd.h>

static BlockDoorbell *of_poll(EngineTask *task)
{
    return (BlockDoorbell *)((char *)task - G_STRUCT_OFFSET(BlockDoorbell, poll));
}

static BlockDoorbell *of_cancel(EngineTask *task)
{
    return (BlockDoorbell *)((char *)task - G_STRUCT_OFFSET(BlockDoorbell, cancel));
}

static void set_pending(BlockDoorbell *doorbell)
{
    if (!doorbell->pending && !doorbell->gone) {
        doorbell->pending = true;
        doorbell->engine->pending_doorbells++;
    }
}

static void clear_pending(BlockDoorbell *doorbell)
{
    if (doorbell->pending) {
        doorbell->pending = false;
        doorbell->engine->pending_doorbells--;
    }
}

/* ---- watching ---- */

static void watch_by_source(BlockDoorbell *doorbell)
{
    doorbell->tag = g_source_add_unix_fd(doorbell->engine->source, doorbell->fd, G_IO_IN);
}

static void arm(BlockDoorbell *doorbell)
{
    EngineRing *ring = doorbell->engine->ring;

    doorbell->poll = (EngineTask){.kind = ENGINE_POLL, .fd = doorbell->fd};
    doorbell->poll.engine = doorbell->engine;
    if (!ring || !ring_can(ring, &doorbell->poll)) {
        watch_by_source(doorbell);
        return;
    }
    doorbell->armed = true;
    ring_queue(ring, &doorbell->poll);
}

static void free_when_unknown(BlockDoorbell *doorbell)
{
    if (doorbell->gone && !doorbell->armed && !doorbell->cancelling) {
        BlockDoorbell **at = &doorbell->engine->doorbells;

        while (*at != doorbell) {
            at = &(*at)->next;
        }
        *at = doorbell->next;
        g_free(doorbell);
    }
}

static void poll_completed(BlockDoorbell *doorbell, int64_t result, bool more)
{
    if (!more) {
        doorbell->armed = false;
    }
    if (!doorbell->gone) {
        if (result > 0) {
            set_pending(doorbell);
        }
        if (!more && result < 0) {
            watch_by_source(doorbell);
        } else if (!more) {
            arm(doorbell);
        }
    }
    free_when_unknown(doorbell);
}

void doorbell_completed(EngineTask *task, int64_t result, bool more)
{
    if (task->kind == ENGINE_POLL) {
        poll_completed(of_poll(task), result, more);
    } else {
        BlockDoorbell *doorbell = of_cancel(task);
        doorbell->cancelling = false;
        free_when_unknown(doorbell);
    }
}

void doorbells_source_check(BlockEngine *engine)
{
    for (BlockDoorbell *doorbell = engine->doorbells; doorbell; doorbell = doorbell->next) {
        eventfd_t count;
        if (doorbell->tag && g_source_query_unix_fd(engine->source, doorbell->tag) &&
            eventfd_read(doorbell->fd, &count) == 0) {
            set_pending(doorbell);
        }
    }
}

/* ---- ringing ---- */

void doorbells_expire(BlockEngine *engine)
{
    int64_t now = 0;

    for (BlockDoorbell *doorbell = engine->doorbells; doorbell; doorbell = doorbell->next) {
        if (!doorbell->deadline_ns) {
            continue;
        }
        now = now ? now : clock_get_ns(CLOCK_REALTIME_HOST);
        if (doorbell->deadline_ns <= now) {
            doorbell->deadline_ns = 0;
            set_pending(doorbell);
        }
    }
}

static BlockDoorbell *take_pending(BlockEngine *engine)
{
    for (BlockDoorbell *doorbell = engine->doorbells; doorbell; doorbell = doorbell->next) {
        if (doorbell->pending) {
            clear_pending(doorbell);
            return doorbell;
        }
    }
    return NULL;
}

void doorbells_run(BlockEngine *engine)
{
    /* One that rings itself again waits for the next turn, so that completions get theirs. */
    for (unsigned left = engine->pending_doorbells; left > 0; left--) {
        BlockDoorbell *doorbell = take_pending(engine);
        if (!doorbell) {
            break;
        }
        doorbell->rung(doorbell->opaque);
    }
}

void block_doorbell_again(BlockDoorbell *doorbell)
{
    set_pending(doorbell);
}

static void set_deadline(BlockDoorbell *doorbell, int64_t deadline_ns)
{
    if (doorbell->deadline_ns != deadline_ns) {
        doorbell->deadline_ns = deadline_ns;
        engine_update_ready_time(doorbell->engine);
    }
}

void block_doorbell_after(BlockDoorbell *doorbell, int64_t delay_ns)
{
    set_deadline(doorbell, delay_ns > 0 ? clock_get_ns(CLOCK_REALTIME_HOST) + delay_ns : 0);
}

/* ---- life ---- */

BlockDoorbell *block_doorbell_new(GMainContext *context, int fd, void (*rung)(void *opaque),
                                  void *opaque)
{
    BlockDoorbell *doorbell = g_new0(BlockDoorbell, 1);

    doorbell->engine = engine_for_context(context);
    doorbell->fd = fd;
    doorbell->rung = rung;
    doorbell->opaque = opaque;
    doorbell->next = doorbell->engine->doorbells;
    doorbell->engine->doorbells = doorbell;
    arm(doorbell);
    engine_submit_queued(doorbell->engine);
    return doorbell;
}

void block_doorbell_free(BlockDoorbell *doorbell)
{
    BlockEngine *engine = doorbell->engine;

    clear_pending(doorbell);
    set_deadline(doorbell, 0);
    doorbell->gone = true;
    if (doorbell->tag) {
        g_source_remove_unix_fd(engine->source, doorbell->tag);
        doorbell->tag = NULL;
    }
    if (doorbell->armed) {
        doorbell->cancel = (EngineTask){.kind = ENGINE_POLL_CANCEL, .engine = engine};
        doorbell->cancel.poll = &doorbell->poll;
        doorbell->cancelling = true;
        ring_queue(engine->ring, &doorbell->cancel);
        engine_submit_queued(engine);
    }
    free_when_unknown(doorbell);
    engine_unref(engine);
}

void doorbells_free(BlockEngine *engine)
{
    BlockDoorbell *next;

    for (BlockDoorbell *doorbell = engine->doorbells; doorbell; doorbell = next) {
        next = doorbell->next;
        g_free(doorbell);
    }
    engine->doorbells = NULL;
}
