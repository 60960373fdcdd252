#!/bin/bash
# install-bench-python.sh LIBRARY: makes target/bench/plasma_py, which runs the Python benchmark with
# NumPy and a wheel around a libplasma.so in an environment of its own. If that fails, the script
# prints the reason, and plasma_py.missing holds it.
set -uo pipefail
library=$(realpath "$1")
cd "$(dirname "$0")/.."
out=$PWD/target/bench
venv=$out/python
# Fail soon without a network.
export PIP_RETRIES=0 PIP_TIMEOUT=10 PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$out"

install() {
    local python wheels=$out/wheels
    # The Python of the shm benchmark: see fetch-peers.sh.
    python=$(scripts/list-pythons.sh 13 13 1)
    python=${python:-$(command -v python3)}
    rm -rf "$wheels"
    scripts/build-wheels.sh "$library" "$wheels" "$python"
    [ -x "$venv/bin/pip" ] || "$python" -m venv "$venv"
    "$venv/bin/pip" install --quiet --only-binary :all: cffi numpy
    "$venv/bin/pip" install --quiet --no-index --no-deps --force-reinstall --find-links "$wheels" \
        plasma-store
    "$venv/bin/python" -c 'import platform, numpy, plasma
print(f"Python {platform.python_version()}, NumPy {numpy.__version__}")'
}

# Outside of a condition, where `set -e` has no effect.
(set -e; install) >"$out/plasma_py.log" 2>&1
if [ $? = 0 ]; then
    rm -f "$out/plasma_py.missing"
    tail -n 1 "$out/plasma_py.log" >"$out/plasma_py.version"
    printf '#!/bin/bash\nexec %q %q "$@"\n' "$venv/bin/python" "$PWD/benches/subjects/plasma_py.py" \
        >"$out/plasma_py"
    chmod +x "$out/plasma_py"
else
    rm -f "$out/plasma_py"
    grep -m 1 -i error "$out/plasma_py.log" >"$out/plasma_py.missing" ||
        tail -n 1 "$out/plasma_py.log" >"$out/plasma_py.missing"
    echo "MISSING plasma_py: $(cat "$out/plasma_py.missing")"
fi
