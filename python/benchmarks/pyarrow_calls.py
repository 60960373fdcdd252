"""Costs of each call of pyarrow.plasma: pyarrow_calls.py MODULE prints JSON, in microseconds.

MODULE is pyarrow.plasma (with pyarrow 11) or plasma.compat.pyarrow.
"""

import importlib
import os
import sys
import time
import warnings

import numpy as np
from timing import report, time_call, time_each

warnings.simplefilter("ignore")
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what servers say
plasma = importlib.import_module(sys.argv[1])

with plasma.start_plasma_store(1 << 30) as (name, _):
    client, other = plasma.connect(name), plasma.connect(name)
    array, bytes_1k = np.arange(128.0), b"x" * 1024
    new = plasma.ObjectID.from_random
    stored = client.put(array)
    raw = new()
    client.create_and_seal(raw, bytes_1k, b"metadata")

    def create_and_seal():
        made = new()
        client.create(made, 1024)
        client.seal(made)
        return made

    def create_and_seal_at_once():
        made = new()
        client.create_and_seal(made, bytes_1k)
        return made

    costs = {
        "create, seal": time_each(create_and_seal, client.delete),
        "create_and_seal 1 KB": time_each(create_and_seal_at_once, client.delete),
        "put_raw_buffer 1 KB": time_each(lambda: client.put_raw_buffer(bytes_1k), client.delete),
        "put a number": time_each(lambda: client.put(7), client.delete),
        "put 1 KB array": time_each(lambda: client.put(array), client.delete),
        "put a list of 10 words": time_each(lambda: client.put(["word"] * 10), client.delete),
        "get 1 KB array": time_call(lambda: client.get(stored)),
        "get_buffers": time_call(lambda: client.get_buffers([raw])),
        "get_buffers with_meta": time_call(lambda: client.get_buffers([raw], with_meta=True)),
        "get_metadata": time_call(lambda: client.get_metadata([raw])),
        "get, not there": time_call(lambda: client.get(new(), 0)),
        "contains": time_call(lambda: client.contains(raw)),
        "hash": time_call(lambda: client.hash(raw)),
        "list of 2": time_call(lambda: client.list()),
    }

    def filled():
        return [client.put(7) for _ in range(100)]

    def least(prepare, run):
        took = []
        for _ in range(40):
            prepared = prepare()
            began = time.perf_counter()
            run(prepared)
            took.append((time.perf_counter() - began) / 100 * 1e6)
        return min(took)

    costs["delete, one of 100"] = least(filled, client.delete)
    client.delete([stored, raw])
    costs["evict 1 byte"] = least(filled, lambda ids: [client.evict(1) for _ in ids])
    costs["connect, disconnect"] = time_call(lambda: plasma.connect(name).disconnect())
    other.subscribe()
    costs["put a number, next notification"] = least(
        lambda: range(100), lambda ns: [(client.put(7), other.get_next_notification()) for _ in ns]
    )
    report(costs)
