/*
 * Character devices: a back end (stdio, file, null, pty, socket, pipe, ringbuf, serial, mux) and
 * the front end that a chip or monitor holds.
 *
 * All of it runs under the machine lock. Sources live on the default main context; char_write() and
 * char_accept_input() may also be called from a vCPU thread that holds the lock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_CHARDEV_H
#define CHARDEV_CHARDEV_H

#include <glib-object.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>
#include <stdint.h>

#define TYPE_CHARDEV (chardev_get_type())
G_DECLARE_DERIVABLE_TYPE(Chardev, chardev, XL, CHARDEV, GObject)

typedef enum {
    CHAR_EVENT_OPENED, /* somebody is on the other side now */
    CHAR_EVENT_CLOSED, /* and is not any more */
    CHAR_EVENT_BREAK,
    CHAR_EVENT_MUX_IN, /* this front end of a mux has the input now */
    CHAR_EVENT_MUX_OUT,
} CharEvent;

typedef struct CharFrontend CharFrontend;

/* Zeroed before char_frontend_attach(); the owner reads nothing but @chardev. */
struct CharFrontend {
    Chardev *chardev; /* NULL: not attached; a reference is held */
    /** can_receive: how many bytes receive() will take now; 0 holds the back end's input back. */
    unsigned (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *data, unsigned length);
    void (*event)(void *opaque, CharEvent event);
    void *opaque;
    int mux_index; /* private */
};

/* ---- back ends ---- */

/**
 * chardev_new: -chardev BACKEND,id=ID,… ; registered under its id.
 * @options: "backend" and "id", "mux", "logfile", "logappend" and the back end's own keys
 *
 * With mux=on the back end is registered as "ID-base" and "ID" is the multiplexer over it. The
 * registry owns the result. NULL: @error names the option.
 */
Chardev *chardev_new(JsonObject *options, GError **error);
/**
 * chardev_new_from_legacy: -serial/-monitor style text ("stdio", "mon:stdio", "pty", "file:PATH",
 * "null", "none", "tcp:host:port,server=on", "telnet:host:port,…", "unix:path,…", "chardev:ID",
 * "pipe:PATH", "/dev/…") under @id.
 * *@none is set for "none" (the result is NULL without an error then). "mon:" makes a mux.
 */
Chardev *chardev_new_from_legacy(const char *text, const char *id, bool *none, GError **error);
/** chardev_find: by id; owned by the registry; NULL if there is none. */
Chardev *chardev_find(const char *id);
/** chardev_foreach: every chardev in the order of creation, base devices of a mux too
 * (query-chardev). */
void chardev_foreach(void (*visit)(Chardev *chardev, void *opaque), void *opaque);
/** chardev_remove: fails if it is not there or a front end holds it. */
bool chardev_remove(const char *id, GError **error);
/** chardev_print_help: -chardev help. */
void chardev_print_help(void);
/** chardev_driver_foreach: the back ends' names and one-line descriptions (query-chardev-backends).
 */
void chardev_driver_foreach(void (*visit)(const char *name, const char *help, void *opaque),
                            void *opaque);
const char *chardev_id(Chardev *chardev);
/** chardev_filename: as query-chardev shows it: "pty:/dev/pts/0", "stdio", … */
const char *chardev_filename(Chardev *chardev);
/** chardev_frontend_open: true if a front end with handlers is attached (query-chardev). */
bool chardev_frontend_open(Chardev *chardev);
/**
 * chardev_cleanup: at exit: gives buffered output up to a second to go out, restores terminals,
 * closes and frees all back ends. Front ends must not be used after it other than to detach.
 */
void chardev_cleanup(void);

/** chardev_send_break: the front end hears a break, as if the peer had sent one. */
void chardev_send_break(Chardev *chardev);

/** chardev_is_ringbuf: true if the two functions below work on @chardev. */
bool chardev_is_ringbuf(Chardev *chardev);
/** chardev_ringbuf_read: takes up to @length of the oldest bytes; returns how many. */
unsigned chardev_ringbuf_read(Chardev *chardev, uint8_t *data, unsigned length);
/** chardev_ringbuf_write: appends as the front end would; the oldest bytes are lost when it is
 * full. */
