/*
 * vcpu_op: which vCPUs are up, what may be asked of which, errors, NMI.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static volatile unsigned nmis[MAX_CPUS];

static void on_nmi(TrapFrame *frame __attribute__((unused)))
{
    nmis[cpu_index()]++;
}

static void nmi(void)
{
    trap_set(2, on_nmi);
    expect("an NMI to this vCPU", vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
    check(wait_for(&nmis[0], 1, 1000), "it comes");
    expect("an NMI to the other", vcpu_op(VCPUOP_send_nmi, 1, NULL), 0);
    check(wait_for(&nmis[1], 1, 2000), "it comes there");
    expect("and not here", nmis[0], 1);
    expect("with an argument: -EINVAL", vcpu_op(VCPUOP_send_nmi, 0, (void *)nmis), -XEN_EINVAL);
}

static void answer(void *opaque)
{
    *(unsigned *)opaque = cpu_index() + 10;
}

static void down_and_up(void)
{
    unsigned value = 0;
    expect("vCPU 1 is taken down", vcpu_op(VCPUOP_down, 1, NULL), 0);
    expect("it is not up", vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    smp_begin(1, answer, &value);
    check(!smp_wait(1, 30), "it does no work");
    expect("down again", vcpu_op(VCPUOP_down, 1, NULL), 0);
    expect("it is brought up", vcpu_op(VCPUOP_up, 1, NULL), 0);
    expect("it is up", vcpu_op(VCPUOP_is_up, 1, NULL), 1);
    check(smp_wait(1, 2000), "it goes on where it was");
    expect("and has done the work", value, 11);
    expect("up again", vcpu_op(VCPUOP_up, 1, NULL), 0);
}

void test_main(void)
{
    xen_start();
    xen_map_shared_info();
    expect("vCPU 0 is up", vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    expect("vCPU 1 is not", vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    expect("up before it was initialised: -EINVAL", vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
    check(smp_start(1), "it is started by INIT and SIPI");
    expect("now it is up", vcpu_op(VCPUOP_is_up, 1, NULL), 1);
    for (unsigned op = VCPUOP_initialise; op <= VCPUOP_register_vcpu_time_memory_area; op++) {
        expect("of no vCPU: -ENOENT", vcpu_op(op, 2, no_memory()), -XEN_ENOENT);
    }
    expect("of no vCPU by far: -ENOENT", vcpu_op(VCPUOP_is_up, 0xffffffff, NULL), -XEN_ENOENT);
    expect("no such operation: -ENOSYS", vcpu_op(40, 0, NULL), -XEN_ENOSYS);
    struct vcpu_get_physid id = {0};
    expect("the physical CPU is not told: -EINVAL", vcpu_op(VCPUOP_get_physid, 0, &id),
           -XEN_EINVAL);
    nmi();
    down_and_up();
}
