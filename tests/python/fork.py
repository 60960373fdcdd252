"""Workers that Python's multiprocessing forks, over ctypes: fork.py LIBRARY ADDRESS."""

import ctypes
import multiprocessing
import os
import signal
import sys
import time

OK, NOT_FOUND, FORKED = 0, -2, -21
SIZE = 100_000
WORKERS = 4


class Id(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_uint8 * 20)]


class Buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.POINTER(ctypes.c_uint8)),
        ("size", ctypes.c_uint64),
        ("reserved", ctypes.c_uint64 * 6),
    ]


plasma = ctypes.CDLL(sys.argv[1])
plasma.plasma_error_message.restype = ctypes.c_char_p
plasma.plasma_disconnect.argtypes = [ctypes.c_void_p]
plasma.plasma_disconnect.restype = None
ADDRESS = sys.argv[2].encode()


def check(status, expected=OK):
    if status != expected:
        message = plasma.plasma_error_message().decode()
        raise AssertionError(f"status {status}, not {expected}: {message}")


def connect():
    client = ctypes.c_void_p()
    check(plasma.plasma_connect(ADDRESS, None, ctypes.byref(client)))
    return client


def id_of(number):
    made = Id()
    made.bytes[0] = number
    return made


def content(number):
    return bytes((number + at) % 251 for at in range(SIZE))


def put(client, number):
    data = content(number)
    size = ctypes.c_uint64(len(data))
    check(plasma.plasma_put(client, ctypes.byref(id_of(number)), data, size, None))


def get(client, number, expected=OK):
    buffer = Buffer()
    timeout = ctypes.c_int64(60_000 if expected == OK else 0)
    wanted = ctypes.byref(id_of(number))
    check(plasma.plasma_get(client, wanted, timeout, ctypes.byref(buffer)), expected)
    return buffer


def view(buffer):
    return ctypes.string_at(buffer.data, buffer.size)


def release(buffer, expected=OK):
    check(plasma.plasma_release(ctypes.byref(buffer)), expected)


def inherited_says_forked(client, held):
    """What came over fork is refused, readable, and may be let go of."""
    get(client, 1, FORKED)
    data, size = b"x", ctypes.c_uint64(1)
    check(plasma.plasma_put(client, ctypes.byref(id_of(9)), data, size, None), FORKED)
    check(plasma.plasma_delete(client, ctypes.byref(id_of(1))), FORKED)
    check(plasma.plasma_reap(client, ctypes.byref(ctypes.c_uint64())), FORKED)
    release(held, FORKED)
    assert view(held) == content(1)


def worker(client, held, number):
    inherited_says_forked(client, held)
    own = connect()
    seen = get(own, 1)
    assert view(seen) == content(1)
    put(own, number)
    release(seen)
    plasma.plasma_disconnect(own)
    plasma.plasma_disconnect(client)


def in_pool(number):
    own = connect()
    seen = get(own, number)
    same = view(seen) == content(number)
    release(seen)
    plasma.plasma_disconnect(own)
    return same


def killed(ready):
    own = connect()
    get(own, 1)
    ready.set()
    time.sleep(600)


def reaped(client):
    count = ctypes.c_uint64()
    check(plasma.plasma_reap(client, ctypes.byref(count)))
    return count.value


def main():
    fork = multiprocessing.get_context("fork")
    client = connect()
    put(client, 1)
    held = get(client, 1)

    workers = [fork.Process(target=worker, args=(client, held, 10 + n)) for n in range(WORKERS)]
    for process in workers:
        process.start()
    for process in workers:
        process.join()
        assert process.exitcode == 0, process.exitcode
    assert reaped(client) == 0
    for number in range(WORKERS):
        buffer = get(client, 10 + number)
        assert view(buffer) == content(10 + number)
        release(buffer)

    with fork.Pool(WORKERS) as pool:
        assert all(pool.map(in_pool, [1, 10, 11, 12, 13] * 4))
    assert view(held) == content(1)

    # One that is killed gives back what it held, and nothing of its parent's.
    ready = fork.Event()
    victim = fork.Process(target=killed, args=(ready,), daemon=True)
    victim.start()
    assert ready.wait(60)
    os.kill(victim.pid, signal.SIGKILL)
    victim.join()
    assert reaped(client) == 1
    assert view(held) == content(1)
    release(held)
    check(plasma.plasma_delete(client, ctypes.byref(id_of(1))))
    get(client, 1, NOT_FOUND)
    plasma.plasma_disconnect(client)
    check(plasma.plasma_store_remove(ADDRESS))
    print("done")


main()
