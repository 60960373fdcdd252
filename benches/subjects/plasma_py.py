# SPDX-License-Identifier: Apache-2.0
"""Plasma through its Python package, with the workloads that it takes part in.

A get ends in a memoryview, as a user of bytes would have it, of which it reads one byte: to make a
number of a word would cost as much as the get. put_array puts a NumPy array of so many bytes, with
its type and shape: what most users of Python put.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import plasma
from bench import (
    CLOCK,
    SPEND,
    UNSUPPORTED,
    argument_is,
    at_random,
    now,
    number,
    print_latency,
    run_workload,
    time_operation,
    time_pair,
)
from plasma import ObjectID

KIB, MIB = 1 << 10, 1 << 20


def open_store(objects, max_objects, size, huge_pages=False):
    """As in plasma_single.c; it is removed with its last client."""
    if argument_is("store", "default"):
        capacity = 2 * objects * size if objects * size > 512 * MIB else None
        address = f"bench-py-{os.getpid()}"
        return plasma.connect(address, exclusive=True, ephemeral=True, capacity=capacity)
    return plasma.connect(
        f"bench-py-{os.getpid()}",
        exclusive=True,
        ephemeral=True,
        capacity=64 * MIB + objects * (size + 63 & ~63),
        max_objects=max_objects + 1024,
        huge_pages=huge_pages,
    )


def ids_of(count):
    return [ObjectID.from_int(at) for at in range(count)]


def get():
    size, objects = number("size", 100), number("objects", 1000)
    source, ids = bytes([7]) * size, ids_of(objects)
    with open_store(objects, objects, size) as client:
        for made in ids:
            client.put_bytes(source, made)
        keys = at_random(ids if argument_is("order", "random") else ids[:1])
        time_operation("get", lambda: memoryview(client.get(next(keys)))[0])


def create():
    size, batch = number("size", 100), number("batch", 100)
    source, ids = bytes([7]) * size, ids_of(64 * batch)
    with open_store(2 * batch, len(ids), size) as client:

        def create_one(at):
            made = client.create(ids[at % len(ids)], size)
            with memoryview(made) as view:
                view[:] = source
            return made.seal()

        time_pair("create", create_one, "delete", client.delete, batch, size)


def put():
    size = number("size", MIB)
    if number("threads", 1) != 1:
        sys.exit(UNSUPPORTED)  # put_bytes() decides by itself
    source, ids = bytes([7]) * size, ids_of(64)
    with open_store(2, len(ids), size, huge_pages=True) as client:

        def put_one(at):
            return client.put_bytes(source, ids[at % len(ids)])

        if argument_is("memory", "fresh"):
            put_fresh(client, put_one, size)
        else:
            time_pair("put", put_one, "delete", client.delete, 1, size)


def put_fresh(client, put_one, size):
    """Each in fresh memory: deleted memory is trimmed."""
    samples, end = [], now() + 3 * SPEND
    while now() < end or len(samples) < 3:
        start = now()
        made = put_one(len(samples))
        samples.append(now() - start - CLOCK)
        client.delete(made)
        client.trim()
    print_latency("put", samples, size=size)


def put_array():
    array, batch = np.full(number("size", KIB) // 8, 7.0), number("batch", 100)
    ids = ids_of(64 * batch)
    with open_store(2 * batch, len(ids), 2 * array.nbytes) as client:
        time_pair(
            "put_array",
            lambda at: client.put(array, ids[at % len(ids)]),
            "delete",
            client.delete,
            batch,
            array.nbytes,
        )


run_workload({"get": get, "create": create, "put": put, "put_array": put_array})
