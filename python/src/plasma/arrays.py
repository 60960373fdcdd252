"""NumPy arrays in the memory of the store. Imports NumPy when it is used."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Literal, Optional, Union, cast

from plasma.buffers import MutableBuffer
from plasma.ids import ObjectID
from plasma.objects import FORMAT, Objects, aligned, index_of, stream_of
from plasma.options import Metadata
from plasma.times import Seconds

if TYPE_CHECKING:
    import numpy.typing as npt


class Arrays(Objects):
    """Part of `plasma.Client`."""

    def empty(
        self,
        shape: Union[int, tuple[int, ...]],
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

        # Only to interpret the arguments: it has the memory of one element.
        element: npt.NDArray[Any] = np.empty((), dtype)
        if element.dtype.hasobject:
            raise TypeError(f"an array of {element.dtype} holds pointers: use put()")
        model = np.broadcast_to(element, (*_dimensions(shape), *element.shape))
        stream = stream_of(model.dtype, model.shape, order)
        nbytes = math.prod(model.shape) * model.itemsize
        index = index_of(len(stream), [nbytes])
        stream_at = aligned(len(index))
        data_at = aligned(stream_at + len(stream))
        head = bytearray(data_at)
        head[: len(index)] = index
        head[stream_at : stream_at + len(stream)] = stream
        metadata = {**(metadata or {}), "format": FORMAT}
        size = data_at + nbytes
        view = memoryview(self.create(id, size, name, metadata, zeroed=zeroed, timeout=timeout))
        view[:data_at] = head
        return np.ndarray(model.shape, model.dtype, view[data_at:], order=order)

    def seal(self, array: npt.NDArray[Any]) -> ObjectID:
        """Publish an array that `empty` made; from now on it is read-only."""
        writer = writer_of(array)
        made = writer.seal()
        owner: Any = array
        while hasattr(owner, "flags"):
            owner.flags.writeable = False
            owner = owner.base
        return made


def _dimensions(shape: Any) -> tuple[int, ...]:
    try:
        return (operator.index(shape),)
    except TypeError:
        return tuple(operator.index(length) for length in shape)


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
