"""Each call of plasma.compat.pyarrow beside the original: compare_pyarrow.py PYTHON PYTHON_WITH_11

Both are measured in turn, three times, and the least counts.
"""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = str(Path(__file__).parent / "pyarrow_calls.py")


def measure(python: str, module: str) -> dict:
    command = [python, SCRIPT, module]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


ours, theirs = [], []
for _ in range(3):
    ours.append(measure(sys.argv[1], "plasma.compat.pyarrow"))
    theirs.append(measure(sys.argv[2], "pyarrow.plasma"))
print("| call | here, µs | pyarrow 11, µs | times faster |\n|---|---|---|---|")
for name in ours[0]:
    here, there = (min(each[name] for each in rounds) for rounds in (ours, theirs))
    print(f"| {name} | {here:.1f} | {there:.1f} | {there / here:.0f} |")
