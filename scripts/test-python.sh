#!/bin/bash
# test-python.sh LIBRARY: runs the Python tests with this machine's python3, from a wheel around a
# libplasma.so.
set -euo pipefail

skip() {
    echo "SKIP python: $1"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP python: $1" >> "$PLASMA_SKIPS"
    exit 0
}

here=$(dirname "$0")
python3 -c 'import sys; sys.exit(not (3, 9) <= sys.version_info)' || skip "python3 is older than 3.9"
python3 -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
    skip "python3 has no headers: apt-get install python3-dev"
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
python3 -m venv "$probe" >/dev/null 2>&1 || skip "python3 has no venv: apt-get install python3-venv"
"$probe/bin/pip" download --quiet --no-deps --dest "$probe" cffi pytest >/dev/null 2>&1 ||
    skip "pip can download nothing"
wheels=$probe/wheels
"$here/build-wheels.sh" "$1" "$wheels" python3
"$here/test-wheels.sh" "$wheels" python3
