#!/bin/sh
# rust.sh: an independent crate adds Plasma as cargo add does, and uses it.
. "$(dirname "$0")/common.sh"
: "${CARGO:=cargo}"
cd "$work"
"$CARGO" new --quiet --vcs none consumer
cd consumer
cp "$root/Cargo.lock" .
"$CARGO" add --quiet --offline --path "$root"
cp "$here/consumer/main.rs" src/main.rs
prints "shared" "$CARGO" run --quiet --offline
