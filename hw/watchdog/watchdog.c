/*
 * What a watchdog that ran out does.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hw/watchdog/watchdog.h"

#include "hw/core/machine.h"
#include "hw/core/run_state.h"
#include "util/log.h"

static void (*listener)(unsigned action);

void watchdog_set_listener(void (*expired)(unsigned action))
{
    listener = expired;
}

static gboolean tell_listener(void *action)
{
    if (listener) {
        listener(GPOINTER_TO_UINT(action));
    }
    return G_SOURCE_REMOVE;
}

static void send_nmis(void *opaque G_GNUC_UNUSED)
{
    Accel *accel = machine_accel(machine_get());

    for (unsigned i = 0; i < accel_vcpu_count(accel); i++) {
        accel_vcpu_nmi(accel, accel_vcpu(accel, i));
    }
}

void watchdog_expired(const char *what, void (*inject_nmi)(void *opaque), void *opaque)
{
    unsigned action = run_state_actions()->watchdog;

    report_warning("%s expired", what);
    /* From a vCPU's thread it is queued: requests below are looked at after it in any case. */
    g_main_context_invoke_full(NULL, G_PRIORITY_HIGH, tell_listener, GUINT_TO_POINTER(action),
                               NULL);
    switch (action) {
    case WATCHDOG_RESET:
        run_state_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
        break;
    case WATCHDOG_SHUTDOWN:
        run_state_request_powerdown();
        break;
    case WATCHDOG_POWEROFF:
        run_state_request_shutdown(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        break;
    case WATCHDOG_PAUSE:
        run_state_request_stop(RUN_STATE_WATCHDOG);
        break;
    case WATCHDOG_INJECT_NMI:
        (inject_nmi ? inject_nmi : send_nmis)(opaque);
        break;
    default: /* debug and none: the line above was all */
        break;
    }
}
