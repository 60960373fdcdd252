"""plasma.compat.pyarrow: each call behaves as that of pyarrow 11's pyarrow.plasma."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HANG, eventually, run

import plasma as core

pa = pytest.importorskip("pyarrow")
np = pytest.importorskip("numpy")

import plasma.compat.pyarrow as plasma  # noqa: E402
from plasma.compat.pyarrow import blobs, server  # noqa: E402

MEMORY = 10**7


@pytest.fixture(scope="module")
def name() -> Iterator[str]:
    """The name of a store that plasma_store made."""
    assert server.SERVER.exists(), "the wheel has no plasma-store-server: make cli builds it"
    with plasma.start_plasma_store(MEMORY) as (made, _):
        yield made


@pytest.fixture
def client(name: str) -> Iterator[Any]:
    made = plasma.connect(name)
    yield made
    made.delete(list(made.list()))
    made.disconnect()


def new() -> Any:
    return plasma.ObjectID.from_random()


def test_ids_are_equal_to_ids_alone_and_pickle() -> None:
    id = plasma.ObjectID(b"a" * 20)
    assert id == plasma.ObjectID(b"a" * 20) and id != b"a" * 20 and id != "foo"
    assert hash(id) == hash(b"a" * 20) and id.binary() == b"a" * 20
    assert repr(id) == f"ObjectID({'61' * 20})" == str(id)
    assert pickle.loads(pickle.dumps(id)) == id
    assert new() != new()
    for wrong in ("a" * 20, b"short", 5):
        with pytest.raises(ValueError, match="20 bytes"):
            plasma.ObjectID(wrong)  # type: ignore[arg-type]


def test_exceptions_are_arrow_exceptions() -> None:
    for name in ("PlasmaObjectExists", "PlasmaObjectNotFound", "PlasmaStoreFull"):
        assert issubclass(getattr(plasma, name), pa.ArrowException)
    assert plasma.PlasmaObjectNonexistent is plasma.PlasmaObjectNotFound
    with pytest.raises(AttributeError):
        plasma.nothing  # noqa: B018


def test_connect_takes_old_and_new_arguments(name: str) -> None:
    for arguments in ((name,), (name, 3), (name, "", 0), (name, "manager", 0, 3)):
        made = plasma.connect(*arguments)
        assert made.store_socket_name == name
        made.disconnect()
    assert plasma.connect(name, num_retries=1).store_capacity() == MEMORY
    for missing in ("no-such-store", "/nowhere/plasma"):
        with pytest.raises(OSError, match="Could not connect"):
            plasma.connect(missing, num_retries=0)


def test_any_store_can_be_used(store: str) -> None:
    with core.connect(store, capacity=1 << 20, eviction="lru") as owner:
        client = plasma.connect(store)
        assert client.store_capacity() == 1 << 20
        made = client.put({"a": 1})
        assert client.get(core_put(owner)) == [1, 2]
        assert client.evict(1) > 0 and not client.contains(made)
        client.disconnect()


def core_put(owner: core.Client) -> Any:
    """An object of `plasma.Client.put`, which the layer reads, too."""
    return plasma.ObjectID(bytes(owner.put([1, 2])))


def test_create_and_seal(client: Any, name: str) -> None:
    id = new()
    buffer = client.create(id, 4, b"meta")
    assert isinstance(buffer, plasma.PlasmaBuffer) and buffer.is_mutable and buffer.size == 4
    memoryview(buffer).cast("B")[:] = b"data"
    other = plasma.connect(name)
    assert client.contains(id) and not other.contains(id)
    assert client.get_buffers([id], timeout_ms=0) == [None]
    with pytest.raises(plasma.PlasmaObjectNotFound, match="without a reference"):
        other.seal(id)
    client.seal(id)
    with pytest.raises(TypeError, match="already sealed"):
        client.seal(id)
    del buffer
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.seal(id)
    [(metadata, data)] = other.get_buffers([id], with_meta=True)
    assert (metadata, data.to_pybytes(), data.is_mutable) == (b"meta", b"data", False)
    assert other.get_metadata([id])[0].to_pybytes() == b"meta"
    other.disconnect()
    assert data.to_pybytes() == b"data", "buffers stay valid"


def test_an_id_exists_once(client: Any) -> None:
    id = client.put(1)
    unsealed = new()
    client.create(unsealed, 5)
    for taken in (id, unsealed):
        with pytest.raises(plasma.PlasmaObjectExists):
            client.create(taken, 5)
        with pytest.raises(plasma.PlasmaObjectExists):
            client.create_and_seal(taken, b"x", b"y")
        with pytest.raises(plasma.PlasmaObjectExists):
            client.put(1, taken)
    client.seal(unsealed)


@pytest.mark.parametrize("size", [0, 1, 65_000, 65_001, 200_000])
def test_metadata_is_one_blob_of_any_size(client: Any, size: int) -> None:
    blob = np.random.default_rng(1).bytes(size)
    for data in (b"", b"some data"):
        id = new()
        client.create_and_seal(id, data, bytearray(blob))
        assert client.get_buffers([id], with_meta=True)[0][0] == blob
        assert client.get_buffers([id])[0].to_pybytes() == data
        assert client.get_metadata([id])[0].to_pybytes() == blob
        entry = client.list()[id]
        assert (entry["data_size"], entry["metadata_size"]) == (len(data), size)
    with pytest.raises(TypeError):
        client.create(new(), 1, "text")


def test_get_gives_objects_or_the_placeholder(client: Any) -> None:
    one, two = client.put("one"), client.put(np.arange(3))
    assert client.get(one) == "one"
    assert client.get((one, new()), 0) == ["one", plasma.ObjectNotAvailable]
    array = client.get([two], timeout_ms=10)[0]
    assert array.tolist() == [0, 1, 2] and not array.flags.writeable
    assert client.get(new(), 1) is plasma.ObjectNotAvailable
    assert client.get_metadata([new()], 0) == [None]
    assert client.get_buffers([new()], 0, with_meta=True) == [(None, None)]
    assert client.get([one] * 3) == ["one"] * 3, "an id more than once"
    empty = new()
    client.create_and_seal(empty, b"")
    assert client.get_buffers([empty])[0].size == 0
    assert client.get(empty, 0) is plasma.ObjectNotAvailable
    for wrong in ("text", 5, None):
        with pytest.raises(TypeError):
            client.get(wrong, 0)


def test_get_waits_for_another_process(client: Any, name: str) -> None:
    id = new()
    script = """
