/*
 * The stages of start-up. Each is called once, in the order of the table in startup.c, and relies
 * on what the stages before it made; false: @error is the whole line for the user, option included.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_STARTUP_STAGES_H
#define SYSTEM_STARTUP_STAGES_H

#include "start_config.h"

typedef bool StartupStage(StartConfig *config, GError **error);

/* startup_host.c: the process, objects, character devices */
StartupStage startup_check_combinations, startup_prepare_messages, startup_go_to_background,
    startup_prepare_main_loop, startup_make_objects, startup_make_chardevs, startup_make_netdevs,
    startup_make_serials, startup_make_qtest_chardev;

/* startup_machine.c: the machine and what is plugged into it */
StartupStage startup_make_machine, startup_make_accel, startup_configure_machine,
    startup_choose_memory, startup_make_drives, startup_set_globals, startup_build_board,
    startup_make_devices, startup_finish_board;

/* startup_monitors.c */
StartupStage startup_make_monitors;

/** startup_default_monitor: a monitor on the terminal that no option asked for (-nographic). */
bool startup_default_monitor(const StartConfig *config);

/** startup_for_each: calls @make for each option of @list; the error line begins with the option.
 */
bool startup_for_each(GPtrArray *list, bool (*make)(PendingOption *pending, GError **error),
                      GError **error);

#endif
