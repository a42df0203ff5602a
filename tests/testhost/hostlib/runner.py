"""Runs jobs: in the test host, or directly on a machine whose KVM works.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import dataclasses
import os
import pathlib
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import cache, image, kernel

EMULATOR = "/usr/bin/qemu-system-x86_64"
RESULTS_SIZE = 4 << 30          # of a sparse file
# A host is stalled when it has said nothing for so much of its own CPU time, or for so much wall time:
# it says something each two counted seconds, which take up to half a minute of CPU time.
STALL_CPU_SECONDS = 75
STALL_SECONDS = 600
MARK = "testhost: "


class HostError(Exception):
    """The test host itself did not work (as against the job in it)."""


class Stalled(HostError):
    """The host went silent or died before the job ended."""


@dataclasses.dataclass
class Outcome:
    """How a run ended."""
    status: int
    results: pathlib.Path
    kind: str
    seconds: float
    stalled_runs: int = 0


class Console:
    """Takes the output of a run: all of it into a log, and what is no heartbeat to where it is shown."""

    def __init__(self, log, show):
        self.log = log
        self.show = show
        self.partial = b""
        self.up = False

    def take(self, data):
        """Take bytes as they come; whole lines are shown."""
        self.log.write(data)
        self.log.flush()
        *lines, self.partial = (self.partial + data).split(b"\n")
        for raw in lines:
            line = raw.decode(errors="replace").rstrip("\r")
            if line.startswith(f"{MARK}up"):
                self.up = True
            if line.startswith(f"{MARK}ended"):
                self.up = False
            if self.show and self.up and not line.startswith(MARK):
                self.show(line)


def print_line(line):
    """Show a line of a run on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def cpu_seconds(pid):
    """The CPU time that the process PID has used."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(process, console, timeout, silence):
    """Feed the console from PROCESS until it ends; SILENCE: whether it may say nothing for long."""
    started = heard = time.monotonic()
    used = 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now - started > timeout:
                raise TimeoutError(f"the run took more than {timeout:.0f} s")
            if not silence and (now - heard > STALL_SECONDS or
                                cpu_seconds(process.pid) - used > STALL_CPU_SECONDS):
                raise Stalled(f"the host has said nothing for {now - heard:.0f} s")
            if not selector.select(timeout=1):
                continue
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return
            heard = time.monotonic()
            used = cpu_seconds(process.pid)
            console.take(data)


def end(process):
    """End a run's process group, whatever it still does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def read_results(disk, folder):
    """Unpack the results disk into FOLDER; returns the job's exit status."""
    try:
        subprocess.run(["tar", "-xf", str(disk), "-C", str(folder)], check=True, capture_output=True)
        return int((folder / ".status").read_text())
    except (subprocess.CalledProcessError, OSError, ValueError) as error:
        raise Stalled(f"the host ended without results ({error})") from error


def emulator_command(initrd, disk, memory, quiet):
    """The command line of the test host."""
    append = ["console=ttyS0", "quiet", "loglevel=4", "panic=-1", "random.trust_cpu=on", "nmi_watchdog=0"]
    if quiet:
        # Measurements keep to the processor and the kernel as they come.
        append += ["testhost.quiet"]
        cpu = "max"
    else:
        # Without ERMS the kernels copy eight bytes an instruction, which the emulator does much faster.
        append += ["mitigations=off", "nokaslr", "audit=0"]
        cpu = "max,-erms,-fsrm"
    return ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", EMULATOR,
            "-nodefaults", "-no-user-config", "-no-reboot", "-M", "q35",
            "-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1",
            "-cpu", cpu, "-m", str(memory), "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel.current().vmlinuz), "-initrd", str(initrd), "-append", " ".join(append),
            "-drive", f"if=none,id=results,format=raw,cache=unsafe,file={disk}",
            "-device", "virtio-blk-pci,drive=results", *os.environ.get("TESTHOST_EXTRA", "").split()]


def run_once(job, variant, results, log, *, timeout, memory, quiet, show):
    """Start one test host for JOB; returns the job's exit status."""
    with tempfile.TemporaryDirectory(prefix="testhost-", dir=cache.cache_dir()) as work:
        initrd = pathlib.Path(work, "initrd")
        disk = pathlib.Path(work, "results.raw")
        with open(initrd, "wb") as stream, open(image.base(variant), "rb") as base:
            shutil.copyfileobj(base, stream, 1 << 22)
            job.write_archive(stream)
        with open(disk, "wb") as stream:
            stream.truncate(RESULTS_SIZE)
        # The archive is there twice while the kernel unpacks it, and the jobs copy their disks.
        memory = max(memory, 768 + 4 * initrd.stat().st_size // (1 << 20))
        command = emulator_command(initrd, disk, memory, quiet)
        with open(log, "ab") as stream:
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, start_new_session=True) as process:
                try:
                    watch(process, Console(stream, show), timeout, quiet)
                finally:
                    end(process)
        return read_results(disk, results)


def run_emulated(job, variant, results, log, again=True, **options):
    """Run JOB in a test host; one that stalls is run once more if AGAIN, else Stalled is raised."""
    started = time.monotonic()
    for attempt in (0, 1):
        try:
            status = run_once(job, variant, results, log, **options)
            return Outcome(status, results, f"test host ({variant})", time.monotonic() - started, attempt)
        except Stalled as error:
            cache.note(f"{error}; the log is {log}")
            if attempt or not again:
                raise
            shutil.rmtree(results, ignore_errors=True)
            results.mkdir(parents=True)
    raise AssertionError("not reached")


def run_direct(job, results, log, *, timeout, show, **_ignored):
    """Run JOB on this machine."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="direct-", dir=cache.cache_dir()) as work:
        job.lay_out(work)
        environment = {**os.environ, **job.variables, "JOB": work, "RESULTS": str(results)}
        with open(log, "ab") as stream:
            console = Console(stream, show)
            console.up = True
            with subprocess.Popen(job.command, cwd=work, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  start_new_session=True) as process:
                try:
                    watch(process, console, timeout, True)
                finally:
                    end(process)
            status = process.returncode
    return Outcome(status, results, "this machine", time.monotonic() - started)


def this_machine_works():
    """True when this machine's KVM is a hardware one (kvm_intel, kvm_amd) that really runs a guest."""
    if not any(os.path.isdir(f"/sys/module/{name}") for name in ("kvm_intel", "kvm_amd")):
        return False
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.TemporaryDirectory(prefix="kvm-probe-") as work:
        probe = pathlib.Path(work, "kvm-probe")
        image.build_static(image.HERE / "kvm-probe.c", probe)
        try:
            return subprocess.run([str(probe)], timeout=20, capture_output=True,
                                  check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def run(job, variant, results, log, *, where="auto", timeout=900, memory=2048, quiet=False,
        again=True, show=print_line):
    """Run JOB and return its Outcome.

    WHERE: "direct", "emulated", or "auto" for direct where this machine's KVM works.  TIMEOUT in seconds
    of wall time.  MEMORY in MiB, the least that the host gets.  QUIET leaves out the host's heartbeats,
    for measurements.  AGAIN: a host that stalls is run once more.  SHOW gets each line the job prints.
    """
    results = pathlib.Path(results)
    results.mkdir(parents=True, exist_ok=True)
    options = {"timeout": timeout, "memory": memory, "quiet": quiet, "again": again,
               "show": show}
    if where == "direct" or (where == "auto" and this_machine_works()):
        return run_direct(job, results, log, **options)
    return run_emulated(job, variant, results, log, **options)
