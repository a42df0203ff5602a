/*
 * What a PS/2 device has to send: replies to commands first, then what happened.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_INPUT_PS2_QUEUE_H
#define HW_INPUT_PS2_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_REPLY_SIZE 8 /* the longest reply has four bytes */
#define PS2_EVENT_SIZE                                                                             \
    32 /* an IBM keyboard has 16; a paste over a monitor is faster than fingers */

typedef struct {
    uint8_t reply[PS2_REPLY_SIZE];
    uint8_t reply_start, reply_count;
    uint8_t event[PS2_EVENT_SIZE];
    uint8_t event_start, event_count;
    uint8_t last; /* sent last, for "resend" */
} PS2Queue;

/** ps2_queue_reply: false (and nothing queued) if there is no room. */
bool ps2_queue_reply(PS2Queue *queue, uint8_t byte);
/** ps2_queue_event: all of @length bytes or, when they do not fit, none and false. */
bool ps2_queue_event(PS2Queue *queue, const uint8_t *data, unsigned length);
unsigned ps2_queue_event_room(const PS2Queue *queue);
bool ps2_queue_is_empty(const PS2Queue *queue);
/** ps2_queue_take: the next byte; the last one again if there is none. */
uint8_t ps2_queue_take(PS2Queue *queue);
void ps2_queue_clear(PS2Queue *queue);
/** ps2_queue_is_valid: counts and positions are in range (loaded state). */
bool ps2_queue_is_valid(const PS2Queue *queue);

/* Rows for a table of saved fields of a Type with a PS2Queue member. */
#define PS2_QUEUE_SAVED(Type, member)                                                              \
    SAVED_ARRAY(Type, member.reply), SAVED(Type, member.reply_start),                              \
        SAVED(Type, member.reply_count), SAVED_ARRAY(Type, member.event),                          \
        SAVED(Type, member.event_start), SAVED(Type, member.event_count), SAVED(Type, member.last)

#endif
