/*
 * vm_assist: the one assist an HVM guest may have; and console_io, which is not for guests.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xen_guest.h"

static long assist(unsigned command, unsigned type)
{
    return hypercall(__HYPERVISOR_vm_assist, command, type, 0, 0, 0);
}

void test_main(void)
{
    static char text[] = "a line of the guest\n";
    xen_start();
    expect("runstate_update_flag on", assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag),
           0);
    expect("once more", assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    expect("off", assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
    expect("neither: -ENOSYS", assist(7, VMASST_TYPE_runstate_update_flag), -XEN_ENOSYS);
    for (unsigned type = 0; type < VMASST_TYPE_runstate_update_flag; type++) {
        expect("an assist of PV guests: -EINVAL", assist(VMASST_CMD_enable, type), -XEN_EINVAL);
    }
    expect("an assist that is none: -EINVAL", assist(VMASST_CMD_enable, 60), -XEN_EINVAL);
    expect("one beyond all: -EINVAL", assist(VMASST_CMD_enable, 4000), -XEN_EINVAL);

    long written = hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, sizeof(text) - 1, text);
    check(written == 0 || written == -XEN_EPERM, "a line for Xen's console: %ld", written);
    expect("reading it: -EPERM", hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, 8, text),
           -XEN_EPERM);
    check(hypercall3(__HYPERVISOR_console_io, 9, 8, text) < 0, "neither: an error");
    if (written == 0) {
        expect("a line from nowhere: -EFAULT",
               hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, 8, no_memory()), -XEN_EFAULT);
    }
}
