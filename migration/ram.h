/*
 * RAM in the stream: which blocks there are, pages out and pages in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_RAM_H
#define MIGRATION_RAM_H

#include <stdatomic.h>

#include "migration/stream.h"
#include "util/memory.h"

#define RAM_LAYOUT_TYPE "a(st)" /* names and bytes */

/* ---- out ---- */

typedef struct {
    RamDirtyLog *log;
    StreamWriter *writer;
    GByteArray *runs;               /* of the record that is being filled */
    RamRun run;                     /* the last of them */
    guint run_at;                   /* where its header is in @runs */
    _Atomic uint64_t normal, zeros; /* pages sent */
} RamSender;

/** ram_layout: the blocks of @log; floating. */
GVariant *ram_layout(const RamDirtyLog *log);
uint64_t ram_total(const RamDirtyLog *log);
void ram_sender_init(RamSender *sender, RamDirtyLog *log, StreamWriter *writer);
void ram_sender_clear(RamSender *sender);
/** ram_send_written: every page that counts as written, each once; the guest may run. */
bool ram_send_written(RamSender *sender, GError **error);

/* ---- in ---- */

typedef struct {
    GPtrArray *blocks; /* of RamBlock, in the stream's order */
} RamReceiver;

/** ram_receiver_init: finds this process's blocks for @layout; every one must be there, as long as
 * in the stream, and no other. Machine lock held. */
bool ram_receiver_init(RamReceiver *receiver, GVariant *layout, GError **error);
void ram_receiver_clear(RamReceiver *receiver);
bool ram_receive(RamReceiver *receiver, const uint8_t *runs, size_t length, GError **error);

#endif
