"""The figures of the Xen layer beside its peer's: hypercalls, events, the store.

The peer is measured where it can host Xen guests at all: version 8.1 or later on a kernel with CONFIG_KVM_XEN.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import re
import subprocess

from harness import case
from machine_test import record, vary
from vmm import exit_counters
from xen_guest import ASSETS, guest, kernel_hosts_xen

PEER_VERSION = (8, 1)
# Arguments of xen-bench, what is measured, and how many times.
ROWS = [
    ("hypercall", "version", 2000, "hypercall round trip (xen_version: version)"),
    ("hypercall", "pagesize", 2000, "hypercall round trip (xen_version: pagesize)"),
    ("event-self", "", 2000, "event to an own port and back to user space"),
    ("event-other", "", 2000, "event to the other vCPU's user space"),
    ("store", "", 1000, "store read from user space"),
]


def peer_can(binary):
    """Whether the peer BINARY can host a Xen guest on this host."""
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"version (\d+)\.(\d+)", text)
    return bool(match) and (int(match[1]), int(match[2])) >= PEER_VERSION and kernel_hosts_xen()


def measure_row(machine, what, option, count):
    """Microseconds and exits of one operation."""
    machine.check(f"xen-bench {what} {count // 10} {option}", 300)
    before = exit_counters()
    said = machine.check(f"xen-bench {what} {count} {option}", 600)
    after = exit_counters()
    each = float(re.search(r"([\d.]+) us each", said)[1])
    return each, f"{(after.get('exits', 0) - before.get('exits', 0)) / count:.2f}"


@case(assets=ASSETS[64], cost=240, bench=True)
def test_hypercalls_events_and_store(context):
    """Two vCPUs: a hypercall, an event to oneself and to the other vCPU, reads of the store."""
    def measure(context, column, binary):
        ours = column == "xenolith"
        if not ours and not peer_can(binary):
            return {}
        figures = {}
        with guest(context, cpus=2, binary=binary, socket=ours, folder=context.results / column) as machine:
            machine.expect_shell()
            for what, option, count, title in ROWS:
                each, exits = measure_row(machine, what, option, count)
                figures[title, "us"] = f"{each:.2f}"
                figures[title, "exits"] = exits
                if what == "store":
                    figures["store reads", "a second"] = f"{1e6 / each:.0f}"
            machine.power_off()
        return figures

    figures = vary(context, measure)
    record(context, [(title, unit, values) for (title, unit), values in figures.items()])
