"""The methods of a client that get objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Optional, Union

from plasma._library import ffi, lib
from plasma.buffers import Buffer
from plasma.connection import Connection
from plasma.errors import NotFoundError
from plasma.errors import TimeoutError as PlasmaTimeoutError
from plasma.ids import SIZE, Key, ObjectID, as_id
from plasma.infos import State, object_id
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

    def get_many(self, keys: Iterable[Key], timeout: Seconds = None) -> list[Buffer]:
        """Get many objects with one deadline: all of them, or the exception of the first failure.

        An id may be given more than once; each buffer has a lease of its own.
        """
        connection, wanted = self._connection, list(keys)
        if timeout is None:
            got = connection.get_many(wanted, 0, Buffer)
            if got.__class__ is list:
                return got  # type: ignore[return-value]
        # A name that does not exist has no id to wait for.
        ids: list[Union[bytes, str]] = [self.find(key) for key in wanted]
        return connection.run(lambda ms: connection.get_many(ids, ms, Buffer), seconds(timeout))

    def wait(
        self, keys: Sequence[Key], count: Optional[int] = None, timeout: Seconds = None
    ) -> tuple[list[Key], list[Key]]:
        """Wait until `count` (None: all) of the objects are sealed, without getting them.

        Returns the sealed ones and the others, like ``select``; after a timeout fewer are sealed.
        """
        if count is not None and not 0 < count <= len(keys):
            raise ValueError(f"count is {count}, of {len(keys)} objects")
        array = id_array([self.find(key) for key in keys])
        ready, ready_count = ffi.new("uint8_t[]", len(keys)), ffi.new("size_t *")
        connection = self._connection

        def attempt(ms: int) -> int:
            status: int = connection._call(
                lib.plasma_wait, connection.pointer, array, len(keys), count or 0, ms, ready,
                ready_count,
            )  # fmt: skip
            return status

        with suppress(PlasmaTimeoutError):
            connection.run(attempt, seconds(timeout))
        done = [key for key, is_ready in zip(keys, ready) if is_ready]
        return done, [key for key, is_ready in zip(keys, ready) if not is_ready]

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
        return self.state(key) is State.SEALED

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, (bytes, str)):
            return False
        if isinstance(key, bytes) and len(key) != SIZE:
            return False
        return self.contains(key)

    def lookup(self, name: str) -> ObjectID:
        """The id of the object with a name, sealed or not."""
        found = ffi.new("plasma_id_t *")
        encoded = name.encode()
        if b"\0" in encoded:
            raise ValueError("a name must not contain a NUL")
        self._connection.call(lib.plasma_lookup, encoded, found, about=name)
        return object_id(found)

    def find(self, key: Key) -> ObjectID:
        """The id of an object given by its id or its name."""
        return self.lookup(key) if isinstance(key, str) else as_id(key)


def id_pointer(value: bytes) -> Any:
    """A plasma_id_t in the memory of the bytes."""
    return ffi.from_buffer("plasma_id_t *", value)


def id_array(ids: Sequence[bytes]) -> Any:
    """An array of plasma_id_t."""
    return ffi.from_buffer("plasma_id_t[]", b"".join(ids))
