/*
 * What the files of migration/ share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MIGRATION_PRIVATE_H
#define MIGRATION_PRIVATE_H

#include "migration/main_call.h"
#include "migration/migration.h"

/* status.c: main thread */
MigrationStatus migration_status(void);
void migration_set_status(MigrationStatus now);
void migration_set_failed(const char *reason);
void migration_tell_pass(uint64_t number);

/** migration_outgoing_info: adds figures, if a guest has left or is leaving. */
void migration_outgoing_info(MigrationInfo *info);
void migration_outgoing_shut_down(void);
void migration_incoming_shut_down(void);
/** migration_join: waits for @thread, the machine lock given up meanwhile. */
void migration_join(GThread *thread);

/* What the receiving side writes when the guest is there and nothing can go wrong any more, if the
 * stream asked for it. */
#define MIGRATION_ANSWER "ARRIVED\n"

#endif
