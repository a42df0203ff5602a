/*
 * IA-PC high precision event timers: a 100 MHz main counter and 3 to 32 comparators.
 *
 * Main counter and comparators are functions of CLOCK_VIRTUAL; a host timer is armed only for a
 * comparator whose match would interrupt or set a status bit. A guest that asks for a period too
 * short for the host gets one interrupt for several periods (MIN_INTERVAL_NS), as from a busy bus.
 *
 * Source: IA-PC HPET (High Precision Event Timers) Specification 1.0a.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/timer/hpet.h"

#include "hw/core/machine.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/trace.h"

#define HPET_BASE         0xfed00000u
#define HPET_REGION_SIZE  0x400
#define HPET_MIN_TIMERS   3
#define HPET_MAX_TIMERS   32
#define HPET_GSI_COUNT    24
#define NS_PER_TICK       10
#define TICK_FEMTOSECONDS UINT64_C(10000000)
#define MIN_INTERVAL_NS   (10 * NS_PER_US)
#define ONE_SHOT_WRAP     (UINT64_C(1) << 32)
#define LOW_HALF          UINT64_C(0xffffffff)

/* Registers, by their first byte. */
enum {
    REGISTER_CAPABILITIES = 0x000,
    REGISTER_CONFIG = 0x010,
    REGISTER_STATUS = 0x020,
    REGISTER_COUNTER = 0x0f0,
    REGISTER_TIMERS = 0x100,
    TIMER_STRIDE = 0x20,
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,
    TIMER_FSB = 0x10,
};

/* General capabilities: revision 1, 64-bit counter, legacy replacement, vendor 8086. */
#define CAPABILITIES (UINT64_C(0x8086a001) | TICK_FEMTOSECONDS << 32)

#define CONFIG_ENABLE   UINT64_C(0x1)
#define CONFIG_LEGACY   UINT64_C(0x2)
#define CONFIG_WRITABLE UINT64_C(0x3)

#define TN_LEVEL        UINT64_C(0x0002)
#define TN_ENABLE       UINT64_C(0x0004)
#define TN_PERIODIC     UINT64_C(0x0008)
#define TN_PERIODIC_CAP UINT64_C(0x0010)
#define TN_SIZE_CAP     UINT64_C(0x0020)
#define TN_SET_VALUE    UINT64_C(0x0040)
#define TN_32BIT        UINT64_C(0x0100)
#define TN_ROUTE        UINT64_C(0x3e00)
#define TN_ROUTE_SHIFT  9
#define TN_FSB_ENABLE   UINT64_C(0x4000)
#define TN_FSB_CAP      UINT64_C(0x8000)
#define TN_WRITABLE                                                                                \
    (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32BIT | TN_ROUTE | TN_FSB_ENABLE)

/* Where legacy replacement sends timers 0 and 1. */
#define PIT_GSI 0
#define RTC_GSI 8

#define MSI_WINDOW      0xfee00000u
#define MSI_WINDOW_MASK 0xfff00000u

typedef struct {
    HPET *hpet;
    unsigned number;
    Timer *timer;
    int driven_gsi; /* the line it holds high, or -1 */
} Comparator;

struct _HPET {
    Device parent_instance;
    uint32_t timer_count;
    uint32_t routes; /* GSIs the comparators may use */
    bool msi;
    uint64_t config;
    uint64_t status;
    uint64_t counter_offset; /* enabled: counter = ticks + offset; halted: the counter itself */
    uint64_t timer_config[HPET_MAX_TIMERS];
    uint64_t comparator[HPET_MAX_TIMERS];
    uint64_t period[HPET_MAX_TIMERS];
    uint64_t fsb[HPET_MAX_TIMERS];
    int64_t match_ns[HPET_MAX_TIMERS];  /* when the armed match is, -1: none */
    bool rtc_level, pit_level;          /* what the legacy chips' interrupts are at */
    uint8_t line_users[HPET_GSI_COUNT]; /* comparators that hold a line high */
    Comparator timers[HPET_MAX_TIMERS];
    IRQLine *irqs[HPET_GSI_COUNT];
    IRQLine *pit_enable;
    MemoryRegion region;
};

TRACE_DEFINE(hpet_write);
TRACE_DEFINE(hpet_fire);

DEVICE_TYPE(HPET, hpet, "hpet", TYPE_DEVICE)

/* ---- time ---- */

static bool is_enabled(const HPET *hpet)
{
    return hpet->config & CONFIG_ENABLE;
}

