/*
 * 16550A UART: the chip without a bus around it.
 *
 * Source: National Semiconductor PC16550D data sheet.
 *
 * A byte leaves as soon as the back end takes it: the transmitter is not slowed down to its baud
 * rate. A back end that is full holds THRE back. Differences from the chip: DCD, DSR and CTS are on
 * unless the back end has modem lines; interrupts do not need OUT2 (guests written for virtual
 * machines do not all set it).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "chardev/output_buffer.h"
#include "hw/core/irq.h"
#include "util/clock.h"

#define SERIAL_PORT_SIZE 8 /* registers, a byte each */
#define SERIAL_FIFO_SIZE 16

/* Private but for the three fields that the owner sets before serial_port_init(). */
typedef struct {
    IRQLine **irq;         /* the owner's output pin */
    CharFrontend frontend; /* attached or not; the owner detaches it */
    uint32_t baud_base;    /* speed at divisor 1: 115200 on a PC */
    bool wakeup;           /* input wakes a suspended machine */

    uint16_t divisor;
    uint8_t ier, lcr, mcr, msr, scr;
    bool fifo_enabled;
    uint8_t trigger_select; /* FCR bits 7:6 */
    uint8_t line_errors;    /* LSR bits 1-4, latched until LSR is read */
    bool transmit_pending;  /* THRE interrupt: empty, and neither IIR read nor THR written since */
    bool timeout_pending;   /* character timeout interrupt */
    uint8_t receive_data[SERIAL_FIFO_SIZE], receive_errors[SERIAL_FIFO_SIZE];
    uint8_t receive_start, receive_count;
    uint8_t transmit_data[SERIAL_FIFO_SIZE];
    uint8_t transmit_start, transmit_count;
    Timer *receive_timeout; /* four characters' time with nothing read or received */
    Timer *modem_poll;      /* while modem interrupts are on and the back end has modem lines */

    CharOutput *output;
    bool irq_level;
} SerialPort;

/** serial_port_init: registers handlers at the front end; then serial_port_reset(). */
void serial_port_init(SerialPort *port);
/** serial_port_destroy: flushes, frees timers and detaches the front end. */
void serial_port_destroy(SerialPort *port);
/** serial_port_reset: the state after master reset; what has been sent still goes out. */
void serial_port_reset(SerialPort *port);
/** serial_port_read / write: register @offset 0-7. */
uint8_t serial_port_read(SerialPort *port, unsigned offset);
void serial_port_write(SerialPort *port, unsigned offset, uint8_t value);
/** serial_port_save: a floating variant; serial_port_load refuses what the chip cannot be in. */
GVariant *serial_port_save(SerialPort *port);
bool serial_port_load(SerialPort *port, GVariant *state, GError **error);

#endif
