"""Builds the distribution that only carries the import hook of plasma.compat.pyarrow."""

import re
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
VERSION = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
MODULE = "_plasma_store_pyarrow"


class Build(build_py):
    def run(self) -> None:
        super().run()
        into = Path(self.build_lib)
        into.mkdir(parents=True, exist_ok=True)
        hook = ROOT / "python/src/plasma/compat/pyarrow/hook.py"
        (into / f"{MODULE}.py").write_text(hook.read_text())
        # Python runs such a file when it starts.
        (into / f"{MODULE}.pth").write_text(f"import {MODULE}; {MODULE}.install()\n")


class Copied(Distribution):
    def has_pure_modules(self) -> bool:
        return True  # Build makes it


setup(
    distclass=Copied,
    version=VERSION,
    install_requires=[f"plasma-store=={VERSION}"],
    cmdclass={"build_py": Build},
)
