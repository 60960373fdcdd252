"""libplasma as cffi shows it: `lib` for calls and constants, `ffi` for memory."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

# Made from plasma.h when the wheel is.
ffi: Any = importlib.import_module("plasma._cdef").ffi
# The very file that _native is linked with; its name is the library's SONAME.
(_path,) = Path(__file__).parent.glob("libplasma.so*")
lib: Any = ffi.dlopen(str(_path))


def text(pointer: Any) -> str:
    """A C string."""
    return ffi.string(pointer).decode("utf-8", "replace")


def sized(type_name: str) -> Any:
    """A zeroed struct that begins with its size."""
    struct = ffi.new(type_name + " *")
    struct.struct_size = ffi.sizeof(type_name)
    return struct
