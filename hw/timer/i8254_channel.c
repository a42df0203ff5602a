/*
 * One counter of an 8254: see i8254_channel.h.
 *
 * Source: Intel 8254 data sheet (231164), "Mode Definitions" and "Read Operations".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/timer/i8254_channel.h"

#include <glib.h>
#include <string.h>

enum {
    ACCESS_LOW = 1,
    ACCESS_HIGH = 2,
    ACCESS_BOTH = 3,
    STATUS_OUTPUT = 0x80,
    STATUS_NULL_COUNT = 0x40,
};

/* Ticks of a saved state are kept in bounds, so that no sum of them overflows. */
#define TICK_LIMIT (INT64_C(1) << 60)

static unsigned access_mode(const I8254Channel *channel)
{
    return channel->control >> 4 & 3;
}

/* M2 is "don't care" in modes 2 and 3. */
static unsigned counting_mode(const I8254Channel *channel)
{
    unsigned mode = channel->control >> 1 & 7;
    return mode > 5 ? mode - 4 : mode;
}

static bool is_bcd(const I8254Channel *channel)
{
    return channel->control & 1;
}

static uint32_t modulus(const I8254Channel *channel)
{
    return is_bcd(channel) ? 10000 : 65536;
}

/* A count as written, in clocks: zero is the largest count. */
static uint32_t decode_count(const I8254Channel *channel, uint16_t raw)
{
    uint32_t count = raw;
    if (is_bcd(channel)) {
        count = (raw >> 12) * 1000u + (raw >> 8 & 15) * 100u + (raw >> 4 & 15) * 10u + (raw & 15);
        count %= 10000; /* digits above nine */
    }
    return count ? count : modulus(channel);
}

static uint16_t encode_count(const I8254Channel *channel, uint32_t count)
{
    count %= modulus(channel);
    if (is_bcd(channel)) {
        count = count / 1000 << 12 | count / 100 % 10 << 8 | count / 10 % 10 << 4 | count % 10;
    }
    return (uint16_t)count;
}

static bool reloads_itself(const I8254Channel *channel)
{
    unsigned mode = counting_mode(channel);
    return mode == 2 || mode == 3;
}

static bool starts_by_trigger(const I8254Channel *channel)
{
    unsigned mode = counting_mode(channel);
    return mode == 1 || mode == 5;
}

/* A count of 1 is illegal in modes 2 and 3; OUT then stays high. */
bool i8254_channel_is_periodic(const I8254Channel *channel)
{
    return channel->state == I8254_COUNTING && reloads_itself(channel) && channel->period > 1;
}

/* Brings a count that was written during a period into force once that period is over. */
static void catch_up(I8254Channel *channel, int64_t tick)
{
    if (channel->next_period && tick >= channel->switch_tick) {
        channel->period = channel->next_period;
        channel->start = channel->next_start;
        channel->next_period = 0;
    }
}

/* Clocks counted since the counting element was loaded. */
static int64_t clocks(const I8254Channel *channel, int64_t tick)
{
    if (channel->state == I8254_PAUSED) {
        return channel->elapsed;
    }
    return MAX(tick - channel->start, 0);
}

static uint32_t square_wave_count(uint32_t period, uint32_t position)
{
    uint32_t high = (period + 1) / 2;
    uint32_t even = period & ~1u;
    return even - 2 * (position < high ? position : position - high);
}

/* The counting element, in clocks. */
static uint16_t current_count(const I8254Channel *channel, int64_t tick)
{
    if (channel->state == I8254_STOPPED) {
        return channel->idle_count;
    }
    int64_t done = clocks(channel, tick);
    uint32_t position = (uint32_t)(done % channel->period);
    switch (counting_mode(channel)) {
    case 2:
        return encode_count(channel, channel->period - position);
    case 3:
        return encode_count(channel, square_wave_count(channel->period, position));
    default:
        break;
    }
    uint32_t modulo = modulus(channel);
    return encode_count(channel, channel->period + modulo - (uint32_t)(done % modulo));
}

