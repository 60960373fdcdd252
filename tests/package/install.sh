#!/bin/sh
# install.sh BUILD: programs of others are built against an installed Plasma in each way there is,
# and again after it was moved.
. "$(dirname "$0")/common.sh"
build=$(cd "$1" && pwd)
need cmake pkg-config

with_cmake() {
    rm -rf "$work/cmake"
    cmake -S "$here/consumer" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix" > "$work/log" 2>&1 &&
        cmake --build "$work/cmake" >> "$work/log" 2>&1 || { cat "$work/log"; fail "find_package"; }
    for program in c_shared c_static cpp_shared cpp_static; do
        prints "plasma $version" "$work/cmake/$program"
        needs=$(LC_ALL=C readelf -d "$work/cmake/$program")
        case $program in
        *_shared) echo "$needs" | grep -q 'NEEDED.*libplasma' || fail "$program is not shared" ;;
        *_static) ! echo "$needs" | grep -q 'NEEDED.*libplasma' || fail "$program is not static" ;;
        esac
    done
}

with_pkg_config() {
    PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name plasma.pc)")
    export PKG_CONFIG_PATH
    [ "$(pkg-config --modversion plasma)" = "$version" ] || fail "its version"
    lib=$(pkg-config --variable=libdir plasma)
    cflags=$(pkg-config --cflags plasma)
    libs=$(pkg-config --libs plasma)
    static=$(pkg-config --static --libs plasma)
    # shellcheck disable=SC2086
    {
        $CC $cflags "$here/consumer/main.c" $libs -Wl,-rpath,"$lib" -o "$work/shared"
        $CC $cflags -static "$here/consumer/main.c" $static -o "$work/static"
        $CC $cflags "$here/consumer/main.c" "$lib/libplasma.a" $static -Wl,--as-needed \
            -o "$work/archive"
        $CXX -std=c++17 $cflags "$here/consumer/main.cpp" $libs -Wl,-rpath,"$lib" -o "$work/cpp"
        $CXX -std=c++17 $cflags -fno-exceptions "$here/consumer/main.cpp" $libs \
            -Wl,-rpath,"$lib" -o "$work/cpp-no-exceptions"
        $CXX -std=c++17 $cflags -fno-exceptions -fno-rtti "$here/consumer/main.cpp" $libs \
            -Wl,-rpath,"$lib" -o "$work/cpp-neither"
        # By the header alone.
        $CC -D_GNU_SOURCE $cflags -I"$here" "$here/reload.c" -ldl -o "$work/by-dlopen"
    }
    for program in shared static archive cpp cpp-no-exceptions cpp-neither; do
        prints "plasma $version" "$work/$program"
    done
    prints "loaded and unloaded" "$work/by-dlopen" "$lib/libplasma.so.${version%.*}" 2
    for program in static archive; do
        ! LC_ALL=C readelf -d "$work/$program" | grep -q 'NEEDED.*libplasma' ||
            fail "$program is not static"
    done
}

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" > "$work/log" || { cat "$work/log"; exit 1; }
! grep -rlI -e "$prefix" -e "$root" "$prefix" || fail "paths of this machine are in these"
for manual in plasma plasma_get plasma_connect_options_t; do
    find "$prefix" -name "$manual.3" | grep -q . || fail "there is no $manual.3"
done
if grep -q '^PLASMA_BUILD_TOOLS:BOOL=ON' "$build/CMakeCache.txt"; then
    for program in plasma plasma-store-server; do
        find "$prefix" -name "$program.1" | grep -q . || fail "there is no $program.1"
        "$(find "$prefix" -path "*/bin/$program")" --help | grep -q . || fail "$program"
    done
fi
with_cmake
with_pkg_config
mv "$prefix" "$work/moved"
prefix=$work/moved
with_cmake
with_pkg_config
