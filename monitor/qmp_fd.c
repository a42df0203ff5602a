/*
 * QMP: file descriptors that clients hand over.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <unistd.h>

#include "monitor/qmp_command.h"
#include "monitor/qmp_session.h"
#include "util/fdset.h"

static bool take_fd(QmpCall *call, int *fd, GError **error)
{
    *fd = qmp_session_take_fd(call->monitor);
    return *fd >= 0 || error_setf(error, "No file descriptor supplied via SCM_RIGHTS");
}

static bool getfd(QmpCall *call, GError **error)
{
    const char *name = qmp_string(call, "fdname");
    int fd;

    if (!take_fd(call, &fd, error)) {
        return false;
    }
    if (g_ascii_isdigit(name[0])) {
        close(fd);
        return error_setf(error, "Parameter 'fdname' expects a name not starting with a digit");
    }
    monitor_fd_add(call->monitor, name, fd);
    return true;
}

static bool closefd(QmpCall *call, GError **error)
{
    int fd = monitor_fd_take(call->monitor, qmp_string(call, "fdname"), error);

    if (fd < 0) {
        return false;
    }
    close(fd);
    return true;
}

static bool add_fd(QmpCall *call, GError **error)
{
    int64_t wanted = qmp_int(call, "fdset-id", -1);
    uint32_t set = (uint32_t)wanted;
    JsonObject *info;
    int fd;

    if (qmp_has(call, "fdset-id") && (wanted < 0 || wanted > INT32_MAX)) {
        return error_setf(error, "Parameter 'fdset-id' expects a non-negative value");
    }
    if (!take_fd(call, &fd, error)) {
        return false;
    }
    fdset_take(wanted < 0, &set, fd, qmp_string(call, "opaque"));
    info = json_object_new();
    json_object_set_int_member(info, "fdset-id", set);
    json_object_set_int_member(info, "fd", fd);
    return qmp_return_object(call, info);
}

static bool remove_fd(QmpCall *call, GError **error)
{
    int64_t set = qmp_int(call, "fdset-id", 0), fd = qmp_int(call, "fd", -1);

    if (set < 0 || set > UINT32_MAX || fd > INT32_MAX || (qmp_has(call, "fd") && fd < 0) ||
        !fdset_remove((uint32_t)set, (int)fd)) {
        if (qmp_has(call, "fd")) {
            return error_setf(error,
                              "File descriptor named 'fdset-id:%" G_GINT64_FORMAT
                              ", fd:%" G_GINT64_FORMAT "' not found",
                              set, fd);
        }
        return error_setf(error, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found",
                          set);
    }
    return true;
}

typedef struct {
    JsonArray *sets;
    JsonArray *fds; /* of the last set */
    int64_t last;
} SetList;

static void add_file(uint32_t set, int fd, const char *note, void *opaque)
{
    SetList *list = opaque;
    JsonObject *file = json_object_new();

    if (list->last != set) {
        JsonObject *entry = json_object_new();
        list->fds = json_array_new();
        list->last = set;
        json_object_set_int_member(entry, "fdset-id", set);
        json_object_set_array_member(entry, "fds", list->fds);
        json_array_add_object_element(list->sets, entry);
    }
    json_object_set_int_member(file, "fd", fd);
    if (note) {
        json_object_set_string_member(file, "opaque", note);
    }
    json_array_add_object_element(list->fds, file);
}

static bool query_fdsets(QmpCall *call, GError **error)
{
    SetList list = {.sets = json_array_new(), .last = -1};

    fdset_foreach(add_file, &list);
    return qmp_return_array(call, list.sets);
}

static const QmpCommand commands[] = {
    {"getfd", "fdname:str", NULL, 0, getfd},
    {"closefd", "fdname:str", NULL, 0, closefd},
    {"add-fd", "fdset-id?:int opaque?:str", "AddfdInfo", 0, add_fd},
    {"remove-fd", "fdset-id:int fd?:int", NULL, 0, remove_fd},
    {"query-fdsets", NULL, "[FdsetInfo]", 0, query_fdsets},
};
const QmpTable qmp_table_fd = {commands, G_N_ELEMENTS(commands)};
