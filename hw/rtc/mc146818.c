/*
 * MC146818 real-time clock with 128 bytes of CMOS RAM at ports 0x70 and 0x71.
 *
 * The time of day is a host clock plus an offset, and the flags of register C are worked out when
 * somebody looks: a host timer is armed only for an interrupt that the guest has enabled and not
 * yet got.
 *
 * Under the "slew" policy periodic interrupts that the guest had no chance to take are made up for
 * at twice the rate.
 *
 * Source: Motorola MC146818A data sheet; 82371AB (PIIX4) data sheet for ports and the century
 * byte's place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/rtc/mc146818.h"

#include "hw/core/machine.h"
#include "hw/isa/isa.h"
#include "hw/rtc/rtc_fields.h"
#include "util/clock.h"
#include "util/trace.h"

#define RTC_PORT            0x70
#define RTC_FREQUENCY       32768 /* Hz, of the divider chain */
#define UPDATE_CYCLE_NS     (1984 * NS_PER_US)
#define UPDATE_WARNING_NS   (244 * NS_PER_US) /* UIP rises so long before the cycle */
#define RTC_NVRAM_START     0x0e
#define NMI_MASK_BIT        0x80
#define LOST_TICKS_LIMIT    (10 * RTC_FREQUENCY) /* ten seconds of periodic interrupts */
#define SECOND_LIMIT        (INT64_C(1) << 40)
#define CLOCK_SECONDS_LIMIT (INT64_C(1) << 32) /* no clock of ours has counted so far */

/* Register A. */
enum {
    A_RATE = 0x0f,
    A_DIVIDER = 0x70,
    A_DIVIDER_SHIFT = 4,
    A_WRITABLE = 0x7f,
    A_UPDATE_IN_PROGRESS = 0x80,
    A_POWER_ON = 0x26, /* 32768 Hz time base, 1024 Hz periodic rate */
    DIVIDER_32768_HZ = 2,
    DIVIDER_RESET = 6, /* and 7 */
};

/* Register C: the flags stand where register B has their enables. */
enum {
    C_UPDATE = RTC_B_UPDATE_IRQ,
    C_ALARM = RTC_B_ALARM_IRQ,
    C_PERIODIC = RTC_B_PERIODIC_IRQ,
    C_FLAGS = C_UPDATE | C_ALARM | C_PERIODIC,
    C_INTERRUPT = 0x80,
    D_VALID_RAM = 0x80,
};

struct _MC146818 {
    Device parent_instance;
    int32_t base_year;
    char *lost_tick_policy;
    bool slew;
    ClockType clock;
    uint8_t cmos[RTC_SIZE]; /* time bytes are current only while the clock stands */
    uint8_t index;
    bool nmi_masked;
    uint8_t weekday_offset;
    int64_t offset_seconds; /* the guest's second = (clock + phase_ns) / 1 s + offset_seconds */
    int64_t phase_ns;       /* 0 to 1 s - 1 */
    int64_t seen_second;    /* updates up to here are in register C */
    int64_t divider_start;  /* CLOCK_VIRTUAL when the divider chain left reset */
    int64_t seen_tick;      /* periodic ticks of the divider up to here are in register C */
    uint32_t lost_ticks;    /* of the divider, for which periodic interrupts are owed */
    int64_t catch_up_ns;    /* CLOCK_VIRTUAL of the next owed interrupt, 0: none planned */
    int64_t saved_second; /* the guest's time as saved, for a clock that means nothing elsewhere */
    int64_t saved_ns;
    bool irq_level;
    Timer *second_timer; /* update-ended and alarm */
    Timer *periodic_timer;
    IRQLine *irq;
    IRQLine *alarm;
    MemoryRegion ports;
};

TRACE_DEFINE(mc146818_write);
TRACE_DEFINE(mc146818_irq);

DEVICE_TYPE(MC146818, mc146818, "mc146818rtc", TYPE_DEVICE)

/* ---- time of day ---- */

typedef struct {
    int64_t second;
    int64_t ns; /* into that second */
} Instant;

static Instant guest_now(const MC146818 *rtc)
{
    int64_t raw = clock_get_ns(rtc->clock) + rtc->phase_ns;
    return (Instant){raw / NS_PER_SECOND + rtc->offset_seconds, raw % NS_PER_SECOND};
}

