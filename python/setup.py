"""Builds the wheel and the source distribution; rust_parts.py says where libplasma.so comes from.

Everything that repeats plasma.h is generated from it here: src/plasma/_cdef.py, which cffi loads.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from cffi import FFI
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import rust_parts  # noqa: E402

# The buffer protocol is in the stable ABI from 3.11 on: one wheel serves all of those.
STABLE = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")


def soname() -> str:
    library = rust_parts.library()
    dynamic = subprocess.run(
        ["readelf", "-d", library], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"\(SONAME\).*\[(.+)\]", dynamic)
    return found.group(1) if found else library.name


def declarations() -> str:
    """The declarations of plasma.h for cffi, which has no preprocessor but reads constants."""
    header = rust_parts.HEADER.read_text()
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
        library, server = rust_parts.library(), rust_parts.server()
        subprocess.run(["strip", "-o", package / soname(), library], check=True)
        # plasma_store, if it was built beside the library.
        if server.exists():
            into = package / "compat/pyarrow" / server.name
            subprocess.run(["strip", "-o", into, server], check=True)


class BuildExtension(build_ext):
    def run(self) -> None:
        library = rust_parts.library()
        for extension in self.extensions:
            extension.extra_link_args += [f"-L{library.parent}", f"-l:{library.name}"]
        super().run()


class Source(sdist):
    """With the sources of Rust, and with the tests."""

    def make_release_tree(self, base_dir: str, files: "list[str]") -> None:
        super().make_release_tree(base_dir, files)
        base = Path(base_dir)
        unwanted = shutil.ignore_patterns("__pycache__", ".*", "build")
        for name in ("docs", "examples", "native", "tests"):
            shutil.rmtree(base / name, ignore_errors=True)  # what setuptools found of it
            shutil.copytree(HERE / name, base / name, ignore=unwanted)
        shutil.copy2(HERE / "rust_parts.py", base)
        rust_parts.copy_sources(base / "rust")


setup(
    version=rust_parts.version(),
    cmdclass={"build_ext": BuildExtension, "build_py": Build, "sdist": Source},
    ext_modules=[
        Extension(
            "plasma._native",
            [str(path.relative_to(HERE)) for path in sorted(HERE.glob("native/*.c"))],
            depends=[str(path.relative_to(HERE)) for path in HERE.glob("native/*.h")],
            include_dirs=[str(rust_parts.HEADER.parent)],
            define_macros=[("Py_LIMITED_API", "0x030B0000")] if STABLE else [],
            extra_compile_args=["-std=c99", "-Wall", "-Wextra", "-fvisibility=hidden"],
            extra_link_args=["-Wl,-rpath,$ORIGIN"],
            py_limited_api=STABLE,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if STABLE else {},
)
