#!/bin/sh
# portable.sh: the library of `make release-lib`, where it was made: as small, and for glibc 2.28.
. "$(dirname "$0")/common.sh"
library=$root/target/portable/libplasma.so
[ -e "$library" ] || skip "make release-lib has not made it"
sh "$here/elf.sh" "$library" 2.28
for program in "$@"; do
    "$program" "$library" 2
done