/* From now on the guest's time is @second and @ns. */
static void set_guest_now(MC146818 *rtc, int64_t second, int64_t ns)
{
    int64_t now = clock_get_ns(rtc->clock);
    second = CLAMP(second, -SECOND_LIMIT, SECOND_LIMIT);
    rtc->phase_ns = (ns - now % NS_PER_SECOND + NS_PER_SECOND) % NS_PER_SECOND;
    rtc->offset_seconds = second - (now + rtc->phase_ns) / NS_PER_SECOND;
    rtc->seen_second = second;
}

/* When the guest's clock will turn to @second, in rtc->clock. */
static int64_t clock_of_second(const MC146818 *rtc, int64_t second)
{
    return (second - rtc->offset_seconds) * NS_PER_SECOND - rtc->phase_ns;
}

static unsigned divider_mode(const MC146818 *rtc)
{
    return (rtc->cmos[RTC_REGISTER_A] & A_DIVIDER) >> A_DIVIDER_SHIFT;
}

static bool divider_runs(const MC146818 *rtc)
{
    return divider_mode(rtc) <= DIVIDER_32768_HZ;
}

static bool time_runs(const MC146818 *rtc)
{
    return divider_runs(rtc) && !(rtc->cmos[RTC_REGISTER_B] & RTC_B_SET);
}

static void store_time(MC146818 *rtc)
{
    rtc_fields_store(rtc->cmos, guest_now(rtc).second, rtc->base_year, rtc->weekday_offset);
}

static void (*change_listener)(MC146818 *rtc, int64_t offset_seconds);

void mc146818_set_listener(void (*changed)(MC146818 *rtc, int64_t offset_seconds))
{
    change_listener = changed;
}

/* The time bytes become the time; @ns is how far into the second. */
static void load_time(MC146818 *rtc, int64_t ns)
{
    int64_t second = rtc_fields_load(rtc->cmos, rtc->base_year);
    rtc->weekday_offset = (uint8_t)rtc_fields_weekday_offset(rtc->cmos, second);
    set_guest_now(rtc, second, ns);
    if (change_listener) {
        change_listener(rtc, second - clock_get_ns(CLOCK_HOST) / NS_PER_SECOND);
    }
}

static bool update_in_progress(const MC146818 *rtc)
{
    return time_runs(rtc) &&
           guest_now(rtc).ns >= NS_PER_SECOND - UPDATE_CYCLE_NS - UPDATE_WARNING_NS;
}

/* ---- periodic interrupt ---- */

/* Ticks of the divider from one periodic interrupt to the next; 0: none. */
static int64_t periodic_ticks(const MC146818 *rtc)
{
    unsigned rate = rtc->cmos[RTC_REGISTER_A] & A_RATE;
    if (rate == 0 || !divider_runs(rtc)) {
        return 0;
    }
    /* With the 32768 Hz time base the two fastest rates do not exist and their codes mean slower
     * ones. */
    if (divider_mode(rtc) == DIVIDER_32768_HZ && rate <= 2) {
        rate += 7;
    }
    return INT64_C(1) << (rate - 1);
}

static int64_t divider_ticks(const MC146818 *rtc, int64_t now)
{
    return (int64_t)muldiv64((uint64_t)MAX(now - rtc->divider_start, 0), RTC_FREQUENCY,
                             NS_PER_SECOND);
}

static int64_t ns_of_divider_tick(const MC146818 *rtc, int64_t tick)
{
    unsigned __int128 product = (unsigned __int128)(uint64_t)tick * NS_PER_SECOND;
    return rtc->divider_start + (int64_t)((product + RTC_FREQUENCY - 1) / RTC_FREQUENCY);
}

static void account_lost_ticks(MC146818 *rtc, int64_t periods, int64_t period)
{
    if (rtc->slew && (rtc->cmos[RTC_REGISTER_B] & RTC_B_PERIODIC_IRQ)) {
        int64_t lost = periods - (rtc->cmos[RTC_REGISTER_C] & C_PERIODIC ? 0 : 1);
        rtc->lost_ticks = (uint32_t)MIN(rtc->lost_ticks + lost * period, LOST_TICKS_LIMIT);
    }
}

