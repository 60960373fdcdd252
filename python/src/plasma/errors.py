"""One exception for each status of libplasma, each also the builtin that fits it."""

from __future__ import annotations

import builtins
import os
from typing import Any, ClassVar

from plasma._library import lib, text


class PlasmaError(Exception):
    """What every call of Plasma may raise."""

    status: ClassVar[int] = 0
    """The PLASMA_ERR_* number; 0 for what Python found itself."""

    def __str__(self) -> str:
        # KeyError would quote it.
        return str(self.args[0]) if self.args else type(self).__name__


class InvalidArgumentError(PlasmaError, ValueError):
    """An argument that can never be right."""

    status = -1


class NotFoundError(PlasmaError, KeyError):
    """No such object, name or key."""

    status = -2


class ExistsError(PlasmaError, FileExistsError):
    """The id is taken."""

    status = -3


class NameExistsError(PlasmaError, FileExistsError):
    """The name is taken by another object."""

    status = -4


class NotSealedError(PlasmaError, BlockingIOError):
    """The object is still being written."""

    status = -5


class SealedError(PlasmaError, ValueError):
    """The object is sealed already."""

    status = -6


class TimeoutError(PlasmaError, builtins.TimeoutError):
    """The time given ran out."""

    status = -7


class AbortedError(PlasmaError, ConnectionAbortedError):
    """The creator died before it sealed the object."""

    status = -8


class OutOfMemoryError(PlasmaError, MemoryError):
    """No room now in the store, the file system or the cgroup."""

    status = -9


class TooLargeError(PlasmaError, MemoryError):
    """Larger than the whole store."""

    status = -10


class LimitError(PlasmaError, MemoryError):
    """A limit other than bytes: objects, clients, leases, metadata, files."""

    status = -11


class ReadOnlyError(PlasmaError, PermissionError):
    """The client may only read."""

    status = -12


class AccessError(PlasmaError, PermissionError):
    """The operating system refused access (PLASMA_ERR_PERMISSION)."""

    status = -13


class StoreNotFoundError(PlasmaError, FileNotFoundError):
    """There is no store at the address."""

    status = -14


class StoreExistsError(PlasmaError, FileExistsError):
    """There is a store at the address."""

    status = -15


class NotAStoreError(PlasmaError, ValueError):
    """Something that is not a store is at the address."""

    status = -16


class MismatchError(PlasmaError, ValueError):
    """The store was made with other options than those given."""

    status = -17


class VersionError(PlasmaError, ValueError):
    """The store was made by another version of Plasma or word size."""

    status = -18


class CorruptError(PlasmaError, ValueError):
    """The store's files hold nonsense."""

    status = -19


class StoreGoneError(PlasmaError, ConnectionResetError):
    """The store was removed; buffers already held stay readable."""

    status = -20


class ForkedError(PlasmaError, ValueError):
    """What was used belongs to the parent process."""

    status = -21


class DisconnectedError(PlasmaError, ValueError):
    """The client is closed, as a file may be."""

    status = -22


class InterruptedError(PlasmaError, builtins.InterruptedError):
    """Client.interrupt() ended the wait."""

    status = -23


class UnsupportedError(PlasmaError, NotImplementedError):
    """This kernel, file system or store cannot do it."""

    status = -24


class SystemCallError(PlasmaError, OSError):
    """A system call failed; see errno (PLASMA_ERR_SYSTEM)."""

    status = -25


class InternalError(PlasmaError, RuntimeError):
    """A defect in Plasma; please report it with the message."""

    status = -26


class FormatError(PlasmaError, ValueError):
    """The object does not hold what it was read as."""


_BY_STATUS: dict[int, Any] = {kind.status: kind for kind in PlasmaError.__subclasses__()}


def error(status: int, about: object = None) -> PlasmaError:
    """The exception for a status that the last call of this thread gave, about some object."""
    message = text(lib.plasma_error_message())
    if about is not None:
        message += f": {about!r}"
    made: PlasmaError = _BY_STATUS.get(status, PlasmaError)(message)
    number = lib.plasma_error_errno()
    if number and isinstance(made, OSError):
        made.errno, made.strerror = number, os.strerror(number)
    return made


def check(status: int) -> None:
    """Raise what a status stands for."""
    if status != 0:
        raise error(status)
