#!/bin/bash
# test-sdist.sh DIRECTORY PYTHON...: makes the source distribution for pip in a directory. With each
# Python, pip installs it, where cargo builds the library and the server, and the tests run; without
# cargo pip must say what helps. SHORT=1 builds fast code, and tries only a store and a server.
set -euo pipefail
mkdir -p "$1"
into=$(realpath "$1")
shift
cd "$(dirname "$0")/.."
work=$PWD/target/py/sdist
mkdir -p "$work"
export PIP_DISABLE_PIP_VERSION_CHECK=1
# Later builds take the crates of earlier ones from here.
export CARGO_TARGET_DIR=$work/cargo
if [ -n "${SHORT:-}" ]; then
    export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
fi

made=
for python in "$@"; do
    venv=$work/$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2] + sys.abiflags)')
    rm -rf "$venv"
    "$python" -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet build pytest 2> "$work/log"; then
        echo "SKIP sdist: pip can download nothing"
        [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP sdist: pip can download nothing" >> "$PLASMA_SKIPS"
        exit 0
    fi
    if [ -z "$made" ]; then
        rm -f "$into"/plasma_store-*.tar.gz
        rm -rf python/src/*.egg-info
        "$venv/bin/python" -m build --sdist --outdir "$into" python > "$work/log" 2>&1 ||
            { cat "$work/log"; exit 1; }
        rm -rf python/src/*.egg-info
        made=$(echo "$into"/plasma_store-*.tar.gz)
        echo "$made: $(stat -c %s "$made") bytes"
        if CARGO=$work/no-cargo "$venv/bin/pip" install "$made" > "$work/log" 2>&1 ||
            ! grep -q "pip install --only-binary :all: plasma-store" "$work/log"; then
            cat "$work/log"
            echo "without cargo, pip must fail and say what helps" >&2
            exit 1
        fi
    fi
    (cd / && "$venv/bin/pip" install "$made") > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
    "$venv/bin/python" -VV
    if [ -n "${SHORT:-}" ]; then
        tests=(test_objects.py test_store_server.py)
    else
        tests=(.)
        for optional in numpy pandas pyarrow; do
            "$venv/bin/pip" install --quiet --only-binary :all: "$optional" || echo "without $optional" >&2
        done
    fi
    rm -rf "$work/unpacked"
    mkdir "$work/unpacked"
    tar -xzf "$made" -C "$work/unpacked" --strip-components=1
    (cd "$work/unpacked/tests" && "$venv/bin/pytest" -q -p no:cacheprovider "${tests[@]}")
done
