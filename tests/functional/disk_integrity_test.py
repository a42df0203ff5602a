"""What the guest wrote is on the image: after a clean end, and after the process was killed.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import re
import subprocess

from harness import SMALL_SYSTEM, case

SEED = 4711
RAW_SIZE = 48 << 20


def run_tool(context, *arguments):
    """Run disk-verify on the host; returns status and output."""
    result = subprocess.run([context.tool("disk-verify"), *[str(argument) for argument in arguments]],
                            capture_output=True, text=True, check=False)
    return result.returncode, result.stdout.strip()


def write_and_verify(context, seconds, mode=""):
    """The guest writes for SECONDS (of its clock) and reads back; the host checks every sector."""
    raw = context.file("raw.img", RAW_SIZE)
    arguments = [*context.small_system(), "-drive", f"file={raw},format=raw,if=ide,index=1"]
    with context.machine(arguments) as machine:
        machine.login(300)
        said = machine.check(f"disk-verify write /dev/sdb {SEED} {RAW_SIZE} {seconds} {mode} | tail -n 1",
                             seconds * 20 + 300)
        written = int(re.search(r"written (\d+)", said)[1])
        assert machine.check("dmesg | grep -c -E 'ata[0-9].*(exception|failed|error)' || true") == "0"
        machine.power_off()
    assert written >= 32, f"only {written} writes"
    status, said = run_tool(context, "check", raw, SEED, RAW_SIZE, written, written)
    assert status == 0, said
    context.note(f"{written} writes, {said}")


@case(assets=[*SMALL_SYSTEM, "guest-tools"], cost=45)
def test_direct_writes_are_on_the_image_after_power_off(context):
    """A short run of the write-and-verify load, past the guest's page cache."""
    write_and_verify(context, 3)


@case(assets=[*SMALL_SYSTEM, "guest-tools"], cost=900, full=True)
def test_sixty_seconds_of_direct_writes_are_on_the_image(context):
    """The same for 60 s of the guest's clock."""
    write_and_verify(context, 60)


@case(assets=[*SMALL_SYSTEM, "guest-tools"], cost=900, full=True)
def test_sixty_seconds_of_buffered_writes_are_on_the_image(context):
    """The same through the guest's page cache, with its large merged requests."""
    write_and_verify(context, 60, "buffered")


@case(assets=[*SMALL_SYSTEM, "guest-tools", "empty.ext4", "program:/usr/sbin/e2fsck",
              "program:/usr/sbin/debugfs"], cost=50)
def test_synced_data_survives_sigkill_of_the_process(context):
    """Killed under write: the file system recovers clean, every synced block and file is there."""
    ext4 = context.copy("empty.ext4")
    raw = context.file("raw.img", RAW_SIZE)
    arguments = [*context.small_system(),
                 "-drive", f"file={ext4},format=raw,if=ide,index=1",
                 "-drive", f"file={raw},format=raw,if=ide,index=2"]
    with context.machine(arguments) as machine:
        machine.login(300)
        machine.check("mount -t ext4 /dev/sdb /mnt")
        machine.send(f"disk-verify write /dev/sdc {SEED} {RAW_SIZE} 600 & "
                     f"disk-verify files /mnt {SEED} 2000 600\n")
        machine.expect(r"\bsynced file 40\n", 300)
        machine.expect(r"\bsynced \d\d\d+\n", 300)
        machine.kill()
        said = machine.text
    # A last line that was cut off does not count: its number is followed by a line end when it is whole.
    files = max(int(number) for number in re.findall(r"\bsynced file (\d+)\n", said))
    blocks = max(int(number) for number in re.findall(r"\bsynced (\d+)\n", said))

    status, said = run_tool(context, "check", raw, SEED, RAW_SIZE, blocks)
    assert status == 0, f"of {blocks} synced writes: {said}"
    context.note(f"{blocks} synced writes, {said}")

    # The first pass replays the journal, as the next mount would; the second must find nothing.
    subprocess.run(["/usr/sbin/e2fsck", "-p", str(ext4)], capture_output=True, check=False)
    result = subprocess.run(["/usr/sbin/e2fsck", "-fn", str(ext4)], capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stdout
    found = context.scratch / "found"
    found.mkdir()
    subprocess.run(["/usr/sbin/debugfs", "-R", f"rdump / {found}", str(ext4)], capture_output=True,
                   check=True)
    status, said = run_tool(context, "check-files", found, SEED, files)
    assert status == 0, f"of {files} synced files: {said}"
    context.note(f"{files} synced files, {said}")


@case(assets=[*SMALL_SYSTEM, "guest-tools"], cost=40)
def test_sigterm_ends_the_process_cleanly_with_the_image_flushed(context):
    """SIGTERM under write: the process ends by itself, what was synced is there."""
    raw = context.file("raw.img", RAW_SIZE)
    arguments = [*context.small_system(), "-drive", f"file={raw},format=raw,if=ide,index=1"]
    with context.machine(arguments) as machine:
        machine.login(300)
        machine.send(f"disk-verify write /dev/sdb {SEED} {RAW_SIZE} 600\n")
        machine.expect(r"\bsynced \d\d+\n", 300)
        machine.process.terminate()
        status = machine.wait(60)
        said = machine.text
    assert status == 0, f"exit status {status}"
    blocks = max(int(number) for number in re.findall(r"\bsynced (\d+)\n", said))
    status, said = run_tool(context, "check", raw, SEED, RAW_SIZE, blocks)
    assert status == 0, f"of {blocks} synced writes: {said}"
