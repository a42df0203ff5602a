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
# What xen-bench does, how many times, and what that is.
ROWS = [
    ("hypercall", 2000, "hypercall round trip"),
    ("event-self", 2000, "event to an own port and back to user space"),
    ("store", 1000, "store read from user space"),
]
ROWS_OF_TWO = [
    ("event-other", 2000, "event to the other vCPU's user space"),
    ("store", 1000, "store read from user space, two vCPUs"),
]


def peer_can(binary):
    """Whether the peer BINARY can host a Xen guest on this host."""
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"version (\d+)\.(\d+)", text)
    return bool(match) and (int(match[1]), int(match[2])) >= PEER_VERSION and kernel_hosts_xen()


def measure_row(machine, what, count):
    """Microseconds and exits of one operation."""
    machine.check(f"xen-bench {what} {count // 10}", 300)
    before = exit_counters()
    said = machine.check(f"xen-bench {what} {count}", 600)
    after = exit_counters()
    each = float(re.search(r"([\d.]+) us each", said)[1])
    return each, f"{(after.get('exits', 0) - before.get('exits', 0)) / count:.2f}"


def measure(context, column, binary, cpus, rows):
    """The figures of ROWS with CPUS vCPUs, by their titles and units."""
    ours = column == "xenolith"
    if not ours and not peer_can(binary):
        return {}
    figures = {}
    with guest(context, cpus=cpus, binary=binary, socket=ours, folder=context.results / f"{column}-{cpus}") as machine:
        machine.expect_shell()
        for what, count, title in rows:
            each, exits = measure_row(machine, what, count)
            figures[title, "us"] = f"{each:.2f}"
            figures[title, "exits"] = exits
        machine.power_off()
    return figures


def report(context, cpus, rows):
    """Measure ROWS in our binary and in the peer; keep the figures."""
    figures = vary(context, lambda context, column, binary: measure(context, column, binary, cpus, rows))
    record(context, [(title, unit, values) for (title, unit), values in figures.items()])


@case(assets=ASSETS[64], cost=150, bench=True)
def test_hypercalls_events_and_store_with_one_cpu(context):
    """A hypercall, an event to oneself, reads of the store."""
    report(context, 1, ROWS)


@case(assets=ASSETS[64], cost=240, bench=True)
def test_events_and_store_with_two_cpus(context):
    """An event to the other vCPU; reads of the store, whose threads are on both."""
    report(context, 2, ROWS_OF_TWO)
