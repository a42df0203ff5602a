/*
 * Chardev: the base class of every back end: one front end's place, the queue of char_write_all(),
 * the log file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "chardev/chardev_base.h"
#include "chardev/chardev_private.h"
#include "chardev/fd_source.h"
#include "util/error.h"
#include "util/fdset.h"
#include "util/log.h"

typedef struct {
    char *id;
    char *filename;
    bool open;
    bool closed; /* close() has run */
    CharFrontend *frontend;
    GByteArray *queue; /* of char_write_all(); goes out before anything else */
    GSource *queue_watch;
    int log_fd;
} ChardevPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(Chardev, chardev, G_TYPE_OBJECT)

static ChardevPrivate *private(Chardev *chardev)
{
    return chardev_get_instance_private(chardev);
}

/* ---- the one front end ---- */

static bool single_attach(Chardev *chardev, CharFrontend *frontend, GError **error)
{
    ChardevPrivate *priv = private(chardev);

    if (priv->frontend) {
        return error_setf(error, "Device '%s' is in use", priv->id);
    }
    priv->frontend = frontend;
    return true;
}

static void single_detach(Chardev *chardev, CharFrontend *frontend)
{
    ChardevPrivate *priv = private(chardev);

    if (priv->frontend == frontend) {
        priv->frontend = NULL;
    }
}

static void single_handlers_set(Chardev *chardev, CharFrontend *frontend)
{
    if (private(chardev)->open && frontend->event) {
        frontend->event(frontend->opaque, CHAR_EVENT_OPENED);
    }
}

static bool single_frontend_open(Chardev *chardev)
{
    CharFrontend *frontend = private(chardev)->frontend;

    return frontend && (frontend->can_receive || frontend->receive || frontend->event);
}

static bool single_busy(Chardev *chardev)
{
    return private(chardev)->frontend != NULL;
}

/* ---- life ---- */

void chardev_close(Chardev *chardev)
{
    ChardevPrivate *priv = private(chardev);
    ChardevClass *klass = XL_CHARDEV_GET_CLASS(chardev);

    if (priv->closed) {
        return;
    }
    priv->closed = true;
    chardev_drop_queue(chardev);
    if (klass->close) {
        klass->close(chardev);
    }
    priv->open = false;
    if (priv->log_fd >= 0) {
        close(priv->log_fd);
        priv->log_fd = -1;
    }
}

static void chardev_dispose(GObject *object)
{
    chardev_close(XL_CHARDEV(object));
    G_OBJECT_CLASS(chardev_parent_class)->dispose(object);
}

static void chardev_finalize(GObject *object)
{
    ChardevPrivate *priv = private(XL_CHARDEV(object));

    g_byte_array_unref(priv->queue);
    g_free(priv->id);
    g_free(priv->filename);
    G_OBJECT_CLASS(chardev_parent_class)->finalize(object);
}

static void chardev_class_init(ChardevClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    object_class->dispose = chardev_dispose;
    object_class->finalize = chardev_finalize;
    klass->attach = single_attach;
    klass->detach = single_detach;
    klass->handlers_set = single_handlers_set;
    klass->frontend_open = single_frontend_open;
    klass->busy = single_busy;
}

static void chardev_init(Chardev *chardev)
{
    ChardevPrivate *priv = private(chardev);

    priv->queue = g_byte_array_new();
    priv->log_fd = -1;
}

void chardev_set_id(Chardev *chardev, const char *id)
{
    ChardevPrivate *priv = private(chardev);

    g_free(priv->id);
    priv->id = g_strdup(id);
}

void chardev_set_filename(Chardev *chardev, char *filename)
{
    ChardevPrivate *priv = private(chardev);

    g_free(priv->filename);
    priv->filename = filename;
}

const char *chardev_id(Chardev *chardev)
{
    return private(chardev)->id;
}

const char *chardev_filename(Chardev *chardev)
{
    ChardevPrivate *priv = private(chardev);

    return priv->filename ? priv->filename : "";
}

bool chardev_is_open(Chardev *chardev)
{
    return private(chardev)->open;
}

bool chardev_is_busy(Chardev *chardev)
{
    return XL_CHARDEV_GET_CLASS(chardev)->busy(chardev);
}

bool chardev_frontend_open(Chardev *chardev)
{
    return XL_CHARDEV_GET_CLASS(chardev)->frontend_open(chardev);
}

/* ---- from the back end to the front end ---- */

void chardev_event(Chardev *chardev, CharEvent event)
{
    ChardevPrivate *priv = private(chardev);

    if (event == CHAR_EVENT_OPENED) {
        priv->open = true;
    } else if (event == CHAR_EVENT_CLOSED) {
        priv->open = false;
    }
    if (priv->frontend && priv->frontend->event) {
        priv->frontend->event(priv->frontend->opaque, event);
    }
}

unsigned chardev_can_receive(Chardev *chardev)
{
    CharFrontend *frontend = private(chardev)->frontend;

    if (!frontend || !frontend->can_receive || !frontend->receive) {
        return 0;
    }
    return frontend->can_receive(frontend->opaque);
}

void chardev_receive(Chardev *chardev, const uint8_t *data, unsigned length)
{
    CharFrontend *frontend = private(chardev)->frontend;

    if (frontend && frontend->receive) {
        frontend->receive(frontend->opaque, data, length);
    }
}

