#!/bin/sh
# record-abi.sh: writes the ABI of the header to tests/abi/baseline.abi, with which later versions are
# compared. Run it when a version is released.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh tests/abi/stub.sh include/plasma.h "$work/stub.so" ENUMS
abidw --no-show-locs --no-comp-dir-path --no-corpus-path "$work/stub.so" > tests/abi/baseline.abi
