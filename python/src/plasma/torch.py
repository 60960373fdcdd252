"""PyTorch: tensors, state dicts, files of safetensors and datasets that processes share.

`plasma.Client.put` and `get_object` take and give tensors wherever they are in a value. A tensor
that was got may be written to: the write stays in this process, as with ``torch.load(mmap=True)``.
"""

from __future__ import annotations

import os
from typing import Any, Optional, Union

from plasma.client import Client
from plasma.dataset import SharedDataset
from plasma.ids import Key, ObjectID
from plasma.objects import load
from plasma.private import private
from plasma.safetensors import FORMAT, header_of, read_into, tensors_in
from plasma.times import Seconds

__all__ = ["SharedDataset", "get", "get_state_dict", "put_safetensors", "put_state_dict"]


def get(client: Client, key: Key, timeout: Seconds = None, *, copy: bool = False) -> Any:
    """As `plasma.Client.get_object`; arrays of NumPy may be written to as well, like tensors.

    With `copy` all memory is copied, and the object is not held.
    """
    return load(client.get(key, timeout), bytearray if copy else private)


def put_state_dict(
    client: Client,
    source: Any,
    id: Optional[bytes] = None,
    name: Optional[str] = None,
    *,
    timeout: Seconds = 0,
) -> ObjectID:
    """Store a state dict, or that of a module or optimizer, as one object.

    Tensors that share memory, such as tied weights, share it again when they are got.
    """
    state = source.state_dict() if hasattr(source, "state_dict") else source
    return client.put(state, id, name, timeout=timeout)


def put_safetensors(
    client: Client,
    path: Union[str, os.PathLike[str]],
    id: Optional[bytes] = None,
    name: Optional[str] = None,
    *,
    timeout: Seconds = 0,
) -> ObjectID:
    """Store a file of safetensors as it is. It is read into the store, without a private copy."""
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        metadata = {"format": FORMAT}
        with client.create(id, size, name, metadata, timeout=timeout) as writer:
            with memoryview(writer) as memory:
                read_into(memory, file)
                header_of(memory)
    return writer.id


def get_state_dict(
    client: Client, key: Key, timeout: Seconds = None, *, copy: bool = False
) -> dict[str, Any]:
    """The state dict that `put_state_dict` or `put_safetensors` stored.

    Its tensors are views: ``module.load_state_dict(state, assign=True)`` copies nothing.
    """
    buffer = client.get(key, timeout)
    memory_of = bytearray if copy else private
    if buffer.get_metadata("format") == FORMAT:
        return tensors_in(memory_of(memoryview(buffer)))
    state: dict[str, Any] = load(buffer, memory_of)
    return state
