/*
 * Options of QEMU that this build knows by name and has not: a user learns which one it was and
 * why.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unsupported_options.h"

#include <glib.h>
#include <string.h>

#define PLAIN    "not supported by this build"
#define DISPLAY  "display adapters are not supported by this build"
#define TCG      "there is no TCG in this build, guests run on KVM"
#define AUDIO    "audio is not supported by this build"
#define USB      "USB is not supported by this build"
#define SNAPSHOT "snapshots inside images are not supported by this build"

static const struct {
    const char *name;
    const char *reason;
} unsupported[] = {
    {"alt-grab", DISPLAY},
    {"async-teardown", PLAIN},
    {"audio", AUDIO},
    {"audio-help", AUDIO},
    {"compat", PLAIN},
    {"ctrl-grab", DISPLAY},
    {"curses", DISPLAY},
    {"dfilter", TCG},
    {"dump-vmstate", SNAPSHOT},
    {"enable-fips", PLAIN},
    {"enable-sync-profile", PLAIN},
    {"fsdev", PLAIN},
    {"full-screen", DISPLAY},
    {"g", DISPLAY},
    {"gdb", "the gdb server is not supported by this build"},
    {"icount", TCG},
    {"iscsi", "network block devices are not supported by this build"},
    {"k", DISPLAY},
    {"loadvm", SNAPSHOT},
    {"mtdblock", PLAIN},
    {"no-frame", DISPLAY},
    {"no-quit", DISPLAY},
    {"numa", "NUMA nodes are not supported by this build"},
    {"old-param", PLAIN},
    {"one-insn-per-tb", TCG},
    {"option-rom", PLAIN},
    {"perfmap", TCG},
    {"jitdump", TCG},
    {"plugin", TCG},
    {"portrait", DISPLAY},
    {"preconfig", PLAIN},
    {"prom-env", PLAIN},
    {"readconfig", "configuration files are not supported by this build"},
    {"rotate", DISPLAY},
    {"s", "the gdb server is not supported by this build"},
    {"sd", PLAIN},
    {"sdl", DISPLAY},
    {"seed", TCG},
    {"semihosting", TCG},
    {"semihosting-config", TCG},
    {"set", PLAIN},
    {"shim", PLAIN},
    {"show-cursor", DISPLAY},
    {"singlestep", TCG},
    {"spice", DISPLAY},
    {"tb-size", TCG},
    {"tpmdev", "TPM devices are not supported by this build"},
    {"usb", USB},
    {"usbdevice", USB},
    {"virtfs", PLAIN},
    {"vnc", DISPLAY},
    {"watchdog", PLAIN},
    {"win2k-hack", PLAIN},
    {"writeconfig", "configuration files are not supported by this build"},
    {"xen-attach", "guests run under KVM here, not under a Xen host"},
    {"xen-domid-restrict", "guests run under KVM here, not under a Xen host"},
};

const char *unsupported_option_reason(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(unsupported); i++) {
        if (strcmp(unsupported[i].name, name) == 0) {
            return unsupported[i].reason;
        }
    }
    return NULL;
}
