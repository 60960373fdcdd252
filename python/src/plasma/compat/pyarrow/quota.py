"""The limit of `set_client_options`: a client evicts its own objects when they exceed it."""

from __future__ import annotations

from contextlib import suppress

from plasma.client import Client
from plasma.compat.pyarrow.errors import PlasmaStoreFull
from plasma.errors import NotFoundError, PlasmaError
from plasma.infos import State

SHARE = 0.7
"""The part of a store that a limit may have, as in the original."""


class Quota:
    """The objects that a client made since it has a limit. Those in use do not count."""

    def __init__(self, client: Client, limit: int) -> None:
        self._client = client
        self._limit = limit
        self._own: dict[bytes, int] = {}
        """Their sizes, the oldest first; some may be gone."""
        self._used = 0

    def admit(self, key: bytes, size: int) -> None:
        """Make room for an object, which is counted; an exception if it is beyond the limit."""
        if size > self._limit:
            raise PlasmaStoreFull("object does not fit in the quota of this client")
        if self._used + size > self._limit:
            self._evict(size)
        self._own[key] = size
        self._used += size

    def _evict(self, size: int) -> None:
        idle = [key for key in list(self._own) if self._is_idle(key)]
        self._used = sum(self._own[key] for key in idle)
        for key in idle:
            if self._used + size <= self._limit:
                return
            with suppress(PlasmaError):  # another client was faster
                self._client.delete(key)
            self._used -= self._own.pop(key)

    def _is_idle(self, key: bytes) -> bool:
        try:
            info = self._client.info(key)
        except NotFoundError:
            del self._own[key]
            return False
        return info.state is State.SEALED and not info.lease_count
