"""Tables and labelled arrays in place: their columns lie in the mapping of the store."""

from __future__ import annotations

import datetime
import multiprocessing
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import is_shared

import plasma

ROWS = 1000
TEXT = [f"a text that is longer than a view, {row}" for row in range(ROWS)]


def addresses(column: Any) -> list[int]:
    """Of all buffers of a column of Arrow, or an array of NumPy."""
    if isinstance(column, np.ndarray):
        return [column.__array_interface__["data"][0]]
    if isinstance(column, pa.ChunkedArray):
        return [address for chunk in column.chunks for address in addresses(chunk)]
    found = [buffer.address for buffer in column.buffers() if buffer is not None and buffer.size]
    if isinstance(column, pa.DictionaryArray):
        found += addresses(column.dictionary)
    return found


# pandas

BLOCKS: dict[str, Any] = {
    "floats": np.arange(ROWS) * 0.5,
    "ints": np.arange(ROWS),
    "bools": np.arange(ROWS) % 2 == 0,
    "dates": pd.date_range("2026", periods=ROWS, freq="h"),
    "zoned": pd.date_range("2026", periods=ROWS, freq="h", tz="Europe/Berlin"),
    "durations": pd.to_timedelta(np.arange(ROWS), unit="s"),
    "periods": pd.period_range("2026", periods=ROWS, freq="D"),
    "categories": pd.Categorical.from_codes(np.arange(ROWS) % 3, ["a", "b", "c"]),
    "nullable ints": pd.array([None, *range(1, ROWS)], dtype="Int64"),
    "nullable bools": pd.array(np.arange(ROWS) % 2 == 0, dtype="boolean"),
    "nullable floats": pd.array(np.arange(ROWS) * 0.5, dtype="Float64"),
    "text": pd.array(TEXT, dtype="string[pyarrow]"),
    "Arrow ints": pd.array(np.arange(ROWS), dtype=pd.ArrowDtype(pa.int64())),
    "Arrow lists": pd.array([[1, 2]] * ROWS, dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
}


def memory_of(values: Any) -> list[int]:
    """The addresses of a column of pandas."""
    if hasattr(values, "_pa_array"):
        return addresses(values._pa_array)
    names = [name for name in ("_codes", "_data", "_mask", "_ndarray") if hasattr(values, name)]
    parts = [getattr(values, name) for name in names] or [np.asarray(values)]
    return [address for part in parts for address in addresses(np.asarray(part))]


def test_columns_of_pandas_are_in_place(client: plasma.Client) -> None:
    frame = pd.DataFrame(BLOCKS)
    again = client.get_object(client.put(frame))
    pd.testing.assert_frame_equal(again, frame)
    for name in BLOCKS:
        where = memory_of(again[name].array)
        assert where and all(map(is_shared, where)), name
    for values in BLOCKS.values():
        series = pd.Series(values, name="s")
        got = client.get_object(client.put([series]))[0]
        pd.testing.assert_series_equal(got, series)
        assert all(map(is_shared, memory_of(got.array)))
    part = client.put(frame[5:8])
    pd.testing.assert_frame_equal(client.get_object(part), frame[5:8])
    assert client.info(part).size < 20_000 < client.info(client.put(frame)).size


def test_indexes_of_pandas_are_in_place(client: plasma.Client) -> None:
    tens = np.arange(ROWS) // 10
    several = pd.MultiIndex.from_arrays([tens, np.arange(ROWS) % 10], names=["x", "y"])
    again = client.get_object(client.put(pd.DataFrame({"a": tens}, index=several)))
    assert again.index.equals(several) and again.index.names == ["x", "y"]
    for part in (*again.index.levels, *again.index.codes):
        assert all(map(is_shared, addresses(np.asarray(part))))
    for index in (
        pd.Index(tens),
        pd.DatetimeIndex(BLOCKS["zoned"]),
        pd.CategoricalIndex(BLOCKS["categories"]),
    ):
        got = client.get_object(client.put(index))
        assert got.equals(index) and all(map(is_shared, memory_of(got.array)))


@pytest.mark.skipif(pd.__version__ < "3", reason="copy on write came with pandas 3")
def test_a_write_to_a_frame_copies_the_column_first(client: plasma.Client) -> None:
    """It raised ValueError: assignment destination is read-only."""
    frame = pd.DataFrame(
        {"a": [1.0, 2.0, None], "b": [4.0, 5.0, 6.0], "c": pd.array([1, 2, 3], "Int64")}
    )
    key = client.put(frame)
    for change in (
        lambda got: got.loc.__setitem__((0, "a"), 9.0),
        lambda got: got.iloc.__setitem__((1, 2), 9),
        lambda got: got.fillna(0.0, inplace=True),
        lambda got: got[["a"]].iloc.__setitem__((0, 0), 9.0),
        lambda got: got.copy(deep=False).iloc.__setitem__((0, 0), 9.0),
        lambda got: got.update(pd.DataFrame({"a": [7.0]})),
    ):
        got = client.get_object(key)
        change(got)
        pd.testing.assert_frame_equal(client.get_object(key), frame)
    got = client.get_object(key)
    view = got[["a"]]
    got.loc[0, "a"] = 9.0
    assert got.loc[0, "a"] == 9.0 and view.loc[0, "a"] == 1.0
    series = client.get_object(client.put(frame["a"]))
    series.iloc[0] = 5.0
    assert series[0] == 5.0 and not client.get_object(key)["a"].to_numpy().flags.writeable


def test_subclasses_and_attributes_of_pandas_stay(client: plasma.Client) -> None:
    frame = pd.DataFrame({"a": [1, 2]})
    frame.attrs["unit"] = "m"
    assert client.get_object(client.put(frame)).attrs == {"unit": "m"}
    own = client.get_object(client.put(Own({"a": [1, 2]})))
    assert type(own) is Own and own.sum().tolist() == [3]
    empty = client.get_object(client.put(pd.DataFrame()))
    assert empty.empty and len(empty.columns) == 0


class Own(pd.DataFrame):
    @property
    def _constructor(self) -> Any:
        return Own


# polars

polars = pytest.importorskip("polars")


def frame_of_polars() -> Any:
    day = datetime.date(2026, 1, 1)
    time = datetime.datetime(2026, 1, 1)
    return polars.DataFrame(
        {
            "ints": np.arange(ROWS),
            "bytes": np.arange(ROWS).astype("u1"),
            "floats": np.arange(ROWS) * 0.5,
            "bools": [row % 2 == 0 for row in range(ROWS)],
            "some": [row if row % 3 else None for row in range(ROWS)],
            "text": TEXT,
            "binary": [text.encode() for text in TEXT],
            "lists": [[row, row] for row in range(ROWS)],
            "texts": [[text] for text in TEXT],
            "arrays": polars.Series([[1, 2]] * ROWS, dtype=polars.Array(polars.Int64, 2)),
            "structs": [{"a": row, "b": text} for row, text in enumerate(TEXT)],
            "days": [day] * ROWS,
            "times": polars.Series([time] * ROWS).dt.replace_time_zone("Europe/Berlin"),
        }
    )


def shared_columns(frame: Any) -> list[bool]:
    table = frame.to_arrow(compat_level=polars.CompatLevel.newest())  # without a copy
    return [all(map(is_shared, addresses(column))) for column in table.columns]


def test_columns_of_polars_are_in_place(client: plasma.Client) -> None:
    """polars pickles a frame as one text of bytes, and copies it when it unpickles."""
    frame = frame_of_polars()
    again = client.get_object(client.put(frame))
    assert again.schema == frame.schema and again.equals(frame)
    assert all(shared_columns(again)) and not any(shared_columns(frame))
    for name in frame.columns:
        series = client.get_object(client.put({"s": [frame[name]]}))["s"][0]
        assert series.name == name and series.equals(frame[name])
        assert all(shared_columns(series.to_frame()))
    several = polars.concat([frame, frame], rechunk=False)
    again = client.get_object(client.put(several))
    assert again.equals(several) and all(shared_columns(again)) and again.n_chunks() == 2
    changed = again.with_columns(polars.col("ints") + 1)
    changed[0, "floats"] = 7.5
    assert changed[0, "floats"] == 7.5 and again.equals(several)


def test_other_values_of_polars_come_back_equal(client: plasma.Client) -> None:
    kinds = polars.DataFrame(
        {
            "enum": polars.Series(["a", "b"], dtype=polars.Enum(["b", "a"])),
            "category": polars.Series(["x", "y"], dtype=polars.Categorical),
            "null": [None, None],
            "big": polars.Series([1, 2], dtype=polars.Int128),
        }
    )
    for frame in kinds, kinds.drop("big"), kinds.clear(), polars.DataFrame():
        again = client.get_object(client.put(frame))
        assert again.schema == frame.schema and again.equals(frame)
    lazy = polars.LazyFrame({"a": [1]}).select(polars.col("a") + 1)
    assert client.get_object(client.put(lazy)).collect()["a"].to_list() == [2]


def test_of_a_filter_of_polars_only_what_is_left_is_stored(client: plasma.Client) -> None:
    frame = polars.concat([frame_of_polars()] * 20)
    for part in frame[700:703], frame.filter(polars.col("ints") == 3).head(3):
        for put in client.put, client.put_arrow:
            for name in part.columns:
                size = client.info(put(part[[name]])).size
                assert size < 8192, (name, put)
        assert client.get_object(client.put(part)).equals(part)
        assert polars.from_arrow(client.get_arrow(client.put_arrow(part))).equals(part)


def test_the_columns_of_polars_outlive_client_and_object(client: plasma.Client) -> None:
    key = client.put(frame_of_polars())
    ints = client.get_object(key)["ints"]
    client.delete(key)
    client.close()
    assert ints.sum() == ROWS * (ROWS - 1) // 2


# Libraries that take and give Arrow


def test_what_exports_arrow_is_put_and_buffers_export_it(client: plasma.Client) -> None:
    duckdb = pytest.importorskip("duckdb")
    nanoarrow = pytest.importorskip("nanoarrow")
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    for number, value in enumerate(
        (
            table,
            table.to_batches()[0],
            nanoarrow.ArrayStream(table),
            nanoarrow.Array(table.to_batches()[0]),
            polars.DataFrame(table),
            duckdb.sql("from (values (1, 'x'), (2, 'y'), (3, null)) as t(a, b)"),
            pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
            table.to_pandas(),
        )
    ):
        client.put_arrow(value, name=f"table {number}")
        buffer = client.get(f"table {number}")
        assert client.get_arrow(f"table {number}").to_pydict() == table.to_pydict()
        assert polars.DataFrame(buffer).to_dict(as_series=False) == table.to_pydict()
        assert duckdb.sql("select sum(a) from buffer").fetchall() == [(6,)]
        assert nanoarrow.ArrayStream(buffer).read_all().to_pylist() == table.to_pylist()
        view = pa.table(buffer)
        assert all(map(is_shared, addresses(view["a"])))
        assert client.get_arrow(client.put_arrow(buffer)).equals(view)
    for wrong in pa.array([1]), polars.Series([1]), nanoarrow.c_array([1], nanoarrow.int64()):
        with pytest.raises(TypeError, match="use put"):
            client.put_arrow(wrong)
    with pytest.raises(plasma.FormatError, match="not b'arrow'"):
        pa.table(client.get(client.put([1])))


# xarray

xarray = pytest.importorskip("xarray")


def dataset() -> Any:
    rng = np.random.default_rng(1)
    return xarray.Dataset(
        {
            "t": (("x", "y", "time"), rng.random((4, 5, ROWS))),
            "p": (("x", "y"), rng.random((4, 5))),
        },
        coords={
            "time": pd.date_range("2026", periods=ROWS, freq="h"),
            "x": np.arange(4.0),
            "lon": (("x", "y"), rng.random((4, 5))),
            "station": ("x", ["a", "b", "c", "d"]),
        },
        attrs={"title": "weather"},
    )


def test_datasets_of_xarray_are_in_place(client: plasma.Client) -> None:
    made = dataset()
    key = client.put(made, name="weather")
    again = client.get_object("weather")
    assert again.identical(made) and again.attrs == made.attrs and len(client) == 1
    for name, variable in again.variables.items():
        assert all(map(is_shared, addresses(np.asarray(variable.values)))), name
        assert not variable.values.flags.writeable
    assert again.sel(time="2026-01-02", x=2.0).t.shape == (5, 24)
    one = client.get_object(client.put(made["t"]))
    assert one.identical(made["t"]) and all(map(is_shared, addresses(one.values)))
    whole = client.info(key).size
    part = made.isel(time=slice(5, 8))
    assert client.info(client.put(part)).size < whole / 10
    assert client.get_object(client.put(part)).identical(part)
    with pytest.raises(ValueError, match="copy"):
        again["p"][0, 0] = 1.0
    mine = again.copy(deep=True)
    mine["p"][0, 0] = 1.0
    assert again.identical(made)


# Processes


def sums(client: plasma.Client) -> tuple[Any, ...]:
    frame, text, weather = (client.get_object(name) for name in ("pandas", "polars", "xarray"))
    shared = [is_shared(addresses(frame["ints"].to_numpy())[0]), *shared_columns(text)]
    return all(shared), int(frame["ints"].sum()), text["text"][7], float(weather["t"].sum())


def put_all(client: plasma.Client) -> None:
    client.put(pd.DataFrame(BLOCKS), name="pandas")
    client.put(frame_of_polars(), name="polars")
    client.put(dataset(), name="xarray")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_read_in_place(client: plasma.Client, method: str) -> None:
    put_all(client)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert len({pool.apply(sums, (client,)), sums(client)}) == 1
    assert sums(client)[0]


def test_a_killed_owner_takes_nothing_along(client: plasma.Client) -> None:
    owner = multiprocessing.get_context("spawn").Process(target=put_and_wait, args=(client,))
    owner.start()
    client.get("done", timeout=120)
    held = client.get_object("pandas")
    os.kill(owner.pid or 0, signal.SIGKILL)
    owner.join()
    assert sums(client)[0] and held["ints"].sum() == ROWS * (ROWS - 1) // 2


def put_and_wait(client: plasma.Client) -> None:
    put_all(client)
    client.put_bytes(b"", name="done")
    signal.pause()


def test_a_forked_child_reads_frames_of_its_parent(client: plasma.Client) -> None:
    put_all(client)
    frame = client.get_object("pandas")
    child = os.fork()
    if child == 0:
        os._exit(0 if frame["floats"].sum() == np.sum(BLOCKS["floats"]) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_views_live_at_the_end_of_the_interpreter(client: plasma.Client) -> None:
    put_all(client)
    script = (
        "import sys, polars, pandas, xarray, plasma; c = plasma.connect(sys.argv[1]);"
        "kept = [c.get_object(name) for name in ('pandas', 'polars', 'xarray')];"
        "print(kept[1]['ints'].sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, client.address], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ROWS * (ROWS - 1) // 2}\n", "")


def test_a_full_store_refuses_a_frame() -> None:
    address = f"libraries-arrow-{uuid.uuid4().hex}"
    with plasma.connect(address, capacity="2M", ephemeral=True) as small:
        for put in small.put, small.put_arrow:
            with pytest.raises(plasma.TooLargeError, match="larger"):
                put(polars.DataFrame({"a": np.zeros(10**6)}), name="x")
        assert not small.list()


def test_the_example_runs(tmp_path: Path) -> None:
    example = Path(__file__).parent.parent / "examples/weather.py"
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=300, cwd=tmp_path
    )
    assert done.stdout == "12 means of 365 days, in views\n" and not done.stderr
