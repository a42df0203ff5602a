"""Drives one machine from a test: starts the binary, talks to the guest's serial console, waits for the end.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import os
import pathlib
import re
import selectors
import signal
import subprocess
import time

SCHEDULER = pathlib.Path("/sys/kernel/debug/sched")
# Names and values of the kernel's scheduler; the first ones are its own.
GRAINS = {
    "coarse": {"features": "NO_HRTICK", "min_granularity_ns": 3000000, "latency_ns": 6000000,
               "wakeup_granularity_ns": 1000000},
    "fine": {"features": "HRTICK", "min_granularity_ns": 500000, "latency_ns": 2000000,
             "wakeup_granularity_ns": 250000},
}
LOGIN = r"xenolith login: "
PROMPT = "xenolith# "
TAIL_LINES = 25


def set_grain(grain):
    """In the test host, whose one CPU runs all vCPUs: how soon another one gets its turn.

    A vCPU that waits for another one by spinning should not do so for a whole tick of 4 ms; with the fine
    grain four vCPUs boot nearly as fast as one.  With one vCPU it would only make more interrupts.
    """
    if os.environ.get("TESTHOST") and SCHEDULER.is_dir():
        for name, value in GRAINS[grain].items():
            (SCHEDULER / name).write_text(f"{value}\n", encoding="ascii")


class Grain:
    """The fine grain lasts as long as there is a machine that needs it: on a guest's way there are two of it."""

    users = 0

    @classmethod
    def take(cls):
        """One more machine with several vCPUs."""
        cls.users += 1
        set_grain("fine")

    @classmethod
    def drop(cls):
        """One less."""
        cls.users -= 1
        if cls.users == 0:
            set_grain("coarse")


class MachineError(AssertionError):
    """The machine did something else than the test expects; the message ends with the console's tail."""


class Machine:
    """A running machine with its first serial port on standard input and output.

    Use it as a context manager: what still runs at the end is killed.
    """

    def __init__(self, binary, folder, arguments, *, cpus=1, memory=256, cpu="host", serial="stdio"):
        self.cpus = cpus
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command = [
            binary, "-nodefaults", "-no-user-config", "-M", "pc", "-accel", "kvm,kernel-irqchip=split",
            "-cpu", cpu, "-smp", str(cpus), "-m", str(memory), "-display", "none", "-vga", "none",
            "-monitor", "none", "-serial", serial, *[str(argument) for argument in arguments]]
        self.text = ""
        self.taken = 0
        self.shown = 0
        self.process = None
        self.log = None
        self.errors = None

    def __enter__(self):
        if self.cpus > 1:
            Grain.take()
        number = len(list(self.folder.glob("console*.log")))
        self.log = open(self.folder / f"console{number}.log", "wb")
        self.errors = open(self.folder / f"stderr{number}.log", "w+b")
        (self.folder / f"command{number}").write_text(" ".join(self.command) + "\n")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.cpus > 1:
            Grain.drop()
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
        self.errors.close()

    def error_text(self):
        """What the process wrote on standard error."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def fail(self, what):
        """Raise MachineError with what the console and the process said last."""
        lines = self.text.splitlines()[-TAIL_LINES:]
        text = "\n".join(f"    | {line}" for line in lines)
        raise MachineError(f"{what}\n{text}\n    stderr: {self.error_text().strip() or '(nothing)'}")

    def _read(self, timeout):
        """Take what the console says within TIMEOUT seconds; False at its end."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                return True
        data = os.read(self.process.stdout.fileno(), 65536)
        self.log.write(data)
        self.log.flush()
        self.text += data.decode(errors="replace").replace("\r", "")
        if os.environ.get("VERBOSE"):
            self._show()
        return bool(data)

    def _show(self):
        """Print the lines that have become whole, with the host's time."""
        end = self.text.rfind("\n") + 1
        for line in self.text[self.shown:end].splitlines():
            print(f"  [{time.monotonic():8.2f}] {line}", flush=True)
        self.shown = max(end, self.shown)

    def expect(self, pattern, timeout=120):
        """Wait until the regular expression PATTERN shows in what was not yet taken; returns the match."""
        end = time.monotonic() + timeout
        compiled = re.compile(pattern, re.MULTILINE)
        while True:
            match = compiled.search(self.text, self.taken)
            if match:
                self.taken = match.end()
                return match
            left = end - time.monotonic()
            if left <= 0:
                self.fail(f"no '{pattern}' within {timeout} s")
            if not self._read(min(left, 10)):
                match = compiled.search(self.text, self.taken)
                if match:
                    continue
                self.fail(f"the console ended (status {self.process.wait()}) before '{pattern}'")

    def send(self, text):
        """Type TEXT on the console."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def login(self, timeout=120):
        """Wait for the login prompt and log in as root."""
        self.expect(LOGIN, timeout)
        self.enter_shell(timeout)

    def enter_shell(self, timeout=120):
        """Log in at the prompt that was just seen, into a plain shell without echo."""
        self.send("root\n")
        # The small system's shell comes up as needed; another one is replaced.
        if self.expect(f"({PROMPT})|# ", timeout)[1]:
            return
        self.send("exec env TERM=dumb sh\n")
        self.expect(r"# ", timeout)
        # The echoed command does not hold the prompt in one piece, so it is not taken for the prompt.
        self.send("stty -echo; PS1='xenolith''# '\n")
        self.expect(f"^{PROMPT}", timeout)

    def run(self, command, timeout=120):
        """Run COMMAND in the guest's shell; returns its status and output."""
        self.send(f"{command}; echo \"<<$?>>\"\n")
        start = self.taken
        match = self.expect(r"<<(\d+)>>\n", timeout)
        output = self.text[start:match.start()]
        self.expect(f"^{PROMPT}", timeout)
        return int(match[1]), output.strip()

    def check(self, command, timeout=120):
        """Run COMMAND in the guest, which must succeed; returns its output."""
        status, output = self.run(command, timeout)
        if status != 0:
            self.fail(f"'{command}' ended with status {status}")
        return output

    def wait(self, timeout=120):
        """Wait for the process to end by itself; returns its exit status."""
        end = time.monotonic() + timeout
        while self._read(1):
            if time.monotonic() > end:
                self.fail(f"the machine still runs after {timeout} s")
        try:
            return self.process.wait(max(1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.fail(f"the machine closed its console but still runs after {timeout} s")

    def power_off(self, timeout=120):
        """Have the guest switch the machine off by ACPI; its process must end with status 0."""
        self.send("poweroff\n")
        status = self.wait(timeout)
        if status != 0:
            self.fail(f"exit status {status} after power-off")

    def kill(self):
        """SIGKILL, as a crash of the process would be."""
        self._read(0)
        self.process.send_signal(signal.SIGKILL)
        while self._read(1):
            pass
        self.process.wait()

    def settle(self, seconds):
        """Let the guest go on for SECONDS while its console is read."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if not self._read(max(0.0, end - time.monotonic())):
                return


def exit_counters():
    """KVM's counters of this host, summed over all machines, by name (exits, io_exits, ...)."""
    counters = {}
    for path in pathlib.Path("/sys/kernel/debug/kvm").glob("*"):
        if path.is_file():
            try:
                counters[path.name] = int(path.read_text())
            except (ValueError, OSError):
                continue
    return counters
