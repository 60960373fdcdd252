# SPDX-License-Identifier: Apache-2.0
"""Figures: over rounds, compared with each other, and as text."""

import statistics

# The metric by which a result is compared: the first of these that it has.
PRIMARY = ("median_ns", "ns_per_object", "bytes_per_object", "bytes_taken", "utilisation", "ops_s")
LESS_IS_BETTER = ("median_ns", "ns_per_object", "bytes_per_object", "bytes_taken")


def summarise(rounds):
    """{result: {metric: {median, min, max}}} of one {result: {metric: value}} for each round."""
    values = {}
    for results in rounds:
        for result, metrics in results.items():
            for metric, value in metrics.items():
                values.setdefault(result, {}).setdefault(metric, []).append(value)
    return {
        result: {metric: spread(series) for metric, series in metrics.items()}
        for result, metrics in values.items()
    }


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def primary(metrics):
    """The metric by which a result is compared; None when it has none of them."""
    return next((metric for metric in PRIMARY if metric in metrics), None)


def best(metric, values):
    return min(values) if metric in LESS_IS_BETTER else max(values)


def ratio(value, reference):
    return value / reference if reference else None


def digits(value):
    """Three significant digits, without an exponent."""
    size = abs(value)
    if size >= 99.95:
        return f"{value:.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    if size >= 0.9995 or value == 0:
        return f"{value:.2f}"
    return f"{value:.3f}" if size >= 0.0995 else f"{value:.2g}"


def scaled(value, units):
    """A value in the largest unit that leaves at least 1: `units` is ((factor, name), ...), ascending."""
    factor, name = units[0]
    for factor_here, name_here in units[1:]:
        if abs(value) >= 0.9995 * factor_here:
            factor, name = factor_here, name_here
    return digits(value / factor) + name


TIMES = ((1, " ns"), (1e3, " us"), (1e6, " ms"), (1e9, " s"))
RATES = ((1, " /s"), (1e3, " k/s"), (1e6, " M/s"), (1e9, " G/s"))


def quantity(metric, value):
    """A figure with its unit."""
    if metric.endswith("_ns") or metric.startswith("ns_"):
        return scaled(value, TIMES)
    if metric == "gb_s":
        return digits(value) + " GB/s"
    if metric.endswith("_s"):
        return scaled(value, RATES)
    if metric.startswith("bytes_"):
        return digits(value) + " B"
    return f"{value:.0f}" if value == int(value) else digits(value)


def ratio_text(value):
    return "" if value is None else digits(value) + "x"
