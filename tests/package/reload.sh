#!/bin/sh
# reload.sh LIBRARY PROGRAM: loaded and unloaded a thousand times it leaves nothing behind.
. "$(dirname "$0")/common.sh"
need valgrind
# Without its debug information, which valgrind would read each time.
strip -R .gnu_debuglink -o "$work/libplasma.so" "$1"
prints "loaded and unloaded" valgrind -q --leak-check=full --error-exitcode=9 \
    "$2" "$work/libplasma.so" 1000
