"""Files of safetensors, as objects. The format: https://github.com/huggingface/safetensors."""

from __future__ import annotations

import importlib
import json
import math
import operator
import os
import struct
from typing import Any

from plasma.errors import FormatError
from plasma.private import Memory
from plasma.tensors import storage_of, tensor_of

FORMAT = b"safetensors"
"""The value of the metadata key "format"."""

_LENGTH = struct.Struct("<Q")
_LONGEST = 100_000_000
_TYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16",
    "U32": "uint32", "I32": "int32", "U64": "uint64", "I64": "int64", "F16": "float16",
    "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "F8_E8M0": "float8_e8m0fnu",
}  # fmt: skip


def read_into(memory: memoryview, file: Any) -> None:
    """Fill memory from a file, which has as many bytes."""
    done = 0
    while done < len(memory):
        count = file.readinto(memory[done:])
        if not count:
            raise FormatError(f"{os.fspath(file.name)} became shorter while it was read")
        done += count


def header_of(memory: Any) -> tuple[dict[str, Any], int]:
    """The header of a file, and where the bytes of tensors begin."""
    view = memoryview(memory).cast("B")
    if len(view) >= _LENGTH.size:
        (length,) = _LENGTH.unpack_from(view)
        begin = _LENGTH.size + length
        if length <= _LONGEST and begin <= len(view):
            try:
                header = dict[str, Any](json.loads(bytes(view[_LENGTH.size : begin])))
                header.pop("__metadata__", None)
                return header, begin
            except (TypeError, ValueError):
                pass
    raise FormatError("it is no file of safetensors: its header is broken")


def tensors_in(memory: Memory) -> dict[str, Any]:
    """The tensors of a file, by name, in one storage."""
    torch = importlib.import_module("torch")
    header, begin = header_of(memory)
    storage, end = storage_of(memory), len(memory) - begin
    tensors: dict[str, Any] = {}
    for name, entry in header.items():
        try:
            dtype = getattr(torch, _TYPES[entry["dtype"]])
            shape = tuple(map(operator.index, entry["shape"]))
            first, last = map(operator.index, entry["data_offsets"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise FormatError(f"this torch cannot read the tensor {name!r}: {entry}") from None
        size = torch.empty(0, dtype=dtype).element_size()
        if not (0 <= first <= last <= end and last - first == math.prod(shape) * size):
            raise FormatError(f"the tensor {name!r} has another size than its entry says: {entry}")
        if first == last:
            tensors[name] = torch.empty(shape, dtype=dtype)
            continue
        part = tensor_of(storage, "uint8", (last - first,), (1,), begin + first, False)
        if (begin + first) % size:
            part = part.clone()  # it is not aligned
        tensors[name] = part.view(dtype).view(shape)
    return tensors
