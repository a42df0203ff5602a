"""The figures of the PV disk beside our own emulated IDE disk and, where there is a peer, its virtio-blk.

A machine for each column, the same image (in memory) and the same work: fio with libaio on the bare disk.
Each figure is a difference between a long run and a short one, so that fio's own start is in none.  CPU time is
that of the process's threads as the host's scheduler counts it: a vCPU's holds what the guest does.

In the test host the work-around of the emulator's fault is loaded here, other than for the other benchmarks: a
disk's interrupts are so many that a guest would hang.  It adds an exit and about 2 us to each interrupt; the
exits are left out of the count.

For looking closer, variables (tests/functional/run --environment): COLUMNS=xvda,ide,virtio-blk picks disks, DETAIL=1
notes exits by reason and system calls by thread for each request, CACHE= and PROPERTIES= go to the drive and the xen-disk.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import contextlib
import json
import os
import pathlib
import re
import subprocess

from harness import case
from machine_test import MEMORY, binaries, guest_memory_kib
from vmm import Machine, exit_counters
from xen_guest import ASSETS, CONSOLE, XenMachine, joined

NEEDED = (*ASSETS[64], "disk-tools")
IMAGE_MIB = 64
KICK = pathlib.Path("/modules/svm_kick.ko")
TRACING = pathlib.Path("/sys/kernel/debug/tracing/events")
# What, fio's words, requests of the short and of the long run.
WORK = [
    ("4 KiB random read, depth 1", "--rw=randread --bs=4k --iodepth=1", 400, 3400),
    ("4 KiB random write, depth 1", "--rw=randwrite --bs=4k --iodepth=1", 400, 3400),
    ("4 KiB random read, depth 32", "--rw=randread --bs=4k --iodepth=32", 1000, 9000),
    ("4 KiB random write, depth 32", "--rw=randwrite --bs=4k --iodepth=32", 1000, 9000),
    ("1 MiB read, depth 1", "--rw=read --bs=1m --iodepth=1", 16, 144),
    ("1 MiB write, depth 1", "--rw=write --bs=1m --iodepth=1", 16, 144),
]
# Trace points of KVM with the keys they are counted by; and more of them.
EVENTS = [("kvm/kvm_pio", "port"), ("kvm/kvm_xen_hypercall", "nr")]
DETAIL = [("kvm/kvm_exit", "exit_reason"), ("raw_syscalls/sys_enter", "common_pid.execname,id.syscall")]
HYPERCALL_PORT = "port: 228"
EVENT_CHANNEL_OP = "nr: 32"
# Field numbers of fio's terse form, version 3: IOPS of reads and of writes, the run's milliseconds of both.
IOPS = {"read": 7, "write": 48}
MILLISECONDS = {"read": 8, "write": 49}


def threads_ns(pid):
    """CPU time in ns of a process's vCPU threads, and of all its others."""
    vcpus = others = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            spent = int((task / "schedstat").read_text().split()[0])
            if (task / "comm").read_text().startswith("CPU "):
                vcpus += spent
            else:
                others += spent
    return vcpus, others


@contextlib.contextmanager
def kicks():
    """The work-around for the emulator's second delivery of interrupts; true where it was needed."""
    needed = KICK.exists() and not pathlib.Path("/sys/module/svm_kick").exists()
    if needed:
        subprocess.run(["insmod", str(KICK)], check=True)
    try:
        yield
    finally:
        if needed:
            subprocess.run(["rmmod", "svm_kick"], check=True)


def exits():
    """KVM's exits so far, without those that the work-around asks for."""
    counters = exit_counters()
    added = counters.get("irq_injections", 0) if pathlib.Path("/sys/module/svm_kick").exists() else 0
    return counters.get("exits", 0) - added


