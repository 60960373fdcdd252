# SPDX-License-Identifier: Apache-2.0
"""The counterpart of bench.h for the subjects in Python: arguments, the same loops, lines of JSON."""

import itertools
import json
import random
import sys
import time

UNSUPPORTED = 3
ARGUMENTS = dict(argument.split("=", 1) for argument in sys.argv[2:] if "=" in argument)
SPEND = int(ARGUMENTS.get("ms", 300)) * 1_000_000
now = time.monotonic_ns


def number(key, otherwise):
    return int(ARGUMENTS.get(key, otherwise))


def argument_is(key, text):
    return ARGUMENTS.get(key) == text


def at_random(items):
    """Some of them at random, forever: drawn in advance, since that costs as much as a get."""
    return itertools.cycle(random.Random(1).choices(items, k=max(len(items), 1 << 16)))


def quantile(samples, share):
    return samples[int(share * (len(samples) - 1))]


def _clock_cost():
    costs = []
    for _ in range(1001):
        start = now()
        costs.append(now() - start)
    return quantile(sorted(costs), 0.5)


CLOCK = _clock_cost()


def print_latency(name, batches, singles=(), size=0):
    """Median, tails and rate of operations: as print_latency() of bench.h."""
    batches.sort()
    tails = sorted(singles) if len(singles) >= 100 else batches
    median = quantile(batches, 0.5)
    result = {
        "name": name,
        "median_ns": median,
        "p99_ns": quantile(tails, 0.99),
        "p999_ns": quantile(tails, 0.999),
        "ops_s": 1e9 / median,
    }
    if size:
        result["gb_s"] = size / median
    print(json.dumps(result), flush=True)


def _time_batch(operation, batch):
    start = now()
    for _ in range(batch):
        operation()
    return now() - start


def batch_of(operation):
    """How many take 20 us, three times in a row: a single one may be slow by chance."""
    batch = 1
    while min(_time_batch(operation, batch) for _ in range(3)) < 20_000:
        batch *= 2
    return batch


def time_operation(name, operation):
    """Batches of about 20 us for the median, then single operations for the tails."""
    batch, batches, singles = batch_of(operation), [], []
    end = now() + SPEND
    while now() < end or len(batches) < 9:
        batches.append((_time_batch(operation, batch) - CLOCK) / batch)
    end = now() + SPEND // 2
    while now() < end:
        start = now()
        operation()
        singles.append(max(0, now() - start - CLOCK))
    print_latency(name, batches, singles)


def time_pair(first_name, first, second_name, second, batch, size, spend=SPEND):
    """Operations that undo each other: `second` gets the result of `first` for the number `at`."""
    firsts, seconds, base = [], [], 0
    warm = now() + spend // 4
    end = warm + spend
    done = 0
    while done < end or len(firsts) < 3:
        start = now()
        made = [first(at) for at in range(base, base + batch)]
        middle = now()
        for each in made:
            second(each)
        done = now()
        if done > warm or not firsts:
            firsts.append((middle - start - CLOCK) / batch)
            seconds.append((done - middle - CLOCK) / batch)
        base += batch
    print_latency(first_name, firsts, size=size)
    print_latency(second_name, seconds)


def run_workload(workloads):
    """Run the workload that argv names, or exit with UNSUPPORTED if it does not exist."""
    if len(sys.argv) < 2 or sys.argv[1] not in workloads:
        names = " ".join(workloads)
        print(f"usage: {sys.argv[0]} WORKLOAD key=value ...; one of: {names}", file=sys.stderr)
        sys.exit(UNSUPPORTED)
    workloads[sys.argv[1]]()
