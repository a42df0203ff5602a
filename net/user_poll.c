/*
 * libslirp on the main loop: a GSource that asks it before each poll which descriptors to wait on
 * and for how long, and tells it afterwards what became of them.
 *
 * Which descriptors those are changes seldom from one poll to the next, so slots are kept and only
 * what differs is told to the main context.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/user_poll.h"

#include <stdbool.h>

typedef struct {
    int fd;
    GIOCondition condition;
    gpointer tag;
} PollSlot;

typedef struct {
    GSource source;
    Slirp *slirp;
    GArray *slots;  /* of PollSlot, in the order in which slirp names them */
    unsigned used;  /* in this round */
    gint64 expires; /* monotonic microseconds; -1: never */
    bool kicked;
} UserPoll;

static const struct {
    int slirp;
    GIOCondition condition;
} bits[] = {
    {SLIRP_POLL_IN, G_IO_IN},   {SLIRP_POLL_OUT, G_IO_OUT}, {SLIRP_POLL_PRI, G_IO_PRI},
    {SLIRP_POLL_ERR, G_IO_ERR}, {SLIRP_POLL_HUP, G_IO_HUP},
};

static GIOCondition to_condition(int events)
{
    GIOCondition condition = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        condition |= events & bits[i].slirp ? bits[i].condition : 0;
    }
    return condition;
}

static int from_condition(GIOCondition condition)
{
    int events = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(bits); i++) {
        events |= condition & bits[i].condition ? bits[i].slirp : 0;
    }
    return events;
}

static void slot_forget(UserPoll *self, PollSlot *slot)
{
    if (slot->tag) {
        g_source_remove_unix_fd(&self->source, slot->tag);
        slot->tag = NULL;
    }
}

static int add_poll(int fd, int events, void *opaque)
{
    UserPoll *self = opaque;
    GIOCondition condition = to_condition(events);
    PollSlot *slot;

    if (self->used == self->slots->len) {
        g_array_set_size(self->slots, self->used + 1);
    }
    slot = &g_array_index(self->slots, PollSlot, self->used);
    if (slot->tag && slot->fd == fd) {
        if (slot->condition != condition) {
            g_source_modify_unix_fd(&self->source, slot->tag, condition);
        }
    } else {
        slot_forget(self, slot);
        slot->fd = fd;
        slot->tag = g_source_add_unix_fd(&self->source, fd, condition);
    }
    slot->condition = condition;
    return self->used++;
}

static int get_revents(int index, void *opaque)
{
    UserPoll *self = opaque;
    PollSlot *slot;

    if (index < 0 || (unsigned)index >= self->used) {
        return 0;
    }
    slot = &g_array_index(self->slots, PollSlot, index);
    return from_condition(g_source_query_unix_fd(&self->source, slot->tag));
}

static gboolean user_poll_prepare(GSource *source, gint *timeout)
{
    UserPoll *self = (UserPoll *)source;
    uint32_t wait_ms = G_MAXUINT32;

    self->used = 0;
    slirp_pollfds_fill(self->slirp, &wait_ms, add_poll, self);
    for (unsigned i = self->used; i < self->slots->len; i++) {
        slot_forget(self, &g_array_index(self->slots, PollSlot, i));
    }
    g_array_set_size(self->slots, self->used);
    self->expires = wait_ms == G_MAXUINT32 ? -1 : g_get_monotonic_time() + wait_ms * 1000LL;
    *timeout = wait_ms > G_MAXINT ? -1 : (gint)wait_ms;
    return self->kicked;
}

static gboolean user_poll_check(GSource *source)
{
    UserPoll *self = (UserPoll *)source;

    for (unsigned i = 0; i < self->used; i++) {
        if (get_revents(i, self)) {
            return TRUE;
        }
    }
    return self->kicked || (self->expires >= 0 && g_get_monotonic_time() >= self->expires);
}

static gboolean user_poll_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
                                   gpointer data G_GNUC_UNUSED)
{
    UserPoll *self = (UserPoll *)source;

    self->kicked = false;
    slirp_pollfds_poll(self->slirp, 0, get_revents, self);
    return G_SOURCE_CONTINUE;
}

static void user_poll_finalize(GSource *source)
{
    g_array_unref(((UserPoll *)source)->slots);
}

static GSourceFuncs functions = {
    .prepare = user_poll_prepare,
    .check = user_poll_check,
    .dispatch = user_poll_dispatch,
    .finalize = user_poll_finalize,
};

GSource *user_poll_attach(Slirp *slirp)
{
    GSource *source = g_source_new(&functions, sizeof(UserPoll));
    UserPoll *self = (UserPoll *)source;

    self->slirp = slirp;
    self->slots = g_array_new(FALSE, TRUE, sizeof(PollSlot));
    self->expires = -1;
    g_source_attach(source, NULL);
    return source;
}

void user_poll_kick(GSource *source)
{
    ((UserPoll *)source)->kicked = true;
    g_main_context_wakeup(NULL);
}

void user_poll_destroy(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}
