#!/bin/sh
# compare-transcript.sh DIRECTORY TRANSCRIPT
#
# Runs each line of TRANSCRIPT that begins with "$ " with the programs of
# DIRECTORY, in a store of its own, and compares what they print with the lines
# that follow it. The store's address is printed as $PLASMA_STORE, and process
# ids as "pid N".
set -eu

programs=$1
expected=$2
PLASMA_STORE=/dev/shm/plasma-transcript-$$
PATH=$programs:$PATH
export PLASMA_STORE PATH
actual=$(mktemp)
trap 'rm -rf "$PLASMA_STORE" "$actual"' EXIT

grep '^\$ ' "$expected" | while IFS= read -r line; do
    printf '%s\n' "$line"
    sh -euc "${line#\$ }" </dev/null || echo "[ended with $?]"
done 2>&1 | sed -e "s|$PLASMA_STORE|\$PLASMA_STORE|g" -e 's/pid [0-9]*/pid N/' >"$actual"

diff -u "$expected" "$actual"
