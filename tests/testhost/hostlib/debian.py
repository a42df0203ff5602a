"""Debian packages: which version apt would install, and their contents unpacked in the cache.

Nothing is installed on the machine: packages are fetched with `apt-get download` and unpacked with
`dpkg-deb -x`.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import functools
import re
import subprocess

from . import cache


class PackageError(Exception):
    """A package that apt does not know or could not fetch."""


def _run(command, **kwargs):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True, **kwargs).stdout
    except FileNotFoundError as error:
        raise PackageError(f"{command[0]} is not there: a Debian system is needed") from error
    except subprocess.CalledProcessError as error:
        raise PackageError(f"{' '.join(command)}: {error.stderr.strip()}") from error


@functools.lru_cache(maxsize=None)
def record(name):
    """The fields of the candidate version of the package NAME, as a dictionary."""
    text = _run(["apt-cache", "show", "--no-all-versions", name])
    if not text.strip():
        raise PackageError(f"apt knows no package {name}; `apt-get update` may be needed")
    fields = {}
    for line in text.split("\n\n")[0].splitlines():
        match = re.match(r"([A-Za-z0-9-]+): (.*)", line)
        if match:
            fields[match[1]] = match[2]
    return fields


def version(name):
    """The version of the package NAME that apt would install."""
    return record(name)["Version"]


def unpack(name, wanted, folder):
    """Fetch version WANTED of the package NAME and unpack it into FOLDER."""
    store = cache.cache_dir() / "packages"
    with cache.locked("packages"):
        store.mkdir(exist_ok=True)
        # apt writes the ':' of an epoch as %3a in file names.
        stem = f"{name}_{wanted.replace(':', '%3a')}_"
        found = sorted(store.glob(f"{stem}*.deb"))
        if not found:
            _run(["apt-get", "-q", "download", f"{name}={wanted}"], cwd=store)
            found = sorted(store.glob(f"{stem}*.deb"))
        if not found:
            raise PackageError(f"apt-get download {name}={wanted} left no file")
    _run(["dpkg-deb", "-x", str(found[0]), str(folder)])
    for old in store.glob(f"{name}_*.deb"):
        if not old.name.startswith(stem):
            old.unlink()


def suite():
    """The name of the Debian release this machine runs (bookworm)."""
    for line in open("/etc/os-release", encoding="utf-8"):
        name, _, value = line.strip().partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    raise PackageError("/etc/os-release names no release")
