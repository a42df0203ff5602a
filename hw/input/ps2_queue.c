/*
 * What a PS/2 device has to send.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/input/ps2_queue.h"

bool ps2_queue_reply(PS2Queue *queue, uint8_t byte)
{
    if (queue->reply_count == PS2_REPLY_SIZE) {
        return false;
    }
    queue->reply[(queue->reply_start + queue->reply_count++) % PS2_REPLY_SIZE] = byte;
    return true;
}

unsigned ps2_queue_event_room(const PS2Queue *queue)
{
    return PS2_EVENT_SIZE - queue->event_count;
}

bool ps2_queue_event(PS2Queue *queue, const uint8_t *data, unsigned length)
{
    if (length > ps2_queue_event_room(queue)) {
        return false;
    }
    for (unsigned i = 0; i < length; i++) {
        queue->event[(queue->event_start + queue->event_count++) % PS2_EVENT_SIZE] = data[i];
    }
    return true;
}

bool ps2_queue_is_empty(const PS2Queue *queue)
{
    return queue->reply_count == 0 && queue->event_count == 0;
}

uint8_t ps2_queue_take(PS2Queue *queue)
{
    if (queue->reply_count > 0) {
        queue->last = queue->reply[queue->reply_start];
        queue->reply_start = (queue->reply_start + 1) % PS2_REPLY_SIZE;
        queue->reply_count--;
    } else if (queue->event_count > 0) {
        queue->last = queue->event[queue->event_start];
        queue->event_start = (queue->event_start + 1) % PS2_EVENT_SIZE;
        queue->event_count--;
    }
    return queue->last;
}

void ps2_queue_clear(PS2Queue *queue)
{
    queue->reply_start = queue->reply_count = 0;
    queue->event_start = queue->event_count = 0;
}

bool ps2_queue_is_valid(const PS2Queue *queue)
{
    return queue->reply_start < PS2_REPLY_SIZE && queue->reply_count <= PS2_REPLY_SIZE &&
           queue->event_start < PS2_EVENT_SIZE && queue->event_count <= PS2_EVENT_SIZE;
}
