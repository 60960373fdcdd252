"""The methods of a client that create objects from bytes."""

from __future__ import annotations

import time
from typing import Any, Optional, Union

from plasma._library import ffi, lib
from plasma.buffers import Buffer, MutableBuffer
from plasma.connection import Connection
from plasma.ids import MAKING, ObjectID, as_id
from plasma.options import CreateOptions, Metadata
from plasma.reader import id_pointer
from plasma.sizes import Size, byte_count
from plasma.times import Seconds, seconds

_PLAIN = CreateOptions()
_LONG = 1 << 30
"""Bytes from which on a put shows its progress: it takes a tenth of a second and more."""


class Creator:
    """Part of `plasma.Client`."""

    _connection: Connection

    def create(
        self,
        id: Optional[bytes],
        size: Size,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        zeroed: bool = False,
        pinned: bool = False,
        timeout: Seconds = 0,
    ) -> MutableBuffer:
        """Create an object, to be written and then sealed.

        `size` is in bytes, as a number or as text like "1G". If `id` is None, the id is random.
        `timeout` is how long to wait for room. The memory has arbitrary contents unless `zeroed` is
        set; `pinned` keeps the object from eviction.
        """
        options = _PLAIN
        if name is not None or metadata or zeroed or pinned:
            options = CreateOptions(name, metadata, zeroed=zeroed, pinned=pinned)
        made = ObjectID.random() if id is None else as_id(id)
        return self._created(made, byte_count(size), name, options, timeout)

    def _created(
        self, id: ObjectID, size: int, name: Optional[str], options: CreateOptions, timeout: Seconds
    ) -> MutableBuffer:
        connection = self._connection
        # Options of an attempt that does not wait.
        made = connection.create(id, size, options.address, MutableBuffer)
        if isinstance(made, int):
            options = options.copy()

            def attempt(ms: int) -> Any:
                options.struct.timeout_ms = ms
                return connection.create(id, size, options.address, MutableBuffer)

            made = connection.run_for_room(attempt, seconds(timeout), (id, name))
        made.owner, made.id, made.name = connection, id, name
        return made

    def get_or_create(
        self,
        id: bytes,
        size: Size,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        zeroed: bool = False,
        timeout: Seconds = None,
    ) -> Union[Buffer, MutableBuffer]:
        """Get an object, or create it if it does not exist.

        If many callers ask at once, one of them gets a MutableBuffer, and the others wait until the
        object is sealed, for at most `timeout`.
        """
        options = CreateOptions(name, metadata, zeroed=zeroed)
        made, pointer = self._writer(id, name)
        got, created = ffi.new("plasma_buffer_t *"), ffi.new("int32_t *")
        connection, count = self._connection, byte_count(size)

        def attempt(ms: int) -> int:
            args = (id_pointer(made.id), count, options.struct, ms, got, pointer, created)
            status: int = connection._call(lib.plasma_get_or_create, connection.pointer, *args)
            return status

        connection.run(attempt, seconds(timeout), (made.id, name))
        if created[0]:
            return made
        return connection._adopt(int(ffi.cast("uintptr_t", got)), Buffer)

    def fail(
        self,
        id: bytes,
        reason: Union[str, BaseException],
        name: Optional[str] = None,
        *,
        expires: Seconds = None,
    ) -> None:
        """Say that an object cannot be made: whoever waits for it, or gets it later, gets
        FailedError with this reason, until it is deleted or `expires`. Of an exception that is the
        end of its traceback.
        """
        from plasma.failures import told

        metadata = None
        span = seconds(expires)
        if span is not None:
            metadata = {"expires": str(int((time.time() + span) * 1e6)).encode()}
        message = told(reason)
        self.create(id, len(message), name, metadata).fail(message.decode())

    def _writer(self, id: Optional[bytes], name: Optional[str]) -> tuple[MutableBuffer, Any]:
        made = MutableBuffer()
        made.owner = self._connection
        made.id = ObjectID.random() if id is None else as_id(id)
        made.name = name
        return made, ffi.cast("plasma_mutable_buffer_t *", made._address)

    def put_bytes(
        self,
        data: Any,
        id: Optional[bytes] = None,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        pinned: bool = False,
        timeout: Seconds = 0,
    ) -> ObjectID:
        """Copy bytes, or any value with the buffer protocol, into a new object and seal it."""
        options = _PLAIN
        if name is not None or metadata or pinned:
            options = CreateOptions(name, metadata, pinned=pinned)
        return self._put_parts((data,), id, options, timeout, name)

    def _put_parts(
        self,
        parts: tuple[Any, ...],
        id: Optional[bytes],
        options: CreateOptions,
        timeout: Seconds,
        name: Optional[str],
    ) -> ObjectID:
        """Create an object of parts, each at the next multiple of 64 bytes."""
        connection = self._connection
        if id is None:
            got = connection.put(None, options.address, parts, _LONG, MAKING)
            if isinstance(got, ObjectID):
                return got
            made, status = ObjectID.random(), got
        else:
            made = as_id(id)
            status = connection.put(made, options.address, parts, _LONG, MAKING)
            if status == 0:
                return made
        if status > 0:
            from plasma import progress

            if progress.is_shown():
                return self._put_slowly(parts, made, options, timeout, name)
        elif timeout == 0:
            connection.overcome(status, connection.interrupts, (made, name))
        options = options.copy()

        def attempt(ms: int) -> int:
            options.struct.timeout_ms = ms
            return connection.put(made, options.address, parts, 0, MAKING)

        connection.run_for_room(attempt, seconds(timeout), (made, name))
        return made

    def _put_slowly(
        self,
        parts: tuple[Any, ...],
        id: ObjectID,
        options: CreateOptions,
        timeout: Seconds,
        name: Optional[str],
    ) -> ObjectID:
        """As `_put_parts`, with a bar."""
        from plasma import progress

        placed: list[tuple[int, memoryview]] = []
        end = 0
        for part in parts:
            view = memoryview(part).cast("B")
            begin = -end % 64 + end
            placed.append((begin, view))
            end = begin + len(view)
        with self._created(id, end, name, options, timeout) as writer:
            progress.copy(memoryview(writer), placed)
        return id
