/*
 * QMP: the guest's memory into files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hw/core/run_state.h"
#include "monitor/events.h"
#include "monitor/guest_dump.h"
#include "monitor/guest_memory_view.h"
#include "monitor/qmp_command.h"

#define COPY_CHUNK 65536

static struct {
    const char *status;
    uint64_t completed, total;
} dump = {"none", 0, 0};

/* ---- memsave and pmemsave ---- */

typedef struct {
    bool is_virtual;
    X86Paging paging;
} Source;

static bool read_source(const Source *source, uint64_t address, void *buffer, uint64_t length)
{
    return source->is_virtual ? guest_view_read_virtual(&source->paging, address, buffer, length)
                              : guest_view_read_physical(address, buffer, length);
}

static bool copy_to_file(const Source *source, uint64_t address, uint64_t size, FILE *file,
                         const char *filename, GError **error)
{
    g_autofree uint8_t *buffer = g_malloc(COPY_CHUNK);

    while (size > 0) {
        uint64_t part = MIN(size, COPY_CHUNK - address % COPY_CHUNK);
        if (!read_source(source, address, buffer, part)) {
            return error_setf(error,
                              "Invalid addr 0x%016" G_GINT64_MODIFIER "x/size %" G_GUINT64_FORMAT
                              " specified",
                              address, size);
        }
        if (fwrite(buffer, 1, part, file) != part) {
            return error_set_errno(error, errno, "writing memory to '%s' failed", filename);
        }
        address += part;
        size -= part;
    }
    return true;
}

static bool save_memory(QmpCall *call, const Source *source, GError **error)
{
    const char *filename = qmp_string(call, "filename");
    int64_t size = qmp_int(call, "size", 0);
    FILE *file;

    if (size < 0) {
        return error_setf(error, "Parameter 'size' expects a non-negative number");
    }
    file = fopen(filename, "wbe");
    if (!file) {
        return error_set_errno(error, errno, "Could not open '%s'", filename);
    }
    bool saved = copy_to_file(source, (uint64_t)qmp_int(call, "val", 0), (uint64_t)size, file,
                              filename, error);
    if (fclose(file) != 0 && saved) {
        return error_set_errno(error, errno, "writing memory to '%s' failed", filename);
    }
    return saved;
}

static bool pmemsave(QmpCall *call, GError **error)
{
    const Source source = {.is_virtual = false};

    return save_memory(call, &source, error);
}

static bool memsave(QmpCall *call, GError **error)
{
    Source source = {.is_virtual = true};
    int64_t index = qmp_int(call, "cpu-index", 0);

    if (index < 0 || index > UINT16_MAX) {
        return error_setf(error, "Parameter 'cpu-index' expects a CPU number");
    }
    return guest_view_paging((unsigned)index, &source.paging, error) &&
           save_memory(call, &source, error);
}

/* ---- dump-guest-memory ---- */

static int open_dump(QmpCall *call, GError **error)
{
    const char *protocol = qmp_string(call, "protocol");
    int fd;

    if (g_str_has_prefix(protocol, "fd:")) {
        return monitor_fd_take(call->monitor, protocol + strlen("fd:"), error);
    }
    if (!g_str_has_prefix(protocol, "file:")) {
        error_setf(error, "Parameter 'protocol' expects 'file:' or 'fd:', not '%s'", protocol);
        return -1;
    }
    fd = open(protocol + strlen("file:"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set_errno(error, errno, "Could not open '%s'", protocol + strlen("file:"));
    }
    return fd;
}

static uint64_t ram_total(void)
{
    g_autoptr(GArray) pieces = guest_view_ram();
    uint64_t total = 0;

    for (guint i = 0; i < pieces->len; i++) {
        total += g_array_index(pieces, GuestRamPiece, i).length;
    }
    return total;
}

static JsonObject *dump_result(void)
{
    JsonObject *result = json_object_new();

    json_object_set_string_member(result, "status", dump.status);
    json_object_set_int_member(result, "completed", (gint64)dump.completed);
    json_object_set_int_member(result, "total", (gint64)dump.total);
    return result;
}

static void tell_completed(const GError *error)
{
    JsonObject *data = json_object_new();

    json_object_set_object_member(data, "result", dump_result());
    if (error) {
        json_object_set_string_member(data, "error", error->message);
    }
    qmp_event("DUMP_COMPLETED", data);
}

static bool write_dump(QmpCall *call, int fd, GError **error)
{
    bool was_running = run_state_is_running();
    bool written;

    if (was_running) {
        run_state_stop(RUN_STATE_PAUSED);
    }
    dump.completed = 0;
    dump.total = qmp_has(call, "length") ? (uint64_t)qmp_int(call, "length", 0) : ram_total();
    written = guest_dump_write(fd, (uint64_t)qmp_int(call, "begin", 0),
                               (uint64_t)qmp_int(call, "length", 0), &dump.completed, error);
    if (close(fd) < 0 && written) {
        written = error_set_errno(error, errno, "dump: failed to write memory");
    }
    dump.status = written ? "completed" : "failed";
    if (was_running) {
        run_state_start(NULL);
    }
    return written;
}

static bool dump_guest_memory(QmpCall *call, GError **error)
{
    g_autoptr(GError) reason = NULL;
    bool written;
    int fd;

    if (qmp_bool(call, "paging", false)) {
        return error_setf(error,
                          "Parameter 'paging': only dumps by physical address are supported");
    }
    if (qmp_has(call, "begin") != qmp_has(call, "length")) {
        return error_setf(error, "Parameter '%s' is missing",
                          qmp_has(call, "begin") ? "length" : "begin");
    }
    if (qmp_int(call, "begin", 0) < 0 ||
        (qmp_has(call, "length") && qmp_int(call, "length", 0) <= 0)) {
        return error_setf(error, "Parameter 'length' expects a positive number");
    }
    fd = open_dump(call, error);
    if (fd < 0) {
        return false;
    }
    written = write_dump(call, fd, &reason);
    if (qmp_bool(call, "detach", false)) {
        tell_completed(reason);
        return true; /* query-dump and the event tell how it went */
    }
    if (reason) {
        g_propagate_error(error, g_steal_pointer(&reason));
    }
    return written;
}

static bool query_dump(QmpCall *call, GError **error)
{
    return qmp_return_object(call, dump_result());
}

static bool query_dump_capability(QmpCall *call, GError **error)
{
    JsonObject *result = json_object_new();
    JsonArray *formats = json_array_new();

    json_array_add_string_element(formats, "elf");
    json_object_set_array_member(result, "formats", formats);
    return qmp_return_object(call, result);
}

static const QmpCommand commands[] = {
    {"memsave", "val:int size:int filename:str cpu-index?:int", NULL, 0, memsave},
    {"pmemsave", "val:int size:int filename:str", NULL, 0, pmemsave},
    {"dump-guest-memory",
     "paging:bool protocol:str detach?:bool begin?:int length?:int format?:DumpGuestMemoryFormat",
     NULL, 0, dump_guest_memory},
    {"query-dump", NULL, "DumpQueryResult", 0, query_dump},
    {"query-dump-guest-memory-capability", NULL, "DumpGuestMemoryCapability", 0,
     query_dump_capability},
};
const QmpTable qmp_table_memory = {commands, G_N_ELEMENTS(commands)};
