# Read by the tests of this directory; the first argument of each is the directory of the build.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
test=$(basename "$here")_$(basename "$0" .sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: "${CC:=cc}" "${CXX:=c++}"

# skip REASON: says so, in the file $PLASMA_SKIPS too, and that is that.
skip() {
    echo "SKIP $test: $1"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP $test: $1" >> "$PLASMA_SKIPS"
    exit 77
}

# need TOOL...: skips the test where one is missing.
need() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "there is no $tool"
    done
}

fail() {
    echo "$test: $*" >&2
    exit 1
}

# prints TEXT COMMAND...: runs the command in a store of its own; it has to print just that.
prints() {
    expected=$1
    shift
    got=$(PLASMA_STORE="/dev/shm/plasma-package-$$" "$@") || fail "$* failed"
    [ "$got" = "$expected" ] || fail "$* prints \"$got\", not \"$expected\""
}
version=$(sed -n 's/^#define PLASMA_VERSION_\(MAJOR\|MINOR\|PATCH\) //p' "$root/include/plasma.h" |
    paste -sd.)
