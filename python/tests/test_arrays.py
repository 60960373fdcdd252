"""NumPy, pandas and Arrow see shared memory."""

from __future__ import annotations

import ctypes
import resource
from pathlib import Path
from typing import Any

import pytest
from conftest import run

import plasma

np = pytest.importorskip("numpy")


def is_shared(array: Any) -> bool:
    """Whether the array lies in the mapping of a store."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        begin, end = (int(part, 16) for part in line.split()[0].split("-"))
        if begin <= address < end:
            return line.endswith("/heap")
    return False


ARRAYS = {
    "one": lambda: np.arange(128.0),
    "two": lambda: np.arange(12, dtype="i4").reshape(3, 4),
    "fortran": lambda: np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "strided": lambda: np.arange(100.0)[::3],
    "reversed": lambda: np.arange(100, dtype="i2")[::-1],
    "columns": lambda: np.arange(100.0).reshape(10, 10)[:, 2:4],
    "axes": lambda: np.arange(24.0).reshape(2, 3, 4).transpose(1, 0, 2),
    "repeated": lambda: np.broadcast_to(np.arange(3.0), (4, 3)),
    "fortran dates": lambda: np.asfortranarray(np.arange(0, 6, dtype="M8[s]").reshape(2, 3)),
    "strided dates": lambda: np.arange(0, 10, dtype="M8[s]")[::2],
    "durations": lambda: np.arange(10, dtype="m8[ms]"),
    "half": lambda: np.arange(10, dtype="f2"),
    "fortran text": lambda: np.asfortranarray(np.array([["a", "b"], ["cd", "e"]])),
    "scalar": lambda: np.array(3.5),
    "empty": lambda: np.empty((0, 5)),
    "big-endian": lambda: np.arange(5, dtype=">i8"),
    "structured": lambda: np.zeros(3, [("a", "i4"), ("b", "S7")]),
    "dates": lambda: np.array(["2026-11-25", "NaT"], "M8[D]"),
    "bool": lambda: np.array([True, False]),
    "text": lambda: np.array(["a", "bcd"]),
    "objects": lambda: np.array([1, "x", None], dtype=object),
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_come_back_equal_and_in_shared_memory(client: plasma.Client, kind: str) -> None:
    for _ in range(2):  # the second time the pickle is kept
        array = ARRAYS[kind]()
        again = client.get_object(client.put(array), 0)
        assert again.dtype == array.dtype and again.shape == array.shape
        assert repr(again) == repr(array)
        if kind not in ("objects", "empty"):
            assert is_shared(again) and not again.flags.writeable
            assert again.__array_interface__["data"][0] % 64 == 0
            if array.flags.f_contiguous or kind == "axes":
                assert again.strides == array.strides
        inside = client.get_object(client.put({"a": [array]}))["a"][0]
        assert inside.dtype == array.dtype and repr(inside) == repr(array)
        assert is_shared(inside) == (kind != "objects") or kind == "empty"


class Plain(np.ndarray):
    pass


class WithState(np.ndarray):
    unit = ""

    def __reduce__(self) -> Any:
        reduced = super().__reduce__()
        return (*reduced[:2], (reduced[2], self.unit))

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.unit = state[1]


SUBCLASSES = {
    "recarray": lambda: np.rec.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "matrix": lambda: np.arange(4.0).reshape(2, 2).view(np.matrix),
    "of a user": lambda: np.arange(4).view(Plain),
    "sliced": lambda: np.arange(40).view(Plain)[::2],
    "masked": lambda: np.ma.masked_array(np.arange(5.0), [0, 1, 0, 0, 1], fill_value=7),
    "masked nowhere": lambda: np.ma.masked_array(np.arange(5)),
    "masked dates": lambda: np.ma.masked_array(np.arange(0, 5, dtype="M8[s]"), [0, 1, 0, 0, 1]),
    "masked in rows": lambda: np.ma.masked_array(np.eye(3), np.eye(3, dtype=bool), hard_mask=True),
    "masked records": lambda: np.ma.masked_array(
        [(1, 2.0), (3, 4.0)], [(0, 1), (1, 0)], dtype=[("a", int), ("b", float)]
    ),
}


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_subclasses_are_in_shared_memory(client: plasma.Client, kind: str) -> None:
    """NumPy pickles them with a copy of their memory in the pickle."""
    array = SUBCLASSES[kind]()
    for again in (
        client.get_object(client.put(array)),
        client.get_object(client.put({"a": [array]}))["a"][0],
    ):
        assert type(again) is type(array) and again.dtype == array.dtype
        assert repr(again) == repr(array) and is_shared(again) and not again.flags.writeable
        if kind.startswith("masked"):
            assert again.fill_value.tolist() == array.fill_value.tolist()
            assert again.hardmask == array.hardmask
            assert (again.mask is np.ma.nomask) == (kind == "masked nowhere")
            assert is_shared(again.mask) == (kind not in ("masked nowhere", "masked records"))


def test_a_memmap_is_shared_and_others_are_whole(client: plasma.Client, tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "file", "f4", "w+", shape=(3, 4))
    mapped[:] = np.arange(12).reshape(3, 4)
    again = client.get_object(client.put(mapped[1:]))
    assert type(again) is np.memmap and is_shared(again) and again.sum() == 60
    of_user = np.arange(3).view(WithState)
    of_user.unit = "m"
    again = client.get_object(client.put([of_user]))[0]
    assert type(again) is WithState and again.unit == "m" and again.sum() == 3


def test_an_array_of_the_store_takes_no_private_memory(client: plasma.Client) -> None:
    """The arguments were interpreted by an array of the same size."""
    client.put_bytes(b"")  # maps the store
    limit = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (8 << 20), limit[1]))
    try:
        array = client.empty((48, 1 << 20), "u1")
        assert array.nbytes == 48 << 20
        with pytest.raises(plasma.TooLargeError):
            client.empty(1 << 40)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
    for wrong, kind in ((-1, ValueError), ((2, -3), ValueError), ("ab", TypeError)):
        with pytest.raises(kind):
            client.empty(wrong)  # type: ignore[arg-type]
    pairs = client.empty(3, ("f4", (2,)))
    assert pairs.shape == (3, 2) and pairs.dtype == np.dtype("f4")


def test_subclasses_and_many_shapes_are_kept_apart(client: plasma.Client) -> None:
    masked = np.ma.masked_array([1, 2, 3], mask=[0, 1, 0])
    again = client.get_object(client.put(masked))
    assert type(again) is type(masked) and again.sum() == 4
    for size in range(1, 600):  # more than are kept
        assert client.get_object(client.put(np.full(size, size, "u2"))).sum() == size * size
    assert client.get_object(client.put(np.full(5, 1, "u2"))).dtype == np.dtype("u2")
    assert client.get_object(client.put(np.full((5, 1), 1, "i2"))).shape == (5, 1)


def test_an_array_holds_its_memory(client: plasma.Client) -> None:
    key = client.put({"a": np.arange(1000), "b": [np.ones(10)]})
    part = client.get_object(key)["b"][0][3:]
    client.delete(key)
    client.close()
    assert is_shared(part) and part.sum() == 7


@pytest.mark.parametrize(
    ("shape", "dtype", "order"),
    [
        (5, float, "C"),
        ((3, 4), "i2", "C"),
        ((3, 4), "c16", "F"),
        ((), "f4", "C"),
        ((0, 3), "f8", "C"),
        (2, [("a", "i4"), ("b", "f8")], "C"),
        ((2, 2), "M8[us]", "C"),
    ],
)
def test_an_array_is_made_in_place(
    client: plasma.Client, shape: Any, dtype: Any, order: Any
) -> None:
    array = client.empty(shape, dtype, name="it", order=order, zeroed=True)
    assert array.shape == np.empty(shape).shape and array.dtype == np.dtype(dtype)
    assert "it" not in client and array.flags.writeable
    array[...] = np.ones(array.shape, array.dtype)
    key = client.seal(array)
    assert not array.flags.writeable
    again = client.get_object(key, 0)
    assert np.array_equal(again, array) and again.dtype == array.dtype
    if array.ndim == 2 and array.size:
        assert again.flags.f_contiguous == array.flags.f_contiguous == (order == "F")
    if array.size:
        assert is_shared(array) and is_shared(again) and not again.flags.writeable


def test_an_array_is_sealed_through_a_slice_of_it(client: plasma.Client) -> None:
    array = client.empty(10, "u1")
    array[:] = 7
    key = client.seal(array[2:4])
    assert not array.flags.writeable and client.get_object(key).sum() == 70
    with pytest.raises(plasma.SealedError):
        client.seal(array)


def test_an_array_that_is_dropped_is_given_up(client: plasma.Client) -> None:
    array = client.empty(10, name="it")
    assert client.info("it").state is plasma.State.WRITING
    del array
    assert client.list() == []


def test_an_array_of_objects_or_of_another_place_is_refused(client: plasma.Client) -> None:
    with pytest.raises(TypeError, match="put"):
        client.empty(3, object)
    for other in np.empty(3), np.asarray(client.get(client.put_bytes(bytes(8)))):
        with pytest.raises(TypeError, match="empty"):
            client.seal(other)
    assert len(client.list()) == 1


def test_pandas_frames_are_views(client: plasma.Client) -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.arange(1000), "b": np.linspace(0, 1, 1000), "c": ["x"] * 1000})
    again = client.get_object(client.put(frame))
    pd.testing.assert_frame_equal(again, frame)
    assert is_shared(again["a"].to_numpy()) and is_shared(again["b"].to_numpy())
    assert again.groupby("c").sum(numeric_only=True)["a"].iloc[0] == 499500


def test_arrow_tables_are_views(client: plasma.Client) -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": list(range(1000)), "b": ["text"] * 1000, "c": [None, 1.5] * 500})
    key = client.put_arrow(table, name="table", metadata={"mine": b"1"})
    with client.get(key) as buffer:
        assert buffer.metadata == {"mine": b"1", "format": b"arrow"}
    pickled = client.put(table)
    for again in client.get_arrow("table"), client.get_object(key), client.get_object(pickled):
        assert again.equals(table)
        assert is_shared(again["a"].chunk(0).to_numpy())
    batch = table.to_batches()[0]
    assert client.get_arrow(client.put_arrow(batch)).to_batches()[0].equals(batch)
    with pytest.raises(plasma.FormatError, match="no Arrow IPC stream"):
        client.get_arrow(client.put_bytes(b"no table"))
    with pytest.raises(plasma.FormatError, match="python-pickle-1"):
        client.get_arrow(pickled)


def test_no_module_is_imported_before_it_is_needed(store: str) -> None:
    script = """if True:
        import sys, plasma
        with plasma.connect(sys.argv[1], ephemeral=True) as client:
            assert client.get_object(client.put([1])) == [1]
        print([name for name in ("numpy", "pandas", "pyarrow") if name in sys.modules])
    """
    assert run(script, store) == "[]\n"
    # These took most of 150 to 210 ms. Some come with -X dev, and with older versions of typing.
    slow = "asyncio", "dataclasses", "datetime", "inspect", "logging", "pathlib", "pickle", "ssl"
    script = f"""if True:
        import sys
        before = set(sys.modules)
        import plasma
        print([name for name in {slow} if name in set(sys.modules) - before])
    """
    assert run(script) == "[]\n"


def test_everything_else_works_without_numpy(store: str) -> None:
    script = """if True:
        import sys
        sys.modules["numpy"] = sys.modules["pyarrow"] = None
        import libplasma, plasma
        with plasma.connect(sys.argv[1], ephemeral=True) as client:
            key = client.put({"a": bytearray(1000)})
            assert client.get_object(key) == {"a": bytearray(1000)}
            for call in (lambda: client.empty(3), lambda: client.put_arrow(None)):
                try:
                    call()
                except ImportError as error:
                    print(type(error).__name__)
    """
    assert run(script, store) == "ModuleNotFoundError\n" * 2


READ_ONLY, COPIED = 1, 2


def flags_of(capsule: Any) -> int:
    """The flags of a tensor of DLPack 1: after the version, the context and the deleter."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer(capsule, b"dltensor_versioned")
    assert ctypes.c_uint32.from_address(address).value == 1
    return ctypes.c_uint64.from_address(address + 24).value


