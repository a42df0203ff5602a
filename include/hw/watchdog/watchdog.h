/*
 * What a watchdog that ran out does: -action watchdog=, for the devices that are watchdogs and for
 * Xen's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_WATCHDOG_WATCHDOG_H
#define HW_WATCHDOG_WATCHDOG_H

/**
 * watchdog_expired: does to the machine what RunActions says; machine lock held, any thread.
 * @what: whose time ran out, for the log
 * @inject_nmi: sends the NMI of action inject-nmi; NULL: one to every vCPU
 */
void watchdog_expired(const char *what, void (*inject_nmi)(void *opaque), void *opaque);

/**
 * watchdog_set_listener: @expired hears of each, on the main loop before the machine changes state.
 * @action: a value of RunActions.watchdog
 */
void watchdog_set_listener(void (*expired)(unsigned action));

#endif
