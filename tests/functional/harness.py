"""What a functional test is, and how it is found and run.

A test is a function test_* in a file *_test.py with the decorator `case`; its name states the behaviour it
guards.  It runs inside a host (the test host, or this machine directly) with a Context.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import dataclasses
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import time
import traceback
import typing

from vmm import Machine

HERE = pathlib.Path(__file__).resolve().parent
MARK = "@@"
# What Context.small_system needs.
SMALL_SYSTEM = ("small.raw", "vmlinuz", "initrd")


class Skip(Exception):
    """Raised by a test that cannot be run here; the text says why."""


@dataclasses.dataclass
class Case:
    """A test with what it needs."""
    name: str
    function: typing.Callable
    assets: tuple
    cost: int           # wall seconds in the test host, for sharing the tests among hosts
    full: bool
    bench: bool


CASES = []


def case(*, assets=(), cost=30, full=False, bench=False):
    """Decorator: a test that needs ASSETS (see assets.py) and takes about COST seconds in the test host.

    FULL: run only with --full.  BENCH: a measurement, run only by the benchmarks.
    """

    def register(function):
        name = f"{function.__module__.removesuffix('_test')}.{function.__name__.removeprefix('test_')}"
        CASES.append(Case(name, function, tuple(assets), cost, full, bench))
        return function

    return register


def load(folder=HERE):
    """Find all cases of FOLDER."""
    for path in sorted(pathlib.Path(folder).glob("*_test.py")):
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        importlib.import_module(path.stem)
    return CASES


class Context:
    """What a running test works with."""

    def __init__(self, name):
        self.name = name
        self.binary = os.environ["BINARY"]
        self.job = pathlib.Path(os.environ["JOB"])
        self.results = pathlib.Path(os.environ["RESULTS"], name)
        self.results.mkdir(parents=True, exist_ok=True)
        self.scratch = pathlib.Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp",
                                    f"xenolith-{os.getpid()}-{name}")
        self.scratch.mkdir()
        self.notes = []

    def asset(self, name):
        """The path of an asset; not to be written to."""
        return self.job / "assets" / name

    def copy(self, name):
        """A copy of an asset of this test's own."""
        target = self.scratch / name
        subprocess.run(["cp", str(self.asset(name)), str(target)], check=True)
        return target

    def tool(self, name):
        """A guest tool that runs on the host too."""
        return str(self.job / "assets" / "guest-tools" / name)

    def file(self, name, size):
        """An empty (sparse) image of SIZE bytes."""
        path = self.scratch / name
        with open(path, "wb") as stream:
            stream.truncate(size)
        return path

    def machine(self, arguments, **options):
        """A machine of the binary under test; see vmm.Machine."""
        return Machine(self.binary, self.results, arguments, **options)

    def small_system(self):
        """Arguments that start the small system's kernel directly: for tests that are not about booting.

        Needs the assets SMALL_SYSTEM.  The system's disk is the first IDE disk, /dev/sda in the guest.
        """
        disk = self.copy("small.raw")
        return ["-kernel", self.asset("vmlinuz"), "-initrd", self.asset("initrd"), "-append",
                "root=LABEL=xenolith-root ro console=ttyS0,115200 quiet panic=-1",
                "-drive", f"file={disk},format=raw,if=ide,index=0"]

    def note(self, text):
        """A line that is shown beside the result."""
        self.notes.append(text)

    def close(self):
        """Remove what the test wrote."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def say(*words):
    """A line to the side that started this host."""
    print(MARK, *words, flush=True)


def run_case(entry):
    """Run one case and tell how it ended."""
    say("start", entry.name)
    started = time.monotonic()
    context = Context(entry.name)
    try:
        entry.function(context)
    except Skip as reason:
        say("skip", entry.name, str(reason))
        return
    except Exception as error:  # pylint: disable=broad-except
        detail = str(error) if isinstance(error, AssertionError) and str(error) else traceback.format_exc()
        for line in detail.splitlines():
            print(f"  {line}", flush=True)
        if isinstance(error, AssertionError):
            frame = traceback.extract_tb(error.__traceback__)[-1]
            for entry_frame in traceback.extract_tb(error.__traceback__):
                if entry_frame.filename.endswith("_test.py"):
                    frame = entry_frame
            print(f"  at {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}", flush=True)
        say("fail", entry.name, f"{time.monotonic() - started:.1f}")
        return
    finally:
        context.close()
    for text in context.notes:
        print(f"  {text}", flush=True)
    say("pass", entry.name, f"{time.monotonic() - started:.1f}")


def main(arguments):
    """Inside the host: run the cases of a folder by their names, in their order."""
    folder, *names = arguments
    known = {entry.name: entry for entry in load(folder)}
    for name in names:
        run_case(known[name])


if __name__ == "__main__":
    # The test files import this module by name, so the cases register there.
    import harness
    harness.main(sys.argv[1:])
