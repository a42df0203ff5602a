/*
 * 8254 programmable interval timer at ports 0x40-0x43.
 *
 * The oscillator's ticks are counted from the zero of CLOCK_VIRTUAL, so that no edge depends on
 * when the process got round to the one before it. A host timer is armed only for the next rise of
 * OUT0: interrupt 0 is edge triggered and nobody sees the pin's low phase, which is driven just
 * before the rise.
 *
 * Periods that went by while the process did not run are made up for at twice the rate, up to one
 * second.
 *
 * Source: Intel 8254 data sheet (231164).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/timer/i8254.h"

#include "hw/isa/isa.h"
#include "hw/timer/i8254_channel.h"
#include "util/clock.h"
#include "util/trace.h"

#define PIT_FREQUENCY       1193182 /* Hz */
#define PIT_PORT            0x40
#define PIT_CONTROL_PORT    3
#define CHANNEL_COUNT       3
#define MIN_INTERVAL_NS     (20 * NS_PER_US) /* the host is not woken more often */
#define BACKLOG_LIMIT       PIT_FREQUENCY    /* ticks of missed periods that are made up for */
#define READ_BACK           3
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10

struct _I8254 {
    Device parent_instance;
    I8254Channel channels[CHANNEL_COUNT];
    bool irq_enabled;  /* the input pin: legacy replacement has not taken interrupt 0 */
    int64_t rise_tick; /* the next rise of OUT0, or I8254_NEVER */
    uint32_t backlog;  /* rises that were due and not yet driven */
    Timer *irq_timer;
    IRQLine *irq;
    MemoryRegion ports;
};

TRACE_DEFINE(i8254_write);
TRACE_DEFINE(i8254_irq);

DEVICE_TYPE(I8254, i8254, "isa-pit", TYPE_DEVICE)

static int64_t tick_at(int64_t ns)
{
    return (int64_t)muldiv64((uint64_t)ns, PIT_FREQUENCY, NS_PER_SECOND);
}

static int64_t tick_now(void)
{
    return tick_at(clock_get_ns(CLOCK_VIRTUAL));
}

/* The first nanosecond at which tick_at() says @tick. */
static int64_t ns_of_tick(int64_t tick)
{
    unsigned __int128 product = (unsigned __int128)(uint64_t)tick * NS_PER_SECOND;
    return (int64_t)((product + PIT_FREQUENCY - 1) / PIT_FREQUENCY);
}

static void arm_irq_timer(I8254 *pit, int64_t tick)
{
    int64_t due = pit->rise_tick;
    if (pit->backlog) {
        due = MIN(due, tick + pit->channels[0].period / 2 + 1);
    }
    if (due == I8254_NEVER || !pit->irq_enabled) {
        timer_del(pit->irq_timer);
        return;
    }
    timer_mod(pit->irq_timer, MAX(ns_of_tick(due), clock_get_ns(CLOCK_VIRTUAL) + 1));
}

/* Counts the rises that are due at @tick and drives one. */
static void service_irq(I8254 *pit, int64_t tick)
{
    I8254Channel *channel = &pit->channels[0];
    if (tick >= pit->rise_tick) {
        int64_t missed =
            i8254_channel_is_periodic(channel) ? (tick - pit->rise_tick) / channel->period : 0;
        pit->backlog += 1 + (uint32_t)MIN(missed, BACKLOG_LIMIT);
        if ((uint64_t)(pit->backlog - 1) * channel->period > BACKLOG_LIMIT) {
            pit->backlog = 1;
        }
        pit->rise_tick = i8254_channel_next_rise(channel, tick);
    }
    if (pit->backlog) {
        pit->backlog--;
        TRACE(i8254_irq, "tick %" G_GINT64_FORMAT " backlog %u", tick, pit->backlog);
        irq_set(pit->irq, 0);
        irq_set(pit->irq, 1);
    }
}

static void irq_timer_fires(void *opaque)
{
    I8254 *pit = opaque;
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    int64_t tick = tick_at(now);
    service_irq(pit, tick);
    arm_irq_timer(pit, tick);
    if (timer_pending(pit->irq_timer) && timer_expire_ns(pit->irq_timer) < now + MIN_INTERVAL_NS) {
        timer_mod(pit->irq_timer, now + MIN_INTERVAL_NS);
    }
}

/* A rise that the main loop has not come to is not lost when the guest programs the counter. */
static void before_change(I8254 *pit, int64_t tick)
{
    if (pit->irq_enabled && tick >= pit->rise_tick) {
        service_irq(pit, tick);
    }
}

static void after_change(I8254 *pit, int64_t tick)
{
    I8254Channel *channel = &pit->channels[0];
    if (!i8254_channel_is_periodic(channel)) {
        pit->backlog = 0;
    }
    pit->rise_tick = i8254_channel_next_rise(channel, tick);
    if (pit->irq_enabled) {
        irq_set(pit->irq, i8254_channel_output(channel, tick));
    }
    arm_irq_timer(pit, tick);
}

static void write_control(I8254 *pit, int64_t tick, uint8_t value)
{
    unsigned select = value >> 6;
    if (select == READ_BACK) {
        for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
            if (value & 2u << i) {
                i8254_channel_latch(&pit->channels[i], tick, !(value & READ_BACK_NO_COUNT),
                                    !(value & READ_BACK_NO_STATUS));
            }
        }
    } else if (!(value & 0x30)) {
        i8254_channel_latch(&pit->channels[select], tick, true, false);
    } else {
        i8254_channel_control(&pit->channels[select], tick, value);
        if (select == 0) {
            after_change(pit, tick);
        }
    }
}

