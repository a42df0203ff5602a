/*
 * The controlling terminal's mode while stdio is a character device.
 *
 * Raw mode as termios(3) describes it, but with output processing left on, so that our own messages
 * with plain newlines stay readable. A stop (SIGTSTP) gives the shell its terminal back first;
 * SIGCONT takes it again if we came back to the foreground.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/terminal.h"

#include <errno.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios original_mode, raw_mode;
static volatile sig_atomic_t taken;

/* From signal handlers too: tcgetpgrp() and tcsetattr() are async-signal-safe. */
static void apply(const struct termios *mode)
{
    /* A background process that sets the mode would be stopped by SIGTTOU. */
    if (tcgetpgrp(STDIN_FILENO) == getpgrp()) {
        tcsetattr(STDIN_FILENO, TCSANOW, mode);
    }
}

static void stop_handler(int signal_number G_GNUC_UNUSED)
{
    int saved_errno = errno;

    if (taken) {
        apply(&original_mode);
    }
    kill(getpid(), SIGSTOP);
    errno = saved_errno;
}

static void continue_handler(int signal_number G_GNUC_UNUSED)
{
    int saved_errno = errno;

    if (taken) {
        apply(&raw_mode);
    }
    errno = saved_errno;
}

static void install_handlers(void)
{
    static bool installed;
    struct sigaction action = {.sa_flags = SA_RESTART};

    if (installed) {
        return;
    }
    installed = true;
    sigemptyset(&action.sa_mask);
    action.sa_handler = stop_handler;
    sigaction(SIGTSTP, &action, NULL);
    action.sa_handler = continue_handler;
    sigaction(SIGCONT, &action, NULL);
    atexit(terminal_restore);
}

void terminal_take(bool signals)
{
    if (taken || tcgetattr(STDIN_FILENO, &original_mode) < 0) {
        return;
    }
    raw_mode = original_mode;
    raw_mode.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw_mode.c_oflag |= OPOST;
    raw_mode.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        raw_mode.c_lflag &= ~ISIG;
    }
    raw_mode.c_cflag = (raw_mode.c_cflag & ~(CSIZE | PARENB)) | CS8;
    raw_mode.c_cc[VMIN] = 1;
    raw_mode.c_cc[VTIME] = 0;
    install_handlers();
    taken = true;
    apply(&raw_mode);
}

void terminal_restore(void)
{
    if (taken) {
        taken = false;
        apply(&original_mode);
    }
}
