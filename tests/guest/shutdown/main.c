/*
 * SCHEDOP_shutdown: the machine ends as the reason says; the runner knows what to expect.
 *
 * Words: reason= (a number); code= for one given by SCHEDOP_shutdown_code first; vcpu= for the vCPU
 * that does it; once: at the second start say so and end well (a CMOS byte keeps count over a
 * reset).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

#define CMOS_COUNT 0x70

static void shut_down(void *opaque)
{
    struct sched_shutdown s = {.reason = *(unsigned *)opaque};
    long result = sched_op(SCHEDOP_shutdown, &s);
    rest(2000);
    check(false, "the machine goes on after a shutdown, result %ld", result);
    finish();
}

void test_main(void)
{
    unsigned reason = option_number("reason", SHUTDOWN_poweroff), vcpu = option_number("vcpu", 0);
    const char *code = option_value("code");
    if (option("once")) {
        if (cmos_read(CMOS_COUNT) == 0x5a) {
            check(true, "started again");
            return;
        }
        cmos_write(CMOS_COUNT, 0x5a);
    }
    xen_start();
    say("shutdown with reason %u", reason);
    if (code) {
        struct sched_shutdown s = {.reason = parse_number(code)};
        expect("the code", sched_op(SCHEDOP_shutdown_code, &s), 0);
    }
    if (vcpu == 0) {
        shut_down(&reason);
    }
    check(smp_start(vcpu), "vCPU %u comes up", vcpu);
    smp_run(vcpu, shut_down, &reason);
}
