/*
 * CharFrontend: what a chip or monitor calls. A front end without a back end is a plug with no
 * cable: what is written is gone, nothing comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/chardev_private.h"
#include "util/error.h"

bool char_frontend_attach(CharFrontend *frontend, Chardev *chardev, GError **error)
{
    g_assert(!frontend->chardev);
    if (!XL_CHARDEV_GET_CLASS(chardev)->attach(chardev, frontend, error)) {
        return false;
    }
    frontend->chardev = g_object_ref(chardev);
    return true;
}

bool char_frontend_attach_by_id(CharFrontend *frontend, const char *id, const char *owner_name,
                                GError **error)
{
    Chardev *chardev = chardev_find(id);
    g_autoptr(GError) reason = NULL;

    if (!chardev) {
        return error_setf(error, "Property '%s.chardev' can't find value '%s'", owner_name, id);
    }
    if (!char_frontend_attach(frontend, chardev, &reason)) {
        return error_setf(error, "Property '%s.chardev' can't take value '%s': %s", owner_name, id,
                          reason->message);
    }
    return true;
}

void char_frontend_detach(CharFrontend *frontend)
{
    Chardev *chardev = frontend->chardev;

    if (!chardev) {
        return;
    }
    frontend->can_receive = NULL;
    frontend->receive = NULL;
    frontend->event = NULL;
    XL_CHARDEV_GET_CLASS(chardev)->detach(chardev, frontend);
    frontend->chardev = NULL;
    g_object_unref(chardev);
}

bool char_frontend_is_connected(CharFrontend *frontend)
{
    return frontend->chardev && chardev_is_open(frontend->chardev);
}

void char_frontend_set_handlers(CharFrontend *frontend, unsigned (*can_receive)(void *opaque),
                                void (*receive)(void *opaque, const uint8_t *data, unsigned length),
                                void (*event)(void *opaque, CharEvent event), void *opaque)
{
    frontend->can_receive = can_receive;
    frontend->receive = receive;
    frontend->event = event;
    frontend->opaque = opaque;
    if (frontend->chardev) {
        XL_CHARDEV_GET_CLASS(frontend->chardev)->handlers_set(frontend->chardev, frontend);
        /* Input may have waited for somebody to take it. */
        g_main_context_wakeup(NULL);
    }
}

int char_write(CharFrontend *frontend, const uint8_t *data, unsigned length)
{
    return frontend->chardev ? chardev_write(frontend->chardev, data, length) : (int)length;
}

void char_write_all(CharFrontend *frontend, const uint8_t *data, unsigned length)
{
    if (frontend->chardev) {
        chardev_write_all(frontend->chardev, data, length);
    }
}

unsigned char_queued(CharFrontend *frontend)
{
    return frontend->chardev ? chardev_queued(frontend->chardev) : 0;
}

guint char_add_writable_watch(CharFrontend *frontend, void (*ready)(void *opaque), void *opaque)
{
    if (!frontend->chardev) {
        return 0;
    }
    return chardev_add_writable_watch(frontend->chardev, ready, opaque);
}

void char_accept_input(CharFrontend *frontend)
{
    Chardev *chardev = frontend->chardev;

    if (chardev && XL_CHARDEV_GET_CLASS(chardev)->accept_input) {
        XL_CHARDEV_GET_CLASS(chardev)->accept_input(chardev);
    }
}

int *char_take_fds(CharFrontend *frontend, unsigned *count)
{
    Chardev *chardev = frontend->chardev;

    *count = 0;
    if (!chardev || !XL_CHARDEV_GET_CLASS(chardev)->take_fds) {
        return NULL;
    }
    return XL_CHARDEV_GET_CLASS(chardev)->take_fds(chardev, count);
}

void char_set_serial_parameters(CharFrontend *frontend, int speed, char parity, int data_bits,
                                int stop_bits)
{
    Chardev *chardev = frontend->chardev;

    if (chardev && XL_CHARDEV_GET_CLASS(chardev)->set_serial_parameters) {
        XL_CHARDEV_GET_CLASS(chardev)->set_serial_parameters(chardev, speed, parity, data_bits,
                                                             stop_bits);
    }
}

void char_send_break(CharFrontend *frontend, bool on)
{
    Chardev *chardev = frontend->chardev;

    if (chardev && XL_CHARDEV_GET_CLASS(chardev)->send_break) {
        XL_CHARDEV_GET_CLASS(chardev)->send_break(chardev, on);
    }
}

bool char_get_modem_lines(CharFrontend *frontend, unsigned *lines)
{
    Chardev *chardev = frontend->chardev;

    return chardev && XL_CHARDEV_GET_CLASS(chardev)->get_modem_lines &&
           XL_CHARDEV_GET_CLASS(chardev)->get_modem_lines(chardev, lines);
}

void char_set_modem_lines(CharFrontend *frontend, unsigned lines)
{
    Chardev *chardev = frontend->chardev;

    if (chardev && XL_CHARDEV_GET_CLASS(chardev)->set_modem_lines) {
        XL_CHARDEV_GET_CLASS(chardev)->set_modem_lines(chardev, lines);
    }
}
