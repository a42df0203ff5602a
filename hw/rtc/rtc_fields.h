/*
 * The MC146818's time and alarm bytes: binary or BCD, 12 or 24 hours. Pure functions on the 128
 * bytes.
 *
 * Source: Motorola MC146818A data sheet, "Time, Calendar and Alarm Locations".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_RTC_RTC_FIELDS_H
#define HW_RTC_RTC_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    RTC_SECONDS = 0x00,
    RTC_SECONDS_ALARM = 0x01,
    RTC_MINUTES = 0x02,
    RTC_MINUTES_ALARM = 0x03,
    RTC_HOURS = 0x04,
    RTC_HOURS_ALARM = 0x05,
    RTC_WEEKDAY = 0x06,
    RTC_DAY = 0x07,
    RTC_MONTH = 0x08,
    RTC_YEAR = 0x09,
    RTC_REGISTER_A = 0x0a,
    RTC_REGISTER_B = 0x0b,
    RTC_REGISTER_C = 0x0c,
    RTC_REGISTER_D = 0x0d,
    RTC_CENTURY = 0x32,
    RTC_CENTURY_PS2 = 0x37, /* another name of the same byte */
    RTC_SIZE = 0x80,
};

/* Register B. */
enum {
    RTC_B_24_HOURS = 0x02,
    RTC_B_BINARY = 0x04,
    RTC_B_SQUARE_WAVE = 0x08,
    RTC_B_UPDATE_IRQ = 0x10,
    RTC_B_ALARM_IRQ = 0x20,
    RTC_B_PERIODIC_IRQ = 0x40,
    RTC_B_SET = 0x80,
};

/** rtc_fields_store: fills the time and date bytes of @cmos from @second (since 1970, UTC). */
void rtc_fields_store(uint8_t *cmos, int64_t second, int32_t base_year, unsigned weekday_offset);
/** rtc_fields_load: the second that the time and date bytes say; fields out of range carry over. */
int64_t rtc_fields_load(const uint8_t *cmos, int32_t base_year);
/** rtc_fields_weekday_offset: days by which the weekday byte is ahead of the calendar's, 0-6. */
unsigned rtc_fields_weekday_offset(const uint8_t *cmos, int64_t second);
/** rtc_fields_is_time: a byte that rtc_fields_store() writes. */
bool rtc_fields_is_time(unsigned index);
/** rtc_fields_next_alarm: seconds from @second to the next later one that the alarm bytes match,
 * 1-86400; 0 if there is none. */
int64_t rtc_fields_next_alarm(const uint8_t *cmos, int64_t second);

#endif
