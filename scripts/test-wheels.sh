#!/bin/bash
# test-wheels.sh WHEELS PYTHON...: tests the wheels of a directory in a clean environment for each
# Python, with NumPy, pandas, pyarrow, tqdm and uvloop where pip finds them; OPTIONAL= leaves them
# out.
set -euo pipefail
wheels=$(realpath "$1")
shift
cd "$(dirname "$0")/../python"
for python in "$@"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2] + sys.abiflags)')
    venv=../target/py/test-$version
    rm -rf "$venv"
    "$python" -m venv "$venv"
    pip="$venv/bin/pip --quiet --disable-pip-version-check"
    $pip install pytest
    $pip install --find-links "$wheels" --no-index --no-deps plasma-store
    $pip install cffi
    for optional in ${OPTIONAL-numpy pandas pyarrow tqdm uvloop}; do
        $pip install --only-binary :all: "$optional" || echo "without $optional" >&2
    done
    "$venv/bin/python" -VV
    "$venv/bin/pytest" -q -p no:cacheprovider tests
done
