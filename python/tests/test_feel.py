"""The texts that people see: repr, notebooks, the command, the bar."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest
from conftest import run

import plasma
from plasma import creator, progress


def test_a_repr_says_which_object_and_how_large(client: plasma.Client, store: str) -> None:
    key = client.put_bytes(bytes(100), name="it")
    with client.get(key) as buffer:
        assert repr(buffer) == "<plasma.Buffer 'it', 100 bytes>"
    assert repr(buffer) == "<plasma.Buffer, released>"
    unnamed = client.put_bytes(bytes(1 << 20))
    assert repr(client.get(unnamed)) == f"<plasma.Buffer {unnamed}, 1048576 bytes (1.0 MiB)>"
    writer = client.create(None, 5, "new")
    assert repr(writer) == "<plasma.MutableBuffer 'new', 5 bytes>"
    writer.seal()
    assert repr(writer) == "<plasma.MutableBuffer 'new', sealed or aborted>"
    with plasma.connect(store, read_only=True) as reader, reader.events() as events:
        assert repr(reader) == f"<plasma.Client of {store}, read-only>"
        assert repr(events) == f"<plasma.Events of {store}>"
    assert repr(events) == f"<plasma.Events of {store}, closed>"
    assert repr(reader) == f"<plasma.Client of {store}, read-only, closed>"
    assert repr(client.info("it")).startswith("ObjectInfo(id=ObjectID.from_hex(")


def test_buffers_know_their_object(client: plasma.Client) -> None:
    named, unnamed = client.put_bytes(b"", name="it"), client.put_bytes(b"")
    for key, name in ((named, "it"), (unnamed, None)):
        buffer = client.get(key)
        for _ in range(2):
            assert (buffer.id, buffer.name, type(buffer.id)) == (key, name, plasma.ObjectID)
        client.delete(key)
        assert buffer.info.state is plasma.State.DELETED
        buffer.release()
        assert buffer.id == key
        fresh = client.get(client.put_bytes(b""))
        fresh.release()
        for unknown in (lambda: fresh.id, lambda: fresh.name, lambda: fresh.info):
            with pytest.raises(ValueError):
                unknown()


def test_notebooks_show_tables(client: plasma.Client) -> None:
    for at in range(25):
        client.put([at], name=f"<{at}>")
    page = client._repr_html_()
    assert page.count("<tr>") == 21 and "&lt;24&gt;" in page and "and 5 more" in page
    buffer = client.get(client.put_bytes(bytes(range(40)), metadata={"format": b"<x>"}))
    page = buffer._repr_html_()
    assert str(buffer.id) in page and "&lt;x&gt;" in page and "00 01 02" in page
    client.close()
    assert "closed" in client._repr_html_()


def test_the_command_says_what_is_where(client: plasma.Client, store: str) -> None:
    client.put_bytes(b"1")
    done = subprocess.run(
        [sys.executable, "-m", "plasma", store], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and not done.stderr, done
    said = dict(line.split(None, 1) for line in done.stdout.splitlines())
    assert said["plasma"].startswith(plasma.__version__ + ", ")
    assert said["library"].startswith("/") and "libplasma.so" in said["library"]
    assert said["store"] == store and said["objects"] == "1 of at most 4096"
    assert said["room"].endswith("64.0 MiB") and said["clients"] == "1"
    assert said["doctor"] == "a store was made, used and removed"
    gone = subprocess.run(
        [sys.executable, "-m", "plasma", store + "-no"], capture_output=True, text=True, timeout=120
    )
    assert "none there" in gone.stdout and gone.returncode == 0


def test_the_command_ends_quietly_when_nobody_reads_on() -> None:
    """It wrote two tracebacks of BrokenPipeError."""
    reading, writing = os.pipe()
    os.close(reading)
    for options in ([], ["-u"]):
        command = [sys.executable, *options, "-m", "plasma"]
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, timeout=120)
        assert done.returncode == 0 and not done.stderr, done
    os.close(writing)


class FakeBars:
    """In place of tqdm."""

    def __init__(self, **about: object) -> None:
        print(about["desc"], file=sys.stderr)

    def __enter__(self) -> FakeBars:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, size: int) -> None:
        assert size > 0


FakeBars.tqdm = FakeBars  # type: ignore[attr-defined]


def test_a_long_put_shows_a_bar(
    client: plasma.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if importlib.util.find_spec("tqdm") is None:
        monkeypatch.setitem(sys.modules, "tqdm", FakeBars)  # type: ignore[arg-type]
    monkeypatch.setattr(creator, "_LONG", 1000)
    monkeypatch.setattr(progress, "PIECE", 1000)
    data = bytes(range(256)) * 20
    value = {"a": bytearray(data)}
    for shown, bars in ((None, False), (False, False), (True, True)):
        monkeypatch.setattr(progress, "shown", shown)
        key = client.put_bytes(data, name="bytes")
        assert bytes(client.get(key)) == data and client.info("bytes").name == "bytes"
        other = client.put(value)
        assert client.get_object(other) == value
        with pytest.raises(plasma.ExistsError):
            client.put_bytes(data, id=key)
        client.delete_many([key, other])
        assert ("put" in capsys.readouterr().err) == bars
    np = pytest.importorskip("numpy")
    array = np.arange(10_000.0)
    assert (
        client.get_object(client.put({"a": array, "b": [array[::2]]}))["b"][0] == array[::2]
    ).all()


def test_there_is_no_bar_without_tqdm(store: str) -> None:
    script = """if True:
        import sys
        sys.modules["tqdm"] = None
        import plasma
        from plasma import creator, progress
        creator._LONG, progress.shown = 10, True
        with plasma.connect(sys.argv[1], ephemeral=True) as client:
            print(client.get_object(client.put(bytes(100))) == bytes(100))
    """
    assert run(script, store) == "True\n"
