"""plasma.zarr, by zarr's own tests of stores, and what is ours: views, processes, deaths."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from conftest import is_shared
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.core.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.testing.stateful import ZarrHierarchyStateMachine, ZarrStoreStateMachine
from zarr.testing.store import StoreTests

import plasma
from plasma.zarr import PlasmaStore, chunk

PLAIN = {"compressors": None, "filters": None}


@pytest.fixture
def zarr_store(client: plasma.Client) -> PlasmaStore:
    return PlasmaStore(client)


class TestPlasmaStore(StoreTests[PlasmaStore, Buffer]):
    """The suite of zarr, unmodified."""

    store_cls = PlasmaStore
    buffer_cls = Buffer

    @pytest.fixture
    def store_kwargs(self, client: plasma.Client) -> dict[str, Any]:
        return {"client": client, "prefix": "tests"}

    async def set(self, store: PlasmaStore, key: str, value: Buffer) -> None:
        store.client.put_bytes(value.to_bytes(), name=f"tests:{key}")

    async def get(self, store: PlasmaStore, key: str) -> Buffer:
        return Buffer.from_bytes(bytes(store.client.get(f"tests:{key}", 0)))

    def test_store_repr(self, store: PlasmaStore) -> None:
        assert repr(store) == f"PlasmaStore('plasma://{store.client.address}:tests')"

    def test_store_supports_writes(self, store: PlasmaStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: PlasmaStore) -> None:
        assert store.supports_listing


def few(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def test_random_operations_do_as_with_a_dict(zarr_store: PlasmaStore) -> None:
    run_state_machine_as_test(lambda: ZarrStoreStateMachine(zarr_store), settings=few(12, 25))


def test_random_hierarchies_do_as_with_zarrs_own_store(zarr_store: PlasmaStore) -> None:
    run_state_machine_as_test(lambda: ZarrHierarchyStateMachine(zarr_store), settings=few(4, 15))


def in_place(array: Any) -> bool:
    return is_shared(array.__array_interface__["data"][0])


def test_values_are_views_of_shared_memory(zarr_store: PlasmaStore) -> None:
    data = np.arange(100, dtype="u1")
    zarr_store.set_sync("a", Buffer.from_array_like(data))
    whole = zarr_store.get_sync("a").as_numpy_array()
    part = zarr_store.get_sync("a", byte_range=RangeByteRequest(10, 20)).as_numpy_array()
    assert in_place(whole) and in_place(part) and not whole.flags.writeable
    assert np.shares_memory(whole[10:20], part) and np.array_equal(whole, data)
    zarr_store.set_sync("a", Buffer.from_bytes(b"new"))
    zarr_store.delete_sync("a")
    assert np.array_equal(whole, data), "a view keeps what it shows"


@pytest.mark.parametrize("format", [2, 3])
def test_a_plain_chunk_is_a_view(zarr_store: PlasmaStore, format: int) -> None:
    data = np.arange(35.0).reshape(5, 7)
    more = {"zarr_format": format, **PLAIN}
    array = zarr.create_array(zarr_store, name="a/b", data=data, chunks=(3, 4), **more)
    views = [[chunk(array, row, column) for column in range(2)] for row in range(2)]
    assert np.array_equal(np.block(views), data)
    assert all(in_place(view) and not view.flags.writeable for row in views for view in row)
    assert array.nchunks_initialized == 4
    swapped = zarr.create_array(
        zarr_store, name="big", data=data.astype(">f8"), chunks=(5, 7), **more
    )
    assert np.array_equal(chunk(swapped, 0, 0), data) and in_place(chunk(swapped, 0, 0))
    empty = zarr.create_array(zarr_store, name="e", shape=(9,), chunks=(3,), dtype="i4", **more)
    empty[3:6] = 1
    assert chunk(empty, 1).tolist() == [1, 1, 1]
    with pytest.raises(KeyError, match="never written"):
        chunk(empty, 0)
    with pytest.raises(ValueError, match="has 1 indexes"):
        chunk(empty, 0, 0)


def test_chunks_that_are_no_plain_elements_are_refused(zarr_store: PlasmaStore) -> None:
    data = np.arange(16.0).reshape(4, 4)
    for name, more in {
        "zipped": {},
        "sharded": {"shards": (4, 4), **PLAIN},
    }.items():
        array = zarr.create_array(zarr_store, name=name, data=data, chunks=(2, 2), **more)
        assert np.array_equal(array[:], data)
        with pytest.raises(ValueError, match="stored by"):
            chunk(array, 0, 0)
    other = zarr.create_array(zarr.storage.MemoryStore(), data=data, chunks=(2, 2), **PLAIN)
    with pytest.raises(TypeError, match="MemoryStore"):
        chunk(other, 0, 0)


def test_groups_and_consolidated_metadata(client: plasma.Client, zarr_store: PlasmaStore) -> None:
    root = zarr.create_group(zarr_store, attributes={"title": "t"})
    for name, kind in {"bool": "?", "half": "f2", "dates": "M8[s]", "complex": "c16"}.items():
        array = root.create_array(f"g/{name}", shape=(10, 3), chunks=(4, 2), dtype=kind)
        array[:] = np.ones((10, 3), kind)
    scalar = root.create_array("scalar", data=np.array(5.5))
    text = root.create_array("text", shape=(2,), chunks=(1,), dtype="U5")
    text[:] = ["a", "bcd"]
    zarr.consolidate_metadata(zarr_store)
    again = zarr.open_consolidated(PlasmaStore(client, read_only=True), mode="r")
    assert again.attrs["title"] == "t" and sorted(again["g"]) == [
        "bool",
        "complex",
        "dates",
        "half",
    ]
    assert again["g/dates"][3, 1] == np.datetime64(1, "s") and again["scalar"][()] == scalar[()]
    assert again["text"][:].tolist() == ["a", "bcd"]
    assert not zarr.open_group(PlasmaStore(client, "other"), mode="a").attrs.asdict()
    del root["g"]
    assert sorted(zarr.open_group(zarr_store, use_consolidated=False)) == ["scalar", "text"]
    with pytest.raises(ValueError, match="read-only"):
        again["scalar"][...] = 1


def test_xarray_writes_to_it_and_reads_from_it(zarr_store: PlasmaStore) -> None:
    xarray = pytest.importorskip("xarray")
    time = np.arange("2026-01-01", "2026-01-11", dtype="M8[D]").astype("M8[ns]")
    made = xarray.Dataset(
        {"t": (("time", "x"), np.arange(30.0).reshape(10, 3))},
        coords={"time": time, "x": ["a", "b", "c"]},
        attrs={"title": "weather"},
    )
    made.to_zarr(zarr_store, group="weather")
    made.assign_coords(time=time + np.timedelta64(10, "D")).to_zarr(
        zarr_store, group="weather", append_dim="time"
    )
    again = xarray.open_zarr(zarr_store, group="weather", chunks=None)
    assert again.sizes == {"time": 20, "x": 3} and again.attrs == made.attrs
    assert again.isel(time=slice(10)).load().equals(made)
    assert again.t[15, 1] == made.t[5, 1]


def test_a_chunk_written_again_replaces_its_object(
    client: plasma.Client, zarr_store: PlasmaStore
) -> None:
    for value in range(5):
        zarr_store.set_sync("k", Buffer.from_bytes(b"%d" % value))
        assert zarr_store.get_sync("k").to_bytes() == b"%d" % value
        assert len(client) == 1 and [info.pinned for info in client.list()] == [True]
    assert asyncio.run(gather(zarr_store)) == ["k"]
    zarr_store.delete_sync("k")
    assert not len(client) and zarr_store.get_sync("k") is None


async def gather(store: PlasmaStore) -> list[str]:
    return [key async for key in store.list()]


def test_what_a_killed_writer_leaves_is_put_right(
    client: plasma.Client, zarr_store: PlasmaStore
) -> None:
    """It was killed between its put and its delete, or in the midst of its put."""
    for older, newer in ((1, 2), (2, 3)):
        zarr_store._put(b"old", zarr_store._names("k")[(older + 1) % 2], older)
        zarr_store._put(b"new", zarr_store._names("k")[(newer + 1) % 2], newer)
        assert zarr_store.get_sync("k").to_bytes() == b"new"
        assert asyncio.run(gather(zarr_store)) == ["k"]
        zarr_store.set_sync("k", Buffer.from_bytes(b"newest"))
        assert zarr_store.get_sync("k").to_bytes() == b"newest" and len(client) == 1
        zarr_store.delete_sync("k")
        assert not len(client)
    script = (
        "import os, signal, sys, plasma; c = plasma.connect(sys.argv[1], create=False);"
        "b = c.create(None, 9, name='zarr:k'); print('made', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, client.address],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert writer.stdout is not None and writer.stdout.readline() == b"made\n"
    assert zarr_store.get_sync("k") is None
    thread = threading.Thread(target=zarr_store.set_sync, args=("k", Buffer.from_bytes(b"mine")))
    thread.start()
    writer.kill()
    writer.communicate()
    thread.join()
    assert zarr_store.get_sync("k").to_bytes() == b"mine"


def rewrite(store: PlasmaStore, key: str, seed: int, rounds: int) -> None:
    for at in range(rounds):
        store.set_sync(key, Buffer.from_bytes(bytes([seed, at % 256]) * 500))


def test_readers_see_one_whole_value_while_writers_replace_it(zarr_store: PlasmaStore) -> None:
    """A reader that finds none would take the fill value for the data."""
    zarr_store.set_sync("k", Buffer.from_bytes(b"xy" * 500))
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=rewrite, args=(zarr_store, "k", seed, 700)) for seed in range(2)
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        for _ in range(100):
            found = zarr_store.get_sync("k")
            assert found is not None
            data = found.to_bytes()
            assert data == data[:2] * 500
            seen.add(data[:2])
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(seen) > 1 and len(zarr_store._values("k")) == 1


class Beside(PlasmaStore):
    """A reader between whose looks at the two names another writer replaces the value."""

    replacements = 3

    def _look(self, name: str) -> Any:
        found = super()._look(name)
        if self.replacements:
            self.replacements -= 1
            PlasmaStore(self.client).set_sync("k", Buffer.from_bytes(b"new"))
        return found


def test_a_reader_that_always_comes_late_finds_the_value(zarr_store: PlasmaStore) -> None:
    for _ in range(2):  # the second of its names is in use
        zarr_store.set_sync("k", Buffer.from_bytes(b"old"))
    assert Beside(zarr_store.client).get_sync("k").to_bytes() == b"new"


def test_writers_are_killed_and_the_value_stays(
    client: plasma.Client, zarr_store: PlasmaStore
) -> None:
    zarr_store.set_sync("k", Buffer.from_bytes(b"xy" * 500))
    context = multiprocessing.get_context("spawn")
    for round_number in range(2):
        writer = context.Process(target=rewrite, args=(zarr_store, "k", round_number, 10**9))
        before = zarr_store.get_sync("k").to_bytes()
        writer.start()
        while zarr_store.get_sync("k").to_bytes() == before:
            pass
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        data = zarr_store.get_sync("k").to_bytes()
        assert data == data[:2] * 500
    zarr_store.set_sync("k", Buffer.from_bytes(b"end"))
    assert zarr_store.get_sync("k").to_bytes() == b"end" and len(client) == 1


def fill(store: PlasmaStore, row: int) -> None:
    array = zarr.open_array(store, path="a", mode="r+")
    array[row * 10 : row * 10 + 10] = row


def test_processes_write_different_chunks_at_once(zarr_store: PlasmaStore) -> None:
    zarr.create_array(zarr_store, name="a", shape=(60, 50), chunks=(10, 10), dtype="i4")
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.starmap(fill, [(zarr_store, row) for row in range(6)])
    array = zarr.open_array(zarr_store, path="a", mode="r")
    assert np.array_equal(array[:], np.repeat(np.arange(6), 10)[:, None] * np.ones((1, 50), "i4"))


def test_a_forked_child_reads_and_writes(zarr_store: PlasmaStore) -> None:
    array = zarr.create_array(zarr_store, name="a", data=np.arange(10), chunks=(5,), **PLAIN)
    held = chunk(array, 0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            # Not by array[...]: the threads of zarr stay with the parent.
            zarr_store.set_sync("child", Buffer.from_bytes(held.tobytes()))
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert np.array_equal(zarr_store.get_sync("child").as_numpy_array().view(held.dtype), held)


def test_the_event_loop_goes_on_while_another_writes_the_key(zarr_store: PlasmaStore) -> None:
    """A set that has to wait, waits in another thread."""
    value = Buffer.from_bytes(b"x")

    async def main() -> int:
        rounds = 0
        other = zarr_store.client.create(None, 3, name="zarr:k")
        waiting = asyncio.ensure_future(zarr_store.set("k", value))
        for _ in range(100):
            await asyncio.sleep(0)
            rounds += 1
        assert not waiting.done()
        other.seal()
        await waiting
        return rounds

    assert asyncio.run(main()) == 100
    assert zarr_store.get_sync("k").to_bytes() == b"x" and len(zarr_store._values("k")) == 1


def test_a_full_store_says_so_and_keeps_the_old_value() -> None:
    address = f"libraries-zarr-{uuid.uuid4().hex}"
    with plasma.connect(address, capacity="4M", ephemeral=True, eviction="lru") as client:
        store = PlasmaStore(client)
        array = zarr.create_array(
            store, shape=(8, 1 << 20), chunks=(1, 1 << 20), dtype="u1", **PLAIN
        )
        array[0] = 1
        with pytest.raises(plasma.OutOfMemoryError, match=r"do not fit: .* larger capacity"):
            array[:] = 2
        assert set(np.unique(array[:])) <= {0, 1, 2} and array[0, 0] in (1, 2)
        sync(store.clear())
        assert not len(client)


def test_a_store_pickles_and_compares(client: plasma.Client) -> None:
    store = PlasmaStore(client, "p")
    assert pickle.loads(pickle.dumps(store)) == store
    assert store != PlasmaStore(client, "q") and store != store.with_read_only(True) and store != 1
    for wrong in "", "a:b", "a~b":
        with pytest.raises(ValueError, match="prefix"):
            PlasmaStore(client, wrong)
    with plasma.connect(client.address, read_only=True) as reader:
        assert PlasmaStore(reader).read_only


def test_keys_that_are_too_long_are_refused(zarr_store: PlasmaStore) -> None:
    value = Buffer.from_bytes(b"v")
    longest = "k" * 250
    zarr_store.set_sync(longest, value)
    assert zarr_store.get_sync(longest) == value
    with pytest.raises(ValueError, match="256 bytes"):
        zarr_store.set_sync("k" * 251, value)
    assert zarr_store.get_sync("k" * 251) is None
    assert not asyncio.run(zarr_store.exists("k" * 300))
    with pytest.raises(TypeError, match="no Buffer"):
        zarr_store.set_sync("k", b"v")
    assert zarr_store.get_sync("k", prototype=default_buffer_prototype()) is None


def test_views_live_at_the_end_of_the_interpreter(client: plasma.Client) -> None:
    script = (
        "import sys, numpy as np, zarr, plasma; from plasma.zarr import PlasmaStore, chunk;"
        "s = PlasmaStore(plasma.connect(sys.argv[1]));"
        "a = zarr.create_array(s, name='x', data=np.arange(9), compressors=None);"
        "kept = chunk(a, 0); print(kept.sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, client.address], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "36\n", "")
    assert len(client) == 3


def test_the_example_runs(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples/zarr_grid.py"
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("4 chunks of 1000 kB\n", "")