import sys, time
import plasma.compat.pyarrow as plasma
client = plasma.connect(sys.argv[1])
time.sleep(0.05)
client.put("late", plasma.ObjectID(bytes.fromhex(sys.argv[2])))
"""
    import threading

    thread = threading.Thread(target=run, args=(script, name, id.binary().hex()))
    thread.start()
    assert client.get([id, client.put("now")]) == ["late", "now"]
    thread.join()


class Custom:
    def __init__(self, value: int) -> None:
        self.value = value


def test_values_of_known_types(client: Any) -> None:
    from collections import Counter, OrderedDict, defaultdict, deque
    from datetime import datetime

    values: list[Any] = [1, 2**70, 1.5, "s", b"s", None, True, [1], (1, 2), {1: [2]}, {1, 2}]
    values += [datetime(2020, 1, 1), OrderedDict(a=1), defaultdict(int, a=1), deque([1])]
    values += [Counter("aa"), Custom, np.float32(1), pa.table({"a": [1]}), pa.array([1])]
    for value in values:
        assert client.get(client.put(value)) == value
    array = np.array([{"a": 1}, None], dtype=object)
    assert client.get(client.put(array)).tolist() == array.tolist()
    with pytest.raises(pa.lib.ArrowSerializationError, match="Custom"):
        client.put([Custom(1)])


def test_a_context_knows_more_types(client: Any) -> None:
    context = plasma.SerializationContext()
    context.register_type(Custom, "custom")
    id = client.put([Custom(7)], serialization_context=context)
    assert client.get(id, serialization_context=context)[0].value == 7
    with pytest.raises(pa.lib.ArrowSerializationError):
        client.get(id)
    other = plasma.SerializationContext()
    other.register_type(
        Custom,
        "custom",
        custom_serializer=lambda it: it.value + 1,
        custom_deserializer=lambda it: Custom(it * 10),
    )
    assert other.clone().deserialize(other.serialize(Custom(4)).to_buffer()).value == 50
    pickled = plasma.SerializationContext()
    pickled.register_type(Custom, "custom", pickle=True)
    assert pickled.deserialize(pickled.serialize(Custom(4)).to_buffer()).value == 4


def test_serialize_without_a_store() -> None:
    value = {"a": np.arange(4), "b": [1, "x"]}
    serialized = plasma.serialize(value)
    buffer = serialized.to_buffer()
    assert serialized.total_bytes == buffer.size
    back = plasma.deserialize(buffer)
    assert back["a"].tolist() == [0, 1, 2, 3] and back["b"] == [1, "x"]
    sink = pa.BufferOutputStream()
    serialized.write_to(sink)
    assert sink.getvalue() == buffer
    for broken in (b"", b"x" * 7, b"\xff" * 64, bytes(buffer)[:40]):
        with pytest.raises(pa.ArrowInvalid):
            plasma.deserialize(broken)


def test_put_raw_buffer(client: Any) -> None:
    id = client.put_raw_buffer(np.arange(3), metadata=b"RAW")
    [(metadata, data)] = client.get_buffers([id], with_meta=True)
    assert metadata == b"RAW" and np.frombuffer(data, np.arange(3).dtype).tolist() == [0, 1, 2]
    assert client.put_raw_buffer(b"x", object_id=(wanted := new())) == wanted


def test_delete_takes_a_list_and_leaves_out_what_is_not_there(client: Any) -> None:
    ids = [client.put(n) for n in range(3)]
    unsealed = new()
    client.create(unsealed, 3)
    client.delete([*ids[:2], new(), unsealed])
    assert [client.contains(id) for id in ids] == [False, False, True]
    assert client.contains(unsealed)
    with pytest.raises(TypeError):
        client.delete(ids[0])
    client.seal(unsealed)


def test_a_full_store_evicts_and_else_says_so(client: Any) -> None:
    held = client.get_buffers([client.put(np.zeros(6 * 10**6, np.uint8))])
    with pytest.raises(plasma.PlasmaStoreFull):
        client.create(new(), 5 * 10**6)
    with pytest.raises(plasma.PlasmaStoreFull):
        client.create(new(), MEMORY + 9000)
    del held
    client.create(id := new(), 5 * 10**6)
    client.seal(id)
    assert list(client.list()) == [id]


def test_an_object_with_a_writable_buffer_is_not_evicted(client: Any) -> None:
    id = new()
    buffer = client.create(id, 100)
    client.seal(id)
    assert client.evict(1) == 0 and client.contains(id)
    del buffer
    assert client.evict(1) == 100 and not client.contains(id)


def test_evict_counts_data_and_metadata(client: Any) -> None:
    for size, metadata_size in ((100, 0), (50, 7), (10, 70_000), (0, 0), (0, 3)):
        client.create_and_seal(new(), b"d" * size, b"m" * metadata_size)
    assert client.evict(0) == 0
    assert client.evict(1) == 100
    assert client.evict(57) == 57
    assert client.evict(1) == 70_010
    assert client.evict(1) == 3, "the empty object goes, too"
    assert client.list() == {}


def test_hash_is_of_data_and_metadata(client: Any) -> None:
    def hashed(data: bytes, metadata: bytes = b"") -> bytes:
        client.create_and_seal(id := new(), data, metadata)
        return client.hash(id)

    assert hashed(b"a", b"b") == hashed(b"a", b"b")
    big = b"m" * 70_000
    assert hashed(b"a", big) == hashed(b"a", big)
    different = [(b"a", b"b"), (b"a", b""), (b"ab", b""), (b"", b"ab"), (b"a", big), (b"a" + big,)]
    assert len({hashed(*case) for case in different}) == len(different)
    assert len(hashed(b"")) == 8
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.hash(new())


def test_list(client: Any) -> None:
    id, unsealed = client.put([1]), new()
    client.create(unsealed, 11, b"1234567")
    entry = client.list()[unsealed]
    assert (entry["data_size"], entry["metadata_size"], entry["state"]) == (11, 7, "created")
    assert client.list()[id]["state"] == "sealed" and client.list()[id]["ref_count"] == 0
    buffer = client.get_buffers([id])
    assert client.list()[id]["ref_count"] == 1
    del buffer
    client.seal(unsealed)


def test_notifications_begin_with_what_is_there(client: Any) -> None:
    with pytest.raises(OSError, match="subscribe"):
        client.get_next_notification()
    client.create_and_seal(before := new(), b"abc", b"de")
    client.subscribe()
    assert client.get_next_notification() == (before, 3, 2)
    for data, metadata in ((b"abc", b""), (b"", b"m" * 70_000)):
        client.create_and_seal(id := new(), data, metadata)
        assert client.get_next_notification() == (id, len(data), len(metadata))
    client.delete([id])
    assert client.get_next_notification() == (id, -1, -1)
    client.subscribe()  # again
    assert client.get_next_notification()[0] in client.list()


def test_more_notifications_than_the_store_keeps_events(client: Any) -> None:
    client.subscribe()
    socket = client.get_notification_socket()
    ids = []
    for n in range(10_000):
        client.create_and_seal(id := new(), b"x" * (n % 10))
        ids.append(id)
    for n, id in enumerate(ids):
        (length,) = struct.unpack("L", socket.recv(8))
        assert client.decode_notifications(socket.recv(length)) == ([id], [n % 10], [0])
    socket.close()


def test_what_is_left(client: Any) -> None:
    client.set_client_options("worker", 10**6)
    assert "client name: worker" in client.debug_string()
    assert '"plasma_client_t"' in repr(client.to_capsule())


def test_after_disconnect_calls_fail(name: str) -> None:
    client = plasma.connect(name)
    id = client.put(b"1234")
    [buffer] = client.get_buffers([id])
    client.subscribe()
    client.disconnect()
    client.disconnect()
    for call in (client.contains, client.hash, client.get):
        with pytest.raises(OSError):
            call(id)
    with pytest.raises(OSError):
        client.put(1)
    assert buffer.size > 4


def test_evicted_objects_come_back_from_an_external_store() -> None:
    with plasma.start_plasma_store(10**6, external_store="hashtable://test") as (name, _):
        client, other = plasma.connect(name), plasma.connect(name)
        ids = [new() for _ in range(20)]
        for n, id in enumerate(ids):
            client.create_and_seal(id, bytes([n]) * 100_000, bytes([n]) * (n * 10_000))
        for n, id in enumerate(ids):
            assert other.contains(id)
            [(metadata, data)] = other.get_buffers([id], with_meta=True)
            assert metadata == bytes([n]) * (n * 10_000)
            assert data.to_pybytes() == bytes([n]) * 100_000
        with pytest.raises(plasma.PlasmaObjectExists):
            client.create(ids[0], 1)
        client.delete(ids[:1])
        assert not other.contains(ids[0]) and other.get(ids[0], 1) is plasma.ObjectNotAvailable
        assert client.evict(1) > 0
        del data
        client.disconnect(), other.disconnect()


def test_the_server_is_ended_with_the_block() -> None:
    with plasma.start_plasma_store(10**6) as (name, process):
        assert process.poll() is None
        client = plasma.connect(name)
    assert process.returncode == 0
    with pytest.raises(OSError):
        client.put(1)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        with plasma.start_plasma_store(0):
            pass


def test_the_blob_that_follows_the_data_is_told_from_others() -> None:
    for size in (1, 65_000):
        assert blobs.small_size(1 + size) == size
    assert blobs.TAIL_METADATA > 1 + 65_000


def test_install_answers_for_the_two_modules_and_loads_nothing_itself() -> None:
    script = """
