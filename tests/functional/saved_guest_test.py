"""Guests that are saved, restored and moved between processes, and between the two kinds of host.

On a host whose KVM has Xen support, xen-assist=user makes a machine of the other kind: both ways across are gone there.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import itertools
import random
import re
import subprocess

from harness import SMALL_SYSTEM, case
from qmp_client import Client
from xen_guest import CONSOLE, XenMachine, kernel_hosts_xen

WELL = 33
SYSTEM = (*SMALL_SYSTEM, "guest-tools")
RAW_SIZE = 48 << 20
# Seconds of the test host's counted clock.
TIME_LIMIT = 300
COMPLAINTS = (r"dmesg | grep -i -E 'I/O error|BUG:|WARNING: CPU|hung task|blkfront.*(error|invalid)|soft lockup|"
              r"clocksource.*unstable|EXT4-fs.*error' | grep -v fpu__init_system_xstate || true")


def kinds():
    """The kinds of host that there are here, as what -accel is given."""
    return {"kernel": "", "user": ",xen-assist=user"} if kernel_hosts_xen() else {"user": ""}


def journey(length):
    """LENGTH kinds of host, one after the other, each way across as often as there is one."""
    return list(itertools.islice(itertools.cycle(kinds()), length))


class Trip:
    """One guest in one process after another. @make: the machine of a kind of host, not yet started."""

    def __init__(self, context, make):
        self.context, self.make = context, make
        self.count = 0
        self.machine = self.qmp = None
        self.downtimes = []
        self.text = ""

    def _start(self, kind, *arguments):
        self.count += 1
        path = self.context.scratch / f"qmp{self.count}"
        machine = self.make(kinds()[kind])
        machine.command += ["-qmp", f"unix:{path},server=on,wait=off", *arguments]
        machine.__enter__()
        return machine, path

    def __exit__(self, *_):
        if self.machine:
            self.machine.__exit__()

    def __enter__(self):
        return self

    def begin(self, kind):
        """The guest starts on a host of KIND."""
        self.machine, path = self._start(kind)
        self.qmp = Client(path)
        return self.machine

    def _leave(self, uri):
        """Send the guest away; the source's process ends."""
        self.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.qmp.execute("migrate", uri=uri)
        status = "setup"
        while status not in ("completed", "failed", "cancelled"):
            status = self.qmp.wait_event("MIGRATION", TIME_LIMIT)["data"]["status"]
        info = self.qmp.execute("query-migrate")
        if status != "completed":
            self.machine.fail(f"migration {status}: {info}")
        self.qmp.execute("quit")
        if self.machine.wait() != 0:
            self.machine.fail("the source did not end well")
        self.text += self.machine.text
        self.machine.__exit__()
        return info

    def _arrived(self, machine, path):
        self.machine, self.qmp = machine, Client(path)
        self.machine.wait_for("the guest to run", self._runs, TIME_LIMIT)
        return self.machine

    def _runs(self):
        return self.qmp.execute("query-status")["status"] == "running"

    def save_and_restore(self, kind):
        """Through a file, with no process in between."""
        path = self.context.scratch / "saved"
        self._leave(f"file:{path}")
        machine = self._arrived(*self._start(kind, "-incoming", f"file:{path}"))
        path.unlink()
        return machine

    def move(self, kind):
        """Live, to a process that waits already."""
        uri = f"unix:{self.context.scratch}/move{self.count}"
        there, path = self._start(kind, "-incoming", uri)
        here = self.machine
        try:
            waiting = Client(path)
            waiting.close()
            info = self._leave(uri)
        except BaseException:
            there.__exit__()
            raise
        assert here.process.returncode == 0
        self.downtimes.append(info["downtime"])
        return self._arrived(there, path)

    def note(self, text):
        """What was seen on the way."""
        self.context.note(f"{text}; downtimes {self.downtimes} ms" if self.downtimes else text)


# ---- guest kernels ----

def busy_kernel(context, bits, words):
    """The kernel of tests/guest/journey."""
    elf = context.asset("guest-kernels") / f"journey-{bits}.elf"
    arguments = ["-kernel", elf, "-append", words, "-debugcon", "stdio", "-device",
                 "isa-debug-exit,iobase=0xf4,iosize=4"]

    def make(accel):
        return XenMachine(context, arguments, accel=accel, socket=False, cpus=2, memory=64, serial="none")

    return make


def move_busy_kernel(context, bits, words, moves):
    """Move it MOVES times, live and through files in turn; then it must end well."""
    route = journey(moves + 1)
    with Trip(context, busy_kernel(context, bits, f"until=nmi {words}")) as trip:
        trip.begin(route[0]).expect(r"# round \d+", TIME_LIMIT)
        for number, kind in enumerate(route[1:]):
            machine = trip.move(kind) if number % 2 else trip.save_and_restore(kind)
            machine.expect(r"# round \d+", TIME_LIMIT)
        trip.qmp.execute("inject-nmi")
        status = trip.machine.wait(TIME_LIMIT)
        text = trip.text + trip.machine.text
        faults = re.findall(r"^not ok .*$", text, re.MULTILINE)
        assert not faults and status == WELL, f"status {status}: {faults[:10]}"
        rounds = re.search(r"ok \d+ - (\d+) rounds", text)[1]
        trip.note(f"journey-{bits} {words}: {' '.join(route)}, {rounds} rounds")


