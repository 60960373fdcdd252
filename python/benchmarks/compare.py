"""Compares costs with those of pyarrow 11: compare.py PYTHON PYTHON_WITH_PYARROW_11 [--check]

Both are measured in turn, three times, and the least counts. With --check it fails when the costs
promised in docs/costs.md are not met.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
MOST = {
    "get 100 B to a memoryview, and let it go": 2,
    "get 1 KB NumPy array, and let it go": 5,
    "empty() of 1 KB, and seal": 15,
    "list(), for each object": 3,
    "id, name and size of a buffer": 3,
    "import plasma": 60_000,
}
"""Microseconds."""
GET, PUT = "get 100 B to a memoryview, and let it go", "put 1 KB NumPy array"


def measure(python: str, script: str, address: str) -> dict:
    command = [python, str(HERE / script), address]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def least(rounds: list) -> dict:
    return {name: min(each[name] for each in rounds) for name in rounds[0]}


def main() -> int:
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(3):
            ours.append(measure(sys.argv[1], "ours.py", f"costs-{os.getpid()}"))
            theirs.append(measure(sys.argv[2], "pyarrow_plasma.py", f"{scratch}/socket"))
            os.unlink(f"{scratch}/socket") if os.path.exists(f"{scratch}/socket") else None
    mine, other = least(ours), least(theirs)
    print("| call | plasma-store, µs | pyarrow 11, µs | times faster |\n|---|---|---|---|")
    for name, cost in mine.items():
        there = other.get(name)
        beside = f"{there:.1f} | {there / cost:.0f}" if there else "– | –"
        print(f"| {name} | {cost:.2f} | {beside} |")
    met = other[GET] >= 15 * mine[GET] and other[PUT] >= 20 * mine[PUT]
    for name, most in MOST.items():
        if mine[name] > most:
            met = False
            print(f"{name} takes {mine[name]:.2f} µs, not {most}", file=sys.stderr)
    if "--check" in sys.argv and not met:
        print("the costs of docs/costs.md are not met", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
