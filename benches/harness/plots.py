# SPDX-License-Identifier: Apache-2.0
"""plots.py JSON FOLDER: draws the plots of a file of figures; needs matplotlib."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from harness.cases import FLOOR
from harness.report import name_of

# The same figures give the same file.
plt.rcParams["svg.hashsalt"] = "plasma"

DASHES = ("--", ":", "-.")


def series(figures, key, **wanted):
    """{name: [(value of the key, median)]} of the figures whose keys are those wanted."""
    found = {}
    for row in figures:
        about = {**row["keys"], "workload": row["workload"]}
        if any(about.get(name) != value for name, value in wanted.items()):
            continue
        is_floor = row["subject"] == FLOOR
        if (not is_floor and row["result"] != row["workload"]) or "median_ns" not in row["metrics"]:
            continue
        name = f"floor: {row['result']}" if is_floor else name_of(row["subject"])
        point = (float(about[key]), row["metrics"]["median_ns"]["median"])
        found.setdefault(name, []).append(point)
    return found


def draw(axes, title, label, lines, style_of):
    axes.set_title(title)
    for name, points in lines.items():
        axes.plot(*zip(*sorted(points)), label=name, **style_of(name))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.grid(alpha=0.3)


def styles():
    """The same colour for a subject in all panels; floors are dashed and grey."""
    colours = plt.rcParams["axes.prop_cycle"].by_key()["color"]
    taken, floors = {}, set()

    def style_of(name):
        if name.startswith("floor"):
            dash = taken.setdefault(name, DASHES[len(floors) % len(DASHES)])
            floors.add(name)
            return {"color": "0.4", "linestyle": dash, "marker": "."}
        colour = taken.setdefault(name, colours[(len(taken) - len(floors)) % len(colours)])
        return {"color": colour, "marker": "o", "linewidth": 2.5 if name == "Plasma" else 1.2}

    return style_of


def save(figure, panels, path, columns):
    for axes in panels:
        axes.set_ylabel("ns")
    named = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels()):
            named.setdefault(name, handle)
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def main():
    figures = json.loads(Path(sys.argv[1]).read_text())["figures"]
    folder = Path(sys.argv[2])
    style_of = styles()

    figure, panels = plt.subplots(1, 3, figsize=(13, 5.5), layout="constrained")
    for axes, workload, wanted in zip(
        panels,
        ("get", "create", "put"),
        ({"order": "hot"}, {}, {"memory": "reused", "threads": "1"}),
    ):
        lines = series(figures, "size", workload=workload, **wanted)
        draw(axes, ", ".join((workload, *list(wanted.values())[:1])), "bytes", lines, style_of)
    save(figure, panels, folder / "latency-size.svg", 6)

    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    lines = series(figures, "objects", workload="get", order="random", size="100")
    draw(axes, "get of one at random, 100 B", "objects", lines, style_of)
    save(figure, [axes], folder / "latency-objects.svg", 4)


main()
