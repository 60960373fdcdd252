"""libplasma without this package: ctypes and plasma.h are enough.

python plain_ctypes.py /path/to/libplasma.so
"""

import ctypes
import sys
from ctypes import POINTER, byref

STORE = b"plain-ctypes"


class Id(ctypes.Structure):
    """plasma_id_t"""

    _fields_ = [("bytes", ctypes.c_uint8 * 20)]


class Buffer(ctypes.Structure):
    """plasma_buffer_t and plasma_mutable_buffer_t, which have the same form."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("reserved", ctypes.c_uint64 * 6),
    ]


class PlasmaError(Exception):
    """A status other than PLASMA_OK, with what libplasma says about it."""


CLIENT, OPTIONS = ctypes.c_void_p, ctypes.c_void_p
FUNCTIONS = {
    "connect": (ctypes.c_char_p, OPTIONS, POINTER(CLIENT)),
    "store_remove": (ctypes.c_char_p,),
    "id_random": (POINTER(Id),),
    "create": (CLIENT, POINTER(Id), ctypes.c_uint64, OPTIONS, POINTER(Buffer)),
    "seal": (POINTER(Buffer),),
    "wait": (
        CLIENT, POINTER(Id), ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int64, ctypes.c_char_p,
        POINTER(ctypes.c_size_t),
    ),
    "get": (CLIENT, POINTER(Id), ctypes.c_int64, POINTER(Buffer)),
    "release": (POINTER(Buffer),),
}  # fmt: skip


def load(path):
    """Load the library, and declare the types of its functions."""
    library = ctypes.CDLL(path)
    library.plasma_error_message.restype = ctypes.c_char_p
    library.plasma_disconnect.argtypes, library.plasma_disconnect.restype = (CLIENT,), None

    def checked(status):
        # The message is that of the last call of this thread.
        if status != 0:
            raise PlasmaError(status, library.plasma_error_message().decode())

    for name, types in FUNCTIONS.items():
        function = getattr(library, "plasma_" + name)
        function.argtypes, function.restype = types, checked
    return library


def create(plasma, client, content):
    """Write an object in place; returns its id."""
    made, buffer = Id(), Buffer()
    plasma.plasma_id_random(byref(made))
    plasma.plasma_create(client, byref(made), len(content), None, byref(buffer))
    # Nothing may write there after the seal, and ctypes does not stop it.
    ctypes.memmove(buffer.data, content, len(content))
    plasma.plasma_seal(byref(buffer))
    return made


def read(plasma, client, made):
    """A copy of an object's bytes."""
    ready, count = ctypes.create_string_buffer(1), ctypes.c_size_t()
    # Waits for at most a second until one object of one is sealed.
    plasma.plasma_wait(client, byref(made), 1, 1, 1000, ready, byref(count))
    buffer = Buffer()
    plasma.plasma_get(client, byref(made), 0, byref(buffer))
    try:
        # A copy, because a view of ctypes knows nothing of the lease: after the release its memory
        # may be that of another object. Whoever wants views keeps the buffer for as long.
        return ctypes.string_at(buffer.data, buffer.size)
    finally:
        plasma.plasma_release(byref(buffer))


def main(path):
    plasma, client = load(path), CLIENT()
    plasma.plasma_connect(STORE, None, byref(client))
    try:
        made = create(plasma, client, b"hello from ctypes")
        print(read(plasma, client, made).decode())
        try:
            read(plasma, client, Id())
        except PlasmaError as error:
            print("an unknown object:", error.args[1])
    finally:
        plasma.plasma_disconnect(client)
        plasma.plasma_store_remove(STORE)


if __name__ == "__main__":
    main(sys.argv[1])
