/*
 * Between the qtest server's connection and its commands.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_QTEST_PRIVATE_H
#define SYSTEM_QTEST_PRIVATE_H

#include <glib.h>

/** qtest_send: one line (a newline is appended) to the test, and to the log. */
void qtest_send(const char *line);
/** qtest_sendf: the same with a printf format. */
void qtest_sendf(const char *format, ...) G_GNUC_PRINTF(1, 2);
/** qtest_execute: carries out one line without its newline and sends exactly one OK or FAIL. @line
 * is cut up. */
void qtest_execute(char *line);
/** qtest_forget_interrupts: at a new connection no pin's level is known. */
void qtest_forget_interrupts(void);

#endif