class Histogram:
    """Counts of the host kernel's trace point EVENT by KEYS while the context lasts."""

    def __init__(self, event, keys):
        self.folder = TRACING / event
        self.trigger = f"hist:keys={keys}"
        self.text = ""

    def __enter__(self):
        (self.folder / "trigger").write_text(self.trigger)
        return self

    def __exit__(self, *_):
        self.text = (self.folder / "hist").read_text()
        (self.folder / "trigger").write_text(f"!{self.trigger}")

    def counts(self):
        """Counts by the text of the keys."""
        return {" ".join(key.split()): int(count)
                for key, count in re.findall(r"^\{ (.*?) \} hitcount: +(\d+)", self.text, re.MULTILINE)}


def fio(machine, device, words, jobs, count):
    """One run of COUNT requests in all; (requests a second, microseconds in all)."""
    kind = "write" if "write" in words else "read"
    size = int(re.search(r"--bs=(\d+)", words)[1]) * (1024 if "--bs=4k" in words else 1 << 20)
    said = machine.check(
        f"/disk/fio --name=x --filename={device} --direct=1 --ioengine=libaio --thread --numjobs={jobs} "
        f"--group_reporting --allow_file_create=0 --size={IMAGE_MIB}m --number_ios={count // jobs} "
        f"--io_size={count // jobs * size} --output-format=terse --terse-version=3 {words}", 600)
    fields = next(line for line in said.splitlines() if line.startswith("3;")).split(";")
    return float(fields[IOPS[kind]]), float(fields[MILLISECONDS[kind]]) * 1000


def snapshot(machine):
    """What is counted around a run."""
    return (*threads_ns(machine.process.pid), exits())


def measure_work(machine, device, words, jobs, short, long):
    """The figures of one row: a request's microseconds, exits and CPU time."""
    taken = []
    for count in (short, long):
        before = snapshot(machine)
        _, microseconds = fio(machine, device, words, jobs, count)
        taken.append([microseconds] + [new - old for new, old in zip(snapshot(machine), before)])
    each = [(second - first) / (long - short) for first, second in zip(*taken)]
    return {"us": f"{each[0]:.1f}", "IOPS": f"{1e6 / max(each[0], 1e-3):.0f}",
            "us of vCPU threads": f"{each[1] / 1000:.1f}", "us of other threads": f"{each[2] / 1000:.1f}",
            "exits": f"{each[3]:.2f}"}


def trace(machine, device, words, jobs, count, events):
    """One run under trace points; for each event its counts by key."""
    with contextlib.ExitStack() as stack:
        active = {event: stack.enter_context(Histogram(event, keys)) for event, keys in events
                  if (TRACING / event / "trigger").exists()}
        fio(machine, device, words, jobs, count)
    return {event: histogram.counts() for event, histogram in active.items()}


def doorbells(counts):
    """The exits of COUNTS by which the guest told the disk of requests: hypercalls of either transport."""
    return (counts.get("kvm/kvm_pio", {}).get(HYPERCALL_PORT, 0)
            + counts.get("kvm/kvm_xen_hypercall", {}).get(EVENT_CHANNEL_OP, 0))


def note_detail(context, title, counts, count):
    """The counts of one request, for people."""
    for event, by_key in counts.items():
        ranked = sorted(by_key.items(), key=lambda item: -item[1])[:14]
        context.note(f"{title}: {event}: " + ", ".join(f"{key}: {number / count:.3f}" for key, number in ranked
                                                      if number / count >= 0.005))


def measure_pread(machine, device, what, size, count):
    """One read after the other from a small program."""
    machine.check(f"/disk/disk-read {device} {size} {count // 10} random", 300)
    before = exits()
    said = machine.check(f"/disk/disk-read {device} {size} {count} random", 300)
    taken = exits() - before
    return {(what, "us"): re.search(r"([\d.]+) us each", said)[1], (what, "exits"): f"{taken / count:.2f}"}


