"""The two buffers: of a sealed object, and of one that is being written."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional

from plasma import _native
from plasma._library import ffi, lib, sized, text
from plasma.connection import Connection
from plasma.errors import check, error
from plasma.ids import ObjectID
from plasma.infos import ObjectInfo, object_info


class Buffer(_native.Lease):
    """A read-only view of one sealed object, and a lease that keeps it.

    It has the buffer protocol: ``memoryview(buffer)``, ``np.asarray(buffer)`` and ``bytes(buffer)``
    work, the first two without a copy. The bytes stay, unchanged, until the buffer and all views
    of it are collected, even if the object is deleted or the client closed. The end of a ``with``
    block gives it back sooner, or leaves that to the last view; ``release()`` gives it back at
    once, which is a BufferError while there are views.
    """

    __slots__ = ("__weakref__",)

    @property
    def size(self) -> int:
        """Bytes of data."""
        return len(self)

    @property
    def info(self) -> ObjectInfo:
        """What the store knows of the object."""
        info = sized("plasma_object_info_t")
        check(lib.plasma_buffer_info(self._pointer, info))
        return object_info(info)

    @property
    def id(self) -> ObjectID:
        """The object's id."""
        return self.info.id

    @property
    def name(self) -> Optional[str]:
        """The object's name."""
        return self.info.name

    @property
    def metadata(self) -> dict[str, bytes]:
        """A copy of the object's metadata."""
        count, key = ffi.new("uint64_t *"), ffi.new("char **")
        value, size = ffi.new("void **"), ffi.new("uint64_t *")
        check(lib.plasma_metadata_count(self._pointer, count))
        entries: dict[str, bytes] = {}
        for at in range(count[0]):
            check(lib.plasma_metadata_at(self._pointer, at, key, value, size))
            entries[text(key[0])] = bytes(ffi.buffer(value[0], size[0]))
        return entries

    def get_metadata(self, key: str) -> Optional[bytes]:
        """One value of the metadata, or None."""
        value, size = ffi.new("void **"), ffi.new("uint64_t *")
        status = lib.plasma_get_metadata(self._pointer, key.encode(), value, size)
        if status == lib.PLASMA_ERR_NOT_FOUND:
            return None
        check(status)
        return bytes(ffi.buffer(value[0], size[0]))

    def release(self) -> None:
        """Give the lease back now. A BufferError while there are views; again is no error."""
        super().release()

    @property
    def _pointer(self) -> Any:
        return ffi.cast("plasma_buffer_t *", self._address)

    def __enter__(self) -> Buffer:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self._give_up()

    def __repr__(self) -> str:
        return f"<plasma.Buffer of {self.size} bytes>"


class MutableBuffer(_native.Draft):
    """The creator's view of one object until it is sealed.

    It has the buffer protocol, writable. As a context manager it seals the object when the block
    ends, or gives it up when the block raises. Nobody else sees the object before the seal.

    After the seal, do not write through a view that was made before: the view still reaches the
    object's memory. A view that is alive keeps that memory from being any other object's.
    """

    __slots__ = ("__weakref__", "id", "name", "owner")

    owner: Connection
    """What seals it."""
    id: ObjectID
    """The object's id."""
    name: Optional[str]
    """The object's name."""

    @property
    def size(self) -> int:
        """Bytes of data."""
        return len(self)

    @property
    def sealed(self) -> bool:
        """Whether it is no longer this buffer's: sealed, or given up."""
        return not self._open

    def resize(self, size: int) -> None:
        """Change the size; a BufferError while there are views, since it may move."""
        self._check()
        if self._exports:
            raise BufferError("views of the buffer are alive: delete them first")
        self._run(lib.plasma_resize, size)

    def set_metadata(self, key: str, value: bytes) -> None:
        """Set or replace one entry of the metadata."""
        self._run(lib.plasma_set_metadata, key.encode(), ffi.from_buffer(value), len(value))

    def seal(self) -> ObjectID:
        """Publish the object: from now on it never changes, and anyone can get it."""
        self.owner.run(lambda _: self._seal(), 0)
        return self.id

    def abort(self) -> None:
        """Give the object up. While there are views, that waits for the last of them."""
        self.owner.run(lambda _: self._abort(), 0)

    def _run(self, function: Any, *args: object) -> None:
        pointer = ffi.cast("plasma_mutable_buffer_t *", self._address)
        status = self._call(function, pointer, *args)
        if status != 0:
            raise error(status)

    def __enter__(self) -> MutableBuffer:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        if not self._open:
            return
        if kind is None:
            self.seal()
        else:
            self.abort()

    def __repr__(self) -> str:
        what = f"{self.size} bytes" if self._open else "sealed or aborted"
        return f"<plasma.MutableBuffer {self.id}, {what}>"
