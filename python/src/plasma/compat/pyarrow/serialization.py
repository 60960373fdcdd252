"""Values in objects. As in the original, only values of known types are taken: those of Python,
NumPy, pandas and Arrow, and those that a SerializationContext knows.

The layout is that of `plasma.Client.put`: see docs/format.md.
"""

from __future__ import annotations

import io
import pickle
import struct
import threading
from collections.abc import Callable
from typing import Any, Optional, cast

from plasma import objects
from plasma.compat.pyarrow.arrow import pa
from plasma.compat.pyarrow.errors import SerializationCallbackError
from plasma.pickling import PICKLER, Pickler

_WORD = struct.Struct("<Q")
_PLAIN = (bool, int, float, str, bytes, type(None))
# The packages whose types are known; a type of Python itself has one of the first names.
_KNOWN = {
    *("builtins", "collections", "datetime", "decimal", "fractions", "uuid", "zoneinfo", "pytz"),
    *("numpy", "pandas", "pyarrow", "torch", "scipy", "plasma"),
}


class SerializationContext:
    """Which types are known beside those of Python, NumPy, pandas and Arrow."""

    def __init__(self) -> None:
        self._by_type: dict[type, _Registered] = {}
        self._by_id: dict[Any, _Registered] = {}

    def set_pickle(self, serializer: Callable[..., Any], deserializer: Callable[..., Any]) -> None:
        """Which functions types registered with ``pickle=True`` use."""
        self._dumps, self._loads = serializer, deserializer

    _dumps: Callable[..., Any] = staticmethod(pickle.dumps)
    _loads: Callable[..., Any] = staticmethod(pickle.loads)

    def clone(self) -> SerializationContext:
        """A copy, to which types can be added."""
        made = SerializationContext()
        made._by_type, made._by_id = dict(self._by_type), dict(self._by_id)
        made._dumps, made._loads = self._dumps, self._loads
        return made

    def register_type(
        self,
        type_: type,
        type_id: Any,
        pickle: bool = False,
        custom_serializer: Optional[Callable[[Any], Any]] = None,
        custom_deserializer: Optional[Callable[[Any], Any]] = None,
    ) -> None:
        """Take values of a type: by its functions, by pickle, or by their attributes."""
        registered = _Registered(type_, type_id)
        if pickle:
            registered.to, registered.back = self._dumps, self._loads
        if custom_serializer is not None:
            registered.to = custom_serializer
        if custom_deserializer is not None:
            registered.back = custom_deserializer
        self._by_type[type_] = self._by_id[type_id] = registered

    def serialize(self, obj: object) -> SerializedPyObject:
        """A value as bytes."""
        return serialize(obj, context=self)

    def deserialize(self, what: Any) -> Any:
        """The value in bytes."""
        return deserialize(what, context=self)

    def reduced(self, value: Any) -> Optional[tuple[Any, ...]]:
        """How a value of a registered type is pickled."""
        registered = self._by_type.get(value.__class__)
        if registered is None:
            return None
        return _rebuild, (registered.type_id, registered.to(value))

    def rebuilt(self, type_id: Any, content: Any) -> Any:
        """The value of a registered type."""
        registered = self._by_id.get(type_id)
        if registered is None:
            raise unknown_id(type_id)
        return registered.back(content)


class _Registered:
    """One type of a context."""

    def __init__(self, type_: Any, type_id: Any) -> None:
        self.type, self.type_id = type_, type_id
        self.to: Callable[[Any], Any] = lambda value: value.__dict__
        self.back: Callable[[Any], Any] = self._of_attributes

    def _of_attributes(self, attributes: dict[str, Any]) -> Any:
        made = self.type.__new__(self.type)
        made.__dict__.update(attributes)
        return made


class _Current(threading.local):
    """The context of the deserialization that runs in this thread."""

    context: Optional[SerializationContext] = None


_current = _Current()


def unknown_id(type_id: Any) -> Exception:
    """The exception for a value whose type the reader does not know."""
    return SerializationCallbackError(f"the type {type_id!r} is not registered: pass its context")


