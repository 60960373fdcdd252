"""The calls of the original Plasma documents, on top of `plasma`.

Here an id is a number, a str of up to 20 bytes of UTF-8, or an ObjectID: `object_id` says which
20 bytes it stands for. Creators are process ids.

    import libplasma
    plasma = libplasma.connect(address)
    A = libplasma.build_object(plasma, 1, 1000, "object-1")
    libplasma.seal_object(A)
"""

from typing import NamedTuple, Optional, Union

import plasma
from plasma import Buffer, Client, MutableBuffer, ObjectID
from plasma.sizes import Size

Id = Union[int, str, bytes]
"""A number, text of up to 20 bytes, or the 20 bytes of an id."""

_NUMBERS = 2**152
"""Below it the last byte is 0."""


class ObjectList(NamedTuple):
    """Five lists, with one element in each for an object."""

    names: list[str]
    """"" for an object without a name."""
    sizes: list[int]
    create_times: list[float]
    """Seconds since the Unix epoch."""
    construct_durations: list[Optional[float]]
    """Seconds from create to seal; None until it is sealed."""
    creator_ids: list[int]
    """Process ids."""


def connect(address: plasma.Address = None) -> Client:
    """Open a store, or create it if it does not exist; see `plasma.connect`."""
    return plasma.connect(address)


def build_object(
    client: Client,
    object_id: Id,
    size: Size,
    name: Optional[str] = None,
    metadata: Optional[plasma.Metadata] = None,
) -> MutableBuffer:
    """Create an object, to be written and then sealed."""
    return client.create(_as_id(object_id), size, name, metadata)


def get_mutable_buffer(buffer: MutableBuffer) -> memoryview:
    """The memory of an object that is being written."""
    return memoryview(buffer)


def seal_object(buffer: MutableBuffer) -> None:
    """Publish an object: from now on it never changes, and any client can get it."""
    buffer.seal()


def get_object(client: Client, object_id: Id) -> Buffer:
    """A read-only view of an object; waits until it is sealed."""
    return client.get(_as_id(object_id))


def list_objects(client: Client) -> ObjectList:
    """Names, sizes, create times, construct durations and creators of all objects, oldest first."""
    found = sorted(
        (info for info in client.list() if info.state is not plasma.State.DELETED),
        key=lambda info: info.create_time,
    )
    return ObjectList(
        names=[info.name or "" for info in found],
        sizes=[info.size for info in found],
        create_times=[info.create_time for info in found],
        construct_durations=[info.construct_duration for info in found],
        creator_ids=[info.creator_pid for info in found],
    )


def get_metadata(client: Client, object_id: Id, key: str) -> bytes:
    """The value of one metadata key of an object."""
    with client.get(_as_id(object_id)) as buffer:
        value = buffer.get_metadata(key)
    if value is None:
        raise plasma.NotFoundError(f"the object has no metadata {key!r}")
    return value


def object_id(value: Id) -> ObjectID:
    """The id that a number or text stands for: no two of them are the same object.

    A number is in little-endian bytes, padded with zeros, like plasma_id_from_bytes() of a C int;
    text is padded with bytes of 255, which neither UTF-8 nor a number has at the end.
    """
    if isinstance(value, int):
        if not 0 <= value < _NUMBERS:
            raise ValueError(f"the id {value} is not from 0 to 2**152 - 1")
        return ObjectID.from_int(value)
    if isinstance(value, str):
        encoded = value.encode()
        if len(encoded) > 20 or encoded.endswith(b"\0"):
            raise ValueError(f"the id {value!r} has more than 20 bytes, or ends with a NUL")
        return ObjectID(encoded.ljust(20, b"\xff"))
    return ObjectID(value)


_as_id = object_id  # which parameters hide

__all__ = [
    "ObjectList",
    "build_object",
    "connect",
    "get_metadata",
    "get_mutable_buffer",
    "get_object",
    "list_objects",
    "object_id",
    "seal_object",
]
