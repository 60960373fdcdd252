"""The commands plasma_store, plasma_store_server and plasma-store-server.

It is outside of the package `plasma`, whose import would take longer than all else here.
"""

import importlib.util
import os
import sys


def main() -> None:
    """Become the program that the wheel brings."""
    found = importlib.util.find_spec("plasma")
    (package,) = (found and found.submodule_search_locations) or ("",)
    program = os.path.join(package, "compat", "pyarrow", "plasma-store-server")
    os.execv(program, [sys.argv[0], *sys.argv[1:]])
