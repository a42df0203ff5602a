/*
 * From a parsed command line to a running machine, and back to nothing.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_STARTUP_H
#define SYSTEM_STARTUP_H

#include "start_config.h"

/**
 * startup_begin: carries out @config: the machine is there and runs as soon as somebody runs the
 * main loop. False: what went wrong has been reported, and nothing is left.
 */
bool startup_begin(StartConfig *config);

/**
 * startup_run: carries out @config, runs the machine until it ends and takes everything down.
 * Returns the exit status; what went wrong has been reported.
 */
int startup_run(StartConfig *config);

#endif
