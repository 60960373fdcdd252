"""One exception for each status of libplasma, derived from the builtin that fits it."""

from __future__ import annotations

import builtins
import os
from typing import Any, ClassVar, cast

from plasma._library import lib, text


class PlasmaError(Exception):
    """The base of all exceptions of Plasma."""

    status: ClassVar[int] = 0
    """The PLASMA_ERR_* number; 0 for errors that Python itself found."""

    def __str__(self) -> str:
        # KeyError would quote it.
        return str(self.args[0]) if self.args else type(self).__name__


class InvalidArgumentError(PlasmaError, ValueError):
    """An argument is not valid."""

    status = -1


class NotFoundError(PlasmaError, KeyError):
    """There is no such object, name or key."""

    status = -2


class ExistsError(PlasmaError, FileExistsError):
    """An object with this id exists."""

    status = -3


class NameExistsError(PlasmaError, FileExistsError):
    """Another object has this name."""

    status = -4


class NotSealedError(PlasmaError, BlockingIOError):
    """The object is still being written."""

    status = -5


class SealedError(PlasmaError, ValueError):
    """The buffer was sealed or aborted already."""

    status = -6


class TimeoutError(PlasmaError, builtins.TimeoutError):
    """The timeout expired."""

    status = -7


class AbortedError(PlasmaError, ConnectionAbortedError):
    """The creator died before it sealed the object."""

    status = -8


class OutOfMemoryError(PlasmaError, MemoryError):
    """No room now in the store, file system, cgroup or process."""

    status = -9


class TooLargeError(PlasmaError, MemoryError):
    """The object is larger than the whole store."""

    status = -10


class LimitError(PlasmaError, MemoryError):
    """A limit other than bytes is reached: objects, clients, leases, metadata or files."""

    status = -11


class ReadOnlyError(PlasmaError, PermissionError):
    """The client may only read."""

    status = -12


class AccessError(PlasmaError, PermissionError):
    """The operating system denied access (PLASMA_ERR_PERMISSION)."""

    status = -13


class StoreNotFoundError(PlasmaError, FileNotFoundError):
    """There is no store at the address."""

    status = -14


class StoreExistsError(PlasmaError, FileExistsError):
    """There is a store at the address."""

    status = -15


class NotAStoreError(PlasmaError, ValueError):
    """There is something other than a store at the address."""

    status = -16


class MismatchError(PlasmaError, ValueError):
    """The store was created with other options than those given."""

    status = -17


class VersionError(PlasmaError, ValueError):
    """The store is of another version of Plasma or another word size."""

    status = -18


class CorruptError(PlasmaError, ValueError):
    """The files of the store are corrupt."""

    status = -19


class StoreGoneError(PlasmaError, ConnectionResetError):
    """The store was removed; buffers already held stay readable."""

    status = -20


class ForkedError(PlasmaError, ValueError):
    """The client, events or buffer belongs to the parent process."""

    status = -21


class DisconnectedError(PlasmaError, ValueError):
    """The client is closed."""

    status = -22


class InterruptedError(PlasmaError, builtins.InterruptedError):
    """Client.interrupt() ended the wait."""

    status = -23


class UnsupportedError(PlasmaError, NotImplementedError):
    """This kernel, file system or store does not support the operation."""

    status = -24


class SystemCallError(PlasmaError, OSError):
    """A system call failed; see errno (PLASMA_ERR_SYSTEM)."""

    status = -25


class InternalError(PlasmaError, RuntimeError):
    """A defect in Plasma; please report it with the message."""

    status = -26


class FailedError(PlasmaError, RuntimeError):
    """The creator of the object failed; the message is the creator's."""

    status = -27


class FormatError(PlasmaError, ValueError):
    """The object is not of the format that it was read as."""


_BY_STATUS: dict[int, Any] = {kind.status: kind for kind in PlasmaError.__subclasses__()}


def error(status: int, about: Any = None) -> PlasmaError:
    """The exception for the status of the last call of this thread, about an object. If that is
    given as a tuple of its id and name, it says the one that matters."""
    message = text(lib.plasma_error_message())
    if isinstance(about, tuple):
        id, name = cast("tuple[object, object]", about)
        about = id if name is None or status == ExistsError.status else name
    if about is not None and status == FailedError.status:
        message = f"{about!r}: {message}"
    elif about is not None:
        message += f": {about!r}"
    made: PlasmaError = _BY_STATUS.get(status, PlasmaError)(message)
    number = lib.plasma_error_errno()
    if number and isinstance(made, OSError):
        made.errno, made.strerror = number, os.strerror(number)
    return made


def check(status: int) -> None:
    """Raise the exception of a status other than OK."""
    if status != 0:
        raise error(status)
