#!/bin/sh
# split-debug.sh LIBRARY: moves the debug information of a library to LIBRARY.debug, where debuggers
# find it.
set -eu
: "${OBJCOPY:=objcopy}"
"$OBJCOPY" --only-keep-debug "$1" "$1.debug"
"$OBJCOPY" --strip-unneeded --add-gnu-debuglink="$1.debug" "$1"
