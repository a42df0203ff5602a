"""Errors of the host's storage: what the guest gets of them under each policy, what QMP tells, and what goes on.

A disk for each policy, all in one guest, over bad sectors, a full file system and a file that is cut.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import contextlib
import os

from harness import case
from host_faults import BadSectors, SmallFileSystem, load_mapper
from qmp_client import Client
from vmm import PROMPT
from xen_disks import DISKLESS, Writer, complaints, diskless, load_drivers

MIB = 1 << 20
SIZE = 4 * MIB
ASSETS = (*DISKLESS, "guest-tools", "mapper-modules")
# Where all bad sectors are: 64 KiB from 1 MiB on.
BAD = MIB
BAD_SIZE = 64 << 10
NO_SPACE, IO_ERROR = "No space left on device", "Input/output error"


class Faulty:
    """A machine with faulty disks, and its QMP connection.

    Disks have the names of their roles; KIND says which devices they are.
    """

    def __init__(self, context, kind):
        self.context, self.kind = context, kind
        self.stack = contextlib.ExitStack()
        self.arguments, self.names, self.bad = [], {}, {}
        self.socket = context.scratch / "qmp"
        self.machine = self.client = None

    def disk(self, role, path, options):
        """Add PATH as the next disk of the guest."""
        number = len(self.names)
        letter = "abcdefgh"[number]
        self.names[role] = ("xvd" if self.kind == "pv" else "sd") + letter
        place = f"bus=ide.{number // 2},unit={number % 2}"
        device = f"xen-disk,vdev=xvd{letter}" if self.kind == "pv" else f"ide-hd,{place}"
        self.arguments += ["-drive", f"file={path},format=raw,if=none,id={role},node-name={role}-node{options}",
                           "-device", f"{device},drive={role}"]

    def bad_disk(self, role, options):
        """The same with a disk that can have bad sectors."""
        self.bad[role] = self.stack.enter_context(BadSectors(role, self.context.file(f"{role}.raw", SIZE)))
        self.disk(role, self.bad[role].path, options)

    def __enter__(self):
        append = "" if self.kind == "pv" else "xen_emul_unplug=never"
        arguments = [*self.arguments, "-qmp", f"unix:{self.socket},server=on,wait=off"]
        self.machine = self.stack.enter_context(diskless(self.context, arguments, append))
        self.client = Client(self.socket)
        self.machine.expect_shell(300)
        load_drivers(self.machine, self.kind)
        for name in self.names.values():
            self.machine.check(f"(for i in $(seq 100); do [ -b /dev/{name} ] && exit; sleep 0.1; done; false)")
        return self

    def __exit__(self, *words):
        return self.stack.__exit__(*words)

    # ---- the guest's side ----

    def write_words(self, role, start, source="/tmp/pattern", mib=0.0625):
        """A command that writes and flushes 64 KiB (or MIB) from byte START."""
        return (f"dd if={source} of=/dev/{self.names[role]} bs=4096 count={int(mib * 256)} seek={start // 4096} "
                "conv=fsync 2> /dev/null")

    def read_words(self, role, start):
        """A command that compares 64 KiB from byte START with the pattern, not from the guest's memory."""
        return (f"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{self.names[role]} bs=4096 count=16 "
                f"skip={start // 4096} 2> /dev/null | cmp - /tmp/pattern")

    def must(self, command, good=True):
        """COMMAND succeeds in the guest, or it does not."""
        status, said = self.machine.run(command, 300)
        assert (status == 0) == good, f"'{command}': status {status}: {said}"

    # ---- the host's side ----

    def error(self, role, operation, action, reason, nospace):
        """The next error that QMP tells is this one; NOSPACE None: that is not told."""
        data = self.client.wait_event("BLOCK_IO_ERROR", 300)["data"]
        wanted = {"device": role, "node-name": f"{role}-node", "operation": operation, "action": action,
                  "reason": reason}
        assert {name: data.get(name) for name in wanted} == wanted, (data, wanted)
        assert data.get("nospace") == nospace, data

    def io_status(self, role):
        """What query-block says of a disk, None where it says nothing."""
        return next(drive for drive in self.client.run("query-block") if drive["device"] == role).get("io-status")

    def forget(self):
        """The events up to now do not matter."""
        self.client.run("query-status")
        self.client.take_events()

    def stops(self, role, command, operation, reason, status, cure):
        """COMMAND's error stops the machine; after CURE and cont it succeeds as though there had been none."""
        self.machine.send(f"{command}; echo \"<<$?>>\"\n")
        self.error(role, operation, "stop", reason, reason == NO_SPACE)
        self.client.wait_event("STOP", 300)
        state = self.client.run("query-status")
        assert state["status"] == "io-error" and not state["running"], state
        assert self.io_status(role) == status, self.io_status(role)
        start = len(self.machine.text)
        self.machine.settle(0.5)
        assert "<<" not in self.machine.text[start:], self.machine.text[start:]
        # Not cured, it stops again at once.
        self.forget()
        self.client.run("cont")
        self.error(role, operation, "stop", reason, reason == NO_SPACE)
        self.client.wait_event("STOP", 300)
        cure()
        self.client.run("cont")
        self.client.wait_event("RESUME", 300)
        self.machine.expect(r"<<0>>\n", 300)
        self.machine.expect(f"^{PROMPT}", 300)
        assert self.io_status(role) == "ok"
        self.forget()


