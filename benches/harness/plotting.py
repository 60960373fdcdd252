# SPDX-License-Identifier: Apache-2.0
"""Draws the plots in an environment of their own, so that everything else needs only Python."""

import subprocess
import sys

from harness import subjects

VENV = subjects.BUILT / "venv"
FILES = ("latency-size.svg", "latency-objects.svg")
HERE = subjects.ROOT / "benches" / "harness"


def draw(figures, folder):
    """The files that are drawn, or the reason why no file is drawn."""
    python = VENV / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    steps = [
        [*pip, "-r", HERE / "requirements.txt"],
        [python, HERE / "plots.py", figures, folder],
    ]
    if not python.exists():
        steps.insert(0, [sys.executable, "-m", "venv", VENV])
    for step in steps:
        done = subprocess.run(list(map(str, step)), capture_output=True, text=True)
        if done.returncode != 0:
            # No plots are better than those of other figures.
            for file in FILES:
                (folder / file).unlink(missing_ok=True)
            why = (done.stderr.strip() or "no reason given").splitlines()[-1]
            return (), f"No plots: {why.replace(f'{subjects.ROOT}/', '')}"
    return FILES, ""
