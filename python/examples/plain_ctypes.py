"""libplasma without this package: ctypes and plasma.h are enough.

python plain_ctypes.py /path/to/libplasma.so
"""

import ctypes
import sys


class Id(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint8 * 20)]


class Buffer(ctypes.Structure):
    """plasma_buffer_t"""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("reserved", ctypes.c_uint64 * 6),
    ]


def load(path):
    """Load the library, and declare the types of its functions."""
    library = ctypes.CDLL(path)
    for name, *types in (
        ("connect", ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)),
        ("id_random", ctypes.POINTER(Id)),
        (
            "put",
            ctypes.c_void_p,
            ctypes.POINTER(Id),
            ctypes.c_char_p,
            ctypes.c_uint64,
            ctypes.c_void_p,
        ),
        ("get", ctypes.c_void_p, ctypes.POINTER(Id), ctypes.c_int64, ctypes.POINTER(Buffer)),
        ("release", ctypes.POINTER(Buffer)),
        ("disconnect", ctypes.c_void_p),
        ("store_remove", ctypes.c_char_p),
    ):
        function = getattr(library, "plasma_" + name)
        function.argtypes = types
        function.restype = check(library) if name != "disconnect" else None
    library.plasma_error_message.restype = ctypes.c_char_p
    return library


def check(library):
    """Make a function that turns a status into an exception."""

    def checked(status):
        if status != 0:
            raise OSError(status, library.plasma_error_message().decode())

    return checked


def main(path):
    plasma = load(path)
    client, id, buffer = ctypes.c_void_p(), Id(), Buffer()
    text = b"hello from ctypes"
    plasma.plasma_connect(b"plain-ctypes", None, ctypes.byref(client))
    plasma.plasma_id_random(ctypes.byref(id))
    plasma.plasma_put(client, ctypes.byref(id), text, len(text), None)
    plasma.plasma_get(client, ctypes.byref(id), 0, ctypes.byref(buffer))
    # A copy, because without the package a view could outlive the buffer.
    print(ctypes.string_at(buffer.data, buffer.size).decode())
    plasma.plasma_release(ctypes.byref(buffer))
    plasma.plasma_disconnect(client)
    plasma.plasma_store_remove(b"plain-ctypes")


if __name__ == "__main__":
    main(sys.argv[1])
