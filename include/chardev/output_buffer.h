/*
 * CharOutput: what a chip sends a byte at a time, handed to the back end in larger pieces.
 *
 * Each byte from a guest is an exit already; a system call on top of each would double its price.
 * Bytes gather until a line ends, the buffer is half full or some milliseconds have passed. Order
 * is kept, memory is bounded, and a back end that takes no more makes char_output_put() refuse, so
 * that the chip can hold its transmitter back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_OUTPUT_BUFFER_H
#define CHARDEV_OUTPUT_BUFFER_H

#include "chardev/chardev.h"

typedef struct CharOutput CharOutput;

/**
 * char_output_new: over @frontend, which must outlive it.
 * @room: called on the main loop, with the machine lock, when a put that was refused would work
 * now; may be NULL
 */
CharOutput *char_output_new(CharFrontend *frontend, void (*room)(void *opaque), void *opaque);
/** char_output_free: hands over what the back end takes now and forgets the rest; NULL is fine. */
void char_output_free(CharOutput *output);
/** char_output_put: false: full, the byte was not taken and @room will be called. */
bool char_output_put(CharOutput *output, uint8_t byte);
/** char_output_flush: hands over now what the back end takes. */
void char_output_flush(CharOutput *output);
/** char_output_pending: bytes that wait. */
unsigned char_output_pending(const CharOutput *output);
/** char_output_flush_all: every CharOutput; true if none has bytes left. */
bool char_output_flush_all(void);

#endif