/* ---- files ---- */

static int open_any(const char *path, int flags)
{
    int fd;

    if (fdset_is_path(path)) {
        return fdset_open(path, flags);
    }
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

int chardev_open_path(const char *path, int flags, GError **error)
{
    int fd;

    fd = open_any(path, flags | O_NOCTTY);
    if (fd < 0) {
        error_set_errno(error, errno, "Could not open '%s'", path);
    }
    return fd;
}

/* ---- the log file ---- */

bool chardev_open_log(Chardev *chardev, const char *path, bool append, GError **error)
{
    int fd = open_any(path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC));

    if (fd < 0) {
        return error_set_errno(error, errno, "Could not create '%s'", path);
    }
    private(chardev)->log_fd = fd;
    return true;
}

static void log_output(ChardevPrivate *priv, const uint8_t *data, unsigned length)
{
    while (priv->log_fd >= 0 && length > 0) {
        ssize_t written = write(priv->log_fd, data, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            report_warning("chardev '%s': log file: %s; logging ends", priv->id, g_strerror(errno));
            close(priv->log_fd);
            priv->log_fd = -1;
            return;
        }
        data += written;
        length -= written;
    }
}

/* ---- from the front end to the back end ---- */

static int write_through(Chardev *chardev, const uint8_t *data, unsigned length)
{
    ChardevClass *klass = XL_CHARDEV_GET_CLASS(chardev);
    int taken = length;

    if (klass->write && !private(chardev)->closed) {
        taken = klass->write(chardev, data, length);
    }
    if (taken > 0) {
        log_output(private(chardev), data, taken);
    }
    return taken;
}

int chardev_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    if (length == 0 || private(chardev)->queue->len > 0) {
        return 0;
    }
    return write_through(chardev, data, length);
}

bool chardev_flush_queue(Chardev *chardev)
{
    GByteArray *queue = private(chardev)->queue;

    while (queue->len > 0) {
        int taken = write_through(chardev, queue->data, queue->len);
        if (taken == 0) {
            return false;
        }
        /* The write may have found the peer gone and emptied the queue. */
        if (taken < 0 || (unsigned)taken >= queue->len) {
            g_byte_array_set_size(queue, 0);
        } else {
            g_byte_array_remove_range(queue, 0, taken);
        }
    }
    return true;
}

static int queue_wanted_fd(void *opaque)
{
    return chardev_writable_fd(opaque);
}

static bool queue_ready(void *opaque)
{
    ChardevPrivate *priv = private(opaque);

    if (!chardev_flush_queue(opaque)) {
        return true;
    }
    fd_source_destroy(&priv->queue_watch);
    return false;
}

void chardev_write_all(Chardev *chardev, const uint8_t *data, unsigned length)
{
    ChardevPrivate *priv = private(chardev);
    int taken = chardev_write(chardev, data, length);

    if (taken < 0 || (unsigned)taken == length) {
        return;
    }
    g_byte_array_append(priv->queue, data + taken, length - taken);
    if (!priv->queue_watch) {
        priv->queue_watch = fd_source_attach(queue_wanted_fd, G_IO_OUT, queue_ready, chardev);
    }
}

unsigned chardev_queued(Chardev *chardev)
{
    return private(chardev)->queue->len;
}

void chardev_drop_queue(Chardev *chardev)
{
    ChardevPrivate *priv = private(chardev);

    g_byte_array_set_size(priv->queue, 0);
    fd_source_destroy(&priv->queue_watch);
}

int chardev_writable_fd(Chardev *chardev)
{
    ChardevClass *klass = XL_CHARDEV_GET_CLASS(chardev);

    if (!klass->writable_fd || private(chardev)->closed) {
        return FD_SOURCE_READY;
    }
    return klass->writable_fd(chardev);
}

/* ---- writable watch ---- */

typedef struct {
    Chardev *chardev;
    void (*ready)(void *opaque);
    void *opaque;
} WritableWatch;

static void writable_watch_free(gpointer data)
{
    WritableWatch *watch = data;

    g_object_unref(watch->chardev);
    g_free(watch);
}

static int writable_watch_wanted(void *opaque)
{
    return chardev_writable_fd(((WritableWatch *)opaque)->chardev);
}

static bool writable_watch_ready(void *opaque)
{
    WritableWatch *watch = opaque;

    /* What was queued first goes first: with it still there char_write() would take nothing. */
    if (!chardev_flush_queue(watch->chardev)) {
        return true;
    }
    watch->ready(watch->opaque);
    return false;
}

guint chardev_add_writable_watch(Chardev *chardev, void (*ready)(void *opaque), void *opaque)
{
    WritableWatch *watch = g_new(WritableWatch, 1);
    GSource *source;
    guint id;

    watch->chardev = g_object_ref(chardev);
    watch->ready = ready;
    watch->opaque = opaque;
    source = fd_source_attach(writable_watch_wanted, G_IO_OUT, writable_watch_ready, watch);
    /* The callback itself is not used by an FdSource; it carries the destroy notification. */
    g_source_set_callback(source, NULL, watch, writable_watch_free);
    id = g_source_get_id(source);
    g_source_unref(source);
    return id;
}

void chardev_send_break(Chardev *chardev)
{
    chardev_event(chardev, CHAR_EVENT_BREAK);
}
