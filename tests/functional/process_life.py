#!/usr/bin/python3
"""The life of the process: start in the background, pid file, log, terminal, signals, help texts, privileges.

Every case runs on the qtest accelerator and needs no KVM. Prints TAP. Arguments: the binary, and the source of the
manual page (whose options must be those of -help).

SPDX-License-Identifier: GPL-2.0-or-later
"""

import fcntl
import os
import pathlib
import pty
import re
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import traceback

TIME_LIMIT = 120
QTEST = ["-accel", "qtest", "-machine", "none", "-nodefaults"]


class Case:
    """What a test gets: the binary, the manual's source, and an empty folder."""

    def __init__(self, binary, manual, folder):
        self.binary, self.manual, self.folder = binary, manual, folder

    def run(self, *arguments, **options):
        """Run to the end; a CompletedProcess with text."""
        return subprocess.run([self.binary, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=TIME_LIMIT, check=False, **options)

    def start(self, *arguments, **options):
        """Start and leave running."""
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([self.binary, *arguments], **options)


def wait_until(condition, what):
    """Poll CONDITION."""
    end = time.monotonic() + TIME_LIMIT
    while not condition():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.01)


def alive(pid):
    """True while PID runs (a zombie does not)."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def end(process, number=signal.SIGTERM):
    """Send a signal; the exit status must be 0. What it said on stderr."""
    process.send_signal(number)
    errors = process.communicate(timeout=TIME_LIMIT)[1]
    assert process.returncode == 0, f"status {process.returncode}: {errors}"
    return (errors or b"").decode()


def test_daemon_is_up_when_its_parent_ends(case):
    """The pid file is written and the socket listens when the command returns; SIGTERM takes both down."""
    pidfile, path = case.folder / "pid", case.folder / "socket"
    done = case.run(*QTEST, "-daemonize", "-pidfile", str(pidfile),
                    "-chardev", f"socket,id=c,path={path},server=on,wait=off")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    pid = int(pidfile.read_text())
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        assert os.readlink(f"/proc/{pid}/cwd") == "/"
        assert {os.readlink(f"/proc/{pid}/fd/{n}") for n in range(3)} == {"/dev/null"}
        assert os.getsid(pid) == pid
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not alive(pid), "the daemon to end")
    assert not pidfile.exists()


def test_daemon_that_fails_says_so_and_returns_1(case):
    """The error comes on the caller's stderr, and nothing is left behind."""
    pidfile = case.folder / "pid"
    done = case.run(*QTEST, "-daemonize", "-pidfile", str(pidfile), "-device", "no-such-device")
    assert done.returncode == 1
    assert done.stderr == ("qemu-system-x86_64: -device no-such-device: 'no-such-device' is not a valid device "
                           "model name\n"), done.stderr
    assert not pidfile.exists()


def test_pidfile_is_locked(case):
    """A second process with the same pid file is refused; the first keeps its file."""
    pidfile = case.folder / "pid"
    first = case.start(*QTEST, "-pidfile", str(pidfile))
    wait_until(lambda: pidfile.exists() and pidfile.read_text(), "the pid file")
    assert int(pidfile.read_text()) == first.pid
    second = case.run(*QTEST, "-pidfile", str(pidfile))
    assert second.returncode == 1
    assert f"cannot create PID file: Cannot lock '{pidfile}'" in second.stderr, second.stderr
    assert int(pidfile.read_text()) == first.pid
    end(first)
    assert not pidfile.exists()


def test_stale_pidfile_is_taken_over(case):
    """A file that a killed process left is no obstacle."""
    pidfile = case.folder / "pid"
    pidfile.write_text("999999999\n")
    process = case.start(*QTEST, "-pidfile", str(pidfile))
    wait_until(lambda: pidfile.exists() and pidfile.read_text() == f"{process.pid}\n", "the pid file")
    end(process)


def test_signal_names_its_sender(case):
    """SIGTERM: one line with the signal, and who sent it."""
    pidfile = case.folder / "pid"
    process = case.start(*QTEST, "-pidfile", str(pidfile))
    wait_until(pidfile.exists, "the pid file")
    errors = end(process)
    assert re.fullmatch(rf"qemu-system-x86_64: terminating on signal 15 from pid {os.getpid()} \(.*\)\n", errors), errors


def test_messages_carry_time_and_guest_name(case):
    """-msg timestamp=on,guest-name=on."""
    done = case.run(*QTEST, "-name", "guest=one", "-msg", "timestamp=on,guest-name=on", "-device", "no-such-device")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z one qemu-system-x86_64: -device no-such-device: ", done.stderr), \
        done.stderr


def open_terminal():
    """A new terminal: the leader's descriptor and the name of the other side."""
    leader, terminal = pty.openpty()
    name = os.ttyname(terminal)
    os.close(terminal)
    return leader, name


