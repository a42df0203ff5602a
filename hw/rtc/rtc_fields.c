/*
 * The MC146818's time and alarm bytes: see rtc_fields.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/rtc/rtc_fields.h"

#include <time.h>

#define SECONDS_PER_DAY 86400
#define PM_BIT          0x80
#define DONT_CARE       0xc0 /* the two high bits of an alarm byte */

static unsigned decode(const uint8_t *cmos, uint8_t value)
{
    if (cmos[RTC_REGISTER_B] & RTC_B_BINARY) {
        return value;
    }
    return (value >> 4) * 10u + (value & 15);
}

static uint8_t encode(const uint8_t *cmos, int value)
{
    if (cmos[RTC_REGISTER_B] & RTC_B_BINARY) {
        return (uint8_t)value;
    }
    return (uint8_t)(value / 10 << 4 | value % 10);
}

static unsigned decode_hour(const uint8_t *cmos, uint8_t value)
{
    if (cmos[RTC_REGISTER_B] & RTC_B_24_HOURS) {
        return decode(cmos, value);
    }
    unsigned hour = decode(cmos, value & 0x7f);
    hour = hour == 12 ? 0 : hour;
    return value & PM_BIT ? hour + 12 : hour;
}

static uint8_t encode_hour(const uint8_t *cmos, int hour)
{
    if (cmos[RTC_REGISTER_B] & RTC_B_24_HOURS) {
        return encode(cmos, hour);
    }
    int twelve = hour % 12 ? hour % 12 : 12;
    return encode(cmos, twelve) | (hour >= 12 ? PM_BIT : 0);
}

static struct tm calendar(int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    return tm;
}

bool rtc_fields_is_time(unsigned index)
{
    const unsigned mask = 1u << RTC_SECONDS | 1u << RTC_MINUTES | 1u << RTC_HOURS |
                          1u << RTC_WEEKDAY | 1u << RTC_DAY | 1u << RTC_MONTH | 1u << RTC_YEAR;
    return index == RTC_CENTURY || (index <= RTC_YEAR && (mask >> index & 1));
}

void rtc_fields_store(uint8_t *cmos, int64_t second, int32_t base_year, unsigned weekday_offset)
{
    struct tm tm = calendar(second);
    int year = tm.tm_year + 1900 - base_year;
    year = year < 0 ? 0 : year % 10000;
    cmos[RTC_SECONDS] = encode(cmos, tm.tm_sec);
    cmos[RTC_MINUTES] = encode(cmos, tm.tm_min);
    cmos[RTC_HOURS] = encode_hour(cmos, tm.tm_hour);
    cmos[RTC_WEEKDAY] = encode(cmos, (tm.tm_wday + (int)weekday_offset) % 7 + 1);
    cmos[RTC_DAY] = encode(cmos, tm.tm_mday);
    cmos[RTC_MONTH] = encode(cmos, tm.tm_mon + 1);
    cmos[RTC_YEAR] = encode(cmos, year % 100);
    cmos[RTC_CENTURY] = encode(cmos, year / 100);
}

int64_t rtc_fields_load(const uint8_t *cmos, int32_t base_year)
{
    struct tm tm = {
        .tm_sec = (int)decode(cmos, cmos[RTC_SECONDS]),
        .tm_min = (int)decode(cmos, cmos[RTC_MINUTES]),
        .tm_hour = (int)decode_hour(cmos, cmos[RTC_HOURS]),
        .tm_mday = (int)decode(cmos, cmos[RTC_DAY]),
        .tm_mon = (int)decode(cmos, cmos[RTC_MONTH]) - 1,
        .tm_year = (int)(decode(cmos, cmos[RTC_YEAR]) + decode(cmos, cmos[RTC_CENTURY]) * 100) +
                   base_year - 1900,
    };
    return timegm(&tm);
}

unsigned rtc_fields_weekday_offset(const uint8_t *cmos, int64_t second)
{
    unsigned written = (decode(cmos, cmos[RTC_WEEKDAY]) + 6) % 7;
    return (written + 7 - (unsigned)calendar(second).tm_wday) % 7;
}

/* An alarm byte: the value to match, -1 for any, -2 for one that no time has. */
static int alarm_value(const uint8_t *cmos, unsigned index, int limit)
{
    uint8_t raw = cmos[index];
    if ((raw & DONT_CARE) == DONT_CARE) {
        return -1;
    }
    unsigned value = index == RTC_HOURS_ALARM ? decode_hour(cmos, raw) : decode(cmos, raw);
    return value < (unsigned)limit ? (int)value : -2;
}

/* The least value from @from on that @alarm matches, or @limit if there is none. */
static int next_value(int alarm, int from, int limit)
{
    if (alarm < 0) {
        return from;
    }
    return alarm >= from ? alarm : limit;
}

/* The first second of the day from @from (0-86400) on that matches, or 86400. */
static int64_t first_match(const int alarm[3], int64_t from)
{
    int hour = (int)(from / 3600), minute = (int)(from / 60 % 60), second = (int)(from % 60);
    while (hour < 24) {
        int match = next_value(alarm[0], hour, 24);
        if (match != hour) {
            hour = match;
            minute = second = 0;
            continue;
        }
        match = next_value(alarm[1], minute, 60);
        if (match != minute) {
            minute = match;
            second = 0;
        }
        second = minute < 60 ? next_value(alarm[2], second, 60) : 60;
        if (second < 60) {
            return hour * 3600 + minute * 60 + second;
        }
        second = 0;
        if (++minute >= 60) {
            minute = 0;
            hour++;
        }
    }
    return SECONDS_PER_DAY;
}

int64_t rtc_fields_next_alarm(const uint8_t *cmos, int64_t second)
{
    const int alarm[3] = {
        alarm_value(cmos, RTC_HOURS_ALARM, 24),
        alarm_value(cmos, RTC_MINUTES_ALARM, 60),
        alarm_value(cmos, RTC_SECONDS_ALARM, 60),
    };
    if (alarm[0] == -2 || alarm[1] == -2 || alarm[2] == -2) {
        return 0;
    }
    int64_t of_day = ((second % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
    int64_t match = first_match(alarm, of_day + 1);
    if (match == SECONDS_PER_DAY) {
        match = SECONDS_PER_DAY + first_match(alarm, 0);
    }
    return match - of_day;
}
