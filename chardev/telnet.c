/*
 * The telnet side of a socket.
 *
 * Source: RFC 854 (protocol), RFC 856 (binary), RFC 857 (echo), RFC 858 (suppress go ahead).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "chardev/telnet.h"

enum {
    IAC = 255,
    DONT = 254,
    DO = 253,
    WONT = 252,
    WILL = 251,
    SB = 250,
    BREAK = 243,
    SE = 240,
    OPTION_BINARY = 0,
    OPTION_ECHO = 1,
    OPTION_SUPPRESS_GO_AHEAD = 3,
};

const uint8_t *telnet_greeting(unsigned *length)
{
    static const uint8_t greeting[] = {
        IAC, WILL, OPTION_ECHO,   IAC, WILL, OPTION_SUPPRESS_GO_AHEAD,
        IAC, WILL, OPTION_BINARY, IAC, DO,   OPTION_BINARY,
    };

    *length = sizeof(greeting);
    return greeting;
}

/* One byte: true if it is data. */
static bool filter_byte(TelnetInput *input, uint8_t byte, unsigned *breaks)
{
    bool data = false;

    switch (input->state) {
    case TELNET_RETURN:
        input->state = TELNET_DATA;
        if (byte == 0) {
            return false;
        }
        return filter_byte(input, byte, breaks);
    case TELNET_DATA:
        data = byte != IAC;
        input->state = byte == IAC ? TELNET_COMMAND : byte == '\r' ? TELNET_RETURN : TELNET_DATA;
        return data;
    case TELNET_COMMAND:
        input->state = byte >= WILL && byte <= DONT ? TELNET_OPTION
                       : byte == SB                 ? TELNET_SUBNEGOTIATION
                                                    : TELNET_DATA;
        *breaks += byte == BREAK;
        return byte == IAC;
    case TELNET_OPTION:
        input->state = TELNET_DATA;
        return false;
    case TELNET_SUBNEGOTIATION:
        if (byte == IAC) {
            input->state = TELNET_SUBNEGOTIATION_COMMAND;
        }
        return false;
    case TELNET_SUBNEGOTIATION_COMMAND:
        input->state = byte == SE ? TELNET_DATA : TELNET_SUBNEGOTIATION;
        return false;
    }
    return false;
}

unsigned telnet_filter(TelnetInput *input, uint8_t *data, unsigned length, unsigned *breaks)
{
    unsigned kept = 0;

    *breaks = 0;
    for (unsigned i = 0; i < length; i++) {
        if (filter_byte(input, data[i], breaks)) {
            data[kept++] = data[i];
        }
    }
    return kept;
}
