"""Guests that go from one process to the next, through files and live, and from one kind of host to the other.

On a host whose KVM has Xen support, xen-assist=user makes a machine of the other kind.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import collections
import itertools
import time

from qmp_client import Client
from xen_guest import kernel_hosts_xen

# Seconds of the test host's counted clock.
TIME_LIMIT = 300


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
        self.seconds = collections.Counter()
        self.since = time.monotonic()

    def timed(self, what):
        """What came to its end now took that long."""
        now = time.monotonic()
        self.seconds[what] += now - self.since
        self.since = now

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
        self.timed("elsewhere")
        self.qmp.execute("migrate-set-capabilities", capabilities=[{"capability": "events", "state": True}])
        self.qmp.execute("migrate", uri=uri)
        status = "setup"
        while status not in ("completed", "failed", "cancelled"):
            status = self.qmp.wait_event("MIGRATION", TIME_LIMIT)["data"]["status"]
        info = self.qmp.execute("query-migrate")
        self.timed("sent")
        if status != "completed":
            self.machine.fail(f"migration {status}: {info}")
        self.qmp.execute("quit")
        self.qmp.close()
        if self.machine.wait() != 0:
            self.machine.fail("the source did not end well")
        self.text += self.machine.text
        self.machine.__exit__()
        self.timed("ended")
        return info

    def _arrived(self, machine, path):
        self.machine, self.qmp = machine, Client(path)
        self.timed("started")
        self.machine.wait_for("the guest to run", self._runs, TIME_LIMIT, 0.02)
        self.timed("arrived")
        return self.machine

    def _runs(self):
        return self.qmp.execute("query-status")["status"] == "running"

    def save(self, path):
        """Into the file PATH; the guest is nowhere then."""
        info = self._leave(f"file:{path}")
        self.machine = self.qmp = None
        return info

    def restore(self, path, kind):
        """A guest that was saved goes on, this one or another one that went on already; the file stays."""
        return self._arrived(*self._start(kind, "-incoming", f"file:{path}"))

    def kill(self):
        """What runs is done with."""
        self.qmp.close()
        self.machine.__exit__()
        self.machine = self.qmp = None

    def save_and_restore(self, kind):
        """Through a file, with no process in between."""
        path = self.context.scratch / "saved"
        self.save(path)
        machine = self.restore(path, kind)
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
        spent = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in self.seconds.items())
        self.context.note(f"{text}; {spent}; downtimes {self.downtimes} ms" if self.downtimes else text)