static bool is_legacy(const HPET *hpet)
{
    return hpet->config & CONFIG_LEGACY;
}

static uint64_t counter_at(const HPET *hpet, int64_t now)
{
    uint64_t ticks = (uint64_t)(now / NS_PER_TICK);
    return is_enabled(hpet) ? ticks + hpet->counter_offset : hpet->counter_offset;
}

static uint64_t width_mask(const HPET *hpet, unsigned n)
{
    return hpet->timer_config[n] & TN_32BIT ? LOW_HALF : UINT64_MAX;
}

static bool is_periodic(const HPET *hpet, unsigned n)
{
    return (hpet->timer_config[n] & TN_PERIODIC) && hpet->period[n] != 0;
}

/* Ticks from @counter to the next match; UINT64_MAX: never. Equality is a match only when it comes
 * about. */
static uint64_t ticks_to_match(const HPET *hpet, unsigned n, uint64_t counter)
{
    uint64_t mask = width_mask(hpet, n);
    uint64_t ticks = (hpet->comparator[n] - counter) & mask;
    if (ticks) {
        return ticks;
    }
    return mask == LOW_HALF ? ONE_SHOT_WRAP : UINT64_MAX;
}

/*
 * Brings a periodic comparator to its next match after @counter. A comparator less than half its
 * range behind the counter counts as passed; the other half lies ahead.
 */
static void advance_periodic(HPET *hpet, unsigned n, uint64_t counter)
{
    uint64_t mask = width_mask(hpet, n);
    uint64_t behind = (counter - hpet->comparator[n]) & mask;
    if (!is_enabled(hpet) || !is_periodic(hpet, n) || behind > mask / 2) {
        return;
    }
    uint64_t periods = behind / hpet->period[n] + 1;
    hpet->comparator[n] = (hpet->comparator[n] + periods * hpet->period[n]) & mask;
}

/* ---- interrupts ---- */

static void raise_line(HPET *hpet, unsigned gsi)
{
    if (hpet->line_users[gsi]++ == 0) {
        irq_raise(hpet->irqs[gsi]);
    }
}

static void lower_line(HPET *hpet, unsigned gsi)
{
    if (--hpet->line_users[gsi] == 0) {
        irq_lower(hpet->irqs[gsi]);
    }
}

/* The GSI of comparator @n, or -1 where it has none. */
static int timer_gsi(const HPET *hpet, unsigned n)
{
    if (is_legacy(hpet) && n < 2) {
        return n == 0 ? PIT_GSI : RTC_GSI;
    }
    unsigned route = (unsigned)((hpet->timer_config[n] & TN_ROUTE) >> TN_ROUTE_SHIFT);
    return route < HPET_GSI_COUNT && (hpet->routes >> route & 1) ? (int)route : -1;
}

/* Drives a level comparator's line to what the registers say. */
static void update_level(HPET *hpet, unsigned n)
{
    const uint64_t wanted = TN_LEVEL | TN_ENABLE;
    bool active = is_enabled(hpet) && (hpet->status >> n & 1) &&
                  (hpet->timer_config[n] & (wanted | TN_FSB_ENABLE)) == wanted;
    int gsi = active ? timer_gsi(hpet, n) : -1;
    Comparator *timer = &hpet->timers[n];
    if (gsi == timer->driven_gsi) {
        return;
    }
    if (timer->driven_gsi >= 0) {
        lower_line(hpet, (unsigned)timer->driven_gsi);
    }
    timer->driven_gsi = gsi;
    if (gsi >= 0) {
        raise_line(hpet, (unsigned)gsi);
    }
}

static void send_fsb(HPET *hpet, unsigned n)
{
    MsiMessage message = {hpet->fsb[n] >> 32, (uint32_t)hpet->fsb[n]};
    if ((message.address & MSI_WINDOW_MASK) != MSI_WINDOW) {
        log_printf(LOG_GUEST_ERRORS, "hpet: timer %u: 0x%08x is no message address\n", n,
                   (unsigned)message.address);
        return;
    }
    accel_msi_deliver(machine_accel(device_get_machine(HW_DEVICE(hpet))), &message);
}

