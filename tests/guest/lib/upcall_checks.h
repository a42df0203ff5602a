/*
 * What must hold of an upcall whatever way it comes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TESTS_GUEST_LIB_UPCALL_CHECKS_H
#define TESTS_GUEST_LIB_UPCALL_CHECKS_H

#include "xen_guest.h"

/** upcall_checks: once, several in a row, masked, unmasked, with interrupts off, from a timer; all
 * on this vCPU. */
void upcall_checks(void);
/** upcall_checks_other: events for vCPU @vcpu, which is asleep, come there; those that it sends
 * come here. */
void upcall_checks_other(unsigned vcpu);

#endif
