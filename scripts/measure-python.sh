#!/bin/bash
# measure-python.sh WHEELS [--check]: times calls beside those of the Plasma in pyarrow 11, its last.
# It needs Python 3.11, the last that pyarrow 11 has wheels for.
set -euo pipefail
wheels=$(realpath "$1")
shift
cd "$(dirname "$0")/../python"
python=$(../scripts/list-pythons.sh 11 11)
[ -n "$python" ] || { echo "there is no Python 3.11 for pyarrow 11" >&2; exit 1; }
ours=../target/py/costs theirs=../target/py/costs-pyarrow
rm -rf "$ours" "$theirs"
"$python" -m venv "$ours"
"$python" -m venv "$theirs"
"$ours/bin/pip" install --quiet cffi numpy
"$ours/bin/pip" install --quiet --no-index --no-deps --find-links "$wheels" plasma-store
"$theirs/bin/pip" install --quiet --only-binary :all: 'pyarrow==11.0.0' 'numpy<2'
"$ours/bin/python" benchmarks/compare.py "$ours/bin/python" "$theirs/bin/python" "$@"
