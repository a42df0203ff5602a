/*
 * Register bits of the 16550A. Source: National Semiconductor PC16550D data sheet, table II.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CHAR_SERIAL_REGISTERS_H
#define HW_CHAR_SERIAL_REGISTERS_H

enum {
    UART_DATA = 0, /* RBR, THR; DLL with DLAB */
    UART_IER = 1,  /* DLM with DLAB */
    UART_IIR = 2,  /* FCR on write */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
    UART_SCR = 7,

    IER_RECEIVED = 0x01,
    IER_TRANSMIT = 0x02,
    IER_LINE = 0x04,
    IER_MODEM = 0x08,
    IER_MASK = 0x0f,

    IIR_NONE = 0x01,
    IIR_MODEM = 0x00,
    IIR_TRANSMIT = 0x02,
    IIR_RECEIVED = 0x04,
    IIR_LINE = 0x06,
    IIR_TIMEOUT = 0x0c,
    IIR_FIFO = 0xc0,

    FCR_ENABLE = 0x01,
    FCR_CLEAR_RECEIVE = 0x02,
    FCR_CLEAR_TRANSMIT = 0x04,
    FCR_TRIGGER_SHIFT = 6,

    LCR_LENGTH = 0x03, /* data bits minus 5 */
    LCR_STOP = 0x04,
    LCR_PARITY = 0x08,
    LCR_EVEN = 0x10,
    LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,

    MCR_DTR = 0x01,
    MCR_RTS = 0x02,
    MCR_OUT1 = 0x04,
    MCR_OUT2 = 0x08,
    MCR_LOOP = 0x10,
    MCR_MASK = 0x1f,

    LSR_DATA_READY = 0x01,
    LSR_OVERRUN = 0x02,
    LSR_PARITY = 0x04,
    LSR_FRAMING = 0x08,
    LSR_BREAK = 0x10,
    LSR_THR_EMPTY = 0x20,
    LSR_TRANSMITTER_EMPTY = 0x40,
    LSR_FIFO_ERROR = 0x80,
    LSR_ERRORS = 0x1e,

    MSR_DELTA_CTS = 0x01,
    MSR_DELTA_DSR = 0x02,
    MSR_TRAILING_RI = 0x04,
    MSR_DELTA_DCD = 0x08,
    MSR_DELTAS = 0x0f,
    MSR_CTS = 0x10,
    MSR_DSR = 0x20,
    MSR_RI = 0x40,
    MSR_DCD = 0x80,
};

#endif
