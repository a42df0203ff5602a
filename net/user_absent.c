/*
 * What monitors ask of -netdev user, in a build without libslirp.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/net.h"
#include "util/error.h"

static bool absent(GError **error)
{
    return error_setf(error, "user mode network stack not in use");
}

bool net_user_forward(const char *id, const char *rule, GError **error)
{
    return absent(error);
}

bool net_user_unforward(const char *id, const char *rule, GError **error)
{
    return absent(error);
}

char *net_user_info(void)
{
    return g_strdup("");
}