static void i8254_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    I8254 *pit = opaque;
    int64_t tick = tick_now();
    TRACE(i8254_write, "port %u value 0x%02x", (unsigned)offset, (unsigned)value);
    before_change(pit, tick);
    if (offset == PIT_CONTROL_PORT) {
        write_control(pit, tick, (uint8_t)value);
        return;
    }
    i8254_channel_write(&pit->channels[offset], tick, (uint8_t)value);
    if (offset == 0) {
        after_change(pit, tick);
    }
}

static uint64_t i8254_read(void *opaque, hwaddr offset, unsigned size)
{
    I8254 *pit = opaque;
    if (offset == PIT_CONTROL_PORT) {
        return 0xff; /* the data bus floats */
    }
    return i8254_channel_read(&pit->channels[offset], tick_now());
}

static const MemoryRegionOps i8254_ops = {
    i8254_read, i8254_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

bool i8254_output(I8254 *pit, unsigned channel)
{
    return channel < CHANNEL_COUNT && i8254_channel_output(&pit->channels[channel], tick_now());
}

bool i8254_gate(I8254 *pit, unsigned channel)
{
    return channel < CHANNEL_COUNT && pit->channels[channel].gate;
}

void i8254_set_gate(I8254 *pit, unsigned channel, bool level)
{
    if (channel >= CHANNEL_COUNT) {
        return;
    }
    int64_t tick = tick_now();
    before_change(pit, tick);
    i8254_channel_set_gate(&pit->channels[channel], tick, level);
    if (channel == 0) {
        after_change(pit, tick);
    }
}

/* HPET legacy replacement takes interrupt 0 away (level 0) and gives it back (1). */
static void i8254_set_irq_enabled(void *opaque, int n, int level)
{
    I8254 *pit = opaque;
    if (pit->irq_enabled == (level != 0)) {
        return;
    }
    pit->irq_enabled = level != 0;
    pit->backlog = 0;
    if (!level) {
        irq_lower(pit->irq);
    }
    after_change(pit, tick_now());
}

static bool i8254_realize(Device *device, GError **error)
{
    I8254 *pit = HW_I8254(device);
    pit->irq_timer = timer_new(CLOCK_VIRTUAL, irq_timer_fires, pit);
    memory_region_init_io(&pit->ports, &i8254_ops, pit, "i8254", 4);
    memory_region_add(isa_bus_io(isa_device_bus(device)), PIT_PORT, &pit->ports);
    return true;
}

static void i8254_unrealize(Device *device)
{
    I8254 *pit = HW_I8254(device);
    memory_region_destroy(&pit->ports);
    g_clear_pointer(&pit->irq_timer, timer_free);
}

static void i8254_reset(Device *device)
{
    I8254 *pit = HW_I8254(device);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        /* The PC ties the first two gates high; the third is bit 0 of port 0x61. */
        i8254_channel_reset(&pit->channels[i], i != 2);
    }
    pit->irq_enabled = true;
    pit->rise_tick = I8254_NEVER;
    pit->backlog = 0;
    timer_del(pit->irq_timer);
    irq_lower(pit->irq);
}

static bool i8254_post_load(Device *device, GError **error)
{
    I8254 *pit = HW_I8254(device);
    for (unsigned i = 0; i < CHANNEL_COUNT; i++) {
        if (!i8254_channel_valid(&pit->channels[i])) {
            return error_setf(error, "isa-pit: saved state of counter %u is out of range", i);
        }
    }
    if (pit->rise_tick < 0 || pit->backlog > BACKLOG_LIMIT) {
        return error_setf(error, "isa-pit: saved interrupt state is out of range");
    }
    return true;
}

#define SAVED_CHANNEL(i)                                                                           \
    SAVED(I8254, channels[i].control), SAVED(I8254, channels[i].state),                            \
        SAVED(I8254, channels[i].gate), SAVED(I8254, channels[i].idle_output),                     \
        SAVED(I8254, channels[i].idle_count), SAVED(I8254, channels[i].count),                     \
        SAVED(I8254, channels[i].period), SAVED(I8254, channels[i].next_period),                   \
        SAVED(I8254, channels[i].start), SAVED(I8254, channels[i].next_start),                     \
        SAVED(I8254, channels[i].switch_tick), SAVED(I8254, channels[i].elapsed),                  \
        SAVED(I8254, channels[i].count_waits), SAVED(I8254, channels[i].read_high),                \
        SAVED(I8254, channels[i].write_high), SAVED(I8254, channels[i].write_low),                 \
        SAVED(I8254, channels[i].latch_bytes), SAVED(I8254, channels[i].latch),                    \
        SAVED(I8254, channels[i].status_latched), SAVED(I8254, channels[i].status)

static const SavedField i8254_fields[] = {
    SAVED_CHANNEL(0),
    SAVED_CHANNEL(1),
    SAVED_CHANNEL(2),
    SAVED(I8254, irq_enabled),
    SAVED(I8254, rise_tick),
    SAVED(I8254, backlog),
    SAVED_TIMER(I8254, irq_timer),
};

static void i8254_instance_init(I8254 *pit)
{
    device_init_irq_in(HW_DEVICE(pit), NULL, i8254_set_irq_enabled, 1);
    device_init_irq_out(HW_DEVICE(pit), NULL, &pit->irq, 1);
}

static void i8254_class_init(DeviceClass *klass)
{
    klass->description = "8254 programmable interval timer";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = i8254_realize;
    klass->unrealize = i8254_unrealize;
    klass->reset = i8254_reset;
    klass->post_load = i8254_post_load;
    klass->saved_fields = i8254_fields;
    klass->saved_field_count = G_N_ELEMENTS(i8254_fields);
    klass->saved_version = 1;
}
