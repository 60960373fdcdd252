#!/bin/bash
# list-pythons.sh FIRST LAST [COUNT]: prints the Pythons of this machine from 3.FIRST to 3.LAST, one
# a line, one for each minor version installed; with COUNT, at most that many.
set -euo pipefail
found=0
for minor in $(seq "$1" "$2"); do
    for python in "python3.$minor" "$HOME/.pyenv/versions/3.$minor."*/bin/python python3; do
        if [ "$("$python" -c 'import sys; print(sys.version_info[1])' 2>/dev/null)" = "$minor" ]; then
            command -v "$python"
            found=$((found + 1))
            [ "$found" != "${3:-}" ] || exit 0
            break
        fi
    done
done
