"""Times of calls: the least of many rounds, each so short that others on the machine miss some."""

import json
import time

ROUNDS = 400
ROUND_SECONDS = 0.0005


def time_call(call):
    """Microseconds of a call that can be repeated; what it gives is let go of each time."""

    def round_of(calls):
        began = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - began) / calls

    return _least(round_of)


def time_each(call, clean):
    """Microseconds of a call whose results are cleaned away after each round."""

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
    """What compare.py reads."""
    print(json.dumps(costs))
