/*
 * 16550A UART.
 *
 * Source: National Semiconductor PC16550D data sheet (registers; FIFO interrupt mode operation).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/char/serial.h"

#include "hw/char/serial_registers.h"
#include "hw/core/run_state.h"
#include "hw/core/saved_state.h"
#include "util/error.h"
#include "util/trace.h"

#define RESET_DIVISOR  12 /* 9600 baud; the chip's is undefined */
#define MODEM_POLL_NS  (10 * NS_PER_MS)
#define TIMEOUT_LENGTH 4 /* characters */
#define LINES_ON       (MSR_DCD | MSR_DSR | MSR_CTS)

TRACE_DEFINE(serial_read)
TRACE_DEFINE(serial_write)

/* ---- interrupts ---- */

static unsigned receive_trigger(const SerialPort *port)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};

    return port->fifo_enabled ? levels[port->trigger_select] : 1;
}

/* The pending interrupt of the highest priority, as IIR bits 3:0 show it. */
static uint8_t interrupt_id(const SerialPort *port)
{
    if ((port->ier & IER_LINE) && port->line_errors) {
        return IIR_LINE;
    }
    if ((port->ier & IER_RECEIVED) && port->receive_count >= receive_trigger(port)) {
        return IIR_RECEIVED;
    }
    if ((port->ier & IER_RECEIVED) && port->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((port->ier & IER_TRANSMIT) && port->transmit_pending) {
        return IIR_TRANSMIT;
    }
    if ((port->ier & IER_MODEM) && (port->msr & MSR_DELTAS)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

/* The line is driven on a change only: two ports on one ISA interrupt must not undo each other's
 * level. */
static void update_irq(SerialPort *port)
{
    bool level = interrupt_id(port) != IIR_NONE;

    if (level != port->irq_level) {
        port->irq_level = level;
        irq_set(*port->irq, level);
    }
}

/* ---- the line's parameters ---- */

static uint32_t speed(const SerialPort *port)
{
    return MAX(port->baud_base / MAX(port->divisor, 1), 1);
}

static unsigned stop_bits(const SerialPort *port)
{
    return port->lcr & LCR_STOP ? 2 : 1;
}

static int64_t character_time_ns(const SerialPort *port)
{
    unsigned bits =
        1 + 5 + (port->lcr & LCR_LENGTH) + (port->lcr & LCR_PARITY ? 1 : 0) + stop_bits(port);

    return bits * NS_PER_SECOND / speed(port);
}

static void line_changed(SerialPort *port)
{
    char parity = 'N';

    if (port->lcr & LCR_PARITY) {
        parity = port->lcr & LCR_EVEN ? 'E' : 'O';
    }
    char_set_serial_parameters(&port->frontend, speed(port), parity, 5 + (port->lcr & LCR_LENGTH),
                               stop_bits(port));
}

/* ---- modem lines ---- */

static void set_modem_status(SerialPort *port, uint8_t lines)
{
    uint8_t changed = port->msr ^ lines;

    port->msr = (port->msr & MSR_DELTAS) | lines;
    port->msr |= changed & MSR_CTS ? MSR_DELTA_CTS : 0;
    port->msr |= changed & MSR_DSR ? MSR_DELTA_DSR : 0;
    port->msr |= changed & MSR_DCD ? MSR_DELTA_DCD : 0;
    port->msr |= (changed & MSR_RI) && !(lines & MSR_RI) ? MSR_TRAILING_RI : 0;
}

/* In loop mode the four outputs are the four inputs. */
static uint8_t looped_lines(const SerialPort *port)
{
    return (port->mcr & MCR_RTS ? MSR_CTS : 0) | (port->mcr & MCR_DTR ? MSR_DSR : 0) |
           (port->mcr & MCR_OUT1 ? MSR_RI : 0) | (port->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static uint8_t current_lines(SerialPort *port)
{
    unsigned lines;

    if (port->mcr & MCR_LOOP) {
        return looped_lines(port);
    }
    if (!char_get_modem_lines(&port->frontend, &lines)) {
        return LINES_ON;
    }
    return (lines & CHAR_MODEM_CTS ? MSR_CTS : 0) | (lines & CHAR_MODEM_DSR ? MSR_DSR : 0) |
           (lines & CHAR_MODEM_RI ? MSR_RI : 0) | (lines & CHAR_MODEM_DCD ? MSR_DCD : 0);
}

/* Modem interrupts need a look at the host's lines now and then; there is nothing to wait for. */
static void update_modem_poll(SerialPort *port)
{
    unsigned lines;

    if ((port->ier & IER_MODEM) && char_get_modem_lines(&port->frontend, &lines)) {
        timer_mod(port->modem_poll, clock_get_ns(CLOCK_VIRTUAL) + MODEM_POLL_NS);
    } else {
        timer_del(port->modem_poll);
    }
}

static void modem_poll(void *opaque)
{
    SerialPort *port = opaque;

    set_modem_status(port, current_lines(port));
    update_irq(port);
    update_modem_poll(port);
}

/* ---- receiver ---- */

/* What comes with the character at the head of the FIFO shows in LSR from when it gets there. */
static void latch_head_errors(SerialPort *port)
{
    if (port->receive_count > 0) {
        port->line_errors |= port->receive_errors[port->receive_start];
        port->receive_errors[port->receive_start] = 0;
    }
}

static void arm_receive_timeout(SerialPort *port)
{
    if (port->fifo_enabled && port->receive_count > 0) {
        timer_mod(port->receive_timeout,
                  clock_get_ns(CLOCK_VIRTUAL) + TIMEOUT_LENGTH * character_time_ns(port));
    } else {
        timer_del(port->receive_timeout);
    }
}

static void receive_timeout(void *opaque)
{
    SerialPort *port = opaque;

    if (port->receive_count > 0) {
        port->timeout_pending = true;
        update_irq(port);
    }
}

static void clear_receiver(SerialPort *port)
{
    port->receive_start = port->receive_count = 0;
    port->timeout_pending = false;
    timer_del(port->receive_timeout);
}

static void receive_character(SerialPort *port, uint8_t data, uint8_t errors)
{
    unsigned capacity = port->fifo_enabled ? SERIAL_FIFO_SIZE : 1;
    unsigned slot;

    if (port->receive_count >= capacity) {
        port->line_errors |= LSR_OVERRUN;
        if (port->fifo_enabled) {
            return; /* the FIFO stays as it is; only the new character is lost */
        }
        port->receive_count = 0;
    }
    slot = (port->receive_start + port->receive_count) % SERIAL_FIFO_SIZE;
    port->receive_data[slot] = data;
    port->receive_errors[slot] = errors;
    if (port->receive_count++ == 0) {
        latch_head_errors(port);
    }
    arm_receive_timeout(port);
}

static uint8_t read_character(SerialPort *port)
{
    uint8_t data;

    if (port->receive_count == 0) {
        /* The buffer keeps the last character. */
        return port->receive_data[(port->receive_start + SERIAL_FIFO_SIZE - 1) % SERIAL_FIFO_SIZE];
    }
    data = port->receive_data[port->receive_start];
    port->receive_start = (port->receive_start + 1) % SERIAL_FIFO_SIZE;
    port->receive_count--;
    latch_head_errors(port);
    port->timeout_pending = false;
    arm_receive_timeout(port);
    update_irq(port);
    char_accept_input(&port->frontend);
    return data;
}

static unsigned frontend_can_receive(void *opaque)
{
    SerialPort *port = opaque;

    if (port->mcr & MCR_LOOP) {
        return 0; /* the receiver is off the line; the sender may wait */
    }
    return (port->fifo_enabled ? SERIAL_FIFO_SIZE : 1) - port->receive_count;
}

static void frontend_receive(void *opaque, const uint8_t *data, unsigned length)
{
    SerialPort *port = opaque;

    for (unsigned i = 0; i < length; i++) {
        receive_character(port, data[i], 0);
    }
    if (port->wakeup) {
        run_state_request_wakeup();
    }
    update_irq(port);
}

static void frontend_event(void *opaque, CharEvent event)
{
    SerialPort *port = opaque;

    if (event == CHAR_EVENT_BREAK && !(port->mcr & MCR_LOOP)) {
        receive_character(port, 0, LSR_BREAK);
        update_irq(port);
    }
}

/* ---- transmitter ---- */

static void clear_transmitter(SerialPort *port)
{
    port->transmit_start = port->transmit_count = 0;
}

/* Hands over what the back end takes. What stays keeps THRE away until room() calls again. */
static void transmit(SerialPort *port)
{
    while (port->transmit_count > 0) {
        if (!char_output_put(port->output, port->transmit_data[port->transmit_start])) {
            return;
        }
        port->transmit_start = (port->transmit_start + 1) % SERIAL_FIFO_SIZE;
        port->transmit_count--;
    }
    port->transmit_pending = true;
}

static void room(void *opaque)
{
    SerialPort *port = opaque;

    if (port->transmit_count > 0) {
        transmit(port);
        update_irq(port);
    }
}

static void write_character(SerialPort *port, uint8_t value)
{
    unsigned capacity = port->fifo_enabled ? SERIAL_FIFO_SIZE : 1;

    /* Writing takes the interrupt away, being empty again brings it back: an edge each time. */
    port->transmit_pending = false;
    update_irq(port);
    if (port->mcr & MCR_LOOP) {
        receive_character(port, value, 0);
        port->transmit_pending = port->transmit_count == 0;
        update_irq(port);
        return;
    }
    if (port->transmit_count < capacity) {
        unsigned slot = (port->transmit_start + port->transmit_count++) % SERIAL_FIFO_SIZE;
        port->transmit_data[slot] = value;
    } else if (!port->fifo_enabled) {
        port->transmit_data[port->transmit_start] = value;
    }
    transmit(port);
    update_irq(port);
}

/* ---- registers ---- */

static void write_ier(SerialPort *port, uint8_t value)
{
    uint8_t enabled = value & ~port->ier & IER_MASK;

    port->ier = value & IER_MASK;
    if ((enabled & IER_TRANSMIT) && port->transmit_count == 0) {
        port->transmit_pending = true; /* switching it on while empty asks for the interrupt anew */
    }
    update_modem_poll(port);
    update_irq(port);
}

static uint8_t read_iir(SerialPort *port)
{
    uint8_t id = interrupt_id(port);

    if (id == IIR_TRANSMIT) {
        port->transmit_pending = false;
        update_irq(port);
    }
    return id | (port->fifo_enabled ? IIR_FIFO : 0);
}

static void write_fcr(SerialPort *port, uint8_t value)
{
    bool enable = value & FCR_ENABLE;
    bool switched = enable != port->fifo_enabled;

    port->fifo_enabled = enable;
    port->trigger_select = enable ? value >> FCR_TRIGGER_SHIFT : 0;
    if (switched || (enable && (value & FCR_CLEAR_RECEIVE))) {
        clear_receiver(port);
    }
    if ((switched || (enable && (value & FCR_CLEAR_TRANSMIT))) && port->transmit_count > 0) {
        clear_transmitter(port);
        port->transmit_pending = true;
    }
    update_irq(port);
    char_accept_input(&port->frontend);
}

static void write_lcr(SerialPort *port, uint8_t value)
{
    uint8_t changed = port->lcr ^ value;

    port->lcr = value;
    if (changed & LCR_BREAK) {
        char_send_break(&port->frontend, value & LCR_BREAK);
    }
    if (changed & ~(LCR_BREAK | LCR_DLAB)) {
        line_changed(port);
    }
}

static void write_mcr(SerialPort *port, uint8_t value)
{
    bool leaves_loop = (port->mcr & MCR_LOOP) && !(value & MCR_LOOP);
    unsigned lines =
        (value & MCR_DTR ? CHAR_MODEM_DTR : 0) | (value & MCR_RTS ? CHAR_MODEM_RTS : 0);

    port->mcr = value & MCR_MASK;
    if (!(port->mcr & MCR_LOOP)) {
        char_set_modem_lines(&port->frontend, lines);
    }
    set_modem_status(port, current_lines(port));
    update_irq(port);
    if (leaves_loop) {
        char_accept_input(&port->frontend);
    }
}

static bool fifo_has_errors(const SerialPort *port)
{
    for (unsigned i = 0; i < port->receive_count; i++) {
        if (port->receive_errors[(port->receive_start + i) % SERIAL_FIFO_SIZE]) {
            return true;
        }
    }
    return port->line_errors & ~LSR_OVERRUN;
}

static uint8_t read_lsr(SerialPort *port)
{
    uint8_t value = port->line_errors;

    value |= port->receive_count > 0 ? LSR_DATA_READY : 0;
    value |= port->transmit_count == 0 ? LSR_THR_EMPTY | LSR_TRANSMITTER_EMPTY : 0;
    value |= port->fifo_enabled && fifo_has_errors(port) ? LSR_FIFO_ERROR : 0;
    if (port->line_errors) {
        port->line_errors = 0;
        update_irq(port);
    }
    return value;
}

static uint8_t read_msr(SerialPort *port)
{
    uint8_t value;

    set_modem_status(port, current_lines(port));
    value = port->msr;
    port->msr &= ~MSR_DELTAS;
    update_irq(port);
    return value;
}

static void write_divisor(SerialPort *port, unsigned shift, uint8_t value)
{
    port->divisor = (port->divisor & ~(0xff << shift)) | value << shift;
    line_changed(port);
}

static uint8_t read_register(SerialPort *port, unsigned offset)
{
    bool divisor = port->lcr & LCR_DLAB;

    switch (offset) {
    case UART_DATA:
        return divisor ? port->divisor & 0xff : read_character(port);
    case UART_IER:
        return divisor ? port->divisor >> 8 : port->ier;
    case UART_IIR:
        return read_iir(port);
    case UART_LCR:
        return port->lcr;
    case UART_MCR:
        return port->mcr;
    case UART_LSR:
        return read_lsr(port);
    case UART_MSR:
        return read_msr(port);
    default:
        return port->scr;
    }
}

uint8_t serial_port_read(SerialPort *port, unsigned offset)
{
    uint8_t value = read_register(port, offset & 7);

    TRACE(serial_read, "register %u value 0x%02x", offset & 7, value);
    return value;
}

void serial_port_write(SerialPort *port, unsigned offset, uint8_t value)
{
    bool divisor = port->lcr & LCR_DLAB;

    TRACE(serial_write, "register %u value 0x%02x", offset & 7, value);
    switch (offset & 7) {
    case UART_DATA:
        divisor ? write_divisor(port, 0, value) : write_character(port, value);
        break;
    case UART_IER:
        divisor ? write_divisor(port, 8, value) : write_ier(port, value);
        break;
    case UART_IIR:
        write_fcr(port, value);
        break;
    case UART_LCR:
        write_lcr(port, value);
        break;
    case UART_MCR:
        write_mcr(port, value);
        break;
    case UART_SCR:
        port->scr = value;
        break;
    default:
        break; /* LSR and MSR: writing is for factory tests only */
    }
}

/* ---- life ---- */

void serial_port_reset(SerialPort *port)
{
    port->divisor = RESET_DIVISOR;
    port->ier = port->lcr = port->mcr = port->scr = 0;
    port->fifo_enabled = false;
    port->trigger_select = 0;
    port->line_errors = 0;
    port->transmit_pending = false;
    clear_receiver(port);
    clear_transmitter(port);
    timer_del(port->modem_poll);
    port->msr = current_lines(port);
    update_irq(port);
    char_accept_input(&port->frontend);
}

void serial_port_init(SerialPort *port)
{
    port->receive_timeout = timer_new(CLOCK_VIRTUAL, receive_timeout, port);
    port->modem_poll = timer_new(CLOCK_VIRTUAL, modem_poll, port);
    port->output = char_output_new(&port->frontend, room, port);
    char_frontend_set_handlers(&port->frontend, frontend_can_receive, frontend_receive,
                               frontend_event, port);
}

void serial_port_destroy(SerialPort *port)
{
    g_clear_pointer(&port->output, char_output_free);
    g_clear_pointer(&port->receive_timeout, timer_free);
    g_clear_pointer(&port->modem_poll, timer_free);
    char_frontend_detach(&port->frontend);
}

/* ---- saved state ---- */

static const SavedField serial_fields[] = {
    SAVED(SerialPort, divisor),
    SAVED(SerialPort, ier),
    SAVED(SerialPort, lcr),
    SAVED(SerialPort, mcr),
    SAVED(SerialPort, msr),
    SAVED(SerialPort, scr),
    SAVED(SerialPort, fifo_enabled),
    SAVED(SerialPort, trigger_select),
    SAVED(SerialPort, line_errors),
    SAVED(SerialPort, transmit_pending),
    SAVED(SerialPort, timeout_pending),
    SAVED_ARRAY(SerialPort, receive_data),
    SAVED_ARRAY(SerialPort, receive_errors),
    SAVED(SerialPort, receive_start),
    SAVED(SerialPort, receive_count),
    SAVED_ARRAY(SerialPort, transmit_data),
    SAVED(SerialPort, transmit_start),
    SAVED(SerialPort, transmit_count),
    SAVED_TIMER(SerialPort, receive_timeout),
};

GVariant *serial_port_save(SerialPort *port)
{
    char_output_flush(port->output); /* what the chip has sent is the back end's, not state */
    return saved_fields_to_variant(port, serial_fields, G_N_ELEMENTS(serial_fields));
}

static bool state_is_possible(const SerialPort *port)
{
    unsigned capacity = port->fifo_enabled ? SERIAL_FIFO_SIZE : 1;

    return port->receive_start < SERIAL_FIFO_SIZE && port->receive_count <= capacity &&
           port->transmit_start < SERIAL_FIFO_SIZE && port->transmit_count <= capacity &&
           port->trigger_select < 4 && !(port->ier & ~IER_MASK) && !(port->mcr & ~MCR_MASK) &&
           !(port->line_errors & ~LSR_ERRORS);
}

bool serial_port_load(SerialPort *port, GVariant *state, GError **error)
{
    if (!saved_fields_from_variant(port, serial_fields, G_N_ELEMENTS(serial_fields), state,
                                   error)) {
        return false;
    }
    if (!state_is_possible(port)) {
        serial_port_reset(port);
        return error_setf(error, "serial port: the saved state is not one the chip can be in");
    }
    for (unsigned i = 0; i < SERIAL_FIFO_SIZE; i++) {
        port->receive_errors[i] &= LSR_ERRORS;
    }
    line_changed(port);
    update_modem_poll(port);
    if (port->transmit_count > 0) {
        transmit(port);
    }
    update_irq(port);
    char_accept_input(&port->frontend);
    return true;
}
