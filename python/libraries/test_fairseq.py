"""fairseq's plasma_utils, which start and kill a plasma_store themselves."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from conftest import module_of


@pytest.fixture
def utils() -> Any:
    return module_of("fairseq/fairseq/data/plasma_utils.py")


def test_an_array_moves_to_a_store_when_it_is_pickled(utils: Any) -> None:
    array = np.arange(134_217_728 // 8)
    wrapped = utils.PlasmaArray(array)
    assert not wrapped.disable
    pickled = pickle.dumps(wrapped)
    assert len(pickled) < 1000
    again = pickle.loads(pickled)
    assert np.array_equal(again.array, array) and not again.array.flags.writeable
    script = """
import pickle, sys, importlib.util
spec = importlib.util.spec_from_file_location("plasma_utils", sys.argv[1])
module = sys.modules["plasma_utils"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(pickle.loads(bytes.fromhex(sys.argv[2])).array.sum())
"""
    command = [sys.executable, "-c", script, utils.__file__, pickled.hex()]
    assert int(subprocess.check_output(command)) == array.sum()


def test_a_view_is_of_the_object_that_another_made(utils: Any, tmp_path: Any) -> None:
    path = str(tmp_path / "plasma")
    store = utils.PlasmaStore(path=path, nbytes=10**7)
    array = np.random.default_rng(0).random((100, 10))
    first = utils.PlasmaView(array, "split", (1, "x"), plasma_path=path)
    second = utils.PlasmaView(array, "split", (1, "x"), plasma_path=path)
    assert first.object_id == second.object_id
    assert np.array_equal(second.array, array) and len(second) == 100
    assert np.array_equal(pickle.loads(pickle.dumps(first)).array, array)
    other = utils.PlasmaView(array + 1, "split", (2, "x"), plasma_path=path)
    assert np.array_equal(other.array, array + 1)
    del store
