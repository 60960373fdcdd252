"""Processes share a pandas frame and answer with frames.

python frames.py
"""

import concurrent.futures
import multiprocessing

import numpy as np
import pandas as pd

import plasma


def summary(client, name, column):
    frame = client.get_object(name)  # its columns are views on shared memory
    return client.put(frame.groupby("group")[column].agg(["mean", "max"]))


def main(rows=200_000):
    columns = ["a", "b", "c", "d"]
    frame = pd.DataFrame({name: np.arange(rows) * factor for factor, name in enumerate(columns, 1)})
    frame["group"] = np.arange(rows) % 5
    with plasma.connect("frames", ephemeral=True) as client:
        client.put(frame, name="frame")
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
            jobs = {name: executor.submit(summary, client, "frame", name) for name in columns}
            for name, job in jobs.items():
                expected = frame.groupby("group")[name].agg(["mean", "max"])
                pd.testing.assert_frame_equal(client.get_object(job.result()), expected)
    print(f"{len(columns)} summaries of {rows} rows")


if __name__ == "__main__":
    main()