@case(assets=["guest-kernels"], cost=60)
def test_busy_64_bit_kernel_with_a_hypercall_page_crosses_hosts(context):
    """Timers, events, clocks, store and memory go on; the hypercall page works wherever it was made."""
    move_busy_kernel(context, 64, "transport=page", 3)


@case(assets=["guest-kernels"], cost=60)
def test_busy_64_bit_kernel_without_a_hypercall_page_crosses_hosts(context):
    """The instruction in the kernel's text works on either kind of host."""
    move_busy_kernel(context, 64, "transport=direct", 3)


@case(assets=["guest-kernels"], cost=60, full=True)
def test_busy_32_bit_kernel_crosses_hosts(context):
    """The same for 32 bits."""
    move_busy_kernel(context, 32, "transport=page", 3)


@case(assets=["guest-kernels"], cost=60, full=True)
def test_busy_32_bit_kernel_without_a_hypercall_page_crosses_hosts(context):
    """The same for 32 bits."""
    move_busy_kernel(context, 32, "transport=direct", 3)


@case(assets=["guest-kernels"], cost=60, full=True)
def test_busy_kernel_with_vectors_of_its_cpus_crosses_hosts(context):
    """HVMOP_set_evtchn_upcall_vector."""
    move_busy_kernel(context, 64, "callback=upcall", 3)


@case(assets=["guest-kernels"], cost=60, full=True)
def test_busy_kernel_with_a_line_crosses_hosts(context):
    """The callback is a level interrupt of the IOAPIC."""
    move_busy_kernel(context, 64, "callback=gsi", 3)


# ---- Linux ----

class LinuxUnderLoad:
    """The small system, its root on one image for IDE and PV, with a second PV disk that is written all the time."""

    def __init__(self, context, cpus):
        self.context, self.cpus = context, cpus
        self.root = context.copy("small.raw")
        self.data = context.file("data.raw", RAW_SIZE)
        self.seed = random.randrange(1 << 32)

    def make(self, accel):
        """The machine of a kind of host."""
        arguments = ["-kernel", self.context.asset("vmlinuz"), "-initrd", self.context.asset("initrd"), "-append",
                     f"root=LABEL=xenolith-root ro {CONSOLE}",
                     "-drive", f"file={self.root},format=raw,if=none,id=root",
                     "-device", "ide-hd,drive=root,bus=ide.0,unit=0", "-device", "xen-disk,drive=root,vdev=xvda",
                     "-drive", f"file={self.data},format=raw,if=none,id=data",
                     "-device", "xen-disk,drive=data,vdev=xvdb"]
        return XenMachine(self.context, arguments, accel=accel, socket=False, cpus=self.cpus)

    def start_writing(self, machine, seconds):
        """The guest writes and reads back from now on."""
        machine.check(f"(disk-verify write /dev/xvdb {self.seed} {RAW_SIZE} {seconds} > /tmp/verify 2>&1; "
                      "echo done >> /tmp/verify) & sleep 0.2; true")

    def finish_writing(self, machine):
        """It ends, and nothing was wrong; then the guest powers off and the host looks at every sector."""
        machine.check("while ! grep -q done /tmp/verify; do sleep 0.2; done", TIME_LIMIT * 4)
        said = machine.check("tail -n 2 /tmp/verify | head -n 1")
        written = re.search(r"written (\d+)", said)
        assert written, said
        complaints = machine.check(COMPLAINTS)
        assert not complaints, complaints
        machine.power_off()
        result = subprocess.run([self.context.tool("disk-verify"), "check", self.data, str(self.seed), str(RAW_SIZE),
                                 written[1], written[1]], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return int(written[1])

    def check_alive(self, machine):
        """Shell, store, clock and timers work."""
        before = float(machine.check("cut -d' ' -f1 /proc/uptime"))
        machine.check("sleep 0.1")
        after = float(machine.check("cut -d' ' -f1 /proc/uptime"))
        assert before < after < before + 30, (before, after)


def travel_under_load(context, cpus, stages, seconds):
    """STAGES: save and restore, or move, to the next kind of host under disk load."""
    load = LinuxUnderLoad(context, cpus)
    route = journey(len(stages) + 1)
    with Trip(context, load.make) as trip:
        machine = trip.begin(route[0])
        machine.login(TIME_LIMIT)
        load.start_writing(machine, seconds)
        for stage, kind in zip(stages, route[1:]):
            machine = getattr(trip, stage)(kind)
            load.check_alive(machine)
        written = load.finish_writing(machine)
        trip.note(f"{' '.join(route)}: {written} writes verified")


@case(assets=SYSTEM, cost=120)
def test_linux_under_disk_load_is_saved_and_goes_on_in_another_process(context):
    """Stock kernel, PV root and data; the process ends; restored on the other kind of host where there is one."""
    travel_under_load(context, 1, ["save_and_restore"], 4)


@case(assets=SYSTEM, cost=150)
def test_linux_under_disk_load_moves_live(context):
    """From one process to the next and back, two vCPUs; the downtimes are shown."""
    travel_under_load(context, 2, ["move", "move"], 5)


@case(assets=SYSTEM, cost=5000, full=True)
def test_linux_under_disk_load_travels_a_hundred_times(context):
    """Saved and restored, moved live, in turn."""
    travel_under_load(context, 2, ["save_and_restore", "move"] * 50, 150)