def test_what_dlpack_takes_is_marked_read_only(client: plasma.Client) -> None:
    buffer = client.get(client.put_bytes(b"bytes"))
    array = client.get_object(client.put(np.arange(5.0)))
    for value in buffer, array:
        assert tuple(map(int, value.__dlpack_device__())) == (1, 0)
        with pytest.raises(BufferError):  # for libraries that do not know the mark
            value.__dlpack__()
    assert "dltensor" in repr(buffer.__dlpack__(copy=True))
    with pytest.raises(BufferError):
        buffer.__dlpack__(dl_device=(2, 0))
    if np.lib.NumpyVersion(np.__version__) < "2.1.0":
        return
    for value in array, buffer:
        assert flags_of(value.__dlpack__(max_version=(1, 0))) == READ_ONLY
        assert flags_of(value.__dlpack__(max_version=(1, 0), copy=True)) == COPIED
        view = np.from_dlpack(value)
        assert is_shared(view) and not view.flags.writeable
        assert view.tolist() == (list(b"bytes") if value is buffer else list(range(5)))
    with pytest.raises(BufferError):
        buffer.release()  # there is a view
    del view, value
    buffer.release()
    assert np.from_dlpack(client.get(client.put_bytes(b""))).shape == (0,)


def test_an_array_that_empty_made_can_be_written_by_dlpack(client: plasma.Client) -> None:
    array = client.empty(4)
    view = np.from_dlpack(array)
    if view.flags.writeable:  # NumPy before 2.1 never is
        view[:] = 3
    else:
        array[:] = 3
    del view
    assert client.get_object(client.seal(array)).tolist() == [3.0] * 4
