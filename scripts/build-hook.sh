#!/bin/bash
# build-hook.sh DIRECTORY PYTHON: builds the wheel plasma-store-pyarrow, by which `import
# pyarrow.plasma` finds plasma-store.
set -euo pipefail
into=$(realpath "$1")
python=$2
cd "$(dirname "$0")/../python/hook"
venv=../../target/py/hook
[ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
"$venv/bin/pip" install --quiet 'setuptools>=77' build
rm -rf build ./*.egg-info
"$venv/bin/python" -m build --wheel --no-isolation --outdir "$into" . > ../../target/py/hook.log 2>&1 ||
    { cat ../../target/py/hook.log; exit 1; }
rm -rf build ./*.egg-info
