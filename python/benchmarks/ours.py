"""Costs of calls of plasma-store: prints a JSON object of microseconds."""

import sys

import numpy as np
from timing import report, time_call, time_each

import plasma

with plasma.connect(sys.argv[1], ephemeral=True, capacity=1 << 30) as client:
    array = np.arange(128.0)
    small = client.put_bytes(b"x" * 100, name="small")
    stored = client.put(array)

    def clean(keys: list) -> None:
        client.delete_many(keys)

    report(
        {
            "get 100 B to a memoryview, and let it go": time_call(
                lambda: memoryview(client.get(small))
            ),
            "the same by name": time_call(lambda: memoryview(client.get("small"))),
            "put 1 KB NumPy array": time_each(lambda: client.put(array), clean),
            "get 1 KB NumPy array, and let it go": time_call(lambda: client.get_object(stored)),
            "put 1 KB of bytes": time_each(lambda: client.put_bytes(array), clean),
            "contains": time_call(lambda: small in client),
        }
    )
