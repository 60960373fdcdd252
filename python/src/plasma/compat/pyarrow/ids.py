"""Ids as in the original: not bytes, and equal to nothing else."""

from __future__ import annotations

import os
from typing import Any

SIZE = 20


class ObjectID:
    """The id of an object: 20 bytes."""

    __slots__ = ("__weakref__", "_id")

    _id: bytes

    def __init__(self, object_id: bytes) -> None:
        if not isinstance(object_id, bytes) or len(object_id) != SIZE:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"Object ID must by {SIZE} bytes, is {object_id!s}")
        self._id = object_id

    def binary(self) -> bytes:
        """The 20 bytes."""
        return self._id

    @staticmethod
    def from_random() -> ObjectID:
        """A random id."""
        return ObjectID(os.urandom(SIZE))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectID) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"ObjectID({self._id.hex()})"

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return make_object_id, (self._id,)


def make_object_id(object_id: bytes) -> ObjectID:
    """An ObjectID; pickles call it."""
    return ObjectID(object_id)


class ObjectNotAvailable:
    """In place of an object that was not available within the timeout."""


def key_of(object_id: ObjectID) -> bytes:
    """The bytes of an id; TypeError for anything else."""
    try:
        return object_id._id  # pyright: ignore[reportPrivateUsage]
    except AttributeError:
        kind = type(object_id).__name__
        raise TypeError(f"an ObjectID is expected, not {object_id!r}, a {kind}") from None
