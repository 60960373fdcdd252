"""Builds the wheel around a libplasma.so: $PLASMA_LIBRARY, or that of `make library`.

Everything that repeats plasma.h is generated from it here: src/plasma/_cdef.py, which cffi loads.
"""

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from cffi import FFI
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
HEADER = HERE.parent / "include" / "plasma.h"
LIBRARY = Path(os.environ.get("PLASMA_LIBRARY", HERE.parent / "target/release/libplasma.so"))
SERVER = LIBRARY.parent / "plasma-store-server"
# The buffer protocol is in the stable ABI from 3.11 on: one wheel serves all of those.
STABLE = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")


def version() -> str:
    manifest = (HERE.parent / "Cargo.toml").read_text()
    return re.search(r'^version = "(.+)"$', manifest, re.MULTILINE).group(1)


def soname() -> str:
    dynamic = subprocess.run(
        ["readelf", "-d", LIBRARY], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"\(SONAME\).*\[(.+)\]", dynamic)
    return found.group(1) if found else LIBRARY.name


def declarations() -> str:
    """The declarations of plasma.h for cffi, which has no preprocessor but reads constants."""
    header = HEADER.read_text()
    without_includes = re.sub(r"^#include.*$", "", header, flags=re.MULTILINE)
    compiler = os.environ.get("CC", "cc").split()
    preprocessed = subprocess.run(
        [*compiler, "-E", "-P", "-std=c99", "-"],
        input=without_includes, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    constants = re.findall(r"^#define PLASMA_\w+ [0-9]\w*$", header, re.MULTILINE)
    return preprocessed + "\n".join(constants)


class Build(build_py):
    def run(self) -> None:
        super().run()
        package = Path(self.build_lib) / "plasma"
        ffi = FFI()
        ffi.set_source("plasma._cdef", None)
        ffi.cdef(declarations())
        ffi.emit_python_code(str(package / "_cdef.py"))
        subprocess.run(["strip", "-o", package / soname(), LIBRARY], check=True)
        # plasma_store, if it was built beside the library.
        if SERVER.exists():
            server = package / "compat/pyarrow" / SERVER.name
            subprocess.run(["strip", "-o", server, SERVER], check=True)


setup(
    version=version(),
    cmdclass={"build_py": Build},
    ext_modules=[
        Extension(
            "plasma._native",
            [f"native/{name}.c" for name in ("module", "lease", "writer", "connection")],
            depends=["native/native.h", str(HEADER)],
            include_dirs=[str(HEADER.parent)],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            extra_compile_args=["-std=c99", "-Wall", "-Wextra"],
            extra_link_args=[f"-L{LIBRARY.parent}", f"-l:{LIBRARY.name}", "-Wl,-rpath,$ORIGIN"],
            py_limited_api=STABLE,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
