/*
 * ringbuf: keeps the last bytes written, for a monitor to read.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/chardev_private.h"
#include "util/error.h"

#define DEFAULT_SIZE 65536
#define MAX_SIZE     (UINT64_C(1) << 30)

#define TYPE_RINGBUF_CHARDEV (ringbuf_chardev_get_type())
G_DECLARE_FINAL_TYPE(RingbufChardev, ringbuf_chardev, XL, RINGBUF_CHARDEV, Chardev)

struct _RingbufChardev {
    Chardev parent_instance;
    uint8_t *data;
    uint32_t size; /* a power of two; the two below count without end and wrap with uint32_t */
    uint32_t produced, consumed;
};

G_DEFINE_FINAL_TYPE(RingbufChardev, ringbuf_chardev, TYPE_CHARDEV)

bool chardev_is_ringbuf(Chardev *chardev)
{
    return XL_IS_RINGBUF_CHARDEV(chardev);
}

void chardev_ringbuf_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    RingbufChardev *self = XL_RINGBUF_CHARDEV(chardev);

    for (unsigned i = 0; i < length && self->data; i++) {
        self->data[self->produced++ & (self->size - 1)] = data[i];
        if (self->produced - self->consumed > self->size) {
            self->consumed = self->produced - self->size;
        }
    }
}

unsigned chardev_ringbuf_read(Chardev *chardev, uint8_t *data, unsigned length)
{
    RingbufChardev *self = XL_RINGBUF_CHARDEV(chardev);
    unsigned count = 0;

    while (count < length && self->consumed != self->produced) {
        data[count++] = self->data[self->consumed++ & (self->size - 1)];
    }
    return count;
}

static int ringbuf_write(Chardev *chardev, const uint8_t *data, unsigned length)
{
    chardev_ringbuf_write(chardev, data, length);
    return length;
}

static bool ringbuf_open(Chardev *chardev, OptionReader *options, GError **error)
{
    RingbufChardev *self = XL_RINGBUF_CHARDEV(chardev);
    uint64_t size = DEFAULT_SIZE;

    if (!option_get_size(options, "size", 1, &size, error)) {
        return false;
    }
    if (size == 0 || (size & (size - 1)) != 0) {
        return error_setf(error, "size of ringbuf chardev must be power of two");
    }
    if (size > MAX_SIZE) {
        return error_setf(error, "size of ringbuf chardev must be at most 1G");
    }
    self->data = g_try_malloc(size);
    if (!self->data) {
        return error_setf(error, "no memory for a ringbuf chardev of %" G_GUINT64_FORMAT " bytes",
                          size);
    }
    self->size = size;
    chardev_set_filename(chardev, g_strdup("ringbuf"));
    chardev_event(chardev, CHAR_EVENT_OPENED);
    return true;
}

static void ringbuf_finalize(GObject *object)
{
    g_free(XL_RINGBUF_CHARDEV(object)->data);
    G_OBJECT_CLASS(ringbuf_chardev_parent_class)->finalize(object);
}

static void ringbuf_chardev_class_init(RingbufChardevClass *klass)
{
    XL_CHARDEV_CLASS(klass)->open = ringbuf_open;
    XL_CHARDEV_CLASS(klass)->write = ringbuf_write;
    G_OBJECT_CLASS(klass)->finalize = ringbuf_finalize;
}

static void ringbuf_chardev_init(RingbufChardev *self G_GNUC_UNUSED)
{
}

const CharDriver char_driver_ringbuf = {
    .name = "ringbuf",
    .alias = "memory",
    .help = "[size=]: keeps the last bytes in memory",
    .get_type = ringbuf_chardev_get_type,
};
