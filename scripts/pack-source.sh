#!/bin/sh
# pack-source.sh DIRECTORY: writes plasma-VERSION.tar.xz there, with the committed files and all crates
# that they need, so that `cmake -B build && cmake --build build` needs no network.
set -eu
to=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=$(sed -n 's/^#define PLASMA_VERSION_[A-Z]* \([0-9]*\)$/\1/p' include/plasma.h | paste -sd.)
name=plasma-$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

time=$(git log -1 --format=%ct)
git archive --prefix="$name/" HEAD | tar -xC "$work"
cd "$work/$name"
mkdir -p .cargo
"${CARGO:-cargo}" vendor --locked vendor > .cargo/config.toml 2> ../log || { cat ../log >&2; exit 1; }
# Cargo demands every crate of Cargo.lock, but those for Windows, half of the total, are never
# compiled.
for crate in vendor/windows* vendor/winapi*; do
    [ -d "$crate" ] || continue
    package=$(sed 's/.*"package":/"package":/; s/}$//' "$crate/.cargo-checksum.json")
    find "$crate" -mindepth 1 ! -name Cargo.toml -delete
    mkdir "$crate/src"
    : > "$crate/src/lib.rs"
    echo "{\"files\":{},$package}" > "$crate/.cargo-checksum.json"
done
cd ..
tar -c --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime="@$time" "$name" |
    xz ${XZ_OPT:--T0} > "$to/$name.tar.xz"
echo "$to/$name.tar.xz"
