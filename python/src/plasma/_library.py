"""libplasma by cffi: `lib` has calls and constants, `ffi` has memory."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

# Made from plasma.h when the wheel is built.
ffi: Any = importlib.import_module("plasma._cdef").ffi
# The same file that _native is linked with; its name is the SONAME of the library.
(_path,) = Path(__file__).parent.glob("libplasma.so*")
lib: Any = ffi.dlopen(str(_path))


def text(pointer: Any) -> str:
    """A C string."""
    return ffi.string(pointer).decode("utf-8", "replace")


def sized(type_name: str) -> Any:
    """A struct of zeros with its struct_size set."""
    struct = ffi.new(type_name + " *")
    struct.struct_size = ffi.sizeof(type_name)
    return struct
