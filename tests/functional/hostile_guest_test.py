"""A guest that makes any hypercalls and writes over all it shares with Xen (tests/guest/hostile): the machine bears it.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import re
import time

import qmp_client
from harness import case
from xen_guest import XenMachine

ASSET = "guest-kernels"
MEMORY_MIB = 64
SEED = int(os.environ.get("SEED", "20240607"))
SHORT_SECONDS = int(os.environ.get("HOSTILE_SECONDS", "20"))
LONG_SECONDS = 600
SILENCE = 4                 # seconds after which the guest counts as hung by its own doing
MOST_SILENCES = 20          # of a hundred looks
GROWTH_KIB = int(os.environ.get("GROWTH_KIB", "2048"))   # more for a binary with AddressSanitizer
ERROR_BYTES = 8192          # for each of the guest's ends, and to begin with
LOOK = 1.0
PROGRESS = re.compile(r"^hostile: vCPU \d start (\d+) acts (\d+) (\d+)$", re.MULTILINE)
# Warnings, and what is said of a guest that KVM cannot run on: its registers.
LOG_LINE = re.compile(r"[^ :]+: (warning|info|KVM internal error|extra data\[\d\]|emulation failure|Code=)|"
                      r"[^ :]+: (\w+ *= ?[0-9a-f]|[A-Z]DT=)")


def arguments(context):
    """The machine's arguments: the guest's memory is a file, so that what grows beside it shows."""
    return ["-object", f"memory-backend-memfd,id=ram,size={MEMORY_MIB}M", "-machine", "memory-backend=ram",
            "-kernel", context.asset(ASSET) / "hostile-64.elf", "-append", f"seed={SEED}",
            "-debugcon", "stdio", "-qmp", f"unix:{context.scratch}/qmp,server=on,wait=off", "-no-shutdown",
            "-blockdev", "driver=null-co,node-name=disk,size=64M,read-zeroes=on",
            "-device", "xen-disk,drive=disk,vdev=xvda",
            "-blockdev", "driver=null-co,node-name=ide,size=64M,read-zeroes=on", "-device", "ide-hd,drive=ide"]


def anonymous_kib(machine):
    """The process's own memory, without the guest's."""
    text = pathlib.Path(f"/proc/{machine.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1])


class Watch:
    """Looks after the guest: starts it anew when it has ended itself or hangs; notes the process's memory."""

    def __init__(self, machine, client):
        self.machine, self.client = machine, client
        self.seen, self.heard = 0, time.monotonic()
        self.silences = self.ends = 0
        self.memory = []

    def start_anew(self):
        """A reset of the machine."""
        self.client.execute("system_reset")
        self.client.execute("cont")
        self.heard = time.monotonic()

    def look(self):
        """Once a second or so."""
        machine = self.machine
        machine.settle(LOOK)
        if machine.process.poll() is not None:
            machine.fail(f"the process ended with status {machine.process.returncode}")
        asked = time.monotonic()
        status = self.client.execute("query-status")["status"]
        self.memory.append((asked, anonymous_kib(machine)))
        if len(machine.text) > self.seen:
            self.seen, self.heard = len(machine.text), asked
        if status != "running":
            self.ends += 1
            self.start_anew()
        elif asked - self.heard > SILENCE:
            self.silences += 1
            self.start_anew()

    def most(self, first, last):
        """The most memory that was seen between two times since the first look, in KiB."""
        begin = self.memory[0][0]
        return max((kib for when, kib in self.memory if first <= when - begin <= last), default=0)


def run_hostile(context, seconds):
    """Let the guest do what it likes for so long, then end the machine."""
    with XenMachine(context, arguments(context), cpus=2, memory=MEMORY_MIB, serial="none", socket=False) as machine:
        client = qmp_client.Client(context.scratch / "qmp")
        machine.expect("hostile: begins", 60)
        watch = Watch(machine, client)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            watch.look()
        client.execute("quit")
        status = machine.wait(60)
        errors = machine.error_text()
    last = watch.memory[-1][0] - watch.memory[0][0]
    part = min(60, seconds / 3)
    before, after = watch.most(0, part), watch.most(last - part, last)
    tenths = " ".join(str(watch.most(last * i / 10, last * (i + 1) / 10)) for i in range(10))
    acts = total_acts(machine.text)
    context.note(f"seed {SEED}: {acts} acts in {seconds} s, {len(set(re.findall('begins start .*', machine.text)))} "
                 f"starts, {watch.ends} ends, {watch.silences} silences; "
                 f"most KiB in each tenth: {tenths}; "
                 f"{len(errors)} bytes on standard error")
    assert status == 0, f"exit status {status} after quit\n{errors[-2000:]}"
    assert acts > seconds, f"only {acts} acts in {seconds} s"
    assert watch.silences <= max(1, seconds // SILENCE * MOST_SILENCES // 100), f"{watch.silences} silences"
    assert after - before < GROWTH_KIB, f"the process had {before} KiB in the first {part:.0f} s, {after} in the last"
    assert len(errors) < ERROR_BYTES * (1 + watch.ends), f"{len(errors)} bytes on standard error"
    odd = [line for line in errors.splitlines() if not LOG_LINE.match(line)]
    assert not odd, "on standard error:\n" + "\n".join(odd[:20])


def total_acts(text):
    """How much the guest did in all its starts: the count of each start's last line."""
    acts = {}
    for start, first, second in PROGRESS.findall(text):
        acts[start] = max(acts.get(start, 0), int(first) + int(second))
    return sum(acts.values())


@case(assets=[ASSET], cost=90)
def test_hostile_guest_does_no_harm_for_20_seconds(context):
    """The short run; --environment SEED=N for other numbers, HOSTILE_SECONDS=N for another time."""
    run_hostile(context, SHORT_SECONDS)


@case(assets=[ASSET], cost=1800, full=True)
def test_hostile_guest_does_no_harm_for_ten_minutes(context):
    """The process lives, QMP answers, its memory does not grow, and it ends when told to."""
    run_hostile(context, LONG_SECONDS)
