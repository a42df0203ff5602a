"""Guests that are saved, restored and moved between processes, and between the two kinds of host.

On a host whose KVM has Xen support, xen-assist=user makes a machine of the other kind: both ways across are gone there.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import random
import re
import time

from harness import SMALL_SYSTEM, case
from trips import TIME_LIMIT, Trip, journey
from xen_disks import WRITER, check_image, complaints, load_drivers, pv_disk, writer_guest
from xen_guest import CONSOLE, XenMachine

WELL = 33
SYSTEM = (*SMALL_SYSTEM, "guest-tools")
RAW_SIZE = 48 << 20


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

def check_log(machine):
    """The kernel complains of nothing, its clock included."""
    said = complaints(machine, "clocksource.*unstable")
    assert not said, said


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
        check_log(machine)
        machine.power_off()
        check_image(self.context, self.data, self.seed, RAW_SIZE, written[1], written[1])
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


class Looper:
    """A guest that is its initial file system alone; rounds of writing and checking follow one another on its disk."""

    SIZE = 8 << 20
    # Of the last round that ended, the seed and how many writes there were are kept.
    LOOP = ("while [ ! -e /tmp/stop ]; do "
            "/disk/disk-verify write /dev/xvda $seed {size} {seconds} > /tmp/said || break; "
            "written=$(sed -n 's/written //p' /tmp/said); "
            "/disk/disk-verify check /dev/xvda $seed {size} $written $written > /tmp/said || break; "
            "echo $seed $written > /tmp/last; seed=$((seed + 1)); done")

    def __init__(self, context, cpus):
        self.context, self.cpus = context, cpus
        self.image = context.file("data.raw", self.SIZE)
        self.first = self.seen = random.randrange(1 << 32)

    def make(self, accel):
        """The machine of a kind of host."""
        return writer_guest(self.context, pv_disk(self.image, "data", "xvda"), cpus=self.cpus, accel=accel)

    def start(self, machine):
        """The rounds begin."""
        machine.expect_shell(TIME_LIMIT)
        load_drivers(machine, "pv")
        machine.check(f"(seed={self.first}; {self.LOOP.format(size=self.SIZE, seconds=0.1)}; "
                      "cp /tmp/said /tmp/end) & true")

    def look(self, machine):
        """The shell answers and the rounds go on: one has ended since the last look."""
        machine.check(f"while [ ! -e /tmp/end ]; do read seed rest < /tmp/last && [ $seed -gt {self.seen} ] && break; "
                      "sleep 0.1; done; [ ! -e /tmp/end ] || { cat /tmp/end; false; }", TIME_LIMIT)
        self.seen = int(machine.check("cat /tmp/last").split()[0])

    def finish(self, machine):
        """The round under way ends; the host looks at every sector. How many rounds there were."""
        machine.check("touch /tmp/stop; while [ ! -e /tmp/end ]; do sleep 0.1; done; grep ' 0 wrong' /tmp/end",
                      TIME_LIMIT)
        seed, written = machine.check("cat /tmp/last").split()
        check_log(machine)
        machine.power_off()
        check_image(self.context, self.image, seed, self.SIZE, written)
        return int(seed) - self.first + 1


def wander(context, trips, cpus):
    """TRIPS through files and live in turn, each time to the next kind of host; rounds end between each two."""
    load = Looper(context, cpus)
    trips = int(os.environ.get("TRIPS", trips))
    route = journey(trips + 1)
    with Trip(context, load.make) as trip:
        machine = trip.begin(route[0])
        load.start(machine)
        started = time.monotonic()
        for number, kind in enumerate(route[1:]):
            machine = trip.move(kind) if number % 2 else trip.save_and_restore(kind)
            load.look(machine)
        seconds = time.monotonic() - started
        rounds = load.finish(machine)
        trip.note(f"{trips} trips in {seconds:.0f} s, {rounds} rounds of writing and checking")


@case(assets=WRITER, cost=2000, full=True)
def test_linux_under_disk_load_travels_a_hundred_times(context):
    """Saved and restored, moved live, in turn."""
    wander(context, 100, 2)
