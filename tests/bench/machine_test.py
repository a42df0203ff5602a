"""The figures of the machine beside its peer's: start, boot, memory, disk reads.

Each case measures the binary under test and, in the same host, the peer ($PEER), and leaves its rows as
JSON.  In the test host the clock counts executed instructions (1 ns each), so microseconds are thousands of
instructions of host, machine and guest together.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import json
import os
import pathlib
import re
import resource
import subprocess
import time

from harness import case
from vmm import Machine, exit_counters

MEMORY = 256
STARTS = 5
POLL_SECONDS = 0.02
# A firmware image of 64 KiB: its first instructions end the machine through isa-debug-exit.
FIRST_INSTRUCTION = bytes([0xB0, 0x10, 0xE6, 0xF4, 0xF4])   # mov $0x10,%al; out %al,$0xf4; hlt
EXIT_STATUS = 0x10 << 1 | 1


def binaries():
    """The binary under test and the peer, by the names of the table's columns."""
    found = {"xenolith": os.environ["BINARY"]}
    if os.environ.get("PEER"):
        found["peer"] = os.environ["PEER"]
    return found


def record(context, rows):
    """Leave rows of the table: (what, unit, {column: value})."""
    (context.results / "rows.json").write_text(json.dumps(rows), encoding="utf-8")
    for what, unit, values in rows:
        context.note(f"{what}: " + ", ".join(f"{name} {value} {unit}" for name, value in values.items()))


def vary(context, measure):
    """Measure each binary; returns {figure: {column: value}}."""
    figures = {}
    for column, binary in binaries().items():
        for figure, value in measure(context, column, binary).items():
            figures.setdefault(figure, {})[column] = value
    return figures


