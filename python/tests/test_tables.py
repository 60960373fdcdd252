"""Arrow tables: only what is seen of them is stored, at addresses as Arrow wants them."""

from __future__ import annotations

from typing import Any

import pytest

import plasma

pa = pytest.importorskip("pyarrow")
BIG = 100_000


def table() -> Any:
    numbers = list(range(BIG))
    return pa.table(
        {
            "numbers": numbers,
            "some": [number if number % 3 else None for number in numbers],
            "text": [str(number) for number in numbers],
            "flags": [number % 2 == 0 for number in numbers],
            "lists": [[number, number] for number in numbers],
            "kinds": pa.array([str(number % 7) for number in numbers]).dictionary_encode(),
        }
    ).replace_schema_metadata({"mine": "1"})


def addresses(value: Any) -> list[int]:
    chunks = value.chunks if isinstance(value, pa.ChunkedArray) else [value]
    found = [buffer.address for chunk in chunks for buffer in chunk.buffers() if buffer]
    kinds = [chunk.dictionary for chunk in chunks if isinstance(chunk, pa.DictionaryArray)]
    return found + [address for kind in kinds for address in addresses(kind)]


def test_a_buffer_with_a_table_exports_it(client: plasma.Client) -> None:
    whole = table()
    buffer = client.get(client.put_arrow(whole))
    if not hasattr(pa.Table, "__arrow_c_stream__"):
        pytest.skip("this pyarrow takes no streams of other libraries")
    again = pa.table(buffer)
    assert again.equals(whole) and addresses(again["text"]) == addresses(pa.table(buffer)["text"])
    assert client.get_arrow(client.put_arrow(buffer)).equals(whole)
    with pytest.raises(plasma.FormatError):
        pa.table(client.get(client.put([1])))


def stored(client: plasma.Client, key: plasma.ObjectID) -> int:
    return client.info(key).size


def test_of_a_slice_only_the_slice_is_stored(client: plasma.Client) -> None:
    """3 rows took 44 MB."""
    whole = table()
    part = whole.slice(5, 3)
    values = {
        "table": part,
        "batch": part.to_batches()[0],
        "array": part["text"].chunk(0),
        "chunks": part["lists"],
        "dictionary": part["kinds"],
        "flags": part["flags"],
        "inside": {"a": [part, part["some"]]},
        "no rows": whole.slice(7, 0),
        "no batch": whole.to_batches()[0].slice(0, 0),
        "no array": whole["text"].chunk(0).slice(0, 0),
    }
    for name, value in values.items():
        key = client.put(value)
        again = client.get_object(key)
        assert again == value, name
        assert type(again) is type(value) and stored(client, key) < 8192, name
    assert client.get_object(client.put(part)).schema.metadata == {b"mine": b"1"}
    for value in part, part.to_batches()[0]:
        key = client.put_arrow(value)
        assert stored(client, key) < 8192
        assert client.get_arrow(key).equals(part)


def test_of_a_slice_of_a_frame_only_the_slice_is_stored(client: plasma.Client) -> None:
    pd = pytest.importorskip("pandas")
    frame = table().to_pandas(types_mapper=pd.ArrowDtype)
    key = client.put(frame[5:8])
    pd.testing.assert_frame_equal(client.get_object(key), frame[5:8])
    assert stored(client, key) < 16384


