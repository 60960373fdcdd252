"""The parts of Rust in a wheel: libplasma.so and plasma-store-server.

They are those beside $PLASMA_LIBRARY, or cargo builds them, from the repository or from the copy of
its sources that a source distribution has in rust/.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import List, Tuple

HERE = Path(__file__).resolve().parent
ROOT = HERE / "rust" if (HERE / "rust").is_dir() else HERE.parent
HEADER = ROOT / "include" / "plasma.h"

SOURCES = ("capi", "cli", "include", "src", "Cargo.lock")
SCRIPTS = ("link-libraries.sh", "make-object.sh", "print-soname.sh", "split-debug.sh")
MEMBERS = 'members = [".", "capi", "cli"]'

WAYS_OUT = """
This is the source distribution of plasma-store, which needs Rust {wanted} or newer: {found}.
Either install Rust, see https://rustup.rs, or let pip take a wheel, which needs no compiler:
    pip install --only-binary :all: plasma-store
There are wheels for Linux with glibc 2.28 or newer; pip older than 20.3 does not find them. Or set
PLASMA_LIBRARY to the path of a libplasma.so of this version.
"""


def manifest() -> str:
    return (ROOT / "Cargo.toml").read_text()


def version() -> str:
    return _in_manifest("version")


def _in_manifest(key: str) -> str:
    found = re.search(rf'^{key} = "(.+)"$', manifest(), re.MULTILINE)
    assert found is not None, key
    return found.group(1)


def library() -> Path:
    """The path of libplasma.so."""
    given = os.environ.get("PLASMA_LIBRARY")
    return Path(given).resolve() if given else _built() / "libplasma.so"


def server() -> Path:
    """Where plasma-store-server is, if it was built beside the library."""
    return library().parent / "plasma-store-server"


_done: List[Path] = []


def _built() -> Path:
    """The directory in which cargo builds, after it has."""
    if not _done:
        _done.append(_build())
    return _done[0]


def _build() -> Path:
    cargo = _cargo()
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").absolute()
    release = target / "release"
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target)}

    def run(*command: object) -> None:
        subprocess.run([str(it) for it in command], check=True, cwd=ROOT, env=environment)

    build = (cargo, "build", "--release")
    run(*build, "--package", "plasma-capi", "--config", "capi/release.toml")
    run("scripts/make-object.sh", release / "libplasma_capi.a", release / "plasma.o")
    run("scripts/link-libraries.sh", release / "plasma.o", release)
    run(*build, "--package", "plasma-cli", "--bin", "plasma-store-server")
    return release


def _cargo() -> str:
    """The path of cargo; without one that is new enough, it says what helps."""
    wanted = _in_manifest("rust-version")
    places = os.pathsep.join((os.environ.get("PATH", ""), os.path.expanduser("~/.cargo/bin")))
    cargo = shutil.which(os.environ.get("CARGO", "cargo"), path=places)
    found = "there is no cargo in PATH"
    if cargo is not None:
        said = subprocess.run([cargo, "--version"], capture_output=True, text=True)
        found = "here is " + (said.stdout or said.stderr).strip()
        if _numbers(said.stdout) >= _numbers(wanted):
            return cargo
    raise SystemExit(WAYS_OUT.format(wanted=wanted, found=found))


def _numbers(text: str) -> Tuple[int, ...]:
    """The first two numbers of a version."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(map(int, found.groups())) if found else ()


def copy_sources(into: Path) -> None:
    """Write the sources that cargo needs into a directory."""
    into.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, into / name)
        else:
            shutil.copy2(ROOT / name, into / name)
    (into / "scripts").mkdir()
    for name in SCRIPTS:
        shutil.copy2(ROOT / "scripts" / name, into / "scripts" / name)
    (into / "Cargo.toml").write_text(_short_manifest(manifest()))


def _short_manifest(text: str) -> str:
    """The manifest without what tests, benchmarks and fuzzers need."""
    head, *tables = re.split(r"^(?=\[)", text, flags=re.MULTILINE)
    kept = [it for it in tables if not it.startswith(("[[test]]", "[dev-dependencies]"))]
    short = head + "".join(kept)
    return re.sub(r"^members = .*$", MEMBERS, short, count=1, flags=re.MULTILINE)
