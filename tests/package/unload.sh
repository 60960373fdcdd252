#!/bin/sh
# unload.sh LIBRARY PROGRAM: the program that uses and unloads it, also under valgrind, where threads
# change at other places.
. "$(dirname "$0")/common.sh"
prints "used, unloaded, gone" "$2" "$1" 20
need valgrind
# Without its debug information, which valgrind would read each time.
strip -R .gnu_debuglink -o "$work/libplasma.so" "$1"
prints "used, unloaded, gone" valgrind -q "$2" "$work/libplasma.so" 2
