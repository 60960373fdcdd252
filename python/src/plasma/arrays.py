"""NumPy arrays in the memory of the store. Imports NumPy when it is used."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Optional, SupportsIndex, Union, cast

from plasma.buffers import MutableBuffer
from plasma.ids import ObjectID, as_id
from plasma.objects import FORMAT, PICKLED, Objects, aligned, head_of
from plasma.options import CreateOptions, Metadata
from plasma.times import Seconds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Arrays(Objects):
    """Part of `plasma.Client`."""

    def empty(
        self,
        shape: Union[SupportsIndex, Sequence[SupportsIndex]],
        dtype: npt.DTypeLike = float,
        id: Optional[bytes] = None,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        order: Literal["C", "F"] = "C",
        zeroed: bool = False,
        timeout: Seconds = 0,
    ) -> npt.NDArray[Any]:
        """A new array in the store, like that of np.empty() in private memory.

        Fill it and pass it to `seal`; then any client can get it by `get_object`. An array that is
        collected before that is aborted. `zeroed` fills it with zeros.
        """
        import numpy as np

        kind: np.dtype[Any] = np.dtype(dtype)
        sizes = _dimensions(shape)
        if kind.subdtype is not None:
            kind, inner = kind.subdtype
            sizes += inner
        if kind.hasobject:
            raise TypeError(f"an array of {kind} holds pointers: use put()")
        index, stream = head_of(kind, sizes, order)
        stream_at = aligned(len(index))
        data_at = aligned(stream_at + len(stream))
        head = (index.ljust(stream_at, b"\0") + stream).ljust(data_at, b"\0")
        size = data_at + math.prod(sizes) * kind.itemsize
        options = PICKLED
        if name is not None or metadata or zeroed:
            metadata = {**(metadata or {}), "format": FORMAT}
            options = CreateOptions(name, metadata, zeroed=zeroed)
        made = ObjectID.random() if id is None else as_id(id)
        view = memoryview(self._created(made, size, name, options, timeout))
        view[:data_at] = head
        return np.ndarray(sizes, kind, view[data_at:], order=order)

    def seal(self, array: npt.NDArray[Any]) -> ObjectID:
        """Publish an array that `empty` made; from now on it is read-only."""
        writer = writer_of(array)
        made = writer.seal()
        import numpy as np

        owner: Any = array
        while isinstance(owner, np.ndarray):
            cast(Any, owner).flags.writeable = False
            owner = cast(Any, owner).base
        return made


def _dimensions(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, tuple):
        sizes = tuple(operator.index(length) for length in cast("tuple[Any, ...]", shape))
    else:
        try:
            sizes = (operator.index(shape),)
        except TypeError:
            sizes = tuple(operator.index(length) for length in shape)
    if any(length < 0 for length in sizes):
        raise ValueError(f"a length is negative: {sizes}")
    return sizes


def writer_of(array: npt.NDArray[Any]) -> MutableBuffer:
    """The object that holds the memory of an array."""
    import numpy as np

    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = cast(Any, owner).base
    if isinstance(owner, memoryview):
        owner = owner.obj
    if not isinstance(owner, MutableBuffer):
        raise TypeError("the array does not come from empty()")
    return owner


def exported_bytes(buffer: Any, stream: Any, max_version: Any, device: Any, copy: Any) -> Any:
    """A capsule of DLPack with the bytes of a buffer."""
    import numpy as np

    if device is not None and tuple(device) != (1, 0):
        raise BufferError(f"the buffer is in memory, not on the device {device}")
    array: Any = np.frombuffer(buffer, np.uint8)
    try:
        return array.__dlpack__(stream=stream, max_version=max_version, copy=copy)
    except TypeError:  # NumPy 2.0 and older have no mark for read-only memory
        return (array.copy() if copy else array).__dlpack__(stream=stream)