static void fire(HPET *hpet, unsigned n)
{
    uint64_t config = hpet->timer_config[n];
    TRACE(hpet_fire, "timer %u config 0x%04x", n, (unsigned)(config & 0xffff));
    if (config & TN_LEVEL) {
        hpet->status |= UINT64_C(1) << n;
    }
    if (!(config & TN_ENABLE)) {
        return;
    }
    if (config & TN_FSB_ENABLE) {
        send_fsb(hpet, n);
    } else if (config & TN_LEVEL) {
        update_level(hpet, n);
    } else if (timer_gsi(hpet, n) >= 0 && hpet->line_users[timer_gsi(hpet, n)] == 0) {
        irq_pulse(hpet->irqs[timer_gsi(hpet, n)]);
    }
}

/* ---- host timers ---- */

static void disarm(HPET *hpet, unsigned n)
{
    timer_del(hpet->timers[n].timer);
    hpet->match_ns[n] = -1;
}

static void arm(HPET *hpet, unsigned n, int64_t now, uint64_t ticks, int64_t not_before)
{
    if (ticks > INT64_MAX / NS_PER_TICK / 2) {
        disarm(hpet, n); /* centuries away */
        return;
    }
    int64_t tick_start = now - now % NS_PER_TICK;
    hpet->match_ns[n] = tick_start + (int64_t)ticks * NS_PER_TICK;
    timer_mod(hpet->timers[n].timer, MAX(hpet->match_ns[n], not_before));
}

/* Arms comparator @n for its next match, if anybody would notice that. */
static void rearm(HPET *hpet, unsigned n)
{
    if (!is_enabled(hpet) || !(hpet->timer_config[n] & (TN_ENABLE | TN_LEVEL))) {
        disarm(hpet, n);
        return;
    }
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    uint64_t counter = counter_at(hpet, now);
    advance_periodic(hpet, n, counter);
    arm(hpet, n, now, ticks_to_match(hpet, n, counter), now + 1);
}

static void timer_fires(void *opaque)
{
    Comparator *timer = opaque;
    HPET *hpet = timer->hpet;
    unsigned n = timer->number;
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    if (hpet->match_ns[n] < 0) {
        return;
    }
    if (is_periodic(hpet, n)) {
        uint64_t counter = counter_at(hpet, now);
        advance_periodic(hpet, n, counter);
        arm(hpet, n, now, ticks_to_match(hpet, n, counter), now + MIN_INTERVAL_NS);
    } else if (hpet->timer_config[n] & TN_32BIT) {
        int64_t late = (now - hpet->match_ns[n]) / NS_PER_TICK;
        arm(hpet, n, now, ONE_SHOT_WRAP - (uint64_t)late % ONE_SHOT_WRAP, now + 1);
    } else {
        hpet->match_ns[n] = -1;
    }
    fire(hpet, n);
}

/* A match that the main loop has not come to takes effect before the guest looks or changes
 * anything. */
static void service_due(HPET *hpet)
{
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    for (unsigned n = 0; n < hpet->timer_count; n++) {
        if (hpet->match_ns[n] >= 0 && hpet->match_ns[n] <= now) {
            timer_fires(&hpet->timers[n]);
        }
    }
}

/* ---- registers ---- */

static uint64_t merge(uint64_t old, uint64_t value, uint64_t mask)
{
    return (old & ~mask) | (value & mask);
}

static void rearm_all(HPET *hpet)
{
    for (unsigned n = 0; n < hpet->timer_count; n++) {
        rearm(hpet, n);
        update_level(hpet, n);
    }
}

/* Legacy replacement cuts the PIT and the RTC off lines 0 and 8, and gives them back. */
static void change_legacy(HPET *hpet)
{
    bool legacy = is_legacy(hpet);
    bool chips[2] = {hpet->pit_level, hpet->rtc_level};
    static const unsigned gsis[2] = {PIT_GSI, RTC_GSI};
    for (unsigned i = 0; i < 2; i++) {
        if (chips[i] && legacy) {
            lower_line(hpet, gsis[i]);
        } else if (chips[i]) {
            raise_line(hpet, gsis[i]);
        }
    }
    irq_set(hpet->pit_enable, !legacy);
}

static void write_config(HPET *hpet, uint64_t value, uint64_t mask)
{
    uint64_t old = hpet->config;
    uint64_t config = merge(old, value, mask) & CONFIG_WRITABLE;
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    if ((config ^ old) & CONFIG_ENABLE) {
        uint64_t ticks = (uint64_t)(now / NS_PER_TICK);
        for (unsigned n = 0; n < hpet->timer_count; n++) {
            advance_periodic(hpet, n, counter_at(hpet, now));
        }
        hpet->counter_offset += config & CONFIG_ENABLE ? -ticks : ticks;
    }
    hpet->config = config;
    rearm_all(hpet);
    if ((config ^ old) & CONFIG_LEGACY) {
        change_legacy(hpet);
    }
}