static void sync_periodic(MC146818 *rtc)
{
    int64_t period = periodic_ticks(rtc);
    if (!period) {
        return;
    }
    int64_t now = clock_get_ns(CLOCK_VIRTUAL);
    int64_t tick = divider_ticks(rtc, now);
    int64_t periods = tick / period - rtc->seen_tick / period;
    if (periods > 0) {
        account_lost_ticks(rtc, MIN(periods, LOST_TICKS_LIMIT), period);
        rtc->cmos[RTC_REGISTER_C] |= C_PERIODIC;
    } else if (rtc->catch_up_ns && now >= rtc->catch_up_ns) {
        rtc->lost_ticks -= (uint32_t)MIN(rtc->lost_ticks, period);
        rtc->cmos[RTC_REGISTER_C] |= C_PERIODIC;
        rtc->catch_up_ns = 0;
    }
    rtc->seen_tick = tick;
}

/* The guest has taken an interrupt: plans the next of those it is owed. */
static void plan_catch_up(MC146818 *rtc)
{
    int64_t period = periodic_ticks(rtc);
    rtc->catch_up_ns = 0;
    if (period && rtc->lost_ticks >= period) {
        rtc->catch_up_ns = clock_get_ns(CLOCK_VIRTUAL) + period * NS_PER_SECOND / RTC_FREQUENCY / 2;
    }
}

void mc146818_forget_lost_ticks(MC146818 *rtc)
{
    sync_periodic(rtc);
    rtc->lost_ticks = 0;
    rtc->catch_up_ns = 0;
}

/* ---- flags and the interrupt line ---- */

static void sync_seconds(MC146818 *rtc)
{
    int64_t second = guest_now(rtc).second;
    if (second > rtc->seen_second) {
        int64_t wait = rtc_fields_next_alarm(rtc->cmos, rtc->seen_second);
        rtc->cmos[RTC_REGISTER_C] |= C_UPDATE;
        if (wait && rtc->seen_second + wait <= second) {
            bool news = !(rtc->cmos[RTC_REGISTER_C] & C_ALARM);
            rtc->cmos[RTC_REGISTER_C] |= C_ALARM;
            if (news && (rtc->cmos[RTC_REGISTER_B] & RTC_B_ALARM_IRQ)) {
                irq_pulse(rtc->alarm);
            }
        }
    }
    rtc->seen_second = second; /* also when the host's clock was set back */
}

/* Brings register C up to date. */
static void sync_flags(MC146818 *rtc)
{
    if (time_runs(rtc)) {
        sync_seconds(rtc);
    }
    sync_periodic(rtc);
}

static uint8_t enabled_flags(const MC146818 *rtc)
{
    return rtc->cmos[RTC_REGISTER_C] & rtc->cmos[RTC_REGISTER_B] & C_FLAGS;
}

static void rearm_periodic(MC146818 *rtc)
{
    int64_t period = periodic_ticks(rtc);
    uint8_t wanted = rtc->cmos[RTC_REGISTER_B] & ~rtc->cmos[RTC_REGISTER_C];
    if (!period || !(wanted & C_PERIODIC)) {
        timer_del(rtc->periodic_timer);
        return;
    }
    int64_t due = ns_of_divider_tick(rtc, (rtc->seen_tick / period + 1) * period);
    if (rtc->catch_up_ns) {
        due = MIN(due, rtc->catch_up_ns);
    }
    timer_mod(rtc->periodic_timer, due);
}

static void rearm_seconds(MC146818 *rtc)
{
    uint8_t wanted = rtc->cmos[RTC_REGISTER_B] & ~rtc->cmos[RTC_REGISTER_C];
    int64_t wait = 0;
    if (time_runs(rtc)) {
        if (wanted & C_UPDATE) {
            wait = 1;
        } else if (wanted & C_ALARM) {
            wait = rtc_fields_next_alarm(rtc->cmos, rtc->seen_second);
        }
    }
    if (wait) {
        timer_mod(rtc->second_timer, clock_of_second(rtc, rtc->seen_second + wait));
    } else {
        timer_del(rtc->second_timer);
    }
}

/* After any change: the line and the timers follow from the registers. */
static void update(MC146818 *rtc)
{
    bool level = enabled_flags(rtc) != 0;
    if (level != rtc->irq_level) {
        TRACE(mc146818_irq, "level %d C 0x%02x", level, rtc->cmos[RTC_REGISTER_C]);
        rtc->irq_level = level;
        irq_set(rtc->irq, level);
    }
    rearm_periodic(rtc);
    rearm_seconds(rtc);
}

