/*
 * The process's name, locked memory, root folder, user and privileges.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_PROCESS_H
#define SYSTEM_PROCESS_H

#include "start_config.h"

/** process_restrict: the last step before the guest runs: everything that needs more rights is
 * open. */
bool process_restrict(const ProcessConfig *config, GError **error);

#endif
