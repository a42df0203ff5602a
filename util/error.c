/*
 * The GError domain and its helpers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "util/error.h"

#include <stdarg.h>

GQuark xenolith_error_quark(void)
{
    return g_quark_from_static_string("xenolith-error-quark");
}

bool error_setf(GError **error, const char *format, ...)
{
    if (!error) {
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    g_autoptr(GError) made =
        g_error_new_valist(XENOLITH_ERROR, XENOLITH_ERROR_GENERIC, format, arguments);
    va_end(arguments);
    g_propagate_error(error, g_steal_pointer(&made));
    return false;
}

bool error_set_errno(GError **error, int errnum, const char *format, ...)
{
    if (!error) {
        return false;
    }
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return error_setf(error, "%s: %s", text, g_strerror(errnum));
}
