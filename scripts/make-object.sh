#!/bin/sh
# make-object.sh ARCHIVE OBJECT: links the archive that cargo makes of plasma-capi into one object
# file, whose only global names are those of capi/plasma.map: a program may also link other Rust
# code. OBJECT.static.o is the same without debug information, for libplasma.a.
#
# Where Rust panics or runs out of memory it calls two functions of its own. Their handlers in the
# standard library bring a reader of debug information, a quarter of the library; here the handlers
# are those of capi/src/panic.rs. Code that no name of plasma.map reaches is left out.
set -eu
archive=$1
object=$2
map=$(dirname "$0")/../capi/plasma.map
: "${CC:=cc}" "${NM:=nm}" "${OBJCOPY:=objcopy}"

# -R: rustc leaves bitcode, which the tools of another LLVM cannot read.
"$OBJCOPY" -R .llvmbc -R .llvmcmd "$archive" "$object.a"

roots=$(sed -n 's/^ *\(plasma_[a-z0-9_]*\);$/-Wl,-u,\1/p' "$map")
handler() {
    "$NM" "$object.a" 2>/dev/null | sed -n "s/.* T \(_R.*$1\)\$/-Wl,--defsym=\1=$2/p"
}
# shellcheck disable=SC2046,SC2086
$CC -r -nostdlib -Wl,--gc-sections $roots \
    $(handler 7___rustc17rust_begin_unwind plasma_rs_panic) \
    $(handler 7___rustc26___rust_alloc_error_handler plasma_rs_no_memory) \
    -o "$object" "$object.a"
rm "$object.a"
sed -n 's/^ *\(plasma_[a-z0-9_]*\);$/\1/p' "$map" > "$object.names"
"$OBJCOPY" --keep-global-symbols="$object.names" "$object"
rm "$object.names"
"$OBJCOPY" --strip-debug "$object" "$object.static.o"
