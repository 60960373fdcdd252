"""``python -m plasma``: versions, places, and a trial of a store."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from typing import Optional

import plasma
from plasma import _library, _native
from plasma.sizes import readable

OTHERS = ("cffi", "numpy", "pandas", "pyarrow")


def versions() -> Iterator[tuple[str, str]]:
    """The packages that are installed here, and their places."""
    yield "plasma", f"{plasma.__version__}, {os.path.dirname(plasma.__file__)}"
    yield "library", _library.path
    yield "extension", str(_native.__file__)
    yield "Python", f"{platform.python_version()}, {sys.executable}"
    yield "system", f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}"
    for name in OTHERS:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield name, "not installed"


def room() -> Iterator[tuple[str, str]]:
    """The memory that stores can have."""
    found = os.statvfs("/dev/shm")
    total, free = found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize
    yield "/dev/shm", f"{readable(free)} free of {readable(total)}"
    yield "address", os.environ.get("PLASMA_STORE", "default (PLASMA_STORE is not set)")


def about(address: plasma.Address) -> Iterator[tuple[str, str]]:
    """Facts about one store."""
    try:
        with plasma.connect(address, create=False, read_only=True) as client:
            yield "store", client.address
            stats = client.stats()
            yield "room", f"{readable(stats.used)} used of {readable(stats.capacity)}"
            yield "objects", f"{stats.objects_sealed} of at most {stats.max_objects}"
            yield "clients", str(stats.clients - 1)
    except plasma.StoreNotFoundError:
        yield "store", "none there; the first client makes it"
    except plasma.PlasmaError as error:
        yield "store", f"{type(error).__name__}: {error}"


def doctor() -> Iterator[tuple[str, str]]:
    """Tries a store of its own; raises what goes wrong."""
    with plasma.connect(f"doctor-{os.getpid()}", ephemeral=True, capacity="1M") as client:
        key = client.put({"bytes": bytearray(1000)}, name="it")
        assert client.get_object("it") == {"bytes": bytearray(1000)}
        client.delete(key)
    yield "doctor", "a store was made, used and removed"


def main(arguments: Optional[list[str]] = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m plasma", description=__doc__)
    parser.add_argument("store", nargs="?", help="a store to describe: a word or a path")
    given = parser.parse_args(arguments)
    for part in (versions(), room(), about(given.store), doctor()):
        try:
            for what, fact in part:
                print(f"{what:10} {fact}")
        except BrokenPipeError:
            # The reader has read enough; a flush of the buffer at exit would fail.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except (plasma.PlasmaError, OSError) as error:
            print(f"{'failure':10} {type(error).__name__}: {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
