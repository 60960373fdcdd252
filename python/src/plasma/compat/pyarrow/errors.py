"""The exceptions of the original, and those of `plasma` translated into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from plasma import errors
from plasma.compat.pyarrow.arrow import pa

if TYPE_CHECKING:
    _Base = _SerializationBase = Exception
else:
    _Base, _SerializationBase = pa.ArrowException, pa.lib.ArrowSerializationError


class PlasmaObjectNotFound(_Base):
    """There is no such object."""


class PlasmaObjectExists(_Base):
    """There is an object with the id."""


class PlasmaStoreFull(_Base):
    """The store cannot make room for the object."""


class SerializationCallbackError(_SerializationBase):
    """A value is of a type that nobody registered."""


PlasmaObjectNonexistent: Any = PlasmaObjectNotFound
"""The name of PlasmaObjectNotFound before pyarrow 0.15."""

FULL = (errors.OutOfMemoryError, errors.TooLargeError, errors.LimitError)


def fail(error: errors.PlasmaError) -> NoReturn:
    """Raise an exception of `plasma` as that of the original."""
    if isinstance(error, errors.ExistsError):
        raise PlasmaObjectExists(f"object already exists in the plasma store ({error})") from None
    if isinstance(error, FULL):
        raise PlasmaStoreFull(f"object does not fit in the plasma store ({error})") from None
    if isinstance(error, errors.NotFoundError):
        raise PlasmaObjectNotFound(f"Object not found ({error})") from None
    if isinstance(error, errors.DisconnectedError):
        raise OSError("the client is disconnected") from None
    raise error


def already_sealed() -> Exception:
    """The exception of a second seal."""
    made: Exception = pa.lib.ArrowTypeError("Seal() called on an already sealed object")
    return made
