"""Stores by the name that programs pass as the path of a socket."""

from __future__ import annotations

import os
import stat
import time
from typing import NamedTuple, Optional

import plasma
from plasma.client import Client

_RETRIES, _PAUSE = 80, 0.1
_MAGIC = "plasma-store-link 1"


class Named(NamedTuple):
    """The content of a file that names a store, beside the store's path."""

    capacity: Optional[int] = None
    """The capacity that was asked for; that of the store may be larger."""
    spill: Optional[str] = None
    """The directory of evicted objects."""


def opened(name: str, retries: int) -> tuple[Client, Named]:
    """A client of the store with a name, and what the file there says."""
    left = _RETRIES if retries < 0 else retries
    while True:
        # As of a socket, the name is a path, except a word that is no file here.
        path = os.path.abspath(name) if "/" in name or os.path.lexists(name) else name
        try:
            return plasma.connect(path, create=False), named(path)
        except (plasma.StoreNotFoundError, plasma.StoreGoneError, plasma.NotAStoreError) as error:
            # The server that was started a moment ago may replace another file.
            left -= 1
            if left < 0:
                hint = "; it is the socket of another server" if _is_socket(path) else ""
                raise OSError(f"Could not connect to socket {name}: {error}{hint}") from None
        time.sleep(_PAUSE)


def named(path: str) -> Named:
    """The content of the file at a path, if it names a store."""
    try:
        with open(path, encoding="utf-8") as file:
            first, _, *facts = file.read(4096).splitlines()
    except (OSError, ValueError):
        return Named()
    if first != _MAGIC:
        return Named()
    words: dict[str, str] = {}
    for fact in facts:
        word, _, value = fact.partition(" ")
        words[word] = value
    capacity = words.get("capacity", "")
    return Named(int(capacity) if capacity.isdigit() else None, words.get("spill"))


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False
