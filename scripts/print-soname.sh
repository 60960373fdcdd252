#!/bin/sh
# print-soname.sh: prints the SONAME of libplasma.so, the name that programs load.
set -eu
part() {
    sed -n "s/^#define PLASMA_VERSION_$1 //p" "$(dirname "$0")/../include/plasma.h"
}
# Until 1.0 a new minor version may break programs, so each has a name of its own.
if [ "$(part MAJOR)" -gt 0 ]; then
    echo "libplasma.so.$(part MAJOR)"
else
    echo "libplasma.so.0.$(part MINOR)"
fi