static void timer_fires(void *opaque)
{
    MC146818 *rtc = opaque;
    sync_flags(rtc);
    update(rtc);
}

/* ---- registers ---- */

static void write_register_a(MC146818 *rtc, uint8_t value)
{
    bool ran = time_runs(rtc);
    unsigned old_mode = divider_mode(rtc);
    if (ran) {
        store_time(rtc);
    }
    rtc->cmos[RTC_REGISTER_A] = value & A_WRITABLE;
    if (old_mode >= DIVIDER_RESET && divider_runs(rtc)) {
        rtc->divider_start = clock_get_ns(CLOCK_VIRTUAL);
        rtc->seen_tick = 0;
    }
    if (time_runs(rtc) && !ran) {
        /* The first update comes half a second after the divider chain is let go. */
        load_time(rtc, old_mode >= DIVIDER_RESET ? NS_PER_SECOND / 2 : guest_now(rtc).ns);
    }
    plan_catch_up(rtc);
}

static void write_register_b(MC146818 *rtc, uint8_t value)
{
    bool ran = time_runs(rtc);
    if (ran) {
        store_time(rtc);
    }
    if (value & RTC_B_SET) {
        value &= ~RTC_B_UPDATE_IRQ;
    }
    rtc->cmos[RTC_REGISTER_B] = value;
    if (!(value & RTC_B_PERIODIC_IRQ)) {
        rtc->lost_ticks = 0;
        rtc->catch_up_ns = 0;
    }
    if (time_runs(rtc) && !ran) {
        load_time(rtc, guest_now(rtc).ns);
    }
}

static void write_time(MC146818 *rtc, unsigned index, uint8_t value)
{
    if (time_runs(rtc)) {
        store_time(rtc);
        rtc->cmos[index] = value;
        load_time(rtc, guest_now(rtc).ns);
    } else {
        rtc->cmos[index] = value;
    }
}

static void write_data(MC146818 *rtc, unsigned index, uint8_t value)
{
    if (index > RTC_REGISTER_D && index != RTC_CENTURY) {
        rtc->cmos[index] = value; /* NVRAM */
        return;
    }
    sync_flags(rtc);
    switch (index) {
    case RTC_REGISTER_A:
        write_register_a(rtc, value);
        break;
    case RTC_REGISTER_B:
        write_register_b(rtc, value);
        break;
    case RTC_REGISTER_C:
    case RTC_REGISTER_D:
        break;
    default:
        if (rtc_fields_is_time(index)) {
            write_time(rtc, index, value);
        } else {
            rtc->cmos[index] = value; /* alarm */
        }
        break;
    }
    update(rtc);
}

static uint8_t read_register_c(MC146818 *rtc)
{
    sync_flags(rtc);
    uint8_t value = rtc->cmos[RTC_REGISTER_C];
    if (enabled_flags(rtc)) {
        value |= C_INTERRUPT;
    }
    rtc->cmos[RTC_REGISTER_C] = 0;
    if (value & C_PERIODIC) {
        plan_catch_up(rtc);
    }
    update(rtc);
    return value;
}

static uint8_t read_data(MC146818 *rtc, unsigned index)
{
    switch (index) {
    case RTC_REGISTER_A:
        return rtc->cmos[RTC_REGISTER_A] | (update_in_progress(rtc) ? A_UPDATE_IN_PROGRESS : 0);
    case RTC_REGISTER_C:
        return read_register_c(rtc);
    case RTC_REGISTER_D:
        return D_VALID_RAM;
    default:
        break;
    }
    if (rtc_fields_is_time(index) && time_runs(rtc)) {
        store_time(rtc);
    }
    return rtc->cmos[index];
}

static unsigned selected_byte(const MC146818 *rtc)
{
    return rtc->index == RTC_CENTURY_PS2 ? RTC_CENTURY : rtc->index;
}

static uint64_t mc146818_read(void *opaque, hwaddr offset, unsigned size)
{
    MC146818 *rtc = opaque;
    return offset == 0 ? 0xff : read_data(rtc, selected_byte(rtc)); /* the index is write-only */
}