static void write_status(HPET *hpet, uint64_t value, uint64_t mask)
{
    hpet->status &= ~(value & mask);
    for (unsigned n = 0; n < hpet->timer_count; n++) {
        update_level(hpet, n);
    }
}

static void write_counter(HPET *hpet, uint64_t value, uint64_t mask)
{
    uint64_t counter = counter_at(hpet, clock_get_ns(CLOCK_VIRTUAL));
    if (is_enabled(hpet)) {
        log_printf(LOG_GUEST_ERRORS, "hpet: the main counter is written while it runs\n");
    }
    hpet->counter_offset += merge(counter, value, mask) - counter;
    rearm_all(hpet);
}

static void write_timer_config(HPET *hpet, unsigned n, uint64_t value, uint64_t mask)
{
    uint64_t old = hpet->timer_config[n];
    uint64_t writable = TN_WRITABLE & mask;
    advance_periodic(hpet, n, counter_at(hpet, clock_get_ns(CLOCK_VIRTUAL)));
    uint64_t config = merge(old, value, writable);
    if (!(config & TN_FSB_CAP)) {
        config &= ~TN_FSB_ENABLE;
    }
    /* A route that the timer does not have is not taken. */
    unsigned route = (unsigned)((config & TN_ROUTE) >> TN_ROUTE_SHIFT);
    if (!(hpet->routes >> route & 1)) {
        config = merge(config, old, TN_ROUTE);
    }
    hpet->timer_config[n] = config;
    if (config & TN_32BIT) {
        hpet->comparator[n] &= LOW_HALF;
        hpet->period[n] &= LOW_HALF;
    }
    update_level(hpet, n);
    rearm(hpet, n);
}

static void write_comparator(HPET *hpet, unsigned n, uint64_t value, uint64_t mask)
{
    uint64_t width = width_mask(hpet, n);
    bool periodic = hpet->timer_config[n] & TN_PERIODIC;
    advance_periodic(hpet, n, counter_at(hpet, clock_get_ns(CLOCK_VIRTUAL)));
    if (!periodic || (hpet->timer_config[n] & TN_SET_VALUE)) {
        hpet->comparator[n] = merge(hpet->comparator[n], value, mask) & width;
    }
    if (periodic) {
        hpet->period[n] = merge(hpet->period[n], value, mask) & width;
    }
    hpet->timer_config[n] &= ~TN_SET_VALUE;
    rearm(hpet, n);
}

static void write_timer(HPET *hpet, hwaddr offset, uint64_t value, uint64_t mask)
{
    unsigned n = (unsigned)(offset / TIMER_STRIDE);
    if (n >= hpet->timer_count) {
        return;
    }
    switch (offset % TIMER_STRIDE) {
    case TIMER_CONFIG:
        write_timer_config(hpet, n, value, mask);
        break;
    case TIMER_COMPARATOR:
        write_comparator(hpet, n, value, mask);
        break;
    case TIMER_FSB:
        hpet->fsb[n] = merge(hpet->fsb[n], value, mask);
        break;
    default:
        break;
    }
}

static void hpet_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    HPET *hpet = opaque;
    uint64_t mask = size == 8 ? UINT64_MAX : LOW_HALF;
    TRACE(hpet_write, "offset 0x%03x size %u value 0x%" G_GINT64_MODIFIER "x", (unsigned)offset,
          size, value);
    if (offset & 4) {
        value <<= 32;
        mask <<= 32;
        offset &= ~(hwaddr)4;
    }
    service_due(hpet);
    if (offset >= REGISTER_TIMERS) {
        write_timer(hpet, offset - REGISTER_TIMERS, value, mask);
    } else if (offset == REGISTER_CONFIG) {
        write_config(hpet, value, mask);
    } else if (offset == REGISTER_STATUS) {
        write_status(hpet, value, mask);
    } else if (offset == REGISTER_COUNTER) {
        write_counter(hpet, value, mask);
    }
}

static uint64_t read_timer(HPET *hpet, hwaddr offset)
{
    unsigned n = (unsigned)(offset / TIMER_STRIDE);
    if (n >= hpet->timer_count) {
        return 0;
    }
    switch (offset % TIMER_STRIDE) {
    case TIMER_CONFIG:
        return hpet->timer_config[n];
    case TIMER_COMPARATOR:
        service_due(hpet);
        advance_periodic(hpet, n, counter_at(hpet, clock_get_ns(CLOCK_VIRTUAL)));
        return hpet->comparator[n];
    case TIMER_FSB:
        return hpet->fsb[n];
    default:
        return 0;
    }
}