def run_on_terminal(case, name, *arguments):
    """Start a shell that owns a terminal and in it the binary; the shell notes the terminal's mode before and after."""
    script = f'stty -g > {case.folder}/before; "$@"; echo $? > {case.folder}/status; stty -g > {case.folder}/after'
    terminal = os.open(name, os.O_RDWR | os.O_NOCTTY)
    shell = subprocess.Popen(["sh", "-c", script, "sh", case.binary, *arguments], stdin=terminal, stdout=terminal,
                             stderr=terminal, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
    os.close(terminal)
    return shell


def check_terminal(case, shell, status):
    """The mode is the one from before."""
    shell.wait(timeout=TIME_LIMIT)
    assert (case.folder / "status").read_text() == f"{status}\n"
    assert (case.folder / "after").read_text() == (case.folder / "before").read_text()


def test_terminal_is_restored_by_a_signal(case):
    """A back end on stdio puts the terminal into raw mode; SIGTERM puts it back."""
    leader, name = open_terminal()
    pidfile = case.folder / "pid"
    shell = run_on_terminal(case, name, *QTEST, "-qtest", "stdio", "-qtest-log", "none", "-pidfile", str(pidfile))
    wait_until(lambda: pidfile.exists() and pidfile.read_text(), "the pid file")
    wait_until(lambda: not termios.tcgetattr(leader)[3] & termios.ICANON, "raw mode")
    os.kill(int(pidfile.read_text()), signal.SIGTERM)
    check_terminal(case, shell, 0)
    os.close(leader)


def test_terminal_is_restored_by_an_error(case):
    """The same when start-up fails behind it."""
    leader, name = open_terminal()
    shell = run_on_terminal(case, name, *QTEST, "-serial", "mon:stdio", "-device", "no-such-device")
    check_terminal(case, shell, 1)
    os.close(leader)


def test_escape_keys_end_it(case):
    """Ctrl-a x on a shared terminal ends the process with status 0, and so with another escape character."""
    for escape, options in ((b"\x01", []), (b"\x14", ["-echr", "0x14"])):
        process = case.start("-accel", "qtest", "-machine", "pc", "-nographic", *options, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
        process.stdin.write(escape + b"x")
        process.stdin.flush()
        process.wait(timeout=TIME_LIMIT)
        assert process.returncode == 0, process.stderr.read()
        assert b"Terminated" in process.stdout.read() + process.stderr.read()


def test_log_file_gets_the_trace(case):
    """-D FILE with %d for the process id."""
    done = case.run(*QTEST, "-D", str(case.folder / "log.%d"), "-d", "unimp", "-device", "no-such-device")
    assert done.returncode == 1
    names = [path.name for path in case.folder.iterdir()]
    assert len(names) == 1 and re.fullmatch(r"log\.\d+", names[0]), names


def test_no_new_privileges(case):
    """-sandbox on,elevateprivileges=deny sets the kernel's flag."""
    pidfile = case.folder / "pid"
    process = case.start(*QTEST, "-sandbox", "on,elevateprivileges=deny", "-pidfile", str(pidfile),
                         "-qtest", f"unix:{case.folder}/q,server=on,wait=off")
    wait_until(lambda: "NoNewPrivs:\t1" in pathlib.Path(f"/proc/{process.pid}/status").read_text(), "NoNewPrivs")
    end(process)


def test_process_name(case):
    """-name process=."""
    process = case.start(*QTEST, "-name", "g,process=vm-one")
    wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/comm").read_text() == "vm-one\n", "the name")
    end(process)


def test_help_texts_end_with_status_0(case):
    """Each lists something on stdout, nothing on stderr."""
    for arguments in (["-h"], ["--help"], ["-version"], ["-machine", "help"], ["-M", "none,help"], ["-accel", "help"],
                      ["-cpu", "help"], ["-device", "help"], ["-chardev", "help"], ["-object", "help"], ["-d", "help"],
                      ["-trace", "help"], ["-L", "help"]):
        done = case.run(*arguments)
        assert done.returncode == 0 and not done.stderr and done.stdout, f"{arguments}: {done}"


def test_every_device_has_a_help_text(case):
    """-device X,help for each X of -device help: every line is NAME=<TYPE>."""
    names = re.findall(r'^name "([^"]+)"', case.run("-device", "help").stdout, re.MULTILINE)
    for name in names:
        done = case.run("-device", f"{name},help")
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and not done.stderr, f"{name}: {done}"
        assert lines[0] == f"{name} options:"
        for line in lines[1:]:
            assert re.match(r"  [A-Za-z0-9_-]+=<\w+>", line), f"{name}: {line}"


def test_version_has_the_number_that_tools_look_for(case):
    """libvirt's and others' pattern."""
    assert re.search(r"QEMU emulator version \d+\.\d+\.\d+", case.run("-version").stdout)


def test_manual_has_exactly_the_options_of_help(case):
    """An option without a word in the manual, or the reverse, fails."""
    in_help = set(re.findall(r"^-([A-Za-z][\w-]*)", case.run("-help").stdout, re.MULTILINE))
    in_manual = set()
    for heading in re.findall(r"^``-(.*)``$", case.manual.read_text(), re.MULTILINE):
        in_manual |= {part.split(" ")[0].lstrip("-") for part in heading.split("``, ``")}
    assert in_help - in_manual == set(), f"not in the manual: {sorted(in_help - in_manual)}"
    assert in_manual - in_help == set(), f"only in the manual: {sorted(in_manual - in_help)}"


def main():
    """Run every test_ function of this file."""
    binary, manual = sys.argv[1], pathlib.Path(sys.argv[2])
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="life-") as folder:
            try:
                test(Case(binary, manual, pathlib.Path(folder)))
                print(f"ok {number} - {name}", flush=True)
            except Exception:  # pylint: disable=broad-except
                print(f"not ok {number} - {name}", flush=True)
                print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
