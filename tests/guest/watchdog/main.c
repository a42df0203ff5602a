/*
 * The domain's watchdog: kept up it does nothing, left alone it shuts the domain down.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static long watchdog(unsigned id, unsigned seconds)
{
    struct sched_watchdog w = {.id = id, .timeout = seconds};
    return sched_op(SCHEDOP_watchdog, &w);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    long id = watchdog(0, 1);
    check(id == 1, "watchdog %ld", id);
    for (unsigned i = 0; i < 4; i++) {
        rest(500);
        watchdog(id, 1);
    }
    check(true, "kept up for two seconds");
    if (option("stop")) {
        watchdog(id, 0);
        rest(2000);
        check(true, "stopped, two seconds more");
        return;
    }
    say("left alone");
    rest(5000);
    say("not ok: the machine still runs");
    exit_machine(0x22);
}
