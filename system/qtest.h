/*
 * The qtest server: a test drives ports, memory, interrupt pins and the clock over a character
 * device.
 *
 * Source of the protocol: docs/devel/testing/qtest.rst of QEMU (names, argument order, replies).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_QTEST_H
#define SYSTEM_QTEST_H

#include <glib.h>
#include <stdbool.h>

/**
 * qtest_start: serves the protocol on the chardev @chardev_id from now on; the process ends with
 * status 0 when the connection closes.
 * @log_path: where the conversation is logged; NULL: stderr, "none": nowhere
 */
bool qtest_start(const char *chardev_id, const char *log_path, GError **error);
/** qtest_stop: lets go of the chardev; nothing happens if it was not started. */
void qtest_stop(void);

#endif
