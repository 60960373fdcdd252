#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""multiprocessing.shared_memory, the module of the standard library.

An object is a block of shared memory with a name, so a get opens and maps it, reads the first
byte and closes it again; that is attach, too, since there is no store to attach to. Python 3.13
can do without its resource tracker, which costs a message for each block and removes blocks that
others still use: there it is left out.

put has fresh memory only: each block is new. Nobody can wait for a block, so there is no handover;
several processes would only time the kernel side by side, so there are no getters and creators.
"""

import os
import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import (
    SPEND,
    UNSUPPORTED,
    argument_is,
    at_random,
    number,
    run_workload,
    time_operation,
    time_pair,
)

MANY = 100_000  # more files than that take minutes to make and to remove
OPTIONS = {"track": False} if sys.version_info >= (3, 13) else {}


def make(at, source):
    block = SharedMemory(f"bench-shm-{os.getpid()}-{at}", create=True, size=len(source), **OPTIONS)
    block.buf[: len(source)] = source
    return block


def remove(block):
    block.close()
    block.unlink()


def read(name):
    block = SharedMemory(name, **OPTIONS)
    block.buf[0]
    block.close()


def get(name="get"):
    count = number("objects", 1000) if argument_is("order", "random") else 1
    if count > MANY:
        sys.exit(UNSUPPORTED)
    source = bytes([7]) * number("size", 100)
    names = []
    try:
        for at in range(count):
            block = make(at, source)
            names.append(block.name)
            block.close()
        keys = at_random(names)
        time_operation(name, lambda: read(next(keys)))
    finally:
        for block in names:
            remove(SharedMemory(block, **OPTIONS))


def pairs(name, batch, source, spend):
    time_pair(
        name,
        lambda at: make(at % (64 * batch), source),
        "delete",
        remove,
        batch,
        len(source),
        spend,
    )


def create():
    pairs("create", number("batch", 100), bytes([7]) * number("size", 100), SPEND)


def put():
    if not argument_is("memory", "fresh") or number("threads", 1) != 1:
        sys.exit(UNSUPPORTED)
    pairs("put", 1, bytes([7]) * number("size", 1 << 20), 3 * SPEND)


if __name__ == "__main__":
    run_workload(
        {"get": get, "create": create, "put": put, "attach": lambda: get("attach")},
    )
