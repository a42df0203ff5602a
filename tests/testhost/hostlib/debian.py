"""Debian packages: which version apt would install, and their contents unpacked in the cache.

Nothing is installed on the machine: packages are fetched with `apt-get download` and unpacked with
`dpkg-deb -x`.  Packages of another architecture come by a state of apt's own in the cache folder, with the
machine's sources and keys, so that the machine's own dpkg and apt never hear of that architecture.

SPDX-License-Identifier: GPL-2.0-or-later
"""

import functools
import pathlib
import re
import subprocess

from . import cache


# Where a machine names the Debian archive; the first that is there.  Other vendors' sources are not asked.
SOURCES = ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")


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
def native():
    """The machine's own architecture."""
    return _run(["dpkg", "--print-architecture"]).strip()


@functools.lru_cache(maxsize=None)
def _options(architecture):
    """What makes apt look at packages of ARCHITECTURE; brings its lists up to date where they are older
    than the machine's own."""
    if architecture == native():
        return []
    state = cache.cache_dir() / f"apt-{architecture}"
    sources = next((path for path in SOURCES if pathlib.Path(path).exists()), None)
    if not sources:
        raise PackageError("no sources of Debian packages are configured")
    settings = [f"APT::Architecture={architecture}", f"APT::Architectures::={architecture}",
                f"Dir::State={state}", "Dir::State::status=/dev/null", f"Dir::Cache={state}/cache",
                f"Dir::Etc::sourcelist={sources}", "Dir::Etc::SourceParts=/dev/null"]
    options = [word for setting in settings for word in ("-o", setting)]
    with cache.locked(f"apt-{architecture}"):
        for name in ("lists/partial", "cache/archives/partial"):
            (state / name).mkdir(parents=True, exist_ok=True)
        stamp = state / "updated"
        own = pathlib.Path("/var/lib/apt/lists")
        if not stamp.exists() or stamp.stat().st_mtime < own.stat().st_mtime:
            cache.note(f"updating the package lists of {architecture}")
            # One list that cannot be had leaves the others; what is missing shows when it is asked for.
            subprocess.run(["apt-get", "-qq", *options, "update"], capture_output=True, check=False)
            stamp.touch()
    return options


@functools.lru_cache(maxsize=None)
def record(name, architecture=None):
    """The fields of the candidate version of the package NAME, as a dictionary."""
    options = _options(architecture or native())
    text = _run(["apt-cache", *options, "show", "--no-all-versions", name])
    if not text.strip():
        raise PackageError(f"apt knows no package {name}; `apt-get update` may be needed")
    fields = {}
    for line in text.split("\n\n")[0].splitlines():
        match = re.match(r"([A-Za-z0-9-]+): (.*)", line)
        if match:
            fields[match[1]] = match[2]
    return fields


def version(name, architecture=None):
    """The version of the package NAME that apt would install."""
    return record(name, architecture)["Version"]


def unpack(name, wanted, folder, architecture=None):
    """Fetch version WANTED of the package NAME and unpack it into FOLDER."""
    store = cache.cache_dir() / "packages"
    kind = record(name, architecture)["Architecture"]
    # apt writes the ':' of an epoch as %3a in file names.
    path = store / f"{name}_{wanted.replace(':', '%3a')}_{kind}.deb"
    with cache.locked("packages"):
        store.mkdir(exist_ok=True)
        if not path.exists():
            _run(["apt-get", "-q", *_options(architecture or native()), "download", f"{name}={wanted}"],
                 cwd=store)
        if not path.exists():
            raise PackageError(f"apt-get download {name}={wanted} left no file")
    _run(["dpkg-deb", "-x", str(path), str(folder)])
    for old in store.glob(f"{name}_*_{kind}.deb"):
        if old != path:
            old.unlink()


def suite():
    """The name of the Debian release this machine runs (bookworm)."""
    for line in open("/etc/os-release", encoding="utf-8"):
        name, _, value = line.strip().partition("=")
        if name == "VERSION_CODENAME":
            return value.strip('"')
    raise PackageError("/etc/os-release names no release")
