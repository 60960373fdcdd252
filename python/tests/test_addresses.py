"""Addresses are words or paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import run

import libplasma
import plasma


def test_an_absolute_address_needs_no_working_directory(store: str) -> None:
    script = """if True:
        import os, pickle, sys, tempfile, plasma
        os.chdir(tempfile.mkdtemp())
        os.rmdir(os.getcwd())
        with plasma.connect(sys.argv[1]) as client:
            key = client.put([1])
            other = pickle.loads(pickle.dumps(client))
            print(client.address == sys.argv[1], other.get_object(key))
        plasma.remove(sys.argv[1])
    """
    assert run(script, store) == "True [1]\n"


def test_a_path_is_a_path_also_without_a_slash(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path("./s") is written "s", which as a str is a word."""
    monkeypatch.chdir(os.path.dirname(store))
    with plasma.connect(Path("./store")) as client:
        assert client.address == store
        with libplasma.connect(Path("store")) as other:
            assert other.address == store
    plasma.remove(Path("store"))
    assert not Path(store).exists()


@pytest.mark.parametrize("kind", [str, Path, os.fsencode])
def test_a_nul_in_an_address_is_refused(store: str, kind: type) -> None:
    address = kind(store + "\0more")
    for call in plasma.connect, plasma.remove, libplasma.connect:
        with pytest.raises(ValueError, match="NUL"):
            call(address)
    assert not Path(store).exists()


@pytest.mark.parametrize("wrong", [1, 1.5, ["a"], object()])
def test_what_is_no_address_is_refused(wrong: plasma.Address) -> None:
    with pytest.raises(TypeError):
        plasma.connect(wrong)