def check_no_space(faulty, small):
    """Default policy on a full file system: the machine waits for space."""
    faulty.machine.check("dd if=/dev/urandom of=/tmp/large bs=64k count=32 2> /dev/null")
    faulty.stops("full", faulty.write_words("full", BAD, "/tmp/large", 2), "write", NO_SPACE, "nospace",
                 lambda: small.grow(2 * SIZE))
    faulty.must(f"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{faulty.names['full']} bs=4096 count=512 "
                f"skip={BAD // 4096} 2> /dev/null | cmp - /tmp/large")


def check_stop(faulty):
    """rerror=stop, werror=stop: a read and a write wait until the sectors are good again."""
    bad = faulty.bad["stop"]
    bad.set_bad(BAD, BAD_SIZE)
    faulty.stops("stop", faulty.write_words("stop", BAD), "write", IO_ERROR, "failed", bad.set_bad)
    bad.set_bad(BAD, BAD_SIZE)
    faulty.stops("stop", faulty.read_words("stop", BAD), "read", IO_ERROR, "failed", bad.set_bad)


def check_report(faulty):
    """werror=report: the guest is told; what is not bad can be read and written."""
    faulty.must(faulty.write_words("report", BAD))
    faulty.bad["report"].set_bad(BAD, BAD_SIZE)
    faulty.must(faulty.read_words("report", BAD), False)
    faulty.error("report", "read", "report", IO_ERROR, None)
    faulty.forget()
    faulty.must(faulty.write_words("report", BAD), False)
    faulty.error("report", "write", "report", IO_ERROR, None)
    assert faulty.io_status("report") is None
    faulty.must(faulty.write_words("report", 2 * MIB))
    faulty.must(faulty.read_words("report", 2 * MIB))
    faulty.bad["report"].set_bad()
    faulty.must(faulty.read_words("report", BAD))
    faulty.forget()


def check_cut(faulty, path):
    """A file that becomes shorter: reading beyond its end is an error that the default policy reports."""
    faulty.must(faulty.write_words("cut", BAD))
    faulty.must(faulty.write_words("cut", 3 * MIB))
    os.truncate(path, 2 * MIB)
    faulty.must(faulty.read_words("cut", 3 * MIB), False)
    faulty.error("cut", "read", "report", IO_ERROR, False)
    assert faulty.io_status("cut") == "ok"
    faulty.must(faulty.read_words("cut", BAD))
    faulty.must(faulty.write_words("cut", 3 * MIB))
    faulty.must(faulty.read_words("cut", 3 * MIB))
    faulty.forget()


def check_ignore(faulty):
    """werror=ignore, rerror=ignore: the guest goes on without its data, and QMP tells."""
    faulty.bad["ignore"].set_bad(BAD, BAD_SIZE)
    faulty.must(faulty.write_words("ignore", BAD))
    faulty.error("ignore", "write", "ignore", IO_ERROR, None)
    faulty.forget()
    faulty.must(f"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/{faulty.names['ignore']} of=/dev/null bs=4096 count=16 "
                f"skip={BAD // 4096} 2> /dev/null")
    faulty.error("ignore", "read", "ignore", IO_ERROR, None)
    faulty.bad["ignore"].set_bad()
    faulty.must(faulty.read_words("ignore", BAD), False)
    faulty.forget()


