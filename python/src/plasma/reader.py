"""The methods of a client that get objects."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal, Optional, cast, overload

from plasma._library import ffi, lib
from plasma.buffers import Buffer
from plasma.connection import Connection
from plasma.errors import AbortedError, NotFoundError, NotSealedError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.events import Events, EventType
from plasma.ids import SIZE, Key, ObjectID, as_id
from plasma.infos import State, object_id
from plasma.options import encoded_text
from plasma.times import Seconds, seconds


class Reader:
    """Part of `plasma.Client`."""

    _connection: Connection

    def get(self, key: Key, timeout: Seconds = None) -> Buffer:
        """Get an object by id or name, and wait until it is sealed.

        With timeout 0 it raises NotFoundError (a KeyError) if there is no such object, and
        NotSealedError if the object is being written. Otherwise it raises TimeoutError, or
        AbortedError if the creator dies during the wait.
        """
        connection = self._connection
        if timeout is None:
            got = connection.get(key, 0, Buffer)
            if got.__class__ is not int:
                return got  # type: ignore[return-value]
        return connection.run(lambda ms: connection.get(key, ms, Buffer), seconds(timeout), key)

    @overload
    def get_many(
        self,
        keys: Iterable[Key],
        timeout: Seconds = None,
        *,
        on_missing: Literal["raise"] = "raise",
    ) -> list[Buffer]: ...

    @overload
    def get_many(
        self, keys: Iterable[Key], timeout: Seconds = None, *, on_missing: Literal["none"]
    ) -> list[Optional[Buffer]]: ...

    def get_many(
        self, keys: Iterable[Key], timeout: Seconds = None, *, on_missing: str = "raise"
    ) -> Any:
        """Get many objects with one deadline, and wait until all are sealed.

        A key may be given more than once; each buffer has a lease of its own. If one of the objects
        cannot be had, the exception names it; with ``on_missing="none"`` the list has None in the
        places of those that do not exist, or are not sealed in time.
        """
        if on_missing not in ("raise", "none"):
            raise ValueError(f'on_missing is "raise" or "none", not {on_missing!r}')
        connection, wanted = self._connection, list(keys)
        if on_missing == "none":
            return self._get_those_there(wanted, seconds(timeout))
        failed = len(wanted)

        def attempt(ms: int) -> Any:
            nonlocal failed
            got = connection.get_many(wanted, ms, Buffer)
            if isinstance(got, tuple):
                status, failed = got
                return status
            return got

        got = attempt(0)
        if isinstance(got, list):
            return cast(Any, got)
        plain = seconds(timeout)
        end = None if plain is None else time.monotonic() + plain

        def left() -> Optional[float]:
            # 0 would not wait, which gives other exceptions.
            return plain if not plain else max(0.001, cast(float, end) - time.monotonic())

        # A name that does not exist has no id to wait for. These buffers keep the objects.
        names = [key for key in wanted if isinstance(key, str)] if plain != 0 else []
        held = [self.get(name, left()) for name in names]
        try:
            return connection.run(
                attempt, left(), lambda: wanted[failed] if failed < len(wanted) else None
            )
        finally:
            del held

    def _get_those_there(self, wanted: list[Key], timeout: Optional[float]) -> Any:
        if timeout != 0 and wanted:
            with suppress(AbortedError):
                self.wait(wanted, timeout=timeout)
        found: list[Optional[Buffer]] = []
        for key in wanted:
            try:
                found.append(self.get(key, 0))
            except (NotFoundError, NotSealedError, AbortedError):
                found.append(None)
        return found

    def wait(
        self, keys: Sequence[Key], count: Optional[int] = None, timeout: Seconds = None
    ) -> tuple[list[Key], list[Key]]:
        """Wait until `count` (None: all) of the objects are sealed, without getting them.

        Returns the sealed ones and the others, like ``select``; after a timeout fewer are sealed.
        A name may be one that no object has yet.
        """
        if count is not None and not 0 < count <= len(keys):
            raise ValueError(f"count is {count}, of {len(keys)} objects")
        plain = seconds(timeout)
        try:
            ids = [self.find(key) for key in keys]
        except NotFoundError:
            return self._wait_for_names(keys, len(keys) if count is None else count, plain)
        array = id_array(ids)
        ready, ready_count = ffi.new("uint8_t[]", len(keys)), ffi.new("size_t *")
        connection = self._connection

        def attempt(ms: int) -> int:
            status: int = connection._call(
                lib.plasma_wait, connection.pointer, array, len(keys), count or 0, ms, ready,
                ready_count,
            )  # fmt: skip
            return status

        with suppress(PlasmaTimeoutError):
            connection.run(attempt, plain)
        return split(keys, {key for key, is_ready in zip(keys, ready) if is_ready})

    def _wait_for_names(
        self, keys: Sequence[Key], count: int, timeout: Optional[float]
    ) -> tuple[list[Key], list[Key]]:
        """As `wait`, by the events of the store, because no id is known for a name that no object
        has."""
        end = None if timeout is None else time.monotonic() + timeout
        wanted = list(keys)
        with Events(self._connection) as events:
            while True:
                sealed = set(self._connection.sealed_of(wanted))
                rest = [key for key in wanted if key not in sealed]
                sealed.update(key for key in rest if self.state(key) is State.FAILED)
                there = sum(key in sealed for key in keys)
                left = None if end is None else end - time.monotonic()
                if there >= count or (left is not None and left <= 0):
                    return split(keys, sealed)
                try:
                    while events.next(left).type not in (
                        EventType.SEALED,
                        EventType.FAILED,
                        EventType.LOST,
                    ):
                        left = None if end is None else max(0.0, end - time.monotonic())
                except PlasmaTimeoutError:
                    pass

    def state(self, key: Key) -> State:
        """The state of an object: ABSENT, WRITING or SEALED."""
        try:
            key_id = self.find(key)
        except NotFoundError:
            return State.ABSENT
        state = ffi.new("plasma_state_t *")
        self._connection.call(lib.plasma_contains, id_pointer(key_id), state)
        return State(state[0])

    def contains(self, key: Key) -> bool:
        """Whether the object is sealed; the same as ``key in client``."""
        got = self._connection.sealed([key])
        return bool(got if isinstance(got, list) else self._connection.sealed_of([key]))

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, (bytes, str)):
            return False
        if isinstance(key, bytes) and len(key) != SIZE:
            return False
        return self.contains(key)

    def lookup(self, name: str) -> ObjectID:
        """The id of the object with a name, sealed or not."""
        found = ffi.new("plasma_id_t *")
        self._connection.call(lib.plasma_lookup, encoded_text(name), found, about=name)
        return object_id(found)

    def find(self, key: Key) -> ObjectID:
        """The id of an object given by its id or its name."""
        return self.lookup(key) if isinstance(key, str) else as_id(key)


def split(keys: Sequence[Key], ready: set[Key]) -> tuple[list[Key], list[Key]]:
    """Those that are ready, and the others."""
    return [key for key in keys if key in ready], [key for key in keys if key not in ready]


def id_pointer(value: bytes) -> Any:
    """A plasma_id_t in the memory of the bytes."""
    return ffi.from_buffer("plasma_id_t *", value)


def id_array(ids: Sequence[bytes]) -> Any:
    """An array of plasma_id_t."""
    return ffi.from_buffer("plasma_id_t[]", b"".join(ids))
