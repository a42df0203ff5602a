/*
 * The hostile guest inside: drawing numbers, and what may be written over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_HOSTILE_HOSTILE_H
#define TESTS_GUEST_HOSTILE_HOSTILE_H

#include "xen_guest.h"

#define HOSTILE_CPUS 2u

typedef struct {
    uint64_t state;  /* of the generator */
    uint64_t call;   /* how many acts so far */
    uint8_t *calls;  /* a page for what calls point at */
    uint8_t *lists;  /* and one for what their pointers lead to */
    uint64_t interrupted_at; /* the act that the last interrupt came in, and how many did */
    unsigned interrupts;
} Hostile;

/** draw_below: a number from 0 to @limit - 1. */
uint64_t draw(Hostile *self);
unsigned draw_below(Hostile *self, unsigned limit);

/* Frames that the guest can lose without harm to itself. */
extern unsigned long victim_first, victim_frames;
uint8_t *victim_page(Hostile *self);

/* ---- pages.c: what Xen and the guest share ---- */
/** pages_share: once a start: maps and registers all there is. */
void pages_share(void);
/** pages_want_upcalls: they come by the callback vector. */
void pages_want_upcalls(void);
/** pages_take_upcall: there is no upcall pending on @vcpu. */
void pages_take_upcall(unsigned vcpu);
/** pages_scribble: writes over one of them, or over a page that was granted. */
void pages_scribble(Hostile *self);

/* ---- devices.c ---- */
void devices_find(void);
/** devices_port, devices_msr: one access that may fault. */
void devices_port(Hostile *self);
void devices_msr(Hostile *self);
/** devices_store: a request to xenstore, mostly a well-formed one. */
void devices_store(Hostile *self);

#endif
