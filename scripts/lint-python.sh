#!/bin/bash
# lint-python.sh WHEELS: runs ruff and pyright, strict, on the Python sources, and pyright on the
# types that a user of the wheels sees.
set -euo pipefail
wheels=$(realpath "$1")
cd "$(dirname "$0")/../python"
venv=../target/py/types
python=$(../scripts/list-pythons.sh 11 13 1)
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/pip" install --quiet pyright==1.1.414 ruff==0.17.6 numpy cffi
"$venv/bin/pip" install --quiet --no-index --no-deps --find-links "$wheels" plasma-store
PATH=$(realpath "$venv/bin"):$PATH
ruff check --quiet .
ruff format --check --quiet .
pyright -p .
cd / # where the sources are not
for module in plasma libplasma; do
    report=$(pyright --ignoreexternal --verifytypes "$module" || true)
    grep "completeness" <<< "$report"
    # Classes of libraries that are not installed here are unknown, and guard.py is a program.
    if grep "error:" <<< "$report" |
        grep -vE "/(dask|guard|joblib|ray|torch|zarr)\.py:|base class|metaclass"; then
        exit 1
    fi
done
