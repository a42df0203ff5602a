/*
 * The controlling terminal's mode while stdio is a character device.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_TERMINAL_H
#define CHARDEV_TERMINAL_H

#include <stdbool.h>

/**
 * terminal_take: puts stdin's terminal into raw mode, and again after each stop and continue;
 * nothing happens if stdin is no terminal.
 * @signals: Ctrl-C, Ctrl-Z and Ctrl-\ still make signals
 */
void terminal_take(bool signals);
/** terminal_restore: the mode it had before terminal_take(). Also done at exit and when stopped. */
void terminal_restore(void);

#endif