static uint64_t read_register(HPET *hpet, hwaddr offset)
{
    if (offset >= REGISTER_TIMERS) {
        return read_timer(hpet, offset - REGISTER_TIMERS);
    }
    switch (offset) {
    case REGISTER_CAPABILITIES:
        return CAPABILITIES | (uint64_t)(hpet->timer_count - 1) << 8;
    case REGISTER_CONFIG:
        return hpet->config;
    case REGISTER_STATUS:
        service_due(hpet);
        return hpet->status;
    case REGISTER_COUNTER:
        return counter_at(hpet, clock_get_ns(CLOCK_VIRTUAL));
    default:
        return 0;
    }
}

static uint64_t hpet_read(void *opaque, hwaddr offset, unsigned size)
{
    uint64_t value = read_register(opaque, offset & ~(hwaddr)4);
    return size == 8 ? value : (value >> (offset & 4 ? 32 : 0)) & LOW_HALF;
}

static const MemoryRegionOps hpet_ops = {
    hpet_read, hpet_write, .valid_min = 4, .valid_max = 8, .impl_min = 4, .impl_max = 8,
};

/* ---- the legacy chips' interrupts ---- */

static void legacy_input(HPET *hpet, bool *level, unsigned gsi, bool now)
{
    if (*level == now) {
        return;
    }
    *level = now;
    if (is_legacy(hpet)) {
        return;
    }
    if (now) {
        raise_line(hpet, gsi);
    } else {
        lower_line(hpet, gsi);
    }
}

static void hpet_pit_input(void *opaque, int n, int level)
{
    HPET *hpet = opaque;
    legacy_input(hpet, &hpet->pit_level, PIT_GSI, level != 0);
}

static void hpet_rtc_input(void *opaque, int n, int level)
{
    HPET *hpet = opaque;
    legacy_input(hpet, &hpet->rtc_level, RTC_GSI, level != 0);
}

/* ---- life ---- */

static bool hpet_realize(Device *device, GError **error)
{
    HPET *hpet = HW_HPET(device);
    for (unsigned n = 0; n < HPET_MAX_TIMERS; n++) {
        hpet->timers[n] =
            (Comparator){hpet, n, timer_new(CLOCK_VIRTUAL, timer_fires, &hpet->timers[n]), -1};
    }
    uint64_t size = MAX(HPET_REGION_SIZE, REGISTER_TIMERS + TIMER_STRIDE * hpet->timer_count);
    memory_region_init_io(&hpet->region, &hpet_ops, hpet, "hpet", size);
    memory_region_add_overlap(machine_memory_root(device_get_machine(device)), HPET_BASE,
                              &hpet->region, 1);
    return true;
}

static void hpet_unrealize(Device *device)
{
    HPET *hpet = HW_HPET(device);
    memory_region_destroy(&hpet->region);
    for (unsigned n = 0; n < HPET_MAX_TIMERS; n++) {
        g_clear_pointer(&hpet->timers[n].timer, timer_free);
    }
}

static void hpet_reset(Device *device)
{
    HPET *hpet = HW_HPET(device);
    hpet->config = 0;
    hpet->status = 0;
    hpet->counter_offset = 0;
    hpet->rtc_level = false;
    hpet->pit_level = false;
    memset(hpet->line_users, 0, sizeof(hpet->line_users));
    for (unsigned n = 0; n < HPET_MAX_TIMERS; n++) {
        hpet->timer_config[n] = TN_PERIODIC_CAP | TN_SIZE_CAP | (hpet->msi ? TN_FSB_CAP : 0) |
                                (uint64_t)hpet->routes << 32;
        hpet->comparator[n] = UINT64_MAX;
        hpet->period[n] = 0;
        hpet->fsb[n] = 0;
        hpet->timers[n].driven_gsi = -1;
        disarm(hpet, n);
    }
    for (unsigned gsi = 0; gsi < HPET_GSI_COUNT; gsi++) {
        irq_lower(hpet->irqs[gsi]);
    }
    irq_raise(hpet->pit_enable);
}