def _rebuild(type_id: Any, content: Any) -> Any:
    if _current.context is None:
        raise unknown_id(type_id)
    return _current.context.rebuilt(type_id, content)


def _is_known(kind: Any) -> bool:
    package: str = kind.__module__.partition(".")[0]
    # Functions of compiled modules, by which their values are made again.
    return package in _KNOWN or package.startswith("_cython_")


class _Strict(Pickler):
    """Refuses values of types that are not known."""

    context: Optional[SerializationContext] = None

    def reducer_override(self, obj: Any) -> Any:
        """How an object is pickled."""
        if self.context is not None:
            reduced = self.context.reduced(obj)
            if reduced is not None:
                return reduced
        kind = cast(Any, type(obj))
        if not isinstance(obj, type) and not _is_known(kind):
            raise SerializationCallbackError(
                f"pyarrow does not know how to serialize objects of type {kind}: register it in a "
                "serialization_context, or use plasma.connect().put()"
            )
        return super().reducer_override(obj)


def parts_of(value: Any, context: Optional[SerializationContext]) -> tuple[Any, ...]:
    """The parts of the layout."""
    kind: Any = value.__class__
    if kind in _PLAIN:
        stream = pickle.dumps(value, PICKLER)
        return objects.index_of(len(stream), []), stream
    if kind.__module__ == "numpy" and kind.__name__ == "ndarray" and not value.dtype.hasobject:
        return objects.parts_of(value)
    buffers: list[pickle.PickleBuffer] = []
    target = io.BytesIO()
    pickler = _Strict(target, buffers.append)
    pickler.context = context
    pickler.dump(value)
    raw = [buffer.raw() for buffer in buffers]
    stream = target.getvalue()
    return objects.index_of(len(stream), [len(part) for part in raw]), stream, *raw


def value_of(data: Any, context: Optional[SerializationContext]) -> Any:
    """The value in the layout, with views of the data."""
    view = memoryview(data)
    parts: list[memoryview] = []
    try:
        (count,) = _WORD.unpack_from(view)
        sizes = struct.unpack_from(f"<{count + 1}Q", view, _WORD.size)
        at = objects.aligned(_WORD.size * (count + 2))
        for size in sizes:
            if at + size > len(view):
                raise struct.error("a part is not all there")
            parts.append(view[at : at + size])
            at = objects.aligned(at + size)
    except (struct.error, MemoryError, OverflowError) as broken:
        raise pa.ArrowInvalid(f"the object was not written by put(): {broken}") from None
    before, _current.context = _current.context, context
    try:
        return pickle.loads(parts[0], buffers=parts[1:])
    finally:
        _current.context = before


class SerializedPyObject:
    """A value as bytes, not yet in one piece."""

    def __init__(self, parts: tuple[Any, ...]) -> None:
        self._parts = [memoryview(part).cast("B") for part in parts]

    @property
    def total_bytes(self) -> int:
        """The number of bytes."""
        at = 0
        for part in self._parts:
            at = objects.aligned(at) + part.nbytes
        return at

    def to_buffer(self, nthreads: int = 1) -> Any:
        """The bytes in a pyarrow.Buffer."""
        content = bytearray(self.total_bytes)
        at = 0
        for part in self._parts:
            at = objects.aligned(at)
            content[at : at + part.nbytes] = part
            at += part.nbytes
        return pa.py_buffer(bytes(content))

    def write_to(self, sink: Any) -> None:
        """Write the bytes to a pyarrow.NativeFile."""
        sink.write(self.to_buffer())


def serialize(value: object, context: Optional[SerializationContext] = None) -> SerializedPyObject:
    """`pyarrow.serialize`, which pyarrow lost in version 14."""
    return SerializedPyObject(parts_of(value, context))


def deserialize(obj: Any, context: Optional[SerializationContext] = None) -> Any:
    """`pyarrow.deserialize`, which pyarrow lost in version 14."""
    return value_of(obj, context)
