/*
 * The accelerator that the command line asks for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_ACCEL_OPTIONS_H
#define SYSTEM_ACCEL_OPTIONS_H

#include "start_config.h"

/**
 * accel_from_config: the first accelerator of -accel or -machine accel= that this build has ("kvm"
 * if none is named), with its keys set; not started. Several -accel of one name merge, the later
 * key wins. @error is the whole line with the option. The caller owns the reference.
 */
Accel *accel_from_config(StartConfig *config, GError **error);

#endif