def check_flush(faulty):
    """Sectors that turn out bad when the host's cache is flushed: that flush fails, and so does each later write.

    Linux's xen-blkfront keeps the first failure to itself, for the writes before that flush.
    """
    faulty.bad["flush"].set_bad(BAD, BAD_SIZE)
    if faulty.kind == "pv":
        faulty.machine.run(faulty.write_words("flush", BAD))
    else:
        faulty.must(faulty.write_words("flush", BAD), False)
    faulty.error("flush", "write", "report", IO_ERROR, False)
    faulty.bad["flush"].set_bad()
    # The host has dropped what it could not write, so nothing after it is safe either.
    faulty.must(faulty.write_words("flush", 2 * MIB), False)
    faulty.forget()


def add_disks(faulty, roles, small):
    """A disk for each of ROLES."""
    direct = ",cache=none"
    for role in roles:
        if role == "full":
            small.path.joinpath("image").touch()
            os.truncate(small.path / "image", SIZE)
            faulty.disk(role, small.path / "image", "")
        elif role in ("cut", "good"):
            faulty.disk(role, faulty.context.file(f"{role}.raw", SIZE), "")
        else:
            policies = "" if role == "flush" else f"{direct},werror={role},rerror={role}"
            faulty.bad_disk(role, policies)


def run_roles(context, kind, roles):
    """One guest with ROLES; another disk of it is written and verified all the while."""
    load_mapper(context.asset("mapper-modules"))
    faulty = Faulty(context, kind)
    small = faulty.stack.enter_context(SmallFileSystem(context.scratch / "small", MIB))
    add_disks(faulty, roles, small)
    writer = Writer(context, SIZE, "/disk/disk-verify")
    with faulty:
        machine = faulty.machine
        machine.check("dd if=/dev/urandom of=/tmp/pattern bs=4096 count=16 2> /dev/null")
        before = complaints(machine)
        checks = {"full": lambda: check_no_space(faulty, small), "stop": lambda: check_stop(faulty),
                  "report": lambda: check_report(faulty), "ignore": lambda: check_ignore(faulty),
                  "cut": lambda: check_cut(faulty, context.scratch / "cut.raw"), "flush": lambda: check_flush(faulty)}
        silent = [role for role in roles if role in ("full", "stop", "ignore")]
        for role in [*silent, *[role for role in roles if role in checks and role not in silent]]:
            if role == silent[0] and "good" in roles:
                writer.begin(machine, faulty.names["good"], 0.5)
            checks[role]()
            if role == silent[-1]:
                # The guest saw nothing of these.
                assert complaints(machine) == before, complaints(machine)
        if "good" in roles:
            writer.end(machine)
            writer.check_in_guest(machine, faulty.names["good"])
        assert faulty.client.run("query-status")["running"]
        if kind == "pv":
            # What could not be flushed is told by the process's end too.
            machine.send("poweroff\n")
            assert machine.wait(300) == (1 if "flush" in roles else 0), machine.error_text()
    if "good" in roles:
        writer.check_on_host(context.scratch / "good.raw")


@case(assets=ASSETS, cost=60)
def test_host_errors_follow_the_policies_of_pv_disks(context):
    """No space, bad sectors with report and stop, a cut file; a further disk is verified meanwhile."""
    run_roles(context, "pv", ("full", "stop", "report", "cut", "good"))


@case(assets=ASSETS, cost=60, full=True)
def test_host_errors_that_are_ignored_or_come_late_on_pv_disks(context):
    """werror=ignore and rerror=ignore; a write that the host's cache loses."""
    run_roles(context, "pv", ("ignore", "flush", "good"))


@case(assets=ASSETS, cost=90, full=True)
def test_host_errors_follow_the_policies_of_ide_disks(context):
    """The same by IDE: no space, bad sectors with report and stop, a cut file."""
    run_roles(context, "ide", ("full", "stop", "report", "cut"))


@case(assets=ASSETS, cost=90, full=True)
def test_host_errors_that_are_ignored_or_come_late_on_ide_disks(context):
    """werror=ignore and rerror=ignore by IDE; a write that the host's cache loses; the other disk is verified."""
    run_roles(context, "ide", ("ignore", "flush", "good"))
