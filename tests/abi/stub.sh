#!/bin/sh
# stub.sh HEADER OUTPUT [ENUMS]: stub.py's library, with the name and the symbol versions of the real
# one; with ENUMS also with variables that have the enums.
set -eu
here=$(dirname "$0")
header=$1
output=$2
python3 "$here/stub.py" "$header" > "$output.c"
cp "$here/../../capi/plasma.map" "$output.map"
[ -z "${3:-}" ] || echo 'ENUMS { global: enum_plasma_*; };' >> "$output.map"
${CC:-cc} -std=c99 -g -O0 "-fdebug-prefix-map=$(dirname "$output")=." -fPIC -shared -I"$(dirname "$header")" ${3:+-DENUMS} "$output.c" \
    -Wl,--version-script="$output.map" -Wl,-soname,"$("$here/../../scripts/print-soname.sh")" -o "$output"
