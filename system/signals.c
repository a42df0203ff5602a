/*
 * SIGINT, SIGTERM and SIGHUP through a signalfd: nothing runs in a signal handler, and the sender
 * is known.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "signals.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hw/core/run_state.h"
#include "util/error.h"
#include "util/log.h"

static void report_sender(const struct signalfd_siginfo *info)
{
    g_autofree char *path = g_strdup_printf("/proc/%u/comm", info->ssi_pid);
    g_autofree char *name = NULL;

    if (info->ssi_code == SI_KERNEL || info->ssi_pid == 0) {
        report_error("terminating on signal %u", info->ssi_signo);
        return;
    }
    if (!g_file_get_contents(path, &name, NULL, NULL)) {
        name = g_strdup("unknown process");
    }
    report_error("terminating on signal %u from pid %u (%s)", info->ssi_signo, info->ssi_pid,
                 g_strchomp(name));
}

static gboolean read_signal(gint fd, GIOCondition condition, gpointer opaque)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) == sizeof(info)) {
        report_sender(&info);
        /* -no-shutdown is about what the guest does; who sends a signal means the process. */
        run_state_actions()->shutdown_pauses = false;
        run_state_request_shutdown(SHUTDOWN_CAUSE_HOST_SIGNAL);
    }
    return G_SOURCE_CONTINUE;
}

bool signals_init(GError **error)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);

    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0) {
        return error_set_errno(error, errno, "cannot receive signals");
    }
    g_unix_fd_add(fd, G_IO_IN, read_signal, NULL);
    return true;
}
