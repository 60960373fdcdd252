"""plasma/client.h with the C++ library in pyarrow: its own tests, and with clients in Python."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from conftest import SOURCES
from pyarrow import plasma as old

import plasma

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests/cpp/arrow"
HEADER = ROOT / "include/plasma/client.h"
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]
LARGE = b"L" * 100_000
ARROW = Path(pa.get_include())


def compile_(*arguments: str | Path, standard: str = "c++20", arrow: Path = ARROW) -> str:
    """The errors and warnings of the compiler, or ""."""
    compiler = os.environ.get("CXX", "c++")
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no C++ compiler {compiler}")
    command = [compiler, f"-std={standard}", *STRICT, f"-I{ROOT}/include", "-isystem", arrow]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr


def link(*arguments: str | Path) -> None:
    """Make a program of source files."""
    libraries = []
    (library,) = ARROW.parent.glob("libarrow.so.[0-9]*")
    (own,) = Path(plasma.__file__).parent.glob("libplasma.so.*")
    for path in (library, own):
        libraries += [path, f"-Wl,-rpath,{path.parent}"]
    assert compile_(*arguments, *libraries, "-pthread") == ""


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests in C++. One of their source files includes plasma.hpp, the others client.h."""
    made = tmp_path_factory.mktemp("cpp") / "tests"
    link("-O1", "-g", *TESTS.glob("*.cpp"), "-o", made)
    return made


def ids() -> list[old.ObjectID]:
    return [old.ObjectID(byte * 20) for byte in (b"a", b"b", b"c")]


def test_its_calls(program: Path) -> None:
    names = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    assert len(names) > 10
    for name in names:
        if not name.endswith("Python"):
            with old.start_plasma_store(10**7) as (store, _):
                subprocess.run([program, name, store], check=True, timeout=120)


def test_python_reads_what_cpp_wrote(program: Path) -> None:
    with old.start_plasma_store(10**7) as (store, _):
        client = old.connect(store)
        command = [program, "WriteForPython", store]
        *digests, note = subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.split()
        large = ids()[2]
        assert [
            tuple(map(bytes, both)) for both in client.get_buffers([large], with_meta=True)
        ] == [(LARGE, b"large")]
        assert client.decode_notifications(bytes.fromhex(note)) == ([large], [5], [len(LARGE)])
        sizes = client.list()[large]
        assert (sizes["data_size"], sizes["metadata_size"]) == (5, len(LARGE))
        client.create_and_seal(ids()[0], b"none")
        client.create_and_seal(ids()[1], b"small", b"meta")
        assert [client.hash(id).hex() for id in ids()] == digests


def test_cpp_reads_what_python_wrote(program: Path) -> None:
    with old.start_plasma_store(10**7) as (store, _):
        client = old.connect(store)
        for id, data, blob in zip(ids(), (b"none", b"small", b"large"), (b"", b"meta", LARGE)):
            client.create_and_seal(id, data, blob)
        subprocess.run([program, "ReadFromPython", store], check=True, timeout=60)


def test_a_store_that_spills_is_refused(program: Path) -> None:
    with old.start_plasma_store(10**7, external_store="hashtable://cpp") as (store, _):
        subprocess.run([program, "RefusedWithSpillByPython", store], check=True, timeout=60)


def test_the_example_of_the_header(tmp_path: Path) -> None:
    _, _, rest = HEADER.read_text().partition("* Example\n * -------\n")
    example = rest.partition("* Caveats\n")[0].replace("\n *", "\n").replace("\n     ", "\n")
    (tmp_path / "example.cpp").write_text(example.lstrip(" *"))
    link(tmp_path / "example.cpp", "-o", tmp_path / "example")
    with old.start_plasma_store(10**7) as (store, _):
        done = subprocess.run([tmp_path / "example", store], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr


def test_with_the_headers_of_arrow_11_it_is_cpp17() -> None:
    arrow = SOURCES / "pyarrow-11/pyarrow/include"
    if not arrow.exists():
        pytest.skip("pyarrow 11 was not fetched")
    for source in TESTS.glob("*.cpp"):
        assert compile_("-fsyntax-only", source, standard="c++17", arrow=arrow) == ""


def test_both_headers_do_not_go_into_one_source_file(tmp_path: Path) -> None:
    for headers in (("plasma.hpp", "plasma/client.h"), ("plasma/common.h", "plasma/id.hpp")):
        source = tmp_path / "both.cpp"
        source.write_text("".join(f"#include <{header}>\n" for header in headers))
        assert "do not go into one source file" in compile_("-fsyntax-only", source)
