/*
 * What the process gives up, and in which order: memory is locked while that is still allowed, the
 * root folder changes before the user does, and no_new_privs comes last.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "process.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "util/error.h"
#include "util/log.h"

static bool change_root(const char *folder, GError **error)
{
    if (chroot(folder) < 0 || chdir("/") < 0) {
        return error_set_errno(error, errno, "-run-with chroot=%s", folder);
    }
    return true;
}

/* Looked up before chroot(), where the user database may be out of sight. */
static bool look_up_user(const char *name, struct passwd *user, GError **error)
{
    struct passwd *found;

    errno = 0;
    found = getpwnam(name);
    if (!found) {
        return error_setf(error, "-run-with user=%s: there is no such user", name);
    }
    *user = *found;
    return true;
}

static bool change_user(const char *name, const struct passwd *user, GError **error)
{
    if (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
        setuid(user->pw_uid) < 0) {
        return error_set_errno(error, errno, "-run-with user=%s", name);
    }
    if (user->pw_uid != 0 && setuid(0) == 0) {
        return error_setf(error, "-run-with user=%s: root rights did not go away", name);
    }
    return true;
}

static bool apply_sandbox(const SandboxConfig *sandbox, GError **error)
{
    if (sandbox->enabled) {
        report_warning("-sandbox on: this build filters no system calls");
    }
    if (sandbox->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set_errno(error, errno, "-sandbox elevateprivileges=deny");
    }
    return true;
}

bool process_restrict(const ProcessConfig *config, GError **error)
{
    struct passwd user = {0};

    if (config->process_name) {
        prctl(PR_SET_NAME, config->process_name, 0, 0, 0);
    }
    if (config->lock_memory && mlockall(MCL_CURRENT | MCL_FUTURE) < 0) {
        return error_set_errno(error, errno, "-overcommit mem-lock=on: locking memory failed");
    }
    if (config->user && !look_up_user(config->user, &user, error)) {
        return false;
    }
    return (!config->chroot_folder || change_root(config->chroot_folder, error)) &&
           (!config->user || change_user(config->user, &user, error)) &&
           apply_sandbox(&config->sandbox, error);
}