static void mc146818_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    MC146818 *rtc = opaque;
    if (offset == 0) {
        rtc->index = (uint8_t)value & (RTC_SIZE - 1);
        rtc->nmi_masked = value & NMI_MASK_BIT;
        return;
    }
    TRACE(mc146818_write, "index 0x%02x value 0x%02x", rtc->index, (unsigned)value);
    write_data(rtc, selected_byte(rtc), (uint8_t)value);
}

static const MemoryRegionOps mc146818_ops = {
    mc146818_read, mc146818_write, .valid_min = 1, .valid_max = 4, .impl_min = 1, .impl_max = 1,
};

/* ---- the board's side ---- */

void mc146818_set_cmos(MC146818 *rtc, unsigned index, uint8_t value)
{
    if (index >= RTC_NVRAM_START && index < RTC_SIZE) {
        rtc->cmos[index] = value;
    }
}

uint8_t mc146818_get_cmos(MC146818 *rtc, unsigned index)
{
    return index >= RTC_NVRAM_START && index < RTC_SIZE ? rtc->cmos[index] : 0;
}

bool mc146818_nmi_masked(MC146818 *rtc)
{
    return rtc->nmi_masked;
}

/* ---- life ---- */

static bool choose_policy(MC146818 *rtc, const MachineConfig *config, GError **error)
{
    const char *policy = rtc->lost_tick_policy;
    if (g_strcmp0(policy, "slew") == 0) {
        rtc->slew = true;
    } else if (!policy || g_strcmp0(policy, "discard") == 0) {
        rtc->slew = config->rtc_driftfix_slew;
    } else {
        return error_setf(error, "Property 'mc146818rtc.lost_tick_policy' doesn't take value '%s'",
                          policy);
    }
    return true;
}

static void choose_clock(MC146818 *rtc, const MachineConfig *config)
{
    static const ClockType clocks[] = {
        [RTC_CLOCK_HOST] = CLOCK_HOST,
        [RTC_CLOCK_RT] = CLOCK_REALTIME_HOST,
        [RTC_CLOCK_VM] = CLOCK_VIRTUAL,
    };
    rtc->clock = clocks[config->rtc_clock];
    int64_t now = clock_get_ns(CLOCK_HOST);
    int64_t offset = CLAMP(config->rtc_offset_seconds, -SECOND_LIMIT / 2, SECOND_LIMIT / 2);
    set_guest_now(rtc, now / NS_PER_SECOND + offset, now % NS_PER_SECOND);
}

static bool mc146818_realize(Device *device, GError **error)
{
    MC146818 *rtc = HW_MC146818(device);
    const MachineConfig *config = machine_config(device_get_machine(device));
    if (!choose_policy(rtc, config, error)) {
        return false;
    }
    choose_clock(rtc, config);
    rtc->cmos[RTC_REGISTER_A] = A_POWER_ON;
    rtc->cmos[RTC_REGISTER_B] = RTC_B_24_HOURS;
    rtc->second_timer = timer_new(rtc->clock, timer_fires, rtc);
    rtc->periodic_timer = timer_new(CLOCK_VIRTUAL, timer_fires, rtc);
    memory_region_init_io(&rtc->ports, &mc146818_ops, rtc, "rtc", 2);
    memory_region_add(isa_bus_io(isa_device_bus(device)), RTC_PORT, &rtc->ports);
    return true;
}

static void mc146818_unrealize(Device *device)
{
    MC146818 *rtc = HW_MC146818(device);
    memory_region_destroy(&rtc->ports);
    g_clear_pointer(&rtc->second_timer, timer_free);
    g_clear_pointer(&rtc->periodic_timer, timer_free);
}

/* What the RESET pin does; time and NVRAM live on the battery. */
static void mc146818_reset(Device *device)
{
    MC146818 *rtc = HW_MC146818(device);
    sync_flags(rtc);
    rtc->cmos[RTC_REGISTER_B] &=
        ~(RTC_B_PERIODIC_IRQ | RTC_B_ALARM_IRQ | RTC_B_UPDATE_IRQ | RTC_B_SQUARE_WAVE);
    rtc->cmos[RTC_REGISTER_C] = 0;
    rtc->lost_ticks = 0;
    rtc->catch_up_ns = 0;
    rtc->irq_level = false;
    irq_lower(rtc->irq);
    update(rtc);
}

