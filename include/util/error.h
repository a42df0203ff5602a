/*
 * Errors: one GError domain and the two-line helpers that every folder uses.
 *
 * The rule: `bool f(..., GError **error)`; false means that *error is set. What a user typed wrong is
 * one line that names the option and the value; what a guest does wrong is never a GError that ends
 * the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef UTIL_ERROR_H
#define UTIL_ERROR_H

#include <glib.h>
#include <stdbool.h>

#define XENOLITH_ERROR (xenolith_error_quark())

/* The classes are QMP's, so that a monitor can answer with the right one. */
typedef enum {
    XENOLITH_ERROR_GENERIC,
    XENOLITH_ERROR_DEVICE_NOT_FOUND,
    XENOLITH_ERROR_DEVICE_NOT_ACTIVE,
    XENOLITH_ERROR_COMMAND_NOT_FOUND,
    XENOLITH_ERROR_KVM_MISSING_CAP,
} XenolithError;

GQuark xenolith_error_quark(void);

/**
 * error_setf: sets *error to a generic error and returns false, for `return error_setf(...)`.
 * @error: where to store it; may be NULL
 * @format: printf format of one line without a newline
 */
bool error_setf(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * error_set_errno: like error_setf(), with ": " and the text of @errnum (positive errno) appended.
 */
bool error_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
