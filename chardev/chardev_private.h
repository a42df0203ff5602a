/*
 * What a back end implements and what the base class offers it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_PRIVATE_H
#define CHARDEV_PRIVATE_H

#include "chardev/chardev.h"
#include "util/options.h"

struct _ChardevClass {
    GObjectClass parent_class;
    /** open: reads its own keys and starts. On false the object is disposed of. */
    bool (*open)(Chardev *chardev, OptionReader *options, GError **error);
    /** close: stops sources, closes descriptors; called once, open() may have failed before. */
    void (*close)(Chardev *chardev);
    /** write: without waiting: bytes taken, 0: none now, -1: lost. NULL: everything is taken. */
    int (*write)(Chardev *chardev, const uint8_t *data, unsigned length);
    /** writable_fd: what to poll for room; FD_SOURCE_READY: there is room. NULL: always ready. */
    int (*writable_fd)(Chardev *chardev);
    /** accept_input: the front end may take more than last time. */
    void (*accept_input)(Chardev *chardev);
    int *(*take_fds)(Chardev *chardev, unsigned *count);
    void (*set_serial_parameters)(Chardev *chardev, int speed, char parity, int data_bits,
                                  int stop_bits);
    void (*send_break)(Chardev *chardev, bool on);
    bool (*get_modem_lines)(Chardev *chardev, unsigned *lines);
    void (*set_modem_lines)(Chardev *chardev, unsigned lines);
    /* A mux replaces these; the base class has room for one front end. */
    bool (*attach)(Chardev *chardev, CharFrontend *frontend, GError **error);
    void (*detach)(Chardev *chardev, CharFrontend *frontend);
    /** handlers_set: the front end's handlers are new. */
    void (*handlers_set)(Chardev *chardev, CharFrontend *frontend);
    bool (*frontend_open)(Chardev *chardev);
    /** busy: a front end is attached. */
    bool (*busy)(Chardev *chardev);
};

/* A row of the table in chardev.c; each back end's file has one. */
typedef struct {
    const char *name;
    const char *alias; /* or NULL */
    const char *help;
    GType (*get_type)(void);
} CharDriver;

extern const CharDriver char_driver_file;
extern const CharDriver char_driver_mux;
extern const CharDriver char_driver_null;
extern const CharDriver char_driver_pipe;
extern const CharDriver char_driver_pty;
extern const CharDriver char_driver_ringbuf;
extern const CharDriver char_driver_serial;
extern const CharDriver char_driver_socket;
extern const CharDriver char_driver_stdio;

/** chardev_set_filename: takes @filename over. */
void chardev_set_filename(Chardev *chardev, char *filename);
/** chardev_is_open: somebody is on the other side. */
bool chardev_is_open(Chardev *chardev);
/** chardev_event: records OPENED and CLOSED and tells the front end. */
void chardev_event(Chardev *chardev, CharEvent event);
/** chardev_can_receive / chardev_receive: the front end's, 0 and dropped if there is none. */
unsigned chardev_can_receive(Chardev *chardev);
void chardev_receive(Chardev *chardev, const uint8_t *data, unsigned length);
/** chardev_write: what char_write() does, for a mux too. */
int chardev_write(Chardev *chardev, const uint8_t *data, unsigned length);
void chardev_write_all(Chardev *chardev, const uint8_t *data, unsigned length);
unsigned chardev_queued(Chardev *chardev);
int chardev_writable_fd(Chardev *chardev);
/** chardev_add_writable_watch: see char_add_writable_watch(). */
guint chardev_add_writable_watch(Chardev *chardev, void (*ready)(void *opaque), void *opaque);
/** chardev_drop_queue: the peer is gone and with it what was queued for it. */
void chardev_drop_queue(Chardev *chardev);
/** chardev_open_path: open() with @flags and O_CLOEXEC; -1: "Could not open 'PATH': …". */
int chardev_open_path(const char *path, int flags, GError **error);

/** char_mux_new: a mux called @id over @base, not registered yet. */
Chardev *char_mux_new(Chardev *base, GError **error);
/** char_mux_base: the back end below, or NULL if @chardev is no mux. */
Chardev *char_mux_base(Chardev *chardev);

#endif
