"""Tensors of PyTorch in a pickle: their memory lies beside it. Imports torch when it is used."""

from __future__ import annotations

import importlib
import pickle
from typing import Any, Optional

from plasma._library import ffi
from plasma.private import Memory, private


class Storage:
    """The memory of tensors, which pickles once for all of them."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __reduce__(self) -> tuple[Any, ...]:
        return storage_of, (memory_of(self._storage),)


class Storages:
    """Those of one pickle."""

    def __init__(self) -> None:
        self._known: dict[int, Storage] = {}

    def reduced(self, torch: Any, value: Any) -> Optional[tuple[Any, ...]]:
        """How to pickle a tensor or storage; None if its class does that."""
        if isinstance(value, torch.Tensor):
            return self._reduced_tensor(torch, value)
        if isinstance(value, torch.storage.TypedStorage):
            return typed_storage_of, (self._of(untyped_storage(value)), name_of(value.dtype))
        if isinstance(value, torch.UntypedStorage):
            return storage_itself, (self._of(value),)
        return None

    def _of(self, storage: Any) -> Storage:
        _require_cpu(storage.device)
        return self._known.setdefault(storage._cdata, Storage(storage))

    def _reduced_tensor(self, torch: Any, tensor: Any) -> Optional[tuple[Any, ...]]:
        _require_cpu(tensor.device)
        if tensor.layout is not torch.strided or tensor.is_quantized:
            return None  # its parts are tensors or storages
        if type(tensor) is not torch.Tensor or tensor.__dict__:
            return None
        plain = tensor.detach().resolve_conj().resolve_neg()
        if plain.numel() * plain.element_size() < untyped_storage(plain).nbytes():
            plain = plain.clone()  # of a slice only the slice
        storage = self._of(untyped_storage(plain))
        place = tuple(plain.shape), plain.stride(), plain.storage_offset()
        return tensor_of, (storage, name_of(tensor.dtype), *place, tensor.requires_grad)


def _require_cpu(device: Any) -> None:
    if device.type != "cpu":
        raise TypeError(
            f"a tensor is on the device {str(device)!r}, and only memory of the CPU can be shared: "
            "put tensor.cpu()"
        )


def untyped_storage(value: Any) -> Any:
    """The storage of a tensor, or of a TypedStorage, as bytes."""
    if hasattr(value, "untyped_storage"):
        return value.untyped_storage()
    if hasattr(value, "_untyped_storage"):
        return value._untyped_storage
    typed = value.storage() if hasattr(value, "storage") else value  # torch 1
    return typed.untyped()


def memory_of(storage: Any) -> pickle.PickleBuffer:
    """The bytes of a storage."""
    size = storage.nbytes()
    if size == 0:
        return pickle.PickleBuffer(b"")
    pointer = ffi.cast("char *", storage.data_ptr())
    # What is called when the pointer is collected keeps the storage until then.
    return pickle.PickleBuffer(ffi.buffer(ffi.gc(pointer, _Keeper(storage)), size))


class _Keeper:
    def __init__(self, kept: Any) -> None:
        self._kept = kept

    def __call__(self, _: Any) -> None:
        pass


def name_of(dtype: Any) -> str:
    """The name of a type in torch."""
    return str(dtype).partition(".")[2]


def storage_of(memory: Memory) -> Any:
    """A storage whose memory may be written to, which nobody else sees."""
    torch = importlib.import_module("torch")
    if not isinstance(memory, bytearray):
        memory = private(memoryview(memory))
    if len(memory) == 0:
        return untyped_storage(torch.empty(0, dtype=torch.uint8))
    return untyped_storage(torch.frombuffer(memory, dtype=torch.uint8))


def storage_itself(storage: Any) -> Any:
    """An UntypedStorage."""
    return storage


def typed_storage_of(storage: Any, dtype: str) -> Any:
    """A TypedStorage."""
    torch = importlib.import_module("torch")
    internal = {} if torch.__version__.startswith("1.") else {"_internal": True}
    kind = torch.storage.TypedStorage
    return kind(wrap_storage=storage, dtype=getattr(torch, dtype), **internal)


def tensor_of(
    storage: Any,
    dtype: str,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    offset: int,
    requires_grad: bool,
) -> Any:
    """A tensor in a storage."""
    torch = importlib.import_module("torch")
    tensor = torch.empty(0, dtype=getattr(torch, dtype)).set_(storage, offset, shape, stride)
    return tensor.requires_grad_() if requires_grad else tensor
