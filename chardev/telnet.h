/*
 * The telnet side of a socket: option negotiation, escaping, BREAK.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CHARDEV_TELNET_H
#define CHARDEV_TELNET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    enum {
        TELNET_DATA,
        TELNET_COMMAND,        /* after IAC */
        TELNET_OPTION,         /* after IAC WILL/WONT/DO/DONT */
        TELNET_SUBNEGOTIATION, /* after IAC SB */
        TELNET_SUBNEGOTIATION_COMMAND,
        TELNET_RETURN, /* after CR: a NUL belongs to it */
    } state;
} TelnetInput;

/** telnet_greeting: what the server says first: character at a time, no local echo, binary. */
const uint8_t *telnet_greeting(unsigned *length);
/**
 * telnet_filter: takes the protocol out of @data in place; returns the bytes of data left.
 * @breaks: receives how many BREAKs there were
 */
unsigned telnet_filter(TelnetInput *input, uint8_t *data, unsigned length, unsigned *breaks);

#endif
