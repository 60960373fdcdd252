#!/bin/sh
# differences.sh BUILD: header, library and the last release have one ABI, as far as CHANGELOG.md
# does not say otherwise; and the checks see it when they do not.
. "$(dirname "$0")/../package/common.sh"
build=$1
abi=$root/tests/abi
need abidiff abidw python3

library() {
    sh "$abi/stub.sh" "$1/plasma.h" "$work/stub.so"
    # Each difference, also such as abidiff takes for harmless, but that Rust has its own names.
    abidiff --debug-info-dir2 "$build" "$work/stub.so" "$build/libplasma.so" > "$work/report"
}
baseline() {
    sh "$abi/stub.sh" "$1/plasma.h" "$work/stub.so" ENUMS
    abidiff --leaf-changes-only --harmless "$abi/baseline.abi" "$work/stub.so" > "$work/report" ||
        python3 "$abi/unlisted.py" "$root/CHANGELOG.md" < "$work/report"
}
sees() {
    mkdir -p "$work/changed"
    sed "$1" "$root/include/plasma.h" > "$work/changed/plasma.h"
    ! cmp -s "$root/include/plasma.h" "$work/changed/plasma.h" || fail "sed $1 changes nothing"
    ! "$2" "$work/changed" > "$work/log" 2>&1 || fail "the $2 is the same after sed $1"
}

library "$root/include" || { cat "$work/report"; fail "the library is not what plasma.h declares"; }
baseline "$root/include" || fail "the ABI is not that of the last release"

sees 's/^    uint64_t lost_count;/&\n    uint64_t news;/' library
sees 's/^    uint64_t lost_count;/    uint32_t lost_count;/' library
sees '/^plasma_status_t plasma_get(/,/;/s/int64_t timeout_ms/int32_t timeout_ms/' library
sees 's/^    uint64_t lost_count;/&\n    uint64_t news;/' baseline
sees 's/^    PLASMA_ERR_SYSTEM = -25,/    PLASMA_ERR_SYSTEM = -27,/' baseline
sees '/^plasma_status_t plasma_get(/,/;/s/int64_t timeout_ms/int32_t timeout_ms/' baseline
sees '/^void plasma_list_free(/d' baseline
