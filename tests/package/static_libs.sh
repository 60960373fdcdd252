#!/bin/sh
# static_libs.sh BUILD: programs that link the archive link the libraries that Rust names.
. "$(dirname "$0")/common.sh"
: "${CARGO:=cargo}"
build=$1
cd "$root"
touch "$work/lib.rs"
needed=$(rustc --crate-type staticlib --print native-static-libs -o "$work/lib.a" "$work/lib.rs" \
    2>&1 | sed -n 's/.*native-static-libs: //p')
[ -n "$needed" ] || fail "rustc does not say what it needs"
given=$(sed -n 's/^Libs.private: //p' "$build/plasma.pc")
for library in $needed; do
    case " $given -lgcc_s -lc " in
    *" $library "*) ;;
    *) fail "Rust needs $library; there is $given, and what any compiler adds" ;;
    esac
done