static bool timer_state_valid(const HPET *hpet, unsigned n)
{
    const uint64_t fixed =
        TN_PERIODIC_CAP | TN_SIZE_CAP | (hpet->msi ? TN_FSB_CAP : 0) | (uint64_t)hpet->routes << 32;
    uint64_t config = hpet->timer_config[n];
    return (config & ~TN_WRITABLE) == fixed && (hpet->msi || !(config & TN_FSB_ENABLE)) &&
           !((hpet->comparator[n] | hpet->period[n]) & ~width_mask(hpet, n)) &&
           hpet->match_ns[n] >= -1;
}

/* The lines' state follows from the registers; a loaded machine's interrupt controllers have their
 * own. */
static bool hpet_post_load(Device *device, GError **error)
{
    HPET *hpet = HW_HPET(device);
    if (hpet->config & ~CONFIG_WRITABLE) {
        return error_setf(error, "hpet: saved configuration is out of range");
    }
    memset(hpet->line_users, 0, sizeof(hpet->line_users));
    if (!is_legacy(hpet)) {
        hpet->line_users[PIT_GSI] = hpet->pit_level;
        hpet->line_users[RTC_GSI] = hpet->rtc_level;
    }
    for (unsigned n = 0; n < HPET_MAX_TIMERS; n++) {
        if (!timer_state_valid(hpet, n)) {
            return error_setf(error, "hpet: saved state of timer %u is out of range", n);
        }
        hpet->timers[n].driven_gsi = -1;
    }
    for (unsigned n = 0; n < hpet->timer_count; n++) {
        update_level(hpet, n);
        if (hpet->match_ns[n] >= 0 && is_enabled(hpet)) {
            timer_mod(hpet->timers[n].timer, hpet->match_ns[n]);
        } else {
            disarm(hpet, n);
        }
    }
    return true;
}

static const DeviceProperty hpet_properties[] = {
    DEVICE_PROPERTY_RANGE(UINT32, "timers", HPET, timer_count, HPET_MIN_TIMERS, HPET_MAX_TIMERS,
                          HPET_MIN_TIMERS, "number of comparators"),
    DEVICE_PROPERTY(BOOL, "msi", HPET, msi, false, "comparators can send messages (FSB)"),
    DEVICE_PROPERTY_RANGE(UINT32, "hpet-intcap", HPET, routes, 1, 0xffffff, 0x4,
                          "bit mask of the I/O APIC pins a comparator may use"),
};

static const SavedField hpet_fields[] = {
    SAVED(HPET, timer_count),
    SAVED(HPET, config),
    SAVED(HPET, status),
    SAVED(HPET, counter_offset),
    SAVED_ARRAY(HPET, timer_config),
    SAVED_ARRAY(HPET, comparator),
    SAVED_ARRAY(HPET, period),
    SAVED_ARRAY(HPET, fsb),
    SAVED_ARRAY(HPET, match_ns),
    SAVED(HPET, rtc_level),
    SAVED(HPET, pit_level),
};

static bool hpet_load(Device *device, GVariant *state, GError **error)
{
    HPET *hpet = HW_HPET(device);
    uint32_t timer_count = hpet->timer_count;
    if (!saved_fields_from_variant(hpet, hpet_fields, G_N_ELEMENTS(hpet_fields), state, error)) {
        return false;
    }
    if (hpet->timer_count != timer_count) {
        uint32_t saved = hpet->timer_count;
        hpet->timer_count = timer_count;
        return error_setf(error, "hpet: saved with %u timers, this one has %u", saved, timer_count);
    }
    return true;
}

static GVariant *hpet_save(Device *device)
{
    return saved_fields_to_variant(device, hpet_fields, G_N_ELEMENTS(hpet_fields));
}

static void hpet_instance_init(HPET *hpet)
{
    Device *device = HW_DEVICE(hpet);
    device_init_irq_in(device, "pit", hpet_pit_input, 1);
    device_init_irq_in(device, "rtc", hpet_rtc_input, 1);
    device_init_irq_out(device, NULL, hpet->irqs, HPET_GSI_COUNT);
    device_init_irq_out(device, "pit-enable", &hpet->pit_enable, 1);
}

static void hpet_class_init(DeviceClass *klass)
{
    klass->description = "IA-PC high precision event timers";
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = hpet_realize;
    klass->unrealize = hpet_unrealize;
    klass->reset = hpet_reset;
    klass->post_load = hpet_post_load;
    klass->save = hpet_save;
    klass->load = hpet_load;
    klass->saved_version = 1;
    device_class_add_properties(klass, hpet_properties, G_N_ELEMENTS(hpet_properties));
}
