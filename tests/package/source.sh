#!/bin/sh
# source.sh: the tarball builds where there is no network and no crate but those in it.
. "$(dirname "$0")/common.sh"
need cmake git xz
git -C "$root" rev-parse HEAD > /dev/null 2>&1 || skip "this is not a clone"
XZ_OPT=-0 "$root/scripts/pack-source.sh" "$work" > /dev/null
tar -xf "$work/plasma-$version.tar.xz" -C "$work"
cd "$work/plasma-$version"
offline=
! unshare -n true 2> /dev/null || offline="unshare -n"
mkdir "$work/home"
CARGO_HOME=$work/home
export CARGO_HOME
{
    $offline cmake -B build -DPLASMA_CARGO_FLAGS="--locked;--offline" -DPLASMA_BUILD_TOOLS=OFF \
        -DPLASMA_BUILD_EXAMPLES=OFF -DBUILD_TESTING=OFF &&
        $offline cmake --build build &&
        cmake --install build --prefix "$work/prefix"
} > "$work/log" 2>&1 || { cat "$work/log"; fail "it does not build"; }
lib=$(dirname "$(find "$work/prefix" -name libplasma.so)")
$CC -I"$work/prefix/include" "$here/consumer/main.c" -L"$lib" -lplasma -Wl,-rpath,"$lib" \
    -o "$work/main"
prints "plasma $version" "$work/main"
