"""Linux's floppy driver: it finds the controller and a drive, reads, writes, and says that a diskette is protected.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import hashlib
import random
import re

from harness import case
from xen_guest import joined

SIZE = 1440 << 10
TRACK = 18 * 512


def make_diskette(context):
    """A diskette full of bytes that do not repeat."""
    path = context.scratch / "diskette"
    path.write_bytes(random.Random(1440).randbytes(SIZE))
    return path


def run_driver(context, drive):
    """What the guest's job said, by name."""
    arguments = ["-kernel", context.asset("vmlinuz"), "-initrd", joined(context, "initrd", "floppy-job"), "-append",
                 "console=ttyS0 panic=-1 guest.modules=none", "-drive", drive]
    with context.machine(arguments, memory=256) as machine:
        machine.expect(r"guest: job ended with status 0", 400)
        status = machine.wait()
        said = dict(re.findall(r"^floppy: (\w+) ?(.*?)\r?$", machine.text, re.MULTILINE))
    assert status == 0, f"exit status {status}"
    return said


@case(assets=["vmlinuz", "initrd", "floppy-job"], cost=60)
def test_linux_reads_and_writes_a_diskette(context):
    """All of it is read as it is; two tracks written by the guest lie in the image, and nothing else has changed."""
    path = make_diskette(context)
    before = path.read_bytes()
    said = run_driver(context, f"file={path},if=floppy,format=raw")
    assert said["size"] == str(SIZE), said
    assert said["read"] == hashlib.md5(before).hexdigest(), said
    assert said["written"] == "0", said
    after = path.read_bytes()
    assert after[100 * TRACK:102 * TRACK] == before[:2 * TRACK]
    assert after[:100 * TRACK] + after[102 * TRACK:] == before[:100 * TRACK] + before[102 * TRACK:]


@case(assets=["vmlinuz", "initrd", "floppy-job"], cost=60, full=True)
def test_linux_does_not_write_to_a_protected_diskette(context):
    """readonly=on: reading goes on, writing is refused."""
    path = make_diskette(context)
    before = path.read_bytes()
    said = run_driver(context, f"file={path},if=floppy,format=raw,readonly=on")
    assert said["read"] == hashlib.md5(before).hexdigest(), said
    assert said["written"] != "0", said
    assert path.read_bytes() == before
