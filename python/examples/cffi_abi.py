"""libplasma without this package: cffi in ABI mode, with declarations from plasma.h.

python cffi_abi.py /path/to/libplasma.so
"""

import sys

import cffi

ffi = cffi.FFI()
# What the program calls, copied from plasma.h. A struct that it only passes on as NULL, or by
# pointer, needs no members.
ffi.cdef("""
    typedef struct plasma_client_t plasma_client_t;
    typedef struct plasma_connect_options_t plasma_connect_options_t;
    typedef struct plasma_create_options_t plasma_create_options_t;
    typedef struct { uint8_t bytes[20]; } plasma_id_t;
    typedef struct { const uint8_t *data; uint64_t size; uint64_t reserved[6]; } plasma_buffer_t;
    typedef struct { uint8_t *data; uint64_t size; uint64_t reserved[6]; } plasma_mutable_buffer_t;

    int32_t plasma_connect(const char *, const plasma_connect_options_t *, plasma_client_t **);
    void plasma_disconnect(plasma_client_t *);
    int32_t plasma_store_remove(const char *);
    int32_t plasma_id_random(plasma_id_t *);
    int32_t plasma_create(const plasma_client_t *, const plasma_id_t *, uint64_t,
                          const plasma_create_options_t *, plasma_mutable_buffer_t *);
    int32_t plasma_seal(plasma_mutable_buffer_t *);
    int32_t plasma_wait(const plasma_client_t *, const plasma_id_t *, size_t, size_t, int64_t,
                        uint8_t *, size_t *);
    int32_t plasma_get(const plasma_client_t *, const plasma_id_t *, int64_t, plasma_buffer_t *);
    int32_t plasma_release(plasma_buffer_t *);
    const char *plasma_error_message(void);
""")
STORE = b"cffi-abi"


class PlasmaError(Exception):
    """A status other than PLASMA_OK, with what libplasma says about it."""


def check(plasma, status):
    """Raise an exception if a call failed. The message is that of the last call of this thread."""
    if status != 0:
        raise PlasmaError(status, ffi.string(plasma.plasma_error_message()).decode())


def create(plasma, client, content):
    """Write an object in place; returns its id."""
    made, buffer = ffi.new("plasma_id_t *"), ffi.new("plasma_mutable_buffer_t *")
    check(plasma, plasma.plasma_id_random(made))
    check(plasma, plasma.plasma_create(client, made, len(content), ffi.NULL, buffer))
    # This view must not be used after the seal: the memory is then that of all readers. cffi does
    # not stop such a write.
    ffi.buffer(buffer.data, buffer.size)[:] = content
    check(plasma, plasma.plasma_seal(buffer))
    return made


def read(plasma, client, made):
    """A copy of an object's bytes."""
    ready, count = ffi.new("uint8_t *"), ffi.new("size_t *")
    # Waits for at most a second until one object of one is sealed.
    check(plasma, plasma.plasma_wait(client, made, 1, 1, 1000, ready, count))
    buffer = ffi.new("plasma_buffer_t *")
    check(plasma, plasma.plasma_get(client, made, 0, buffer))
    try:
        # A copy, because a view of cffi knows nothing of the lease: after the release its memory
        # may be that of another object. Whoever wants views keeps the buffer for as long.
        return bytes(ffi.buffer(buffer.data, buffer.size))
    finally:
        check(plasma, plasma.plasma_release(buffer))


def main(path):
    plasma = ffi.dlopen(path)
    client = ffi.new("plasma_client_t **")
    check(plasma, plasma.plasma_connect(STORE, ffi.NULL, client))
    try:
        made = create(plasma, client[0], b"hello from cffi")
        print(read(plasma, client[0], made).decode())
        try:
            read(plasma, client[0], ffi.new("plasma_id_t *"))
        except PlasmaError as error:
            print("an unknown object:", error.args[1])
    finally:
        plasma.plasma_disconnect(client[0])
        check(plasma, plasma.plasma_store_remove(STORE))


if __name__ == "__main__":
    main(sys.argv[1])
