/*
 * The table of back ends, and the chardevs that exist.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdio.h>
#include <string.h>

#include "chardev/chardev_base.h"
#include "chardev/chardev_private.h"
#include "chardev/output_buffer.h"
#include "util/error.h"

/* How long chardev_cleanup() waits for peers to take the last words. */
#define FLUSH_AT_EXIT_US (1000 * 1000)

static const CharDriver *const drivers[] = {
    &char_driver_file,   &char_driver_mux,    &char_driver_null,
    &char_driver_pipe,   &char_driver_pty,    &char_driver_ringbuf,
    &char_driver_serial, &char_driver_socket, &char_driver_stdio,
};

static GPtrArray *chardevs; /* of Chardev, in the order of creation, referenced */

static const CharDriver *find_driver(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        if (strcmp(drivers[i]->name, name) == 0 ||
            (drivers[i]->alias && strcmp(drivers[i]->alias, name) == 0)) {
            return drivers[i];
        }
    }
    return NULL;
}

void chardev_driver_foreach(void (*visit)(const char *name, const char *help, void *opaque),
                            void *opaque)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        visit(drivers[i]->name, drivers[i]->help, opaque);
    }
}

void chardev_print_help(void)
{
    printf("Available chardev backend types:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(drivers); i++) {
        printf("  %-8s %s\n", drivers[i]->name, drivers[i]->help);
    }
}

Chardev *chardev_find(const char *id)
{
    for (unsigned i = 0; chardevs && i < chardevs->len; i++) {
        if (strcmp(chardev_id(chardevs->pdata[i]), id) == 0) {
            return chardevs->pdata[i];
        }
    }
    return NULL;
}

void chardev_foreach(void (*visit)(Chardev *chardev, void *opaque), void *opaque)
{
    for (unsigned i = 0; chardevs && i < chardevs->len; i++) {
        visit(chardevs->pdata[i], opaque);
    }
}

static void registry_add(Chardev *chardev)
{
    if (!chardevs) {
        chardevs = g_ptr_array_new_with_free_func(g_object_unref);
    }
    g_ptr_array_add(chardevs, chardev);
}

/* ---- making one ---- */

static bool check_id(const char *id, GError **error)
{
    if (!id) {
        return error_setf(error, "chardev: no id specified");
    }
    if (!option_is_identifier(id)) {
        return error_setf(error, "Parameter 'id' expects an identifier, not '%s'", id);
    }
    if (chardev_find(id)) {
        return error_setf(error, "Duplicate ID '%s' for chardev", id);
    }
    return true;
}

static const CharDriver *check_driver(const char *backend, const char *id, GError **error)
{
    const CharDriver *driver;

    if (!backend) {
        error_setf(error, "chardev: \"%s\" missing backend", id);
        return NULL;
    }
    if (strcmp(backend, "vc") == 0) {
        error_setf(error, "chardev 'vc' is not available: there is no display to show it on");
        return NULL;
    }
    driver = find_driver(backend);
    if (!driver) {
        error_setf(error, "'%s' is not a valid char driver name", backend);
    }
    return driver;
}

static bool open_chardev(Chardev *chardev, OptionReader *options, GError **error)
{
    const char *log_path = NULL;
    bool log_append = false;

    return option_get_string(options, "logfile", &log_path, error) &&
           option_get_bool(options, "logappend", &log_append, error) &&
           (!log_path || chardev_open_log(chardev, log_path, log_append, error)) &&
           XL_CHARDEV_GET_CLASS(chardev)->open(chardev, options, error);
}

static Chardev *new_from_driver(const CharDriver *driver, const char *id, OptionReader *options,
                                GError **error)
{
    g_autoptr(Chardev) chardev = g_object_new(driver->get_type(), NULL);

    chardev_set_id(chardev, id);
    if (!open_chardev(chardev, options, error) || !option_reader_finish(options, error)) {
        return NULL;
    }
    return g_steal_pointer(&chardev);
}

static Chardev *new_with_mux(const CharDriver *driver, const char *id, OptionReader *options,
                             GError **error)
{
    g_autofree char *base_id = g_strconcat(id, "-base", NULL);
    g_autoptr(Chardev) base = NULL;
    Chardev *mux;

    if (!check_id(base_id, error)) {
        return NULL;
    }
    base = new_from_driver(driver, base_id, options, error);
    mux = base ? char_mux_new(base, error) : NULL;
    if (!mux) {
        return NULL;
    }
    chardev_set_id(mux, id);
    registry_add(g_steal_pointer(&base));
    return mux;
}

Chardev *chardev_new(JsonObject *object, GError **error)
{
    g_autoptr(OptionReader) options = option_reader_new(object, NULL);
    const char *backend = NULL;
    const char *id = NULL;
    const CharDriver *driver;
    Chardev *chardev;
    bool mux = false;

    if (!option_get_string(options, "id", &id, error) ||
        !option_get_string(options, "backend", &backend, error) || !check_id(id, error) ||
        !(driver = check_driver(backend, id, error)) ||
        !option_get_bool(options, "mux", &mux, error)) {
        return NULL;
    }
    chardev = mux ? new_with_mux(driver, id, options, error)
                  : new_from_driver(driver, id, options, error);
    if (chardev) {
        registry_add(chardev);
    }
    return chardev;
}

/* ---- ending ---- */

/* The back end that mux=on made together with this mux; NULL if there is none. */
static Chardev *own_base(Chardev *chardev)
{
    Chardev *base = char_mux_base(chardev);
    g_autofree char *base_id = g_strconcat(chardev_id(chardev), "-base", NULL);

    return base && strcmp(chardev_id(base), base_id) == 0 ? base : NULL;
}

bool chardev_remove(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);
    Chardev *base;

    if (!chardev) {
        return error_setf(error, "Chardev '%s' not found", id);
    }
    if (chardev_is_busy(chardev)) {
        return error_setf(error, "Chardev '%s' is busy", id);
    }
    base = own_base(chardev);
    chardev_close(chardev);
    g_ptr_array_remove(chardevs, chardev);
    if (base) {
        chardev_close(base);
        g_ptr_array_remove(chardevs, base);
    }
    return true;
}

static bool flush_everything(void)
{
    bool done = char_output_flush_all();

    for (unsigned i = 0; chardevs && i < chardevs->len; i++) {
        done &= chardev_flush_queue(chardevs->pdata[i]);
    }
    return done;
}

void chardev_cleanup(void)
{
    gint64 deadline = g_get_monotonic_time() + FLUSH_AT_EXIT_US;

    while (!flush_everything() && g_get_monotonic_time() < deadline) {
        g_usleep(1000);
    }
    if (!chardevs) {
        return;
    }
    /* Newest first: a mux goes before the back end below it. */
    for (unsigned i = chardevs->len; i > 0; i--) {
        chardev_close(chardevs->pdata[i - 1]);
    }
    g_clear_pointer(&chardevs, g_ptr_array_unref);
}
