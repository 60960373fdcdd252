"""plasma.joblib with joblib and scikit-learn."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

joblib = pytest.importorskip("joblib")
np = pytest.importorskip("numpy")

from seen import id_of, same, seen  # noqa: E402

import plasma.joblib  # noqa: E402
from plasma.temporary import PREFIX  # noqa: E402

LARGE = 200_000
BACKENDS = ("plasma", "plasma-multiprocessing")
EXAMPLE = Path(__file__).parent.parent / "examples/joblib_grid.py"
HANG = 120.0


def eventually(condition: Any) -> None:
    end = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < end, "the condition was never true"
        time.sleep(0.005)


def filled(count: int, value: float) -> Any:
    return np.full(count, value)


def fail(value: Any) -> Any:
    raise KeyError(value)


def die(value: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def sender_of(parallel: Any) -> Any:
    return parallel._backend._sender


def objects(parallel: Any) -> int:
    gc.collect()  # exceptions are parts of cycles
    return len(sender_of(parallel).exchange().client.list())


@pytest.fixture(params=BACKENDS)
def parallel(request: Any) -> Any:
    with joblib.parallel_config(request.param, n_jobs=2):
        yield joblib.Parallel()


def test_arguments_are_views_and_stored_once(parallel: Any) -> None:
    array, small = np.ones(LARGE), np.ones(10)
    found = parallel(joblib.delayed(seen)(array, number) for number in range(12))
    assert {(writeable, total) for _, writeable, total in found} == {(False, float(LARGE))}
    assert len({id for id, *_ in found}) == 1 and found[0][0] is not None
    assert parallel([joblib.delayed(seen)(small)])[0][:2] == (None, True)
    assert objects(parallel) == 0


def test_the_next_call_sees_new_contents(parallel: Any) -> None:
    array = np.zeros(LARGE)
    for number in range(3):
        array[:] = number
        totals = parallel(joblib.delayed(seen)(array) for _ in range(3))
        assert {total for *_, total in totals} == {float(number * LARGE)}


def test_results_are_views_that_keep_their_object(parallel: Any) -> None:
    results = parallel(joblib.delayed(filled)(LARGE, number) for number in range(5))
    assert [float(result[-1]) for result in results] == [0, 1, 2, 3, 4]
    assert not any(result.flags.writeable for result in results)
    assert objects(parallel) == 5
    again = parallel(joblib.delayed(seen)(result) for result in results)
    assert [id for id, *_ in again] == [id_of(result) for result in results]
    back = parallel(joblib.delayed(same)(result) for result in results)
    assert [id_of(result) for result in back] == [id_of(result) for result in results]
    del results, back
    assert objects(parallel) == 0


@pytest.mark.parametrize(
    "value",
    [
        np.arange(LARGE).reshape(100, -1).T,
        np.arange(LARGE)[::3],
        np.arange(LARGE) % 2 == 0,
        np.zeros(LARGE, "M8[s]"),
        np.zeros((0, 3)),
        np.array(2.5),
        np.array([None, "x"] * LARGE, dtype=object),
        {"nested": [np.ones(LARGE), b"x" * LARGE]},
    ],
    ids=["F-ordered", "gaps", "bool", "dates", "empty", "0-d", "objects", "nested"],
)
def test_every_value_comes_back(parallel: Any, value: Any) -> None:
    (back,) = parallel([joblib.delayed(same)(value)])
    if isinstance(value, dict):
        assert back["nested"][0].sum() == LARGE and back["nested"][1] == b"x" * LARGE
    else:
        assert back.dtype == value.dtype and np.array_equal(back, value)


def test_local_functions(parallel: Any) -> None:
    array = np.ones(LARGE)
    assert parallel([joblib.delayed(lambda: array.sum())()]) == [LARGE]


def test_exceptions_leave_nothing(parallel: Any) -> None:
    array = np.ones(LARGE)
    for _ in range(3):
        with pytest.raises(KeyError):
            parallel(joblib.delayed(fail)(array) for _ in range(4))
        # Another, because a late batch of the first may fail its next call, which is joblib's.
        assert joblib.Parallel()([joblib.delayed(seen)(array)])[0][2] == LARGE
    eventually(lambda: objects(parallel) == 0)


class Endless(Exception):
    """An exception that takes forever to pickle."""

    def __reduce__(self) -> Any:
        Path(self.args[0]).touch()
        time.sleep(1000)


def fail_endlessly(path: str) -> Any:
    raise Endless(path)


def fail_after(path: str) -> Any:
    eventually(Path(path).exists)
    raise KeyError(path)


def test_an_abort_ends_a_worker_in_the_midst_of_its_answer(tmp_path: Path) -> None:
    """It hung: the workers shared a lock, which that one had when it was ended."""
    with joblib.parallel_config("plasma-multiprocessing", n_jobs=2):
        parallel, path = joblib.Parallel(), str(tmp_path / "answers")
        with pytest.raises(KeyError):
            parallel(joblib.delayed(each)(path) for each in (fail_endlessly, fail_after))
        assert joblib.Parallel()([joblib.delayed(seen)(np.ones(LARGE))])[0][2] == LARGE


def test_a_full_store_warns_and_goes_on() -> None:
    with joblib.parallel_config("plasma", n_jobs=2, capacity="2M"):
        parallel = joblib.Parallel()
        with pytest.warns(RuntimeWarning, match="capacity=") as caught:
            found = parallel(joblib.delayed(same)(np.ones(LARGE * 5)) for _ in range(3))
    assert [back.sum() for back in found] == [LARGE * 5] * 3
    assert len([each for each in caught if "capacity=" in str(each.message)]) == 1


def test_a_killed_worker_leaves_nothing(parallel: Any) -> None:
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with pytest.raises((TerminatedWorkerError, plasma.WorkerDiedError)):
        parallel(joblib.delayed(die)(np.ones(LARGE)) for _ in range(4))
    assert parallel([joblib.delayed(seen)(np.ones(LARGE))])[0][2] == LARGE
    eventually(lambda: objects(parallel) == 0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_owner_leaves_nothing(backend: str) -> None:
    script = (
        "import joblib, numpy as np, os, sys, time, plasma.joblib\n"
        "def pid(array): time.sleep(0.1); return os.getpid()\n"
        "with joblib.parallel_config(sys.argv[1], n_jobs=2):\n"
        "    parallel = joblib.Parallel()\n"
        "    pids = parallel(joblib.delayed(pid)(np.ones(200_000)) for _ in range(8))\n"
        "    print(parallel._backend._sender.exchange().client.address, *set(pids), flush=True)\n"
        "    time.sleep(1000)\n"
    )
    command = [sys.executable, "-c", script, backend]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        address, *pids = owner.stdout.readline().split()
        assert Path(address).name.startswith(PREFIX) and pids
        owner.kill()
        owner.wait()
    eventually(lambda: not Path(address).exists())
    eventually(lambda: all(is_gone(pid) for pid in pids))


def is_gone(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("backend", BACKENDS)
def test_scikit_learn(backend: str) -> None:
    pytest.importorskip("sklearn")
    from sklearn.datasets import make_classification
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, cross_val_score

    features, labels = make_classification(3000, 40, random_state=1)
    model = LogisticRegression(max_iter=200)
    alone = cross_val_score(model, features, labels, cv=4)
    grid = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2, n_jobs=2)
    forest = RandomForestClassifier(10, random_state=1, n_jobs=2)
    with joblib.parallel_config(backend, n_jobs=2), warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        assert np.array_equal(cross_val_score(model, features, labels, cv=4), alone)
        assert grid.fit(features, labels).best_params_["C"] in (0.1, 1.0)
        assert forest.fit(features, labels).score(features, labels) > 0.9


def test_the_example_runs() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "16"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["loky", "plasma"]
