"""A sealed object cannot be changed from Python."""

from __future__ import annotations

import pytest
from conftest import finish, start

import plasma


def test_memoryviews_are_read_only(client: plasma.Client) -> None:
    buffer = client.get(client.put_bytes(b"fixed"))
    view = memoryview(buffer)
    assert view.readonly
    with pytest.raises(TypeError):
        view[0] = 1
    with pytest.raises(TypeError):
        buffer[0] = 1  # type: ignore[index]
    with open("/dev/zero", "rb") as zeros, pytest.raises((BufferError, TypeError)):
        zeros.readinto(buffer)
    assert bytes(buffer) == b"fixed"


def test_numpy_arrays_cannot_be_made_writeable(client: plasma.Client) -> None:
    np = pytest.importorskip("numpy")
    buffer = client.get(client.put_bytes(bytes(64)))
    arrays = [np.asarray(buffer), np.frombuffer(buffer, "u1"), np.asarray(memoryview(buffer))]
    arrays.append(arrays[0].view("f8")[2:].reshape(2, 3))
    arrays.append(client.get_object(client.put(np.arange(100))))
    for array in arrays:
        assert not array.flags.writeable
        with pytest.raises(ValueError):
            array.flags.writeable = True
        with pytest.raises(ValueError):
            array.setflags(write=True)
        with pytest.raises(ValueError):
            array[...] = 1
    with pytest.raises((ValueError, TypeError, BufferError)):
        np.ndarray(8, "f8", buffer)[0] = 1
    assert bytes(buffer) == bytes(64)


def test_a_stray_write_faults(store: str) -> None:
    script = """if True:
        import ctypes, plasma, sys
        client = plasma.connect(sys.argv[1])
        view = memoryview(client.get(client.put_bytes(b"x" * 8, name="x")))
        from_view = ctypes.pythonapi.PyObject_GetBuffer
        raw = (ctypes.c_void_p * 32)()
        from_view(ctypes.py_object(view), raw, 0)
        print("before", flush=True)
        ctypes.memset(raw[0], 0, 8)
        print("after", flush=True)
    """
    process = start(script, store)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == -11 and said == "before\n"
    with plasma.connect(store) as client:
        client.reap()
        assert bytes(client.get("x", 0)) == b"x" * 8


def test_a_read_only_client_cannot_write(store: str) -> None:
    with plasma.connect(store) as writer:
        key = writer.put_bytes(b"there", name="it")
        with plasma.connect(store, read_only=True) as reader:
            assert reader.read_only and bytes(reader.get("it", 0)) == b"there"
            for write in (
                lambda: reader.put_bytes(b""),
                lambda: reader.create(None, 1),
                lambda: reader.delete(key),
            ):
                with pytest.raises(plasma.ReadOnlyError) as raised:
                    write()
                assert isinstance(raised.value, PermissionError)


def test_another_process_reads_what_was_sealed(store: str) -> None:
    with plasma.connect(store) as client:
        client.put_bytes(b"from here", name="it")
        script = "import plasma, sys; print(bytes(plasma.connect(sys.argv[1]).get('it')))"
        assert finish(start(script, store)) == "b'from here'\n"
