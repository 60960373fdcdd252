"""The two kinds of buffers: of a sealed object, and of an object that is being written."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional, Union

from plasma import _native
from plasma._library import ffi, lib, sized, text
from plasma.connection import Connection
from plasma.errors import PlasmaError, check, error
from plasma.ids import ObjectID, made_id
from plasma.infos import ObjectInfo, object_info
from plasma.options import contents, encoded_text
from plasma.sizes import Size, byte_count, count_of_bytes


class Buffer(_native.Lease):
    """A read-only view of one sealed object, with a lease that keeps the object.

    It has the buffer protocol: ``memoryview(buffer)``, ``np.asarray(buffer)`` and ``bytes(buffer)``
    work, the first two without a copy. The bytes stay unchanged until the buffer and all its views
    are collected, even if the object is deleted or the client is closed. The end of a ``with``
    block releases it earlier or, if there are views, with the last of them. ``release()`` releases
    it at once, and raises BufferError while there are views.
    """

    __slots__ = ("__weakref__", "_known_id", "_known_name")

    _known_id: ObjectID
    _known_name: Optional[str]

    @property
    def size(self) -> int:
        """Size of the data in bytes."""
        return len(self)

    @property
    def info(self) -> ObjectInfo:
        """Facts about the object."""
        info = sized("plasma_object_info_t")
        check(self._call(lib.plasma_buffer_info, self._pointer, info))
        return object_info(info)

    @property
    def id(self) -> ObjectID:
        """Id of the object."""
        try:
            return self._known_id
        except AttributeError:
            found = self._id()
            if isinstance(found, int):
                raise error(found) from None
            self._known_id = made_id(found)
            return self._known_id

    @property
    def name(self) -> Optional[str]:
        """Name of the object."""
        try:
            return self._known_name
        except AttributeError:
            named = self._named()
            if named < 0:
                raise error(named) from None
            self._known_name = self.info.name if named else None
            return self._known_name

    @property
    def metadata(self) -> dict[str, bytes]:
        """A copy of the object's metadata."""
        return self._call(self._read_metadata)

    def _read_metadata(self) -> dict[str, bytes]:
        count, key = ffi.new("uint64_t *"), ffi.new("char **")
        value, size = ffi.new("void **"), ffi.new("uint64_t *")
        check(lib.plasma_metadata_count(self._pointer, count))
        entries: dict[str, bytes] = {}
        for at in range(count[0]):
            check(lib.plasma_metadata_at(self._pointer, at, key, value, size))
            entries[text(key[0])] = bytes(ffi.buffer(value[0], size[0]))
        return entries

    def get_metadata(self, key: str) -> Optional[bytes]:
        """The value of one metadata key, or None."""
        value = self._metadata(encoded_text(key))
        if isinstance(value, int):
            raise error(value)
        return value

    def release(self) -> None:
        """Release the lease now; BufferError while there are views. A second call is a no-op."""
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

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The table of an object that `put_arrow` made, for libraries that take Arrow."""
        from plasma.tables import table_of

        return table_of(self).__arrow_c_stream__(requested_schema)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: Optional[tuple[int, int]] = None,
        dl_device: Optional[tuple[Any, int]] = None,
        copy: Optional[bool] = None,
    ) -> Any:
        """The bytes as a tensor of DLPack, marked read-only; BufferError for a library that does
        not know the mark, unless it asks for a copy. Needs NumPy."""
        from plasma.arrays import exported_bytes

        return exported_bytes(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """The processor, as DLPack numbers devices."""
        return 1, 0

    def _repr_html_(self) -> str:
        from plasma.pages import page_of_buffer

        return page_of_buffer(self)

    def __repr__(self) -> str:
        if self.released:
            return "<plasma.Buffer, released>"
        try:
            known = repr(self.name) if self.name is not None else self.id.hex()
        except PlasmaError as failure:  # in a forked child
            known = str(failure)
        return f"<plasma.Buffer {known}, {count_of_bytes(self.size)}>"


class MutableBuffer(_native.Writer):
    """The creator's writable view of one object until it is sealed.

    It has the buffer protocol, writable. As a context manager it seals the object when the block
    ends, or aborts it if the block raises. No client can read the object before it is sealed.

    After the seal, do not write through an earlier view, which still reaches the memory of the
    object. While such a view is alive, that memory belongs to no other object.
    """

    __slots__ = ("__weakref__", "id", "name", "owner")

    owner: Connection
    """The connection that seals it."""
    id: ObjectID
    """Id of the object."""
    name: Optional[str]
    """Name of the object."""

    @property
    def size(self) -> int:
        """Size of the data in bytes."""
        return len(self)

    @property
    def sealed(self) -> bool:
        """Whether the object was sealed or aborted."""
        return not self._open

    def resize(self, size: Size) -> None:
        """Change the size. Raises BufferError while there are views, since the object may move."""
        self._check()
        if self._exports:
            raise BufferError("views of the buffer are alive: delete them first")
        self._run(lib.plasma_resize, byte_count(size))

    def set_metadata(self, key: str, value: Any) -> None:
        """Set or replace one metadata entry: bytes, or any value with the buffer protocol."""
        content = contents(value, key)
        self._run(lib.plasma_set_metadata, encoded_text(key), content, len(content))

    def seal(self) -> ObjectID:
        """Publish the object: from now on it never changes, and any client can get it."""
        status = self._seal()
        if status != 0:
            self.owner.overcome(status, self.owner.interrupts, (self.id, self.name))
            self.owner.run(lambda _: self._seal(), 0, (self.id, self.name))
        return self.id

    def abort(self) -> None:
        """Discard the object. If there are views, that happens after the last of them."""
        self.owner.run(lambda _: self._abort(), 0)

    def fail(self, reason: Union[str, BaseException]) -> None:
        """End the object as failed: whoever waits for it, or gets it later, gets FailedError with
        this reason, until it is deleted. Of an exception that is the end of its traceback. At most
        512 bytes are kept, and no more than the object has. Raises BufferError while there are
        views, since the rest of the memory is freed."""
        from plasma.failures import told

        self._check()
        if self._exports:
            raise BufferError("views of the buffer are alive: delete them first")
        message = told(reason, (self.size + 63) // 64 * 64)
        pointer = ffi.cast("plasma_mutable_buffer_t *", self._address)

        def attempt(_: int) -> int:
            status: int = self._call(lib.plasma_fail, pointer, message)
            return status

        self.owner.run(attempt, 0, (self.id, self.name))

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
        what = count_of_bytes(self.size) if self._open else "sealed or aborted"
        known = repr(self.name) if self.name is not None else self.id.hex()
        return f"<plasma.MutableBuffer {known}, {what}>"
