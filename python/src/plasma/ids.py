"""The keys of objects: an ObjectID of 20 bytes, or a name."""

from __future__ import annotations

from typing import Union

from plasma import _native

SIZE = 20


class ObjectID(bytes):
    """The id of an object: 20 bytes of your choice, unique within a store.

    It is a ``bytes``: equal to, and hashed like, the plain bytes with the same content.
    """

    __slots__ = ()

    def __new__(cls, value: bytes) -> ObjectID:
        if isinstance(value, str):
            raise TypeError("a str is a name: ObjectID.from_str() or .from_hex() makes an id of it")
        if isinstance(value, int):
            raise TypeError(f"{value} is no id: ObjectID.from_int() makes one of it")
        # bytes() of a number would be as many zeros.
        self = super().__new__(cls, memoryview(value))
        if len(self) != SIZE:
            raise ValueError(f"an id has {SIZE} bytes, not {len(self)}")
        return self

    @classmethod
    def random(cls) -> ObjectID:
        """A random id: 160 bits from the kernel."""
        return _native.random_id(cls, bytes.__new__)

    @classmethod
    def from_int(cls, value: int) -> ObjectID:
        """An id of a number in 20 bytes, little-endian, like plasma_id_from_bytes() of a C int."""
        return bytes.__new__(cls, value.to_bytes(SIZE, "little"))

    @classmethod
    def from_str(cls, value: str) -> ObjectID:
        """An id of up to 20 bytes of UTF-8, padded with zeros, like plasma_id_from_bytes()."""
        encoded = value.encode()
        if len(encoded) > SIZE:
            raise ValueError(f"{value!r} has {len(encoded)} bytes; an id has {SIZE}")
        return bytes.__new__(cls, encoded.ljust(SIZE, b"\0"))

    @classmethod
    def from_hex(cls, value: str) -> ObjectID:
        """An id of 40 hexadecimal digits of either case."""
        return cls(bytes.fromhex(value))

    def __repr__(self) -> str:
        return f"ObjectID.from_hex({self.hex()!r})"

    def __str__(self) -> str:
        return self.hex()

    def __reduce__(self) -> tuple[type[ObjectID], tuple[bytes]]:
        return ObjectID, (bytes(self),)


MAKING = (ObjectID, bytes.__new__)
"""How the native part makes an id."""


def made_id(value: bytes) -> ObjectID:
    """An ObjectID of what are 20 bytes."""
    return bytes.__new__(ObjectID, value)


Key = Union[ObjectID, bytes, str]
"""An id (ObjectID or 20 bytes) or, if it is a str, a name."""


def as_id(value: bytes) -> ObjectID:
    """An ObjectID from one, or from 20 bytes."""
    if isinstance(value, ObjectID):
        return value
    if isinstance(value, str):
        raise TypeError(f"{value!r} is a str, which is a name; pass an ObjectID or 20 bytes")
    return ObjectID(value)
