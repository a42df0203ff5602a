/*
 * Frames over a stream socket.
 *
 * The peer is another process, which may send anything: a length is checked before it is believed,
 * and what has been read but not taken by the adapter waits here, with the socket left unread.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "net/frame_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "chardev/fd_source.h"

#define LENGTH_SIZE   4
#define FRAME_MIN     14 /* an Ethernet header; what is shorter is no frame */
#define INPUT_SIZE    (2 * (NET_FRAME_MAX + LENGTH_SIZE))
#define PIECES_MAX    64
#define READS_AT_ONCE 8 /* then others have their turn */

struct FrameStream {
    NetClient *client;
    int fd;
    void (*closed)(NetClient *client, const char *reason);
    GSource *reader, *writer;
    GByteArray *output; /* the rest of a frame that the socket did not take */
    bool blocked;       /* the adapter takes no frames now */
    bool write_failed;  /* the reader closes */
    size_t input_start, input_end;
    uint8_t input[INPUT_SIZE];
};

/* ---- reading ---- */

static void hand_over(FrameStream *stream, const uint8_t *data, size_t size)
{
    struct iovec piece = {(void *)data, size};
    NetPacket packet = {&piece, 1, size, {0}};

    if (size >= FRAME_MIN && !net_client_send(stream->client, &packet)) {
        stream->blocked = true;
    }
}

static uint32_t length_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3];
}

/* Hands over what is there in whole frames; false: that is no length of a frame. */
static bool parse_input(FrameStream *stream)
{
    while (!stream->blocked && stream->input_end - stream->input_start >= LENGTH_SIZE) {
        const uint8_t *start = stream->input + stream->input_start;
        uint32_t length = length_at(start);
        if (length > NET_FRAME_MAX) {
            return false;
        }
        if (stream->input_end - stream->input_start - LENGTH_SIZE < length) {
            break;
        }
        stream->input_start += LENGTH_SIZE + length;
        hand_over(stream, start + LENGTH_SIZE, length);
    }
    return true;
}

static bool has_whole_frame(const FrameStream *stream)
{
    size_t size = stream->input_end - stream->input_start;

    return size >= LENGTH_SIZE &&
           size - LENGTH_SIZE >= length_at(stream->input + stream->input_start);
}

/* A whole frame always fits behind a start of zero. */
static void make_room(FrameStream *stream)
{
    memmove(stream->input, stream->input + stream->input_start,
            stream->input_end - stream->input_start);
    stream->input_end -= stream->input_start;
    stream->input_start = 0;
}

static int reader_wanted(void *opaque)
{
    FrameStream *stream = opaque;

    if (stream->write_failed) {
        return FD_SOURCE_READY;
    }
    if (stream->blocked) {
        return FD_SOURCE_NONE;
    }
    return has_whole_frame(stream) ? FD_SOURCE_READY : stream->fd;
}

static bool close_because(FrameStream *stream, const char *reason)
{
    stream->closed(stream->client, reason);
    return false;
}

static bool reader_ready(void *opaque)
{
    FrameStream *stream = opaque;

    if (stream->write_failed) {
        return close_because(stream, "the peer takes no frames");
    }
    for (unsigned i = 0; i < READS_AT_ONCE; i++) {
        if (!parse_input(stream)) {
            return close_because(stream, "the peer sent a frame that is too long");
        }
        if (stream->blocked) {
            return true;
        }
        make_room(stream);
        ssize_t count = recv(stream->fd, stream->input + stream->input_end,
                             INPUT_SIZE - stream->input_end, MSG_DONTWAIT);
        if (count == 0) {
            return close_because(stream, "the peer has gone");
        }
        if (count < 0) {
            return errno == EAGAIN || errno == EINTR ? true
                                                     : close_because(stream, g_strerror(errno));
        }
        stream->input_end += count;
    }
    return true;
}

/* ---- writing ---- */

static int writer_wanted(void *opaque)
{
    FrameStream *stream = opaque;

    return stream->output->len > 0 && !stream->write_failed ? stream->fd : FD_SOURCE_NONE;
}

static bool writer_ready(void *opaque)
{
    FrameStream *stream = opaque;
    ssize_t count =
        send(stream->fd, stream->output->data, stream->output->len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (count < 0) {
        stream->write_failed = errno != EAGAIN && errno != EINTR;
        return true;
    }
    g_byte_array_remove_range(stream->output, 0, count);
    if (stream->output->len == 0) {
        net_client_ready(stream->client);
    }
    return true;
}

/* The socket took @count bytes of these pieces; the rest waits. */
static void keep_rest(FrameStream *stream, const struct iovec *pieces, unsigned pieces_count,
                      size_t count)
{
    for (unsigned i = 0; i < pieces_count; i++) {
        size_t skip = MIN(count, pieces[i].iov_len);
        g_byte_array_append(stream->output, (const uint8_t *)pieces[i].iov_base + skip,
                            pieces[i].iov_len - skip);
        count -= skip;
    }
    g_main_context_wakeup(NULL);
}

bool frame_stream_send(FrameStream *stream, const NetPacket *packet)
{
    uint8_t length[LENGTH_SIZE] = {packet->size >> 24, packet->size >> 16, packet->size >> 8,
                                   packet->size};
    struct iovec pieces[PIECES_MAX] = {{length, sizeof(length)}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = packet->count + 1};
    ssize_t count;

    if (stream->write_failed || packet->count >= PIECES_MAX) {
        return true; /* dropped */
    }
    if (stream->output->len > 0) {
        return false;
    }
    memcpy(pieces + 1, packet->pieces, packet->count * sizeof(*pieces));
    count = sendmsg(stream->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) {
        stream->write_failed = true;
        g_main_context_wakeup(NULL);
        return true;
    }
    count = MAX(count, 0);
    if ((size_t)count < packet->size + LENGTH_SIZE) {
        keep_rest(stream, pieces, packet->count + 1, count);
    }
    return true;
}

void frame_stream_resume(FrameStream *stream)
{
    stream->blocked = false;
    g_main_context_wakeup(NULL);
}

FrameStream *frame_stream_new(NetClient *client, int fd,
                              void (*closed)(NetClient *client, const char *reason))
{
    FrameStream *stream = g_new0(FrameStream, 1);

    stream->client = client;
    stream->fd = fd;
    stream->closed = closed;
    stream->output = g_byte_array_new();
    stream->reader = fd_source_attach(reader_wanted, G_IO_IN, reader_ready, stream);
    stream->writer = fd_source_attach(writer_wanted, G_IO_OUT, writer_ready, stream);
    return stream;
}

void frame_stream_free(FrameStream *stream)
{
    fd_source_destroy(&stream->reader);
    fd_source_destroy(&stream->writer);
    g_byte_array_unref(stream->output);
    g_free(stream);
}
