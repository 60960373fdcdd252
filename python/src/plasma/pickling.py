"""How `put` pickles: with the memory of arrays and tables beside the pickle.

NumPy itself pickles some arrays with a copy of their memory inside the pickle: those of dates,
those that are not contiguous, and all of subclasses. polars does so with each frame. Arrow pickles
all of a table that is only a slice.
those that are not contiguous, and all of subclasses. Arrow pickles all of a table that is only a
slice. PyTorch pickles the memory of tensors as bytes.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Callable
from typing import Any, Optional, cast

from plasma._library import imported

PICKLER = 5
"""The protocol: the first with buffers beside the pickle."""


def dump(value: object) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """The pickle of a value, and the buffers that are beside it."""
    buffers: list[pickle.PickleBuffer] = []
    libraries = ("numpy", "pyarrow", "polars", "torch")
    if not any(library in sys.modules for library in libraries):
        return pickle.dumps(value, protocol=PICKLER, buffer_callback=buffers.append), buffers
    stream = io.BytesIO()
    Pickler(stream, buffers.append).dump(value)
    return stream.getvalue(), buffers


class Pickler(pickle.Pickler):
    """Pickles with the memory of arrays and tables beside the pickle."""

    def __init__(self, stream: io.BytesIO, take: Callable[[pickle.PickleBuffer], Any]) -> None:
        super().__init__(stream, protocol=PICKLER, buffer_callback=take)
        self._numpy, self._arrow = imported("numpy"), imported("pyarrow")
        self._pandas, self._polars = _frames_of("pandas"), _frames_of("polars")
        self._torch: Any = imported("torch")
        self._storages: Any = None

    def reducer_override(self, obj: Any) -> Any:
        """How an object is pickled, where that is not as its class says."""
        reduced = None
        if self._numpy is not None and isinstance(obj, self._numpy.ndarray):
            reduced = _reduced_array(self._numpy, obj)
        elif self._arrow is not None and type(obj).__module__ == "pyarrow.lib":
            from plasma import tables

            reduced = tables.reduced_slice(obj)
        elif type(obj) in self._pandas:
            from plasma import frames

            reduced = frames.reduced_pandas(obj)
        elif type(obj) in self._polars:
            from plasma import frames

            reduced = frames.reduced_polars(obj)
        elif self._torch is not None and _is_of_torch(self._torch, obj):
            if self._storages is None:
                from plasma.tensors import Storages

                self._storages = Storages()
            reduced = self._storages.reduced(self._torch, obj)
        return NotImplemented if reduced is None else reduced


def _frames_of(library: str) -> tuple[Any, ...]:
    """Its classes of frames, if it is imported; another thread may be in the midst of that."""
    module = imported(library)
    kinds = (getattr(module, name, None) for name in ("DataFrame", "Series"))
    return tuple(kind for kind in kinds if kind is not None)


def _is_of_torch(torch: Any, value: Any) -> bool:
    """Whether it is a tensor, or the memory of one."""
    try:
        return isinstance(value, torch.Tensor) or type(value).__module__ == "torch.storage"
    except AttributeError:  # another thread imports torch
        return False


def _reduced_array(numpy: Any, array: Any) -> Optional[tuple[Any, ...]]:
    kind = cast(Any, type(array))
    dtype = array.dtype
    if dtype.hasobject or dtype.itemsize == 0:
        return None
    if kind is numpy.ndarray:
        flags = array.flags
        if dtype.kind in "biufc" and (flags.c_contiguous or flags.f_contiguous):
            return None  # NumPy does well
        return _reduced_memory(numpy, array)
    masked = getattr(numpy, "ma", None)
    if masked is not None and kind is masked.MaskedArray:
        return _reduced_masked(masked, array)
    for method in ("__reduce__", "__reduce_ex__", "__setstate__"):
        if getattr(kind, method) is not getattr(numpy.ndarray, method):
            return None  # only the class knows
    return numpy.ndarray.view, (array.view(numpy.ndarray), kind)


def _reduced_masked(masked: Any, array: Any) -> tuple[Any, ...]:
    # The third to the last: dtype, copy, subok, ndmin, fill_value, keep_mask, hard_mask, shrink.
    fill_value = array._fill_value
    mask, hard = masked.getmask(array), array.hardmask
    arguments = (array.data, mask, None, False, True, 0, fill_value, True, hard, False)
    return masked.MaskedArray, arguments


def _reduced_memory(numpy: Any, array: Any) -> tuple[Any, ...]:
    """A call of numpy.ndarray with the memory, which is copied only if it is not dense."""
    strides = order = None
    if array.flags.c_contiguous:
        dense = array
    elif array.flags.f_contiguous:
        dense, order = array.T, "F"
    else:
        # The axes of a dense array may be in any order.
        axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        dense = array.transpose(axes)
        if dense.flags.c_contiguous:
            strides = array.strides
        else:
            dense = numpy.ascontiguousarray(array)
    # NumPy does not export the memory of every type.
    memory = pickle.PickleBuffer(dense.reshape(-1).view("u1"))
    return numpy.ndarray, (array.shape, array.dtype, memory, 0, strides, order)