def start_once(context, binary, firmware):
    """One start to the first guest instruction; CPU milliseconds and elapsed milliseconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [binary, "-nodefaults", "-no-user-config", "-M", "pc", "-accel", "kvm,kernel-irqchip=split",
               "-cpu", "host", "-m", str(MEMORY), "-display", "none", "-vga", "none", "-bios", firmware,
               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False,
                            capture_output=True).returncode
    elapsed = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert status == EXIT_STATUS, f"{context.name}: {binary} ended with status {status}"
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used * 1000, elapsed * 1000


@case(cost=40, bench=True)
def test_start_to_first_guest_instruction(context):
    """CPU time of the process from exec to its end at the guest's first instruction, the median of five."""
    firmware = context.scratch / "first.bin"
    rom = bytearray(65536)
    rom[0xFFF0:0xFFF0 + len(FIRST_INSTRUCTION)] = FIRST_INSTRUCTION
    firmware.write_bytes(rom)

    def measure(context, _, binary):
        runs = sorted(start_once(context, binary, firmware) for _ in range(STARTS))
        used, elapsed = runs[len(runs) // 2]
        return {"used": f"{used:.1f}", "elapsed": f"{elapsed:.1f}"}

    figures = vary(context, measure)
    record(context, [("process start to first guest instruction, CPU time", "ms", figures["used"]),
                     ("process start to first guest instruction, elapsed", "ms", figures["elapsed"])])


def guest_memory_kib(text, memory_kib):
    """Resident KiB of the guest's RAM and of everything else, from /proc/PID/smaps.

    The guest's RAM is the run of adjoining mappings of one backing whose size is the RAM's.
    """
    runs = []
    for line in text.splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (\d+) *(.*)", line)
        if match:
            start, end = int(match[1], 16), int(match[2], 16)
            backing = (match[3], match[4])
            if not runs or runs[-1]["end"] != start or runs[-1]["backing"] != backing:
                runs.append({"backing": backing, "size": 0, "rss": 0, "end": start})
            runs[-1]["end"] = end
            runs[-1]["size"] += (end - start) // 1024
        elif line.startswith("Rss:"):
            runs[-1]["rss"] += int(line.split()[1])
    ram = min((run for run in runs if run["size"] >= memory_kib), key=lambda run: run["size"])
    return ram["rss"], sum(run["rss"] for run in runs) - ram["rss"]


@case(assets=["vmlinuz", "initrd"], cost=120, bench=True)
def test_kernel_boot_to_init(context):
    """-kernel: process start to the guest's init, its exits, and resident memory beyond the guest's RAM."""
    arguments = ["-kernel", context.asset("vmlinuz"), "-initrd", context.asset("initrd"),
                 "-append", "console=ttyS0 quiet panic=-1 guest.modules=none root=/dev/none"]

    def measure(context, column, binary):
        console = context.scratch / f"console-{column}"
        before = exit_counters()
        started = time.monotonic()
        with Machine(binary, context.results / column, arguments, memory=MEMORY,
                     serial=f"file:{console}") as machine:
            # The console goes to a file and is looked at now and then: to read along would cost the one
            # CPU as much as the machine itself.
            while not console.exists() or b"init reached" not in console.read_bytes():
                assert time.monotonic() - started < 300, "the guest did not come to its init"
                time.sleep(POLL_SECONDS)
            seconds = time.monotonic() - started
            after = exit_counters()
            smaps = pathlib.Path(f"/proc/{machine.process.pid}/smaps").read_text(encoding="ascii")
        _, beyond = guest_memory_kib(smaps, MEMORY * 1024)
        exits = {name: after.get(name, 0) - before.get(name, 0)
                 for name in ("exits", "io_exits", "mmio_exits")}
        return {"seconds": f"{seconds:.2f}", "exits": exits["exits"], "io": exits["io_exits"],
                "mmio": exits["mmio_exits"], "beyond": f"{beyond / 1024:.1f}"}

    figures = vary(context, measure)
    record(context, [("process start to init, -kernel", "s", figures["seconds"]),
                     ("process start to init, -kernel", "exits", figures["exits"]),
                     ("of them port I/O", "exits", figures["io"]),
                     ("of them MMIO", "exits", figures["mmio"]),
                     ("resident memory beyond the guest's RAM", "MiB", figures["beyond"])])


def read_figures(machine, size, count, mode=""):
    """Microseconds and exits of one read on the second IDE disk."""
    machine.check(f"disk-read /dev/sdb {size} {max(1, count // 10)} {mode}", 300)
    before = exit_counters()
    said = machine.check(f"disk-read /dev/sdb {size} {count} {mode}", 300)
    after = exit_counters()
    each = re.search(r"([\d.]+) us each", said)[1]
    return each, f"{(after.get('exits', 0) - before.get('exits', 0)) / count:.2f}"


@case(assets=["small.raw"], cost=180, bench=True)
def test_ide_disk_reads(context):
    """Direct reads from the emulated IDE disk, one at a time, the image in memory."""
    def measure(context, column, binary):
        disk = context.copy("small.raw")
        data = context.scratch / "data.raw"
        data.write_bytes(os.urandom(1 << 20) * 32)
        arguments = ["-drive", f"file={disk},format=raw,if=ide,index=0",
                     "-drive", f"file={data},format=raw,if=ide,index=1"]
        with Machine(binary, context.results / column, arguments, memory=MEMORY) as machine:
            machine.login(300)
            small, small_exits = read_figures(machine, 4096, 1000, "random")
            large, large_exits = read_figures(machine, 1 << 20, 64)
            machine.power_off()
        return {"small": small, "small_exits": small_exits, "large": large, "large_exits": large_exits}

    figures = vary(context, measure)
    record(context, [("emulated IDE, 4 KiB read", "us", figures["small"]),
                     ("emulated IDE, 4 KiB read", "exits", figures["small_exits"]),
                     ("emulated IDE, 1 MiB read", "us", figures["large"]),
                     ("emulated IDE, 1 MiB read", "exits", figures["large_exits"])])