import sys
import plasma.compat.pyarrow as ours
ours.install(), ours.install()
assert "pyarrow" not in sys.modules and "numpy" not in sys.modules
import pyarrow as pa
assert not hasattr(pa, "plasma")
from pyarrow import plasma
assert pa.plasma is plasma is sys.modules["pyarrow.plasma"]
assert plasma.ObjectID is ours.ObjectID and plasma.PlasmaClient.__name__ == "PlasmaClient"
from pyarrow._plasma import make_object_id, ObjectNotAvailable
assert issubclass(pa.lib.PlasmaObjectExists, pa.lib.ArrowException)
assert pa.deserialize(pa.serialize([1]).to_buffer()) == [1]
context = pa.lib.SerializationContext()
"""
    assert run(script) == ""
    assert sys.modules.get("pyarrow.plasma") is None


def test_the_document_is_right() -> None:
    document = Path(__file__).resolve().parent.parent / "docs/from-pyarrow.md"
    command = [sys.executable, "-m", "doctest", str(document)]
    subprocess.run(command, check=True, timeout=HANG)


def test_the_commands_are_installed(tmp_path: Path) -> None:
    path = str(tmp_path / "plasma")
    for command in ("plasma_store", "plasma_store_server", "plasma-store-server"):
        program = Path(sys.executable).parent / command
        with subprocess.Popen([program, "-m", "1000000", "-s", path]) as process:
            client = plasma.connect(path)
            assert client.store_capacity() == 1000000
            client.disconnect()
            process.terminate()
        assert process.returncode == 0


def test_a_server_that_is_killed_leaves_no_store(tmp_path: Path) -> None:
    (tmp_path / "plasma").touch()  # as fairseq does
    path = str(tmp_path / "plasma")
    process = subprocess.Popen([server.SERVER, "-m", "1000000", "-s", path])
    client = plasma.connect(path)
    store = Path(Path(path).read_text().splitlines()[1])
    assert store.exists()
    process.kill()
    process.wait()
    eventually(lambda: not store.exists())
    with pytest.raises(OSError):
        client.put(1)


def test_a_client_evicts_its_own_objects_beyond_its_limit(client: Any) -> None:
    other = plasma.connect(client.store_socket_name)
    size = 300_000
    with pytest.raises(plasma.PlasmaStoreFull):
        client.set_client_options("me", MEMORY * 71 // 100)
    client.set_client_options("me", 1_000_000)
    with pytest.raises(plasma.PlasmaStoreFull):
        client.set_client_options("me", 500_000)
    theirs = [other.put_raw_buffer(bytes(size))]
    ids = [client.put_raw_buffer(bytes(size)) for _ in range(6)]
    assert [client.contains(id) for id in ids] == [False] * 3 + [True] * 3
    held = client.get_buffers(ids[3:])
    # Those in use are not counted.
    later = [client.put_raw_buffer(bytes(size)) for _ in range(5)]
    assert [client.contains(id) for id in ids] == [False] * 3 + [True] * 3
    assert [client.contains(id) for id in later] == [False] * 2 + [True] * 3
    with pytest.raises(plasma.PlasmaStoreFull):
        client.put_raw_buffer(bytes(1_000_001))
    created = plasma.ObjectID.from_random()
    client.create(created, size)
    client.seal(created)
    assert not client.contains(later[2]) and client.contains(created)
    assert all(other.contains(id) for id in theirs) and len(held) == 3
    assert "quota of this client: 1000000" in client.debug_string()
