"""Times of calls, the least of some rounds: others on the machine can only add to it."""

import json
import time

ROUNDS = 9
CALLS = 2000


def time_call(call):
    """Microseconds of a call that can be repeated."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        best = min(best, time.perf_counter() - began)
    return best / CALLS * 1e6


def time_each(call, clean):
    """Microseconds of a call whose results are cleaned away after each round."""
    best = float("inf")
    for _ in range(ROUNDS):
        made = []
        began = time.perf_counter()
        for at in range(CALLS):
            made.append(call(at))
        best = min(best, time.perf_counter() - began)
        clean(made)
    return best / CALLS * 1e6


def report(costs):
    """What compare.py reads."""
    print(json.dumps(costs))
