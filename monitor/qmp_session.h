/*
 * What the command that negotiates needs of a session.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MONITOR_QMP_SESSION_H
#define MONITOR_QMP_SESSION_H

#include "monitor/monitor_private.h"

/** qmp_session_negotiate: command mode from now on. False: @monitor speaks no QMP. */
bool qmp_session_negotiate(Monitor *monitor, bool oob);
/** qmp_session_take_fd: a descriptor that came with the request that runs, the caller's; -1: none.
 */
int qmp_session_take_fd(Monitor *monitor);
/** qmp_version_object: query-version's answer; the caller owns it. */
JsonObject *qmp_version_object(void);

#endif
