#!/bin/bash
# render-python-reference.sh WHEELS DIRECTORY: renders the reference of the Python modules by pdoc.
set -euo pipefail
wheels=$(realpath "$1") into=$2
venv=target/py/reference
cd "$(dirname "$0")/.."
rm -rf "$venv" "$into"
"$(scripts/list-pythons.sh 11 13 1)" -m venv "$venv"
"$venv/bin/pip" install --quiet pdoc==16.0.0 numpy cffi
"$venv/bin/pip" install --quiet --no-index --no-deps --find-links "$wheels" plasma-store
"$venv/bin/python" - "$into" <<'PY'
import sys
from pathlib import Path

import pdoc.render

import plasma

# For the user, the parts of the client are one class.
for part in plasma.Client.__mro__[1:-1]:
    for name, member in vars(part).items():
        if not name.startswith("_"):
            setattr(plasma.Client, name, member)
pdoc.render.configure(docformat="restructuredtext", show_source=False)
pdoc.pdoc("plasma", "libplasma", output_directory=Path(sys.argv[1]))
PY
