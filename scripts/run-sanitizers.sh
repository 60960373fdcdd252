#!/bin/bash
# run-sanitizers.sh [asan] [tsan] [valgrind]: runs the tests under AddressSanitizer, ThreadSanitizer
# and valgrind; SHORT=1 runs some of them. A tool that this machine lacks is reported and skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
short=${SHORT:-}
host=$(rustc -vV | sed -n 's/^host: //p')
supp=$PWD/tests/sanitize
# Faster than unoptimised code, with all its checks.
nightly=(env CARGO_PROFILE_DEV_OPT_LEVEL=1 cargo +nightly)

# A randomised address space leaves too little room for the memory of the sanitizers.
fixed=()
! setarch -R true 2>/dev/null || fixed=(setarch -R)

skip() {
    echo "SKIP $1: $2"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP $1: $2" >> "$PLASMA_SKIPS"
}

step() {
    printf '\n== %s (%d s)\n' "$1" "$SECONDS"
}

have_nightly() {
    "${nightly[@]}" --version >/dev/null 2>&1
}

# Runs the C tests named by the arguments, or all C and C++ tests without arguments, compiled with
# $flags and run under $wrapper.
c_tests() {
    local dir=$1
    shift
    PLASMA_LIB_DIR=$dir PLASMA_C_CFLAGS=$flags PLASMA_C_WRAPPER=$wrapper PLASMA_C_SLOWER=20 \
        cargo test --locked --test c_suite --test cpp_suite -- --test-threads=2 ${1:+--exact} "$@"
}

# Links the library from the archive that cargo left in a directory; the program brings the sanitizer.
link() {
    scripts/make-object.sh "$1/libplasma_capi.a" "$1/plasma.o"
    scripts/link-libraries.sh "$1/plasma.o" "$1" -Wl,-z,undefs
}

asan() {
    have_nightly || { skip sanitize-asan "there is no nightly toolchain"; return; }
    # The tests ask for more memory than the machine has.
    export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:detect_stack_use_after_return=1:allocator_may_return_null=1
    export LSAN_OPTIONS=suppressions=$supp/lsan.supp:print_suppressions=0
    local build=(--locked --target "$host" --target-dir target/asan)
    step "AddressSanitizer: the library"
    RUSTFLAGS=-Zsanitizer=address "${nightly[@]}" build "${build[@]}" -p plasma-capi
    link "target/asan/$host/debug"
    step "AddressSanitizer: the C tests"
    # The limits of the cgroup test leave no room for the sanitizer's memory.
    local tests=(--skip cgroup)
    [ -z "$short" ] || tests=(bad_buffers bad_null bad_structs metadata names read resize write)
    flags="-fsanitize=address -fno-omit-frame-pointer" wrapper="" \
        c_tests "$PWD/target/asan/$host/debug" "${tests[@]}"
    step "AddressSanitizer: the Rust tests"
    tests=(--lib)
    [ -n "$short" ] || tests+=(--test hostile_files --test processes --test model)
    RUSTFLAGS=-Zsanitizer=address "${nightly[@]}" test "${build[@]}" -p plasma-store "${tests[@]}"
    step "AddressSanitizer: threads that share a client, and calls whose client is ended"
    # The harness keeps the data of its threads until the process ends, and a limit on memory leaves
    # no room for the sanitizer's memory.
    local cells="Disconnect" processes=4
    [ -n "$short" ] || cells="-Clients -AddressSpace -Cgroup" processes=200
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 PLASMA_MATRIX_ONLY=$cells PLASMA_STRESS_PROCESSES=$processes \
        RUSTFLAGS=-Zsanitizer=address "${nightly[@]}" test "${build[@]}" -p plasma-store \
        --features kill-points --test matrix -- threads_that_share every_pair
}

tsan() {
    have_nightly || { skip sanitize-tsan "there is no nightly toolchain"; return; }
    [ -d "$(rustc +nightly --print sysroot)/lib/rustlib/src" ] ||
        { skip sanitize-tsan "nightly has no rust-src"; return; }
    export TSAN_OPTIONS=suppressions=$supp/tsan.supp:die_after_fork=0:halt_on_error=0
    local build=(--locked -Zbuild-std --target "$host" --target-dir target/tsan)
    export RUSTFLAGS="-Zsanitizer=thread --cfg tsan"
    step "ThreadSanitizer: the protocols in threads"
    "${fixed[@]}" "${nightly[@]}" test "${build[@]}" -p plasma-store --lib -- threads::
    step "ThreadSanitizer: the library"
    "${nightly[@]}" build "${build[@]}" -p plasma-capi
    unset RUSTFLAGS
    link "target/tsan/$host/debug"
    step "ThreadSanitizer: the C tests that have threads"
    local tests=(threads event_fd)
    [ -n "$short" ] || tests+=(block events interrupt lock read write)
    # The runtime of the compiler that instrumented the library; the runtime of cc lacks functions.
    local runtime
    runtime=$(rustc +nightly --print sysroot)/lib/rustlib/$host/lib/librustc-nightly_rt.tsan.a
    flags="-DTHREAD_SANITIZER -rdynamic -Wl,--whole-archive $runtime -Wl,--no-whole-archive -ldl -lrt -lm" wrapper="${fixed[*]}" \
        c_tests "$PWD/target/tsan/$host/debug" "${tests[@]}"
}

valgrind() {
    type -P valgrind >/dev/null || { skip sanitize-valgrind "there is no valgrind"; return; }
    step "valgrind: the C tests against the release library"
    local tests=(bad_null read write)
    # The tests left out limit the memory that valgrind itself needs, or use a feature that it lacks: a
    # vfork that shares memory, an allocator that may refuse.
    [ -n "$short" ] || tests=(--skip cgroup --skip rlimits --skip out_of_memory --skip fork_children)
    # No leak check: each test and each of its clients is a fork, and a fork ends without the mappings
    # that it does not inherit (MADV_DONTFORK); valgrind would read those too and die. AddressSanitizer
    # finds leaks.
    flags="" wrapper="valgrind -q --leak-check=no --error-exitcode=99 --num-callers=25
        --suppressions=$supp/valgrind.supp" \
        c_tests "$PWD/target/release" "${tests[@]}"
}

for what in "$@"; do
    "$what"
done
step "done"
