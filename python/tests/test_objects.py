"""Any object can be stored, and is read as views."""

from __future__ import annotations

import os
import pickle
import struct
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import run

import plasma
from plasma.objects import FORMAT


@dataclass
class Point:
    x: int
    y: bytes


def test_plain_objects_come_back_equal(client: plasma.Client) -> None:
    for value in (None, 1, "text", b"bytes", [1, (2, {3: {4}})], Point(1, b"2"), ValueError("x")):
        again = client.get_object(client.put(value), 0)
        assert type(again) is type(value) and repr(again) == repr(value)


def test_ids_names_and_metadata_are_as_with_bytes(client: plasma.Client) -> None:
    key = plasma.ObjectID.from_int(7)
    assert client.put([1], id=key, name="list", metadata={"mine": b"x"}, pinned=True) == key
    with client.get("list", 0) as buffer:
        assert buffer.metadata == {"mine": b"x", "format": FORMAT}
    assert client.info(key).pinned and client.get_object("list", 0) == [1]
    with pytest.raises(plasma.ExistsError):
        client.put([2], id=key)


def test_buffers_lie_aligned_in_the_object_as_documented(client: plasma.Client) -> None:
    parts = [bytearray(b"a" * 100), bytearray(b""), bytearray(b"c" * 64)]
    key = client.put([pickle.PickleBuffer(part) for part in parts])
    view = memoryview(client.get(key))
    count, stream_size, *sizes = struct.unpack_from("<5Q", view)
    assert (count, sizes) == (3, [100, 0, 64])
    at, places = 64, []
    for size in (stream_size, *sizes):
        places.append(at)
        at += size + -size % 64
    assert places[-1] + 64 == len(view)
    for part, place in zip(parts, places[1:]):
        assert view[place : place + len(part)] == part
        assert not any(view[place + len(part) : place + len(part) + -len(part) % 64])
    out = client.get_object(key)
    assert [bytes(part) for part in out] == [bytes(part) for part in parts]


def test_what_comes_out_is_a_view_and_holds_the_lease(client: plasma.Client) -> None:
    key = client.put(pickle.PickleBuffer(bytearray(b"x" * 1000)))
    out = client.get_object(key)
    view = memoryview(out)
    assert view.readonly and view.obj is not None and client.stats().leases == 1
    client.delete(key)
    assert view == b"x" * 1000
    del out, view
    assert client.stats().leases == 0
    assert client.get_object(client.put(5)) == 5 and client.stats().leases == 0


def test_what_is_no_object_is_refused(client: plasma.Client) -> None:
    with pytest.raises(plasma.FormatError, match="format"):
        client.get_object(client.put_bytes(b"plain"))
    for broken in b"", b"\1" * 16, struct.pack("<2Q", 0, 1 << 60), b"\xff" * 64:
        key = client.put_bytes(broken, metadata={"format": FORMAT})
        with pytest.raises(plasma.FormatError):
            client.get_object(key)
    assert client.stats().leases == 0


def test_what_cannot_be_pickled_leaves_nothing(client: plasma.Client) -> None:
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        client.put(lambda: None)
    assert client.list() == []


def test_an_address_may_be_a_path_and_relative(store: str) -> None:

    here = os.getcwd()
    os.chdir(os.path.dirname(store))
    try:
        with plasma.connect("./store") as client:
            os.chdir(here)
            with pickle.loads(pickle.dumps(client)) as again:
                again.put_bytes(b"", name="it")
            assert "it" in client and os.path.samefile(client.address, store)
        with plasma.connect(Path(store)) as client:
            assert "it" in client
        plasma.remove(Path(store))
    finally:
        os.chdir(here)


def test_a_client_pickles_to_its_address(client: plasma.Client, store: str) -> None:
    client.put_bytes(b"abc", name="it")
    with pickle.loads(pickle.dumps(client)) as again:
        assert again.address == store and bytes(again.get("it", 0)) == b"abc"
    with plasma.connect(store, read_only=True) as reader:
        with pickle.loads(pickle.dumps(reader)) as again:
            assert again.read_only
    plasma.remove(store)
    with pytest.raises(plasma.StoreNotFoundError):
        pickle.loads(pickle.dumps(client))


@pytest.mark.parametrize("typed", [array("I", range(5)), array("d", [1.5]), memoryview(b"abc")])
def test_metadata_is_all_bytes_of_a_value(client: plasma.Client, typed: Any) -> None:
    """len() of a typed array is not its size."""
    whole = bytes(memoryview(typed).tobytes())
    keys = [client.put_bytes(b"", metadata={"k": typed}), client.put([], metadata={"k": typed})]
    writer = client.create(None, 0, metadata={"k": typed})
    writer.set_metadata("other", typed)
    keys.append(writer.seal())
    for key in keys:
        with client.get(key) as buffer:
            assert buffer.metadata["k"] == buffer.get_metadata("k") == whole
    with client.get(keys[-1]) as buffer:
        assert buffer.get_metadata("other") == whole
    assert bytes(client.get(client.put_bytes(typed))) == whole


def test_metadata_that_is_no_bytes_is_refused(client: plasma.Client) -> None:
    writer = client.create(None, 0)
    for wrong in 5, "text", None, [1]:
        with pytest.raises(TypeError, match="'k'"):
            client.put_bytes(b"", metadata={"k": wrong})
        with pytest.raises(TypeError, match="'k'"):
            writer.set_metadata("k", wrong)
    writer.seal()
    with client.get(writer.id) as buffer, pytest.raises(ValueError, match="NUL"):
        buffer.get_metadata("k\0")
    with pytest.raises(ValueError, match="NUL"):
        client.create(None, 0).set_metadata("k\0", b"")
    assert len(client) == 1


def test_a_put_while_another_thread_imports_a_library(client: plasma.Client) -> None:
    """It was an AttributeError: a module is listed before its classes are there."""
    script = (
        "import sys, types, plasma;"
        "sys.modules.update(pandas=types.ModuleType('pandas'), polars=types.ModuleType('polars'));"
        "client = plasma.connect(sys.argv[1]); print(client.get_object(client.put([1, 2])))"
    )
    assert run(script, client.address) == "[1, 2]\n"