static bool current_output(const I8254Channel *channel, int64_t tick)
{
    if (channel->state == I8254_STOPPED) {
        return channel->idle_output;
    }
    int64_t done = clocks(channel, tick);
    bool periodic = i8254_channel_is_periodic(channel);
    switch (counting_mode(channel)) {
    case 0:
    case 1:
        return done >= channel->period;
    case 2:
        return !periodic || done % channel->period != channel->period - 1;
    case 3:
        return !periodic || done % channel->period < (channel->period + 1) / 2;
    default: /* 4, 5: a strobe of one clock */
        return done != channel->period;
    }
}

bool i8254_channel_output(I8254Channel *channel, int64_t tick)
{
    catch_up(channel, tick);
    return current_output(channel, tick);
}

int64_t i8254_channel_next_rise(I8254Channel *channel, int64_t tick)
{
    catch_up(channel, tick);
    if (channel->state != I8254_COUNTING) {
        return I8254_NEVER;
    }
    if (reloads_itself(channel)) {
        if (!i8254_channel_is_periodic(channel)) {
            return I8254_NEVER;
        }
        int64_t periods = clocks(channel, tick) / channel->period + 1;
        int64_t rise = channel->start + periods * channel->period;
        bool switches_before = channel->next_period && channel->switch_tick < rise;
        return switches_before ? channel->next_start + channel->next_period : rise;
    }
    bool strobes = counting_mode(channel) >= 4;
    int64_t rise = channel->start + channel->period + strobes;
    return rise > tick ? rise : I8254_NEVER;
}

void i8254_channel_reset(I8254Channel *channel, bool gate)
{
    memset(channel, 0, sizeof(*channel));
    channel->control = ACCESS_BOTH << 4;
    channel->gate = gate;
}

static void stop(I8254Channel *channel, int64_t tick, bool output)
{
    channel->idle_count = current_count(channel, tick);
    channel->idle_output = output;
    channel->state = I8254_STOPPED;
    channel->period = 0;
    channel->next_period = 0;
}

/* The CLK pulse after @tick loads the counting element. */
static void load_counting_element(I8254Channel *channel, int64_t tick)
{
    channel->period = channel->count;
    channel->next_period = 0;
    channel->count_waits = false;
    channel->start = tick + 1;
    channel->elapsed = 0;
    channel->state = channel->gate || starts_by_trigger(channel) ? I8254_COUNTING : I8254_PAUSED;
}

void i8254_channel_control(I8254Channel *channel, int64_t tick, uint8_t control)
{
    catch_up(channel, tick);
    stop(channel, tick, true);
    channel->control = control & 0x3f;
    channel->idle_output = counting_mode(channel) != 0;
    channel->count = 0;
    channel->count_waits = false;
    channel->read_high = false;
    channel->write_high = false;
    channel->latch_bytes = 0;
    channel->status_latched = false;
}

/* Modes 2 and 3: a new count waits for the end of the period or of the half-cycle. */
static void schedule_count(I8254Channel *channel, int64_t tick)
{
    int64_t done = clocks(channel, tick);
    int64_t cycle_start = channel->start + done / channel->period * channel->period;
    uint32_t high = (channel->period + 1) / 2;
    channel->next_period = channel->count;
    channel->switch_tick = cycle_start + channel->period;
    channel->next_start = channel->switch_tick;
    if (counting_mode(channel) == 3 && done % channel->period < high) {
        channel->switch_tick = cycle_start + high;
        channel->next_start = channel->switch_tick - (channel->count + 1) / 2;
    }
}

static void write_count(I8254Channel *channel, int64_t tick, uint16_t raw)
{
    channel->count = decode_count(channel, raw);
    if (starts_by_trigger(channel)) {
        channel->count_waits = true;
    } else if (!reloads_itself(channel) || channel->state == I8254_STOPPED) {
        load_counting_element(channel, tick);
    } else if (channel->state == I8254_PAUSED) {
        channel->count_waits = true;
    } else if (tick < channel->start || !i8254_channel_is_periodic(channel)) {
        load_counting_element(channel, tick);
    } else {
        schedule_count(channel, tick);
    }
}

