#!/bin/bash
# pack-corpus.sh DIRECTORY: packs the inputs in DIRECTORY/TARGET, for each target, into
# fuzz/corpus.tar.gz, which `make fuzz` and the tests of plasma-fuzz read. The same inputs give the
# same archive. To add inputs that `make fuzz` found, copy them from target/fuzz/corpus to
# target/fuzz/stored first and pack that.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=${1:?a directory with a directory for each target}
tar -C "$directory" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r,a+X \
    -cf - resting_store live_store c_api | gzip -9n >fuzz/corpus.tar.gz
