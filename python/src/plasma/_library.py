"""libplasma by cffi: `lib` has calls and constants, `ffi` has memory."""

from __future__ import annotations

import importlib
import os
from typing import Any

# Made from plasma.h when the wheel is built.
ffi: Any = importlib.import_module("plasma._cdef").ffi
# The same file that _native is linked with; its name is the SONAME of the library.
_here = os.path.dirname(os.path.abspath(__file__))
(path,) = (os.path.join(_here, it) for it in os.listdir(_here) if it.startswith("libplasma.so"))
lib: Any = ffi.dlopen(path)


def text(pointer: Any) -> str:
    """A C string."""
    return ffi.string(pointer).decode("utf-8", "replace")


def sized(type_name: str) -> Any:
    """A struct of zeros with its struct_size set."""
    struct = ffi.new(type_name + " *")
    struct.struct_size = ffi.sizeof(type_name)
    return struct
