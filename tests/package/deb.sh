#!/bin/sh
# deb.sh BUILD: the packages for Debian are as Debian wants them, and what is installed from them
# builds programs.
. "$(dirname "$0")/common.sh"
build=$(cd "$1" && pwd)
need cmake cpack dpkg dpkg-deb dpkg-shlibdeps gzip lintian pkg-config
cargo_dir=$(sed -n 's/^PLASMA_CARGO_DIR:PATH=//p' "$build/CMakeCache.txt")

{
    cmake -S "$root" -B "$work/deb" -DCMAKE_INSTALL_PREFIX=/usr -DPLASMA_DEBIAN=ON \
        -DPLASMA_CARGO_DIR="$cargo_dir" -DPLASMA_BUILD_EXAMPLES=OFF -DBUILD_TESTING=OFF &&
        cmake --build "$work/deb" && cd "$work/deb" && cpack -G DEB
} > "$work/log" 2>&1 || { cat "$work/log"; fail "there are no packages"; }
cd "$work"
packages="libplasma-store${version%.*} libplasma-store-dev"
! grep -q '^PLASMA_BUILD_TOOLS:BOOL=ON' "$build/CMakeCache.txt" || packages="$packages plasma-store-tools"
for package in $packages; do
    [ "$(dpkg-deb -f deb/${package}_"$version"*.deb Package)" = $package ] || fail "no $package"
done
LC_ALL=C.UTF-8 lintian --allow-root --fail-on error deb/*.deb || fail "lintian"

mkdir -p root/var/lib/dpkg/updates root/var/lib/dpkg/info
: > root/var/lib/dpkg/status
# Only the packages they need are not there.
for package in $packages; do
    dpkg --root="$work/root" --force-not-root --force-depends --force-script-chrootless --no-triggers \
        --log="$work/dpkg.log" --install deb/${package}_*.deb > log 2>&1 || { cat log; fail "dpkg"; }
done
for package in $packages; do
    dpkg --root="$work/root" --force-not-root -s "$package" | grep -q '^Status: install ok installed' ||
        fail "$package is not installed"
done
PKG_CONFIG_LIBDIR=$(dirname "$(find root -name plasma.pc)")
export PKG_CONFIG_LIBDIR
# shellcheck disable=SC2046
$CC $(pkg-config --cflags plasma) "$here/consumer/main.c" $(pkg-config --libs plasma) -o main
prints "plasma $version" env LD_LIBRARY_PATH="$(pkg-config --variable=libdir plasma)" ./main
