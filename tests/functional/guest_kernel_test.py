"""The guest kernels of tests/guest: each checks one behaviour of the Xen ABI from inside, in a 64- and a 32-bit build.

A case for each kernel; its runs stand in its runs.ini (tests/guest/README.md), and those that take long are a case of
--full.  With --environment BITS=64 (or 32) only that build runs; with SAMPLE=yes a kernel's first run alone.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import configparser
import dataclasses
import os
import pathlib
import re
import resource
import shlex
import time

from harness import case
from xen_guest import XenMachine

HERE = pathlib.Path(__file__).resolve().parent
ASSET = "guest-kernels"
WELL = 33
SANITIZERS = re.compile(r"^.*(?:runtime error:|ERROR: \w+Sanitizer).*(?:\n.*){0,12}", re.MULTILINE)
COST_OF_A_RUN = 4
TIME_LIMIT = 60
SHOWN_LINES = 40


@dataclasses.dataclass
class Run:
    """One run of one build of a kernel."""
    kernel: str
    name: str
    bits: int
    options: configparser.SectionProxy

    @property
    def label(self):
        """Its name in messages."""
        return f"{self.kernel}-{self.bits} [{self.name}]"

    def yes(self, key, fallback):
        """A yes or no of the run."""
        return self.options.getboolean(key, fallback)

    def append(self):
        """The kernel's command line."""
        return self.options.get("append", "").replace("{now}", str(int(time.time())))

    def arguments(self, elf):
        """The machine's arguments."""
        arguments = ["-kernel", elf, "-append", self.append(), "-debugcon", "stdio", "-device",
                     "isa-debug-exit,iobase=0xf4,iosize=4", *shlex.split(self.options.get("args", ""))]
        return arguments if self.yes("reboot", False) else ["-no-reboot", *arguments]

    def machine(self, context, elf):
        """The machine, not yet started."""
        cpu = ",".join(filter(None, ("host", self.options.get("cpu", ""))))
        common = {"cpus": self.options.getint("cpus", 1), "memory": self.options.getint("memory", 64), "cpu": cpu,
                  "serial": "none"}
        if not self.yes("xen", True):
            return context.machine(self.arguments(elf), **common)
        accel = self.options.get("accel", "")
        return XenMachine(context, self.arguments(elf), version=int(self.options.get("version", "0x4000a"), 0),
                          accel=f",{accel}" if accel else "", socket=False, **common)


def kernels():
    """Where the kernels' runs.ini are: beside this folder, or with the kernels that were brought along."""
    sources = {path.parent.name: path.parent / "runs.ini" for path in (HERE.parent / "guest").glob("*/main.c")}
    brought = pathlib.Path(os.environ.get("JOB", "."), "assets", ASSET)
    return sources or {path.stem: path for path in brought.glob("*.ini")}


def runs(kernel, path, full):
    """The runs of KERNEL, short ones or FULL ones."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(path.read_text(encoding="ascii") if path.exists() else "[plain]\n")
    found = [Run(kernel, name, int(bits), parser[name]) for name in parser.sections()
             if parser[name].getboolean("full", False) == full
             for bits in parser[name].get("bits", "64 32").split() if bits in os.environ.get("BITS", bits)]
    return found[:1] if os.environ.get("SAMPLE") == "yes" else found


def tap_faults(text):
    """What is wrong with the kernel's TAP; empty when nothing is."""
    faults = re.findall(r"^not ok .*(?:\n#  .*)*", text, re.MULTILINE)
    faults += re.findall(r"^Bail out!.*", text, re.MULTILINE)
    return faults


def plan_faults(text):
    """Whether as many results came as the plan says."""
    # A kernel that resets the machine starts to count anew.
    text = text[[0, *(match.start() for match in re.finditer(r"^(?:not )?ok 1 ", text, re.MULTILINE))][-1]:]
    plan = re.search(r"^1\.\.(\d+)$", text, re.MULTILINE)
    count = len(re.findall(r"^(?:not )?ok \d+", text, re.MULTILINE))
    if not plan:
        return ["no plan: the kernel did not reach its end"]
    return [] if int(plan[1]) == count else [f"{count} results, but the plan says {plan[1]}"]


def processor_seconds():
    """Processor time of all processes that have ended and were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def faults_of(run, context, elf):
    """Do one run; returns a text for each fault."""
    before = processor_seconds()
    with run.machine(context, elf) as machine:
        status = machine.wait(run.options.getint("time-limit", TIME_LIMIT))
        text, errors = machine.text, machine.error_text()
    used = processor_seconds() - before
    faults = tap_faults(text) + SANITIZERS.findall(errors)
    if run.yes("tap", True):
        faults += plan_faults(text)
    wanted = run.options.getint("status", WELL)
    if status != wanted and (not faults or wanted != WELL):
        faults.append(f"exit status {status}, not {wanted}")
    if run.options.get("errors") and not re.search(run.options["errors"], errors):
        faults.append(f"standard error does not say '{run.options['errors']}': {errors.strip()}")
    limit = run.options.getfloat("cpu-time", None)
    if limit and used > limit:
        faults.append(f"{used:.1f} s of processor time, more than {limit:g}")
    if faults and not re.search(r"^1\.\.", text, re.MULTILINE):
        faults += [f"  | {line}" for line in text.splitlines()[-5:]]
        faults += [f"  stderr: {line}" for line in errors.splitlines()[-5:]]
    for reason in re.findall(r"^ok \d+ - (.* # SKIP .*)$", text, re.MULTILINE):
        context.note(f"{run.label}: {reason}")
    return faults


def run_all(context, wanted):
    """Do all runs, then tell what was wrong with any of them."""
    said = []
    for run in wanted:
        try:
            faults = faults_of(run, context, context.asset(ASSET) / f"{run.kernel}-{run.bits}.elf")
        except AssertionError as error:
            faults = str(error).splitlines()
        said += [f"{run.label}: {line}" for fault in faults for line in fault.splitlines()]
    assert not said, "\n".join(said[:SHOWN_LINES])


def register(kernel, path, full):
    """The case of one kernel's runs, if it has any."""
    wanted = runs(kernel, path, full)
    if not wanted:
        return

    def test(context):
        run_all(context, wanted)

    test.__name__ = f"test_{kernel}" + ("_long" if full else "")
    test.__doc__ = f"tests/guest/{kernel}."
    cost = sum(run.options.getint("time-limit", COST_OF_A_RUN) for run in wanted)
    case(assets=[ASSET], cost=cost, full=full)(test)


for kernel_name, runs_path in sorted(kernels().items()):
    for is_full in (False, True):
        register(kernel_name, runs_path, is_full)
