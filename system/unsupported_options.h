/*
 * Options of QEMU that this build knows by name and has not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSTEM_UNSUPPORTED_OPTIONS_H
#define SYSTEM_UNSUPPORTED_OPTIONS_H

/** unsupported_option_reason: what to answer to option @name (no dashes), or NULL if QEMU has none
 * such. */
const char *unsupported_option_reason(const char *name);

#endif
