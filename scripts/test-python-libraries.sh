#!/bin/bash
# test-python-libraries.sh WHEELS PYTHON...: runs pyarrow 11's tests of its Plasma, unmodified, and
# projects that use pyarrow.plasma, on current releases of pyarrow, NumPy and pandas, and the tests of
# plasma/client.h, the same in C++. All libraries come from PyPI; SHORT=1 leaves the projects out. A
# project that cannot be fetched is a SKIP line.
set -euo pipefail
wheels=$(realpath "$1")
shift
cd "$(dirname "$0")/../python"
work=$(realpath ../target/py)/libraries
mkdir -p "$work/sources"

skip() {
    echo "SKIP $1: $2"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP $1: $2" >> "$PLASMA_SKIPS"
}

# fetch NAME OPTIONS...: the newest file of a project that pip finds, unpacked into sources/NAME.
fetch() {
    local name=$1 into=$work/sources/$1
    shift
    [ ! -d "$into" ] || return 0
    rm -rf "$work/fetched"
    "$pip" download --quiet --no-deps --dest "$work/fetched" "$@" || return 1
    mkdir -p "$into.part"
    case $(echo "$work"/fetched/*) in
    *.whl) "$python" -m zipfile -e "$work"/fetched/*.whl "$into.part" ;;
    *) tar -xzf "$work"/fetched/*.tar.gz -C "$into.part" --strip-components=1 ;;
    esac
    mv "$into.part" "$into"
}

old_wheel() {
    echo --only-binary :all: --implementation cp --python-version "$1" --abi "$2" \
        --platform manylinux1_x86_64 --platform manylinux2014_x86_64
}

# The sources of projects, and projects in the environment of one Python.
fetch_projects() {
    # shellcheck disable=SC2046
    fetch fairseq $(old_wheel 3.8 cp38) fairseq==0.12.2 || skip fairseq "pip cannot fetch it"
    "$pip" install --quiet setuptools wheel
    fetch brain-plasma --no-build-isolation --no-binary :all: brain-plasma==0.3.3 ||
        skip brain-plasma "pip cannot fetch it"
    "$pip" install --quiet --only-binary :all: mosec || skip mosec "pip has none for Python $version"
    # It pins an old pyarrow.
    { "$pip" install --quiet --no-deps improv && "$pip" install --quiet --only-binary :all: scipy lmdb; } ||
        skip improv "pip cannot install it"
}

# zarr's own tests of stores, and ours, with the environment of one Python.
test_zarr() {
    "$pip" install --quiet --only-binary :all: 'zarr>=3.1' xarray hypothesis pytest-asyncio ||
        { skip zarr "PyPI has no zarr 3 for Python $version, or cannot be reached"; return 0; }
    "$venv/bin/pytest" -q -ra -p no:cacheprovider -c /dev/null --rootdir libraries \
        -o asyncio_mode=auto -o asyncio_default_fixture_loop_scope=function \
        -W ignore libraries/test_zarr.py
}

# Tables of pandas, polars, duckdb and nanoarrow, and labelled arrays of xarray.
test_arrow() {
    "$pip" install --quiet --only-binary :all: polars xarray duckdb nanoarrow ||
        { skip arrow "PyPI has not all of them for Python $version, or cannot be reached"; return 0; }
    "$venv/bin/pytest" -q -ra -p no:cacheprovider -c /dev/null --rootdir libraries -W ignore \
        libraries/test_arrow.py
}

# joblib, with scikit-learn where not in short, and Dask.
test_joblib_and_dask() {
    "$pip" install --quiet --only-binary :all: joblib cloudpickle distributed ||
        { skip joblib "PyPI has not joblib and Dask for Python $version, or cannot be reached"; return 0; }
    local tests=()
    if [ -n "${SHORT:-}" ]; then
        tests=(-k "view or views or killed or machines")
    else
        "$pip" install --quiet --only-binary :all: scikit-learn || skip scikit-learn "pip has none"
    fi
    "$venv/bin/pytest" -q -ra -p no:cacheprovider -c /dev/null --rootdir libraries -W ignore \
        libraries/test_joblib.py libraries/test_dask.py "${tests[@]}"
}

# The tests of plasma.torch: in short with Debian's torch, as that of PyPI comes with 5 GB of CUDA.
test_torch() {
    local torch=$work/torch-$version tests=(libraries/test_torch.py libraries/test_torch_dataset.py)
    if [ -n "${SHORT:-}" ]; then
        debian_torch ||
            { skip torch "/usr/bin/python3 has no torch: apt-get install python3-torch"; return 0; }
        /usr/bin/python3 -m venv --system-site-packages "$torch"
        tests+=(-k "not spawn and not killed")
    else
        "$python" -m venv "$torch"
        "$torch/bin/pip" install --quiet --only-binary :all: torch numpy ||
            { skip torch "PyPI has no torch for Python $version, or cannot be reached"; return 0; }
    fi
    "$torch/bin/pip" install --quiet --only-binary :all: cffi pytest safetensors
    "$torch/bin/pip" install --quiet --no-index --no-deps --force-reinstall --find-links "$wheels" \
        plasma-store
    echo "$("$torch/bin/python" -V), torch $("$torch/bin/python" -c 'import torch; print(torch.__version__)')"
    "$torch/bin/pytest" -q -ra -p no:cacheprovider -c /dev/null --rootdir libraries "${tests[@]}"
    [ -n "${SHORT:-}" ] || test_ray "$torch"
    rm -rf "$torch" # it is large
}

# The tests of plasma.ray, in an environment with torch.
test_ray() {
    "$1/bin/pip" install --quiet --only-binary :all: ray ||
        { skip ray "PyPI has no ray for Python $version, or cannot be reached"; return 0; }
    "$1/bin/pytest" -q -ra -p no:cacheprovider -c /dev/null --rootdir libraries libraries/test_ray.py
}

debian_torch() {
    /usr/bin/python3 -c 'import torch' 2>/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends python3-torch python3-venv \
            >"$work/apt.log" 2>&1 && /usr/bin/python3 -c 'import torch' 2>/dev/null
}

for python in "$@"; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    venv=$work/$version pip=$work/$version/bin/pip
    [ -x "$pip" ] || "$python" -m venv "$venv"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    "$pip" install --quiet --only-binary :all: cffi pytest numpy pandas pyarrow ||
        { skip arrow-suite "PyPI has no pyarrow for Python $version, or cannot be reached"; continue; }
    "$pip" install --quiet --no-index --no-deps --force-reinstall --find-links "$wheels" \
        plasma-store plasma-store-pyarrow
    # shellcheck disable=SC2046
    fetch pyarrow-11 $(old_wheel 3.11 cp311) pyarrow==11.0.0 ||
        { skip arrow-suite "pip cannot fetch pyarrow 11"; continue; }
    echo "Python $version, pyarrow $("$venv/bin/python" -c 'import pyarrow; print(pyarrow.__version__)')"
    left_out=()
    while IFS=: read -r test _; do
        left_out+=(--deselect "test_plasma.py::$test" --deselect "test_plasma.py::TestPlasmaClient::$test")
    done < <(grep -v '^#' libraries/arrow-left-out)
    mkdir -p "$work/arrow"
    cp "$work/sources/pyarrow-11/pyarrow/tests/test_plasma.py" "$work/arrow"
    (cd "$work/arrow" &&
        "$venv/bin/pytest" -q -p no:cacheprovider --noconftest -c /dev/null --rootdir . \
            -W ignore::pytest.PytestUnknownMarkWarning "${left_out[@]}" test_plasma.py)
    suites=libraries
    if [ -n "${SHORT:-}" ]; then
        suites=libraries/test_cpp_client.py
    else
        fetch_projects
    fi
    PATH=$venv/bin:$PATH PLASMA_SOURCES=$work/sources "$venv/bin/pytest" -q -ra -p no:cacheprovider \
        -c /dev/null --rootdir libraries --ignore libraries/test_zarr.py \
        --ignore libraries/test_arrow.py --ignore-glob 'libraries/test_torch*.py' \
        --ignore libraries/test_joblib.py --ignore libraries/test_dask.py --ignore libraries/test_ray.py "$suites"
    test_arrow
    test_zarr
    test_joblib_and_dask
    test_torch
done