def test_a_write_to_a_frame_copies_the_column_first(client: plasma.Client) -> None:
    """It raised ValueError: assignment destination is read-only."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    key = client.put({"frame": frame, "series": frame["a"]})
    got = client.get_object(key)
    if pd.__version__ < "3":  # it copies nothing before a write
        with pytest.raises(ValueError, match="read-only"):
            got["frame"].loc[0, "b"] = 9.0
        return
    got["frame"].loc[0, "b"] = 9.0
    got["series"][1] = 9.0
    assert got["frame"]["b"].tolist() == [9.0, 4.0] and got["series"].tolist() == [1.0, 9.0]
    pd.testing.assert_frame_equal(client.get_object(key)["frame"], frame)


def test_buffers_are_at_multiples_of_64_bytes(client: plasma.Client) -> None:
    """pyarrow writes multiples of 8; Arrow recommends 64."""
    whole = table()
    several = pa.concat_tables([whole.slice(0, 1001), whole.slice(1001, 7), whole.slice(1008, 999)])
    for value in whole, several, whole.slice(3, 1000), whole.to_batches()[0], whole.slice(0, 0):
        again = client.get_arrow(client.put_arrow(value))
        again.validate(full=True)
        assert again.equals(value if isinstance(value, pa.Table) else pa.table(value))
        for column in again.columns:
            assert all(address % 64 == 0 for address in addresses(column))
        pickled = client.get_object(client.put({"t": value}))["t"]
        for column in pickled.columns:
            assert all(address % 64 == 0 for address in addresses(column))


def columns() -> dict[str, Any]:
    """One for each layout of Arrow."""
    rows = range(20_000)
    text = [f"a text that is longer than a view, {row}" for row in rows]
    some = [value if row % 7 else None for row, value in enumerate(text)]
    kinds = pa.array([f"kind {row % 7}" for row in rows]).dictionary_encode()
    parity = pa.array([row % 2 for row in rows], "int8")
    made = {
        "nulls": pa.nulls(len(rows)),
        "bools": pa.array([row % 3 == 0 for row in rows]),
        "decimals": pa.array(rows).cast(pa.decimal128(20)),
        "times": pa.array(rows, pa.timestamp("us", "UTC")),
        "text": pa.array(some),
        "large text": pa.array(some, pa.large_string()),
        "binary": pa.array([value.encode() for value in text]),
        "lists": pa.array([[row, row] if row % 7 else None for row in rows]),
        "lists of text": pa.array([[value, None] for value in text]),
        "fixed lists": pa.array([[value, value] for value in text], pa.list_(pa.string(), 2)),
        "structs": pa.array([{"a": row, "b": [value]} for row, value in enumerate(text)]),
        "maps": pa.array([[(value, 1)] for value in text], pa.map_(pa.string(), pa.int64())),
        "dictionary": kinds,
        "lists of kinds": pa.ListArray.from_arrays(pa.array(range(len(rows) + 1), "int32"), kinds),
        "sparse union": pa.UnionArray.from_sparse(parity, [pa.array(rows), pa.array(text)]),
        "dense union": pa.UnionArray.from_dense(
            parity, pa.array([row // 2 for row in rows], "int32"), [pa.array(rows), pa.array(text)]
        ),
        "runs": pa.RunEndEncodedArray.from_arrays(pa.array([r + 1 for r in rows]), pa.array(rows)),
    }
    if hasattr(pa, "string_view"):
        view = pa.string_view()
        made["views"] = pa.array(some, view)
        made["binary views"] = pa.array([value.encode() for value in text], pa.binary_view())
        made["lists of views"] = pa.array([[value, None] for value in some], pa.large_list(view))
        made["structs of views"] = pa.array(
            [{"a": value} for value in some], pa.struct([("a", view)])
        )
    return made


COLUMNS = columns()


@pytest.mark.parametrize("name", COLUMNS)
def test_of_a_slice_of_any_layout_only_the_slice_is_stored(
    client: plasma.Client, name: str
) -> None:
    """Of views all of the text was stored."""
    whole = pa.table({"c": COLUMNS[name]})
    part = whole.slice(5000, 3)
    # pyarrow writes all offsets of the text of a union if none of the rows is text.
    null = whole.slice(7000, 2 if name == "dense union" else 1)
    for value in part, whole.slice(6999, 3), null, whole.slice(9, 0), whole:
        for put in client.put, client.put_arrow:
            key = put(value)
            again = client.get_object(key)
            again.validate(full=True)
            assert again.equals(value)
            assert value is whole or stored(client, key) < 8192
            assert all(address % 64 == 0 for address in addresses(again["c"]))
    for value in part["c"], part["c"].chunk(0), part.to_batches()[0]:
        key = client.put(value)
        assert client.get_object(key).equals(value) and stored(client, key) < 8192


def test_the_stream_is_one_that_arrow_reads(client: plasma.Client) -> None:
    whole = table()
    with client.get(client.put_arrow(whole)) as buffer:
        data = bytes(buffer)
    assert pa.ipc.open_stream(data).read_all().equals(whole)
    assert len(data) < 1.01 * whole.nbytes + 8192
    many = pa.table({str(at): [at] for at in range(500)})
    assert client.get_arrow(client.put_arrow(many)).equals(many)
    union = pa.UnionArray.from_sparse(
        pa.array([0, 1, 0], "int8"), [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    )
    unions = pa.table({"u": union, "n": pa.nulls(3), "f": pa.array([b"ab"] * 3, pa.binary(2))})
    assert client.get_arrow(client.put_arrow(unions)).equals(unions)


def test_frames_and_readers_are_put_as_arrow(client: plasma.Client) -> None:
    """put_arrow() of a frame was an AttributeError."""
    plain = pa.table({"a": [1, 2, 3], "b": ["x", "y", None]})
    reader = pa.RecordBatchReader.from_batches(plain.schema, plain.to_batches())
    assert client.get_arrow(client.put_arrow(reader)).equals(plain)

    class Exports:
        def __arrow_c_stream__(self, schema: Any = None) -> Any:
            return plain.__arrow_c_stream__(schema)

    if hasattr(pa.Table, "__arrow_c_stream__"):
        assert client.get_arrow(client.put_arrow(Exports())).equals(plain)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=["x", "y", "z"])
    pd.testing.assert_frame_equal(client.get_arrow(client.put_arrow(frame)).to_pandas(), frame)
    for wrong in [1], "text", None, pa.array([1]).type, frame["a"].to_numpy():
        with pytest.raises(TypeError, match="use put"):
            client.put_arrow(wrong)
    assert all(info.state is plasma.State.SEALED for info in client.list())
