"""What the monitors' tests share: a machine under the qtest accelerator with QMP sockets, and the loop over the cases.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from qmp_client import TIME_LIMIT, Client, QmpError, connect

NONE = ["-accel", "qtest", "-machine", "none", "-nodefaults"]
PC = ["-accel", "qtest", "-machine", "pc", "-m", "64", "-nodefaults", "-S"]
MEBIBYTE = 1 << 20


class Machine:
    """A process with QMP sockets, and a qtest socket if asked for."""

    def __init__(self, case, *arguments, qtest=False, client=True, sockets=1):
        self.paths = [case.folder / f"qmp{number}" for number in range(sockets)]
        options = [word for path in self.paths for word in ("-qmp", f"unix:{path},server=on,wait=off")]
        if qtest:
            options += ["-qtest", f"unix:{case.folder}/qtest,server=on,wait=off", "-qtest-log", "none"]
        self.process = subprocess.Popen([case.binary, *arguments, *options], stdin=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        case.machines.append(self)
        wait_until(lambda: self.paths[-1].exists() or self.process.poll() is not None, "the socket")
        assert self.process.poll() is None, self.process.stderr.read()
        self.qmp = self.connect() if client else None
        if qtest:
            self.ports = connect(f"{case.folder}/qtest")
            self.lines = self.ports.makefile("r")

    def connect(self, number=0, **options):
        """A client of one of the sockets; each serves one at a time."""
        return Client(self.paths[number], **options)

    def qtest(self, line):
        """A command of the qtest socket; the words of its answer."""
        self.ports.sendall(line.encode() + b"\n")
        answer = self.lines.readline().split()
        assert answer[0] == "OK", (line, answer)
        return answer[1:]

    def wait(self):
        """The process ends by itself; its exit status."""
        return self.process.wait(timeout=TIME_LIMIT)

    def end(self):
        """SIGTERM, if it still runs; the status is 0 then."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=TIME_LIMIT)
            assert self.process.returncode == 0, self.process.stderr.read()


class Case:
    """What a test gets."""

    def __init__(self, binary, folder):
        self.binary, self.folder, self.machines = binary, folder, []

    def start(self, *arguments, **options):
        """A machine that ends with the test."""
        return Machine(self, *arguments, **options)

    def image(self, name="disk.raw", size=MEBIBYTE):
        """A sparse file."""
        path = self.folder / name
        with open(path, "wb") as image:
            image.truncate(size)
        return str(path)


def wait_until(condition, what):
    """Poll CONDITION."""
    end = time.monotonic() + TIME_LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


def expect_error(call, kind, pattern):
    """CALL fails with this class and a text that matches."""
    try:
        result = call()
    except QmpError as error:
        assert error.kind == kind and re.search(pattern, error.text), f"{error} instead of {kind}: {pattern}"
        return
    raise AssertionError(f"{result!r} instead of {kind}: {pattern}")


def main(module):
    """Run every test_ function of a file."""
    binary, patterns = sys.argv[1], sys.argv[2:]
    sys.setrecursionlimit(10000)
    tests = [(name, value) for name, value in module.items()
             if name.startswith("test_") and (not patterns or any(pattern in name for pattern in patterns))]
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="qmp-") as folder:
            case = Case(binary, pathlib.Path(folder))
            try:
                test(case)
                for machine in case.machines:
                    machine.end()
                print(f"ok {number} - {name}", flush=True)
            except Exception:  # pylint: disable=broad-except
                print(f"not ok {number} - {name}", flush=True)
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
            finally:
                for machine in case.machines:
                    if machine.process.poll() is None:
                        machine.process.kill()
                    machine.process.wait()
    return 0