def measure(context, machine, device, jobs, title):
    """All rows of one disk."""
    machine.check("for list in pv ide virtio; do /disk/load $list; done")
    for _ in range(100):
        if machine.run(f"test -b {device}")[0] == 0:
            break
        machine.settle(0.1)
    machine.check("mount -t tmpfs shm /dev/shm 2> /dev/null || mkdir -p /dev/shm")
    figures = {}
    if jobs == 1:
        figures.update(measure_pread(machine, device, "4 KiB pread", 4096, 3000))
        figures.update(measure_pread(machine, device, "1 MiB pread", 1 << 20, 128))
    for what, words, short, long in WORK:
        for unit, value in measure_work(machine, device, words, jobs, short, long).items():
            figures[what, unit] = value
        counts = trace(machine, device, words, jobs, long, EVENTS + (DETAIL if os.environ.get("DETAIL") else []))
        if title == "xvda":
            figures[what, "requests a doorbell"] = f"{long / max(doorbells(counts), 1):.1f}"
        if os.environ.get("DETAIL"):
            note_detail(context, f"{title}, {what}", counts, long)
    smaps = pathlib.Path(f"/proc/{machine.process.pid}/smaps").read_text(encoding="ascii")
    _, beyond = guest_memory_kib(smaps, MEMORY * 1024)
    figures["resident beyond the guest's RAM", "MiB"] = f"{beyond / 1024:.1f}"
    return figures


def disk_machines(context, cpus):
    """(column, machine, device) of what is compared."""
    data = context.scratch / "data.raw"
    data.write_bytes(os.urandom(1 << 20) * IMAGE_MIB)
    start = ["-name", "disks,debug-threads=on", "-kernel", context.asset("vmlinuz"),
             "-initrd", joined(context, "xen-initrd", "disk-tools")]
    drive = f"file={data},format=raw,cache={os.environ.get('CACHE', 'writeback')}"
    drive += os.environ.get("DRIVE", "")
    options = {"cpus": cpus, "memory": MEMORY}
    xen = [*start, "-append", CONSOLE, "-drive", f"{drive},if=none,id=d",
           "-device", "xen-disk,drive=d,vdev=xvda" + os.environ.get("PROPERTIES", "")]
    ide = [*start, "-append", CONSOLE, "-drive", f"{drive},if=ide"]
    virtio = [*start, "-append", CONSOLE, "-drive", f"{drive},if=none,id=d", "-device", "virtio-blk-pci,drive=d"]
    wanted = os.environ.get("COLUMNS", "xvda,ide,virtio-blk").split(",")
    if "xvda" in wanted:
        yield "xvda", XenMachine(context, xen, socket=False, folder=context.results / "xvda", **options), "/dev/xvda"
    if "ide" in wanted:
        yield "IDE", Machine(context.binary, context.results / "ide", ide, **options), "/dev/sda"
    peer = binaries().get("peer")
    if peer and "virtio-blk" in wanted:
        yield "virtio-blk", Machine(peer, context.results / "virtio", virtio, **options), "/dev/vda"


def compare(context, cpus):
    """The rows of CPUS vCPUs."""
    figures = {}
    for column, machine, device in disk_machines(context, cpus):
        with kicks(), machine:
            machine.expect(r"guest: ready", 300)
            machine.expect("^xenolith# ", 90)
            for key, value in measure(context, machine, device, cpus, column).items():
                figures.setdefault(key, {})[column] = value
            machine.power_off()
    rows = [(f"{what}, {cpus} vCPU" + "s" * (cpus > 1), unit, values)
            for (what, unit), values in figures.items()]
    (context.results / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    for what, unit, values in rows:
        context.note(f"{what}: " + ", ".join(f"{name} {value} {unit}" for name, value in values.items()))
    return figures


@case(assets=NEEDED, cost=240, bench=True)
def test_disks_of_one_vcpu(context):
    """One vCPU, one queue: xvda, IDE and the peer's virtio-blk under the same work."""
    compare(context, 1)


@case(assets=NEEDED, cost=400, bench=True)
def test_disks_of_four_vcpus(context):
    """Four vCPUs, four queues, four jobs at once."""
    compare(context, 4)
