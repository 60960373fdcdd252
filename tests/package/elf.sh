#!/bin/sh
# elf.sh LIBRARY [GLIBC]: what readelf says of libplasma.so is what docs/guide/abi.md says; with GLIBC, it
# runs where the C library has that version.
set -eu
library=$1
glibc=${2:-}
root=$(dirname "$0")/../..
failed=0
fail() {
    echo "$library: $*" >&2
    failed=1
}
soname=$("$root/scripts/print-soname.sh")
dynamic=$(LC_ALL=C readelf -dW "$library")
echo "$dynamic" | grep -q "SONAME.*\[$soname\]" || fail "its SONAME is not $soname"
echo "$dynamic" | grep -q 'FLAGS.*NOW' || fail "its symbols are not bound when it is loaded"
! echo "$dynamic" | grep -Eq 'TEXTREL|RPATH|RUNPATH' || fail "it has text relocations or a path"

for needed in $(echo "$dynamic" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
    case $needed in
    libc.so.6 | libm.so.6 | libgcc_s.so.1 | ld-linux*.so.*) ;;
    # Parts of the C library until glibc 2.34.
    libpthread.so.0 | libdl.so.2 | librt.so.1) [ -n "$glibc" ] || fail "it needs $needed" ;;
    *) fail "it needs $needed" ;;
    esac
done

segments=$(LC_ALL=C readelf -lW "$library")
echo "$segments" | grep -q GNU_RELRO || fail "its relocations stay writable"
! echo "$segments" | grep GNU_STACK | grep -q 'RWE' || fail "it wants a stack that can be run"
! echo "$segments" | grep LOAD | grep -q 'RWE' || fail "it has memory to write and to run"

size=$(wc -c < "$library")
[ "$size" -le 870000 ] || fail "it has $size bytes; the most is 870,000"

symbols=$(nm -D --with-symbol-versions "$library")
exported=$(echo "$symbols" | awk '$2 != "U" && $2 != "w" && $2 != "A" && NF == 3 { print $3 }')
names=$(sed -n 's/^ *\(plasma_[a-z0-9_]*\);$/\1/p' "$root/capi/plasma.map")
for symbol in $exported; do
    case $symbol in
    plasma_*@@PLASMA_*) ;;
    *) fail "it exports $symbol" ;;
    esac
done
for name in $names; do
    echo "$exported" | grep -q "^$name@@" || fail "it does not export $name"
done

if [ -n "$glibc" ]; then
    for version in $(echo "$symbols" | sed -n 's/.*@GLIBC_\([0-9.]*\)$/\1/p' | sort -u); do
        newest=$(printf '%s\n%s\n' "$version" "$glibc" | sort -V | tail -n 1)
        [ "$newest" = "$glibc" ] || fail "it needs glibc $version"
    done
fi

[ "$failed" -eq 0 ] || exit 1
echo "$library: $size bytes, $(echo "$exported" | wc -l) functions"
