"""Costs of the same calls with the plasma client of pyarrow 11: prints a JSON object of
microseconds."""

import os
import subprocess
import sys
import time
import warnings

import numpy as np
from timing import report, time_call, time_each

warnings.simplefilter("ignore")
import pyarrow.plasma as plasma  # noqa: E402

socket = sys.argv[1]
server = subprocess.Popen(
    [
        os.path.join(os.path.dirname(sys.executable), "plasma_store"),
        "-m",
        str(1 << 30),
        "-s",
        socket,
    ],
    stderr=subprocess.DEVNULL,
)
try:
    while not os.path.exists(socket):
        time.sleep(0.01)
    client = plasma.connect(socket)
    array = np.arange(128.0)
    small = plasma.ObjectID.from_random()
    memoryview(client.create(small, 100)).cast("B")[:] = b"x" * 100
    client.seal(small)
    stored = client.put(array)
    report(
        {
            "get 100 B to a memoryview, and let it go": time_call(
                lambda: memoryview(client.get_buffers([small])[0])
            ),
            "put 1 KB NumPy array": time_each(lambda: client.put(array), client.delete),
            "get 1 KB NumPy array, and let it go": time_call(lambda: client.get(stored)),
            "contains": time_call(lambda: client.contains(small)),
        }
    )
finally:
    server.terminate()
    server.wait()
