/*
 * Start-up and shutdown order.
 *
 * Start-up is the table at the end: each stage uses only what stages above it made. Nothing the
 * user named is opened before the whole command line has been read, and a daemon's parent ends only
 * after the last stage.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "startup.h"

#include <string.h>

#include "block/block.h"
#include "chardev/chardev.h"
#include "daemonize.h"
#include "hw/core/run_state.h"
#include "migration/migration.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "pidfile.h"
#include "process.h"
#include "qtest.h"
#include "startup_stages.h"
#include "user_objects.h"
#include "util/log.h"

static bool restrict_process(StartConfig *config, GError **error)
{
    return (!config->process.pidfile || pidfile_write(config->process.pidfile, error)) &&
           process_restrict(&config->process, error);
}

static bool start_qtest(StartConfig *config, GError **error)
{
    return !config->qtest_chardev || qtest_start("qtest", config->qtest_log, error);
}

/* Its images are somebody else's until it is here. */
static bool expect_guest(StartConfig *config, GError **error)
{
    if (config->incoming) {
        migration_expect();
    }
    return true;
}

static bool receive_guest(StartConfig *config, GError **error)
{
    migration_begin_waiting(!config->start_paused);
    if (strcmp(config->incoming, "defer") == 0 ||
        migration_receive(config->incoming, NULL, NULL, error)) {
        return true;
    }
    g_prefix_error(error, "%s: ", config->incoming_where);
    return false;
}

static bool start_guest(StartConfig *config, GError **error)
{
    machine_reset(machine_get());
    if (config->incoming) {
        return receive_guest(config, error);
    }
    return config->start_paused || run_state_start(error);
}

static bool finish_background(StartConfig *config, GError **error)
{
    return !config->process.daemonize || daemonize_finish(error);
}

static StartupStage *const stages[] = {
    /* nothing is made before the whole command line makes sense */
    startup_check_combinations,
    startup_prepare_messages,
    /* a fork has to come before threads and file descriptors */
    startup_go_to_background,
    startup_prepare_main_loop,
    startup_make_objects,
    startup_make_chardevs,
    startup_make_netdevs,
    startup_make_serials,
    startup_make_qtest_chardev,
    startup_make_machine,
    startup_make_accel,
    startup_configure_machine,
    startup_choose_memory,
    startup_make_monitors,
    /* the board makes its disks from the drives, and every device asks for globals */
    expect_guest,
    startup_make_drives,
    startup_set_globals,
    startup_build_board,
    startup_make_devices,
    startup_finish_board,
    /* all is open: rights can go */
    restrict_process,
    start_qtest,
    start_guest,
    finish_background,
};

/* Everything a user could lose: image contents, the terminal's settings, the pid file. */
static void take_down(void)
{
    migration_shut_down();
    qtest_stop();
    monitors_cleanup();
    block_cleanup();
    net_cleanup();
    user_objects_cleanup();
    chardev_cleanup();
    pidfile_remove();
}

bool startup_begin(StartConfig *config)
{
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(stages); i++) {
        if (!stages[i](config, &error)) {
            report_error("%s", error->message);
            take_down();
            return false;
        }
    }
    return true;
}

int startup_run(StartConfig *config)
{
    int status;

    if (!startup_begin(config)) {
        return 1;
    }
    status = run_state_loop(machine_get());
    migration_shut_down();
    qtest_stop();
    monitors_cleanup();
    machine_destroy(machine_get());
    take_down();
    return status;
}
