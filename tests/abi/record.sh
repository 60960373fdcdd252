#!/bin/sh
# record.sh: writes the ABI that the header has now to tests/abi/baseline.abi. To be run when a version
# is released, which is what later ones are compared with.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh tests/abi/stub.sh include/plasma.h "$work/stub.so" ENUMS
abidw --no-show-locs --no-comp-dir-path --no-corpus-path "$work/stub.so" > tests/abi/baseline.abi
