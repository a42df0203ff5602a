/*
 * Frames over a stream socket: each is preceded by its length, four bytes, the highest first, as
 * QEMU's -netdev socket and stream have it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NET_FRAME_STREAM_H
#define NET_FRAME_STREAM_H

#include "net/net.h"

typedef struct FrameStream FrameStream;

/**
 * frame_stream_new: reads frames from @fd, which is not taken over, for @client's peer.
 * @closed: the peer has gone or sends nonsense (@reason, never NULL); the owner frees the stream
 * there
 */
FrameStream *frame_stream_new(NetClient *client, int fd,
                              void (*closed)(NetClient *client, const char *reason));
void frame_stream_free(FrameStream *stream);
/** frame_stream_send: false: the socket is full; net_client_ready() is called when it is not. */
bool frame_stream_send(FrameStream *stream, const NetPacket *packet);
/** frame_stream_resume: @client's peer takes frames again. */
void frame_stream_resume(FrameStream *stream);

#endif
