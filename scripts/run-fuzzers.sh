#!/bin/bash
# run-fuzzers.sh [TARGET]...: fuzzes the targets, or all of them, under AddressSanitizer, with
# FUZZ_RUNS executions of each in FUZZ_JOBS processes. FUZZ_SEED seeds their choices, so that a run
# can be repeated; 0 seeds them at random. The inputs of fuzz/corpus.tar.gz are unpacked to
# target/fuzz/stored. New inputs go to target/fuzz/corpus, inputs that crash to target/fuzz/crashes,
# logs to target/fuzz/log. To run an input again, pass it to the program of its target, for example
# target/fuzz/*/release/c_api.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
runs=${FUZZ_RUNS:-1000000}
jobs=${FUZZ_JOBS:-2}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(resting_store live_store c_api)

if ! $cargo +nightly --version >/dev/null 2>&1; then
    skip="SKIP fuzz: no nightly toolchain: rustup toolchain install nightly"
    echo "$skip"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "$skip" >>"$PLASMA_SKIPS"
    exit 0
fi
host=$(rustc -vV | sed -n 's/^host: //p')
# The flags of cargo-fuzz: a counter at each edge, AddressSanitizer, and checked arithmetic.
flags=(--cfg fuzzing -Zsanitizer=address -Cdebug-assertions -Cpasses=sancov-module)
for option in level=4 inline-8bit-counters pc-table; do
    flags+=("-Cllvm-args=-sanitizer-coverage-$option")
done
RUSTFLAGS="${flags[*]}" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=1 \
CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    $cargo +nightly build --locked --release --package plasma-fuzz --bins \
    --target "$host" --target-dir target/fuzz

scratch=$(mktemp -d /dev/shm/plasma-fuzz.XXXXXX)
pids=()
clean() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    wait
    rm -rf "$scratch"
}
trap clean EXIT
export PLASMA_FUZZ_DIR=$scratch
# Short stacks of allocations suffice, since an input that fails can be run again.
export ASAN_OPTIONS=detect_stack_use_after_return=0:malloc_context_size=1:quarantine_size_mb=32

# Waits for the jobs and prints their progress every 30 s; fails if one of them fails.
watch() {
    local seconds=0 log
    while [ -n "$(jobs -rp)" ]; do
        sleep 1
        seconds=$((seconds + 1))
        if [ $((seconds % 30)) -eq 0 ]; then
            for log in "$1"/*; do
                printf '%s: %s\n' "${log##*/log/}" "$(grep -a '^#' "$log" | tail -n 1 | cut -c -79)"
            done
        fi
    done
    local failed=0
    for pid in "${pids[@]}"; do
        wait "$pid" || failed=1
    done
    pids=()
    return $failed
}

rm -rf target/fuzz/stored
mkdir -p target/fuzz/stored
tar -C target/fuzz/stored -xzf fuzz/corpus.tar.gz
for target in "${targets[@]}"; do
    corpus=target/fuzz/corpus/$target crashes=target/fuzz/crashes/$target log=target/fuzz/log/$target
    rm -rf "$log"
    mkdir -p "$corpus" "$crashes" "$log"
    kept=()
    for dir in target/fuzz/stored/$target fuzz/regressions/$target; do
        if [ -d "$dir" ]; then kept+=("$dir"); fi
    done
    echo "fuzz: $target, $runs executions in $jobs processes"
    for ((job = 1; job <= jobs; job++)); do
        "target/fuzz/$host/release/$target" -runs=$((runs / jobs)) -seed="${FUZZ_SEED:-0}" -timeout=20 -max_len=400 -entropic=0 \
            -rss_limit_mb=2048 -reload=30 -print_final_stats=1 -artifact_prefix="$crashes/" \
            "$corpus" "${kept[@]}" >"$log/$job" 2>&1 &
        pids+=($!)
    done
    failed=0
    watch "$log" || failed=1
    grep -haE '^stat::(number_of_executed_units|average_exec)|^SUMMARY|panicked' -A 1 "$log"/* || true
    if [ "$failed" -ne 0 ]; then
        echo "fuzz: $target failed; see $log and $crashes" >&2
        exit 1
    fi
done
