/*
 * One counter of an 8254: six modes, latches and access modes, as a function of the CLK ticks gone
 * by.
 *
 * Pure: it knows no clock and no interrupt. A tick is one CLK pulse; every call says at which tick
 * it happens.
 *
 * Source: Intel 8254 data sheet (231164).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_TIMER_I8254_CHANNEL_H
#define HW_TIMER_I8254_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#define I8254_NEVER INT64_MAX

typedef struct {
    uint8_t control; /* RW1 RW0 M2 M1 M0 BCD as programmed */
    uint8_t state;   /* I8254_STOPPED ... */
    bool gate;
    bool idle_output;     /* OUT while stopped */
    uint16_t idle_count;  /* what the counting element shows while stopped */
    uint32_t count;       /* count register in clocks; 0: none written since the control word */
    uint32_t period;      /* the count that the counting element was loaded with */
    uint32_t next_period; /* modes 2 and 3: takes over at switch_tick; 0: none */
    int64_t start;        /* the tick at which the counting element held period */
    int64_t next_start;
    int64_t switch_tick;
    int64_t elapsed;  /* clocks counted since start, while paused by the gate */
    bool count_waits; /* the count register waits for a trigger */
    bool read_high;   /* the next byte read / written is the high one */
    bool write_high;
    uint8_t write_low;
    uint8_t latch_bytes; /* bytes of the latched count still to be read */
    uint16_t latch;
    bool status_latched;
    uint8_t status;
} I8254Channel;

enum {
    I8254_STOPPED, /* no count, or waiting for a trigger */
    I8254_COUNTING,
    I8254_PAUSED /* by a low gate */
};

/** i8254_channel_reset: mode 0 with no count; @gate as wired. */
void i8254_channel_reset(I8254Channel *channel, bool gate);
/** i8254_channel_control: a control word for this counter (not a latch or read-back command). */
void i8254_channel_control(I8254Channel *channel, int64_t tick, uint8_t control);
/** i8254_channel_latch: counter latch, or read-back with the parts asked for. */
void i8254_channel_latch(I8254Channel *channel, int64_t tick, bool count, bool status);
void i8254_channel_write(I8254Channel *channel, int64_t tick, uint8_t value);
uint8_t i8254_channel_read(I8254Channel *channel, int64_t tick);
void i8254_channel_set_gate(I8254Channel *channel, int64_t tick, bool level);
/** i8254_channel_output: the OUT pin. */
bool i8254_channel_output(I8254Channel *channel, int64_t tick);
/** i8254_channel_next_rise: the first tick after @tick at which OUT rises, or I8254_NEVER. */
int64_t i8254_channel_next_rise(I8254Channel *channel, int64_t tick);
/** i8254_channel_is_periodic: counts in mode 2 or 3, one rise each period. */
bool i8254_channel_is_periodic(const I8254Channel *channel);
/** i8254_channel_valid: whether loaded values are ones that the functions above can leave behind.
 */
bool i8254_channel_valid(const I8254Channel *channel);

#endif