static const SavedField mc146818_fields[] = {
    SAVED_ARRAY(MC146818, cmos),     SAVED(MC146818, index),          SAVED(MC146818, nmi_masked),
    SAVED(MC146818, weekday_offset), SAVED(MC146818, offset_seconds), SAVED(MC146818, phase_ns),
    SAVED(MC146818, seen_second),    SAVED(MC146818, divider_start),  SAVED(MC146818, seen_tick),
    SAVED(MC146818, lost_ticks),     SAVED(MC146818, catch_up_ns),    SAVED(MC146818, saved_second),
    SAVED(MC146818, saved_ns),       SAVED(MC146818, irq_level),
};

static GVariant *mc146818_save(Device *device)
{
    MC146818 *rtc = HW_MC146818(device);
    Instant now = guest_now(rtc);
    rtc->saved_second = now.second;
    rtc->saved_ns = now.ns;
    return saved_fields_to_variant(rtc, mc146818_fields, G_N_ELEMENTS(mc146818_fields));
}

static bool mc146818_load(Device *device, GVariant *state, GError **error)
{
    return saved_fields_from_variant(device, mc146818_fields, G_N_ELEMENTS(mc146818_fields), state,
                                     error);
}

static bool second_valid(int64_t second)
{
    return second >= -2 * SECOND_LIMIT && second <= 2 * SECOND_LIMIT;
}

static bool mc146818_post_load(Device *device, GError **error)
{
    const int64_t ns_limit = INT64_C(1) << 60;
    MC146818 *rtc = HW_MC146818(device);
    bool valid =
        rtc->index < RTC_SIZE && rtc->weekday_offset < 7 && second_valid(rtc->offset_seconds) &&
        second_valid(rtc->seen_second) && second_valid(rtc->saved_second) && rtc->phase_ns >= 0 &&
        rtc->phase_ns < NS_PER_SECOND && rtc->saved_ns >= 0 && rtc->saved_ns < NS_PER_SECOND &&
        rtc->divider_start >= 0 && rtc->divider_start < ns_limit && rtc->seen_tick >= 0 &&
        rtc->seen_tick < ns_limit / NS_PER_SECOND * RTC_FREQUENCY && rtc->catch_up_ns >= 0 &&
        rtc->lost_ticks <= LOST_TICKS_LIMIT && !(rtc->cmos[RTC_REGISTER_A] & ~A_WRITABLE) &&
        !(rtc->cmos[RTC_REGISTER_C] & ~C_FLAGS);
    if (!valid) {
        return error_setf(error, "mc146818rtc: saved state is out of range");
    }
    if (rtc->clock == CLOCK_REALTIME_HOST) {
        /* That clock counts from this host's start: go on from the time that was saved. */
        int64_t seen = rtc->seen_second;
        set_guest_now(rtc, rtc->saved_second, rtc->saved_ns);
        rtc->seen_second = seen;
    }
    if (ABS(rtc->seen_second - rtc->offset_seconds) > CLOCK_SECONDS_LIMIT) {
        return error_setf(error, "mc146818rtc: saved time is out of range");
    }
    irq_set(rtc->irq, rtc->irq_level);
    update(rtc);
    return true;
}

static const DeviceProperty mc146818_properties[] = {
    DEVICE_PROPERTY_RANGE(INT32, "base_year", MC146818, base_year, 0, 9999, 0,
                          "the year that year and century bytes of zero mean"),
    DEVICE_PROPERTY_TEXT("lost_tick_policy", MC146818, lost_tick_policy, "discard",
                         "what becomes of missed periodic interrupts: discard or slew"),
};

static void mc146818_instance_init(MC146818 *rtc)
{
    device_init_irq_out(HW_DEVICE(rtc), NULL, &rtc->irq, 1);
    device_init_irq_out(HW_DEVICE(rtc), "alarm", &rtc->alarm, 1);
}

static void mc146818_class_init(DeviceClass *klass)
{
    klass->description = "MC146818 real-time clock and CMOS RAM";
    klass->bus_type = TYPE_ISA_BUS;
    klass->category = DEVICE_CATEGORY_MISC;
    klass->realize = mc146818_realize;
    klass->unrealize = mc146818_unrealize;
    klass->reset = mc146818_reset;
    klass->post_load = mc146818_post_load;
    klass->save = mc146818_save;
    klass->load = mc146818_load;
    klass->saved_version = 1;
    device_class_add_properties(klass, mc146818_properties, G_N_ELEMENTS(mc146818_properties));
}
