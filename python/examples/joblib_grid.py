"""A grid of settings tried in parallel by joblib, on one large array: with loky, and with Plasma.

python joblib_grid.py [MEGABYTES]
"""

import sys
import time

import joblib
import numpy as np

import plasma.joblib  # noqa: F401  registers the backend "plasma"


def smooth(signal, width):
    """A result as large as the argument."""
    sums = np.cumsum(signal)
    sums[width:] -= sums[:-width].copy()
    return sums / width


def main(megabytes=200):
    signal = np.random.default_rng(1).random(megabytes * 125_000)
    for backend in "loky", "plasma":
        with joblib.parallel_config(backend, n_jobs=2):
            parallel = joblib.Parallel()
            parallel(joblib.delayed(smooth)(signal[:1000], 2) for _ in range(4))  # starts workers
            began = time.perf_counter()
            results = parallel(joblib.delayed(smooth)(signal, width) for width in range(2, 6))
            took = time.perf_counter() - began
        spread = [float(result[100:].std()) for result in results]
        assert spread == sorted(spread, reverse=True)
        print(f"{backend:8} {took:6.2f} s for {len(results)} results of {megabytes} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
