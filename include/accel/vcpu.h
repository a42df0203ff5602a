/*
 * Vcpu: what every accelerator keeps for a virtual CPU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ACCEL_VCPU_H
#define ACCEL_VCPU_H

#include <stdint.h>
#include <sys/types.h>

#include "accel/accel.h"

struct Vcpu {
    Accel *accel;
    unsigned index;
    uint32_t apic_id;
    const X86CPUModel *model;
    pid_t thread_id; /* host thread, for query-cpus-fast; 0 under qtest */
};

#endif
