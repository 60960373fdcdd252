"""libplasma by cffi: `lib` has calls and constants, `ffi` has memory."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from typing import Any

# Made from plasma.h when the wheel is built.
ffi: Any = importlib.import_module("plasma._cdef").ffi
# The same file that _native is linked with; its name is the SONAME of the library.
_here = os.path.dirname(os.path.abspath(__file__))
(path,) = (os.path.join(_here, it) for it in os.listdir(_here) if it.startswith("libplasma.so"))
lib: Any = ffi.dlopen(path)
# The directory that packages are installed into.
packages = os.path.dirname(_here)

# cffi completes a type when it is first used, and threads that do so at once could see half of it.
for _name in ffi.list_types()[0]:
    with suppress(ffi.error):
        ffi.sizeof(_name)


def imported(name: str) -> Any:
    """A module, if something has imported it.

    Without the interpreter's lock, get() of a dictionary takes a lock of its own. A forked child
    may find that taken, by a thread that it does not have.
    """
    return sys.modules[name] if name in sys.modules else None  # noqa: SIM401


def text(pointer: Any) -> str:
    """A C string."""
    return ffi.string(pointer).decode("utf-8", "replace")


def sized(type_name: str) -> Any:
    """A struct of zeros with its struct_size set."""
    struct = ffi.new(type_name + " *")
    struct.struct_size = ffi.sizeof(type_name)
    return struct
