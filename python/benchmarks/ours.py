"""Costs of calls of plasma-store: prints a JSON object of microseconds."""

import subprocess
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

    buffer = client.get(small)
    for at in range(1000):
        client.put_bytes(b"", name=f"{at}")

    def make() -> object:
        return client.seal(client.empty(128))

    def started() -> float:
        # Of the processor, because machines are busy.
        code = "import time; began = time.process_time(); import plasma; "
        code += "print(time.process_time() - began)"
        return float(subprocess.run([sys.executable, "-c", code], **piped).stdout) * 1e6

    piped = {"check": True, "capture_output": True, "text": True}
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
            "empty() of 1 KB, and seal": time_each(make, clean),
            "list(), for each object": time_call(client.list) / len(client.list()),
            "id, name and size of a buffer": time_call(
                lambda: (buffer.id, buffer.name, buffer.size)
            ),
            "import plasma": min(started() for _ in range(10)),
        }
    )
