"""Times of calls: the minimum of many rounds, short enough that some are not disturbed."""

import json
import time

ROUNDS = 400
ROUND_SECONDS = 0.0005


def time_call(call):
    """Microseconds of a call that can be repeated; each result is dropped."""

    def round_of(calls):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - began) / calls

    return _least(round_of)


def time_each(call, clean):
    """Microseconds of a call whose results are cleaned up after each round."""

    def round_of(calls):
        made = [None] * calls
        began = time.perf_counter()
        for at in range(calls):
            made[at] = call()
        took = time.perf_counter() - began
        clean(made)
        return took / calls

    return _least(round_of)


def _least(round_of):
    calls = max(1, int(ROUND_SECONDS / round_of(10)))
    return min(round_of(calls) for _ in range(ROUNDS)) * 1e6


def report(costs):
    """Print the results for compare.py."""
    print(json.dumps(costs))
