#!/bin/bash
# fetch-peers.sh: fetches the libraries that the benchmark compares Plasma with and builds their
# programs into target/bench/peers/: by apt-get for root, by pip and cargo with pinned versions below
# target/. Programs that are current are kept. <name>.version holds the version of each library; if a
# library cannot be fetched, the script prints its name and <name>.missing holds the reason.
set -uo pipefail
cd "$(dirname "$0")/.."
out=target/bench/peers
here=benches/peers
headers=(benches/bench.h "$here"/*.h)
mkdir -p "$out"

# current FILE OTHER...: whether FILE is newer than each OTHER.
current() {
    local made=$1 other
    for other in "${@:2}"; do
        [ "$made" -nt "$other" ] || return 1
    done
}

has_header() {
    echo "#include <$1>" | c++ -x c++ -E - >/dev/null 2>&1
}

# Installs packages of Debian without starting their services.
install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "error: install $* first"
        return 1
    fi
    apt-get update -q
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}

# compile NAME COMPILER FLAG... -- LIBRARY...
compile() {
    local name=$1 compiler=$2 flags=() source
    shift 2
    while [ "$1" != -- ]; do
        flags+=("$1")
        shift
    done
    source=$(echo "$here/$name".c*)
    current "$out/$name" "$source" "${headers[@]}" scripts/fetch-peers.sh && return
    "$compiler" -O2 -Wall -Wextra "${flags[@]}" "$source" -o "$out/$name" "${@:2}"
}

lmdb() {
    has_header lmdb.h || install liblmdb-dev
    compile lmdb cc -std=c99 -- -llmdb -lm
    values lmdb.h MDB_VERSION_MAJOR MDB_VERSION_MINOR MDB_VERSION_PATCH
}

boost() {
    has_header boost/interprocess/managed_shared_memory.hpp || install libboost-dev
    compile boost c++ -std=c++17 -- -pthread -lrt
    values boost/version.hpp BOOST_LIB_VERSION
}

redis() {
    has_header hiredis/hiredis.h || install libhiredis-dev
    command -v redis-server >/dev/null || install redis-server
    compile redis cc -std=c99 "-DREDIS_SERVER=\"$(command -v redis-server)\"" -- -lhiredis -lm
    redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/'
}

# The last release that has Plasma; its wheel is of the ABI before C++11.
arrow() {
    local python pyarrow
    if ! [ -e target/bench/pyarrow/done ]; then
        python=$(scripts/list-pythons.sh 11 11 1)
        [ -n "$python" ] || { echo "error: there is no Python 3.11"; return 1; }
        "$python" -m venv --clear target/bench/pyarrow
        target/bench/pyarrow/bin/pip install --only-binary :all: pyarrow==11.0.0 numpy==1.26.4
        touch target/bench/pyarrow/done
    fi
    pyarrow=$(echo "$PWD"/target/bench/pyarrow/lib/python3.11/site-packages/pyarrow)
    compile arrow c++ -std=c++17 -D_GLIBCXX_USE_CXX11_ABI=0 -isystem "$pyarrow/include" \
        "-DPLASMA_STORE_SERVER=\"$pyarrow/plasma-store-server\"" -- \
        "$pyarrow/libplasma.so.1100" "$pyarrow/libarrow.so.1100" "-Wl,-rpath,$pyarrow" -lm
    echo 11.0.0
}

iceoryx2() {
    local build=target/bench/iceoryx2
    cargo build --release --locked --manifest-path "$here/iceoryx2/Cargo.toml" --target-dir "$build"
    cp "$build/release/iceoryx2" "$out/iceoryx2"
    sed -n 's/^iceoryx2 = "=\(.*\)"/\1/p' "$here/iceoryx2/Cargo.toml"
}

# 3.13, where it is at its fastest: see shm.py.
shm() {
    local python
    python=$(scripts/list-pythons.sh 13 13 1)
    python=${python:-$(command -v python3)}
    printf '#!/bin/bash\nexec %q %q "$@"\n' "$python" "$PWD/$here/shm.py" >"$out/shm"
    chmod +x "$out/shm"
    "$python" -c 'import platform; print("Python", platform.python_version())'
}

# values HEADER MACRO...: the values of macros of a header, joined by dots.
values() {
    printf '#include <%s>\n%s\n' "$1" "${*:2}" | c++ -x c++ -E -P - | tail -n 1 | tr -d '"' | tr ' _' ..
}

for name in lmdb boost redis arrow iceoryx2 shm; do
    # Outside of a condition, where `set -e` has no effect.
    (set -e; "$name") >"$out/$name.log" 2>&1
    if [ $? = 0 ]; then
        rm -f "$out/$name.missing"
        tail -n 1 "$out/$name.log" >"$out/$name.version"
        echo "$name $(cat "$out/$name.version")"
    else
        rm -f "$out/$name"
        grep -m 1 -i error "$out/$name.log" >"$out/$name.missing" \
            || tail -n 1 "$out/$name.log" >"$out/$name.missing"
        echo "MISSING $name: $(cat "$out/$name.missing")"
    fi
done
