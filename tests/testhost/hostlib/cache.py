"""A cache folder outside the source tree, where everything that is slow to make is kept.

Every entry is a folder named after what it is and a key made from all that went into it, so that a
new kernel package or a changed recipe makes a new entry.  An entry is built under a lock in a folder
of another name and renamed when it is whole: a build that was cut off leaves nothing behind that
could be taken for a result.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import sys
import time

KEEP_UNUSED_DAYS = 30


def note(text):
    """Say on standard error what is being made; everything here can take a minute."""
    print(f"testhost: {text}", file=sys.stderr, flush=True)


def cache_dir():
    """The cache folder: $XENOLITH_CACHE, or xenolith under the user's cache folder."""
    chosen = os.environ.get("XENOLITH_CACHE")
    if not chosen:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        chosen = os.path.join(base, "xenolith")
    path = pathlib.Path(chosen).absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name):
    """Hold the lock file NAME of the cache; a second process waits for the first one's result."""
    with open(cache_dir() / f"{name}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def digest(*parts):
    """A short key from texts, bytes and files (a file counts with its contents)."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, pathlib.Path):
            data = part.read_bytes()
        elif isinstance(part, bytes):
            data = part
        else:
            data = str(part).encode()
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()[:16]


def entry(name, key, build):
    """The cache folder NAME-KEY, made by BUILD(folder) if it is not there yet."""
    final = cache_dir() / f"{name}-{key}"
    if not final.is_dir():
        with locked(name):
            if not final.is_dir():
                started = time.monotonic()
                note(f"making {name} ({key})")
                partial = cache_dir() / f".{name}-{key}.{os.getpid()}"
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    build(partial)
                    partial.rename(final)
                except BaseException:
                    shutil.rmtree(partial, ignore_errors=True)
                    raise
                note(f"made {name} in {time.monotonic() - started:.0f} s")
    os.utime(final)
    return final


def remove_stale():
    """Delete entries nobody has asked for in a month, and leavings of builds that were cut off."""
    limit = time.time() - KEEP_UNUSED_DAYS * 86400
    day = time.time() - 86400
    for path in cache_dir().iterdir():
        if path.is_dir() and path.stat().st_mtime < (day if path.name[0] == "." else limit):
            shutil.rmtree(path, ignore_errors=True)
