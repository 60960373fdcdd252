#!/bin/sh
# link-libraries.sh OBJECT DIRECTORY [OPTION]...: links libplasma.so and libplasma.a from the object
# file of make-object.sh, with the symbolic links by which programs find the library, and its debug
# information beside it. $CC links, with the options of capi/link-options and those given; the other
# tools are those of the machine.
set -eu
object=$1
to=$2
shift 2
scripts=$(dirname "$0")
capi=$scripts/../capi
: "${CC:=cc}" "${AR:=ar}"
soname=$("$scripts/print-soname.sh")
version=$(sed -n 's/^#define PLASMA_VERSION_[A-Z]* \([0-9]*\)$/\1/p' "$capi/../include/plasma.h" |
    paste -sd.)
library=libplasma.so.$version

mkdir -p "$to"
# shellcheck disable=SC2046
$CC -shared -o "$to/$library" $(cat "$capi/link-options") \
    -Wl,-soname,"$soname" -Wl,--version-script="$capi/plasma.map" "$object" "$@"
"$scripts/split-debug.sh" "$to/$library"
ln -sf "$library" "$to/$soname"
ln -sf "$soname" "$to/libplasma.so"

cp "$object.static.o" "$to/libplasma.o"
rm -f "$to/libplasma.a"
"$AR" rcs "$to/libplasma.a" "$to/libplasma.o"
rm "$to/libplasma.o"
