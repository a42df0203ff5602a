/*
 * -rtc: what the guest's CMOS clock reads at start, and which host clock it follows.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <string.h>
#include <time.h>

#include "option_handlers.h"
#include "util/error.h"

static int64_t local_offset_seconds(void)
{
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    return local.tm_gmtoff;
}

/* "2006-06-17T16:01:21" or "2006-06-17", UTC. */
static bool parse_date(const char *text, int64_t *seconds)
{
    struct tm date = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &date);

    if (!end || *end) {
        memset(&date, 0, sizeof(date));
        end = strptime(text, "%Y-%m-%d", &date);
    }
    if (!end || *end) {
        return false;
    }
    *seconds = timegm(&date);
    return true;
}

static bool set_base(StartConfig *config, const char *base, GError **error)
{
    int64_t *offset = &config->board.rtc_offset_seconds;
    int64_t seconds;

    if (strcmp(base, "utc") == 0) {
        *offset = 0;
    } else if (strcmp(base, "localtime") == 0) {
        *offset = local_offset_seconds();
    } else if (parse_date(base, &seconds)) {
        *offset = seconds - time(NULL);
    } else {
        return error_setf(error,
                          "invalid datetime format '%s', valid are '2006-06-17T16:01:21' and "
                          "'2006-06-17'",
                          base);
    }
    return true;
}

bool option_rtc(StartConfig *config, const CommandOption *option, const char *argument,
                GError **error)
{
    static const char *const clocks[] = {"host", "rt", "vm", NULL};
    static const char *const drift_fixes[] = {"none", "slew", NULL};
    g_autoptr(OptionReader) reader = option_parse_reader(argument, "base", error);
    const char *base = NULL;
    int clock = config->board.rtc_clock, slew = config->board.rtc_driftfix_slew;

    if (!reader || !option_get_string(reader, "base", &base, error) ||
        !option_get_enum(reader, "clock", clocks, &clock, error) ||
        !option_get_enum(reader, "driftfix", drift_fixes, &slew, error) ||
        !option_reader_finish(reader, error) || (base && !set_base(config, base, error))) {
        return false;
    }
    config->board.rtc_clock = clock;
    config->board.rtc_driftfix_slew = slew;
    return true;
}
