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
    return [buffer.address for chunk in chunks for buffer in chunk.buffers() if buffer]


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