void chardev_ringbuf_write(Chardev *chardev, const uint8_t *data, unsigned length);

/** chardev_set_escape_character: -echr: the mux's escape; default 1 (Ctrl-a). */
void chardev_set_escape_character(uint8_t character);
/**
 * chardev_set_mux_actions: what Ctrl-a x and Ctrl-a s of a mux do.
 * @quit: ends the process; when NULL, exit(0)
 * @save_disks: writes snapshot disks back; when NULL, nothing
 */
void chardev_set_mux_actions(void (*quit)(void), void (*save_disks)(void));

/* ---- front ends ---- */

/** char_frontend_attach: false if @chardev has a front end already and is no mux. */
bool char_frontend_attach(CharFrontend *frontend, Chardev *chardev, GError **error);
/** char_frontend_attach_by_id: the same by -chardev id; "Property 'D.chardev' can't find value
 * 'X'". */
bool char_frontend_attach_by_id(CharFrontend *frontend, const char *id, const char *owner_name,
                                GError **error);
/** char_frontend_detach: handlers are gone, the back end is free; fine when not attached. */
void char_frontend_detach(CharFrontend *frontend);
/** char_frontend_is_connected: attached, and somebody is on the other side. */
bool char_frontend_is_connected(CharFrontend *frontend);
/** char_frontend_set_handlers: any may be NULL. OPENED comes at once if the back end is open. */
void char_frontend_set_handlers(CharFrontend *frontend, unsigned (*can_receive)(void *opaque),
                                void (*receive)(void *opaque, const uint8_t *data, unsigned length),
                                void (*event)(void *opaque, CharEvent event), void *opaque);
/**
 * char_write: as much of @data as the back end takes now without waiting; returns bytes taken (all
 * of them when nobody listens, or no back end is attached). -1: error, data is lost.
 */
int char_write(CharFrontend *frontend, const uint8_t *data, unsigned length);
/** char_write_all: queues what the back end does not take now (monitor, qtest replies). */
void char_write_all(CharFrontend *frontend, const uint8_t *data, unsigned length);
/** char_queued: bytes that char_write_all() still holds, for users that must not run ahead of their
 * peer. */
unsigned char_queued(CharFrontend *frontend);
/**
 * char_add_writable_watch: @ready once on the main loop when char_write() would take something (or
 * nobody listens any more); returns a GSource id for g_source_remove(), 0 if no back end is
 * attached.
 */
guint char_add_writable_watch(CharFrontend *frontend, void (*ready)(void *opaque), void *opaque);
/** char_accept_input: can_receive() has grown; the back end goes on. Cheap when nothing was held
 * back. */
void char_accept_input(CharFrontend *frontend);
/**
 * char_take_fds: the descriptors that came with the bytes received last (SCM_RIGHTS), now the
 * caller's.
 * @count: receives their number
 * Returns a g_free()able array or NULL. A new set replaces one that was not taken.
 */
int *char_take_fds(CharFrontend *frontend, unsigned *count);

/* Modem lines of char_get_modem_lines() and char_set_modem_lines(). */
enum {
    CHAR_MODEM_CTS = 1 << 0,
    CHAR_MODEM_DSR = 1 << 1,
    CHAR_MODEM_RI = 1 << 2,
    CHAR_MODEM_DCD = 1 << 3,
    CHAR_MODEM_DTR = 1 << 4,
    CHAR_MODEM_RTS = 1 << 5,
};

/** Line parameters, break and modem lines, where the back end has them (serial); else ignored. */
void char_set_serial_parameters(CharFrontend *frontend, int speed, char parity, int data_bits,
                                int stop_bits);
void char_send_break(CharFrontend *frontend, bool on);
/** char_get_modem_lines: CTS, DSR, RI, DCD; false if the back end has none. */
bool char_get_modem_lines(CharFrontend *frontend, unsigned *lines);
/** char_set_modem_lines: DTR and RTS. */
void char_set_modem_lines(CharFrontend *frontend, unsigned lines);

#endif