void i8254_channel_write(I8254Channel *channel, int64_t tick, uint8_t value)
{
    catch_up(channel, tick);
    switch (access_mode(channel)) {
    case ACCESS_LOW:
        write_count(channel, tick, value);
        break;
    case ACCESS_HIGH:
        write_count(channel, tick, (uint16_t)(value << 8));
        break;
    default:
        if (channel->write_high) {
            write_count(channel, tick, (uint16_t)(value << 8 | channel->write_low));
        } else {
            channel->write_low = value;
            if (counting_mode(channel) == 0) {
                stop(channel, tick, false);
            }
        }
        channel->write_high = !channel->write_high;
        break;
    }
}

static uint8_t make_status(const I8254Channel *channel, int64_t tick)
{
    bool loading = channel->state == I8254_COUNTING && tick < channel->start;
    bool null_count = !channel->count || channel->count_waits || channel->next_period || loading;
    return (uint8_t)(channel->control | (null_count ? STATUS_NULL_COUNT : 0) |
                     (current_output(channel, tick) ? STATUS_OUTPUT : 0));
}

void i8254_channel_latch(I8254Channel *channel, int64_t tick, bool count, bool status)
{
    catch_up(channel, tick);
    /* What is latched already stays until it is read. */
    if (count && channel->latch_bytes == 0) {
        channel->latch = current_count(channel, tick);
        channel->latch_bytes = access_mode(channel) == ACCESS_BOTH ? 2 : 1;
    }
    if (status && !channel->status_latched) {
        channel->status = make_status(channel, tick);
        channel->status_latched = true;
    }
}

static uint8_t read_latch(I8254Channel *channel)
{
    bool high = access_mode(channel) == ACCESS_HIGH ||
                (access_mode(channel) == ACCESS_BOTH && channel->latch_bytes == 1);
    channel->latch_bytes--;
    return (uint8_t)(high ? channel->latch >> 8 : channel->latch);
}

uint8_t i8254_channel_read(I8254Channel *channel, int64_t tick)
{
    catch_up(channel, tick);
    if (channel->status_latched) {
        channel->status_latched = false;
        return channel->status;
    }
    if (channel->latch_bytes) {
        return read_latch(channel);
    }
    uint16_t count = current_count(channel, tick);
    bool high = access_mode(channel) == ACCESS_HIGH;
    if (access_mode(channel) == ACCESS_BOTH) {
        high = channel->read_high;
        channel->read_high = !high;
    }
    return (uint8_t)(high ? count >> 8 : count);
}

static void gate_falls(I8254Channel *channel, int64_t tick)
{
    if (channel->state == I8254_COUNTING && !starts_by_trigger(channel)) {
        channel->elapsed = clocks(channel, tick);
        channel->state = I8254_PAUSED;
        channel->count_waits |= channel->next_period != 0;
        channel->next_period = 0;
    }
}

static void gate_rises(I8254Channel *channel, int64_t tick)
{
    if (!channel->count) {
        return;
    }
    if (starts_by_trigger(channel) || (reloads_itself(channel) && channel->state == I8254_PAUSED)) {
        load_counting_element(channel, tick);
    } else if (channel->state == I8254_PAUSED) {
        channel->start = tick - channel->elapsed;
        channel->state = I8254_COUNTING;
    }
}

void i8254_channel_set_gate(I8254Channel *channel, int64_t tick, bool level)
{
    catch_up(channel, tick);
    if (channel->gate == level) {
        return;
    }
    channel->gate = level;
    if (level) {
        gate_rises(channel, tick);
    } else {
        gate_falls(channel, tick);
    }
}

static bool tick_valid(int64_t tick)
{
    return tick > -TICK_LIMIT && tick < TICK_LIMIT;
}

bool i8254_channel_valid(const I8254Channel *channel)
{
    uint32_t limit = modulus(channel);
    return channel->control <= 0x3f && access_mode(channel) != 0 &&
           channel->state <= I8254_PAUSED && channel->count <= limit && channel->period <= limit &&
           channel->next_period <= limit && channel->latch_bytes <= 2 &&
           (channel->state == I8254_STOPPED || channel->period > 0) &&
           (!channel->next_period || i8254_channel_is_periodic(channel)) &&
           tick_valid(channel->start) && tick_valid(channel->next_start) &&
           tick_valid(channel->switch_tick) && tick_valid(channel->elapsed) &&
           channel->elapsed >= 0;
}
