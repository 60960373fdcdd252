"""Tensors of PyTorch in and out of a store."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import plasma  # noqa: E402
import plasma.torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error", "ignore:.*experimental:UserWarning")

LARGE = 1 << 18
"""Elements of a tensor whose memory is mapped; those of less than 128 KiB are copied."""
TYPES = sorted(
    {it for it in vars(torch).values() if isinstance(it, torch.dtype) and "q" not in str(it)},
    key=str,
)


@pytest.fixture
def client() -> Iterator[plasma.Client]:
    with plasma.connect(f"test-torch-{uuid.uuid4().hex}", ephemeral=True, capacity="1G") as made:
        yield made


def sample(dtype: Any, count: int) -> Any:
    if dtype is torch.bool:
        return torch.arange(count) % 3 == 0
    size = torch.empty(0, dtype=dtype).element_size()
    return (torch.arange(count * size) % 60).to(torch.uint8).view(dtype)


def bytes_of(tensor: Any) -> list[int]:
    return tensor.contiguous().reshape(-1).view(torch.uint8).tolist()


def run(script: str, *args: object) -> str:
    """The output of a Python process, which must succeed and write nothing to stderr."""
    command = [sys.executable, "-W", "error", "-c", script, *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, (done.returncode, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_every_type_comes_back(client: plasma.Client, dtype: Any) -> None:
    for count in (1, 64, LARGE):
        tensor = sample(dtype, count)
        again = client.get_object(client.put([tensor]))[0]
        assert (again.dtype, again.shape) == (dtype, tensor.shape)
        assert bytes_of(again) == bytes_of(tensor)
    for shape in ((), (0,), (3, 0, 2)):
        tensor = torch.empty(shape, dtype=dtype)
        again = client.get_object(client.put(tensor))
        assert (again.dtype, again.shape) == (dtype, tensor.shape)
        assert not tensor.numel() or bytes_of(again) == bytes_of(tensor)


def test_a_slice_stores_only_the_slice_and_strides_stay(client: plasma.Client) -> None:
    base = torch.arange(LARGE * 4.0).reshape(512, -1)
    for tensor in (base[3], base[:, ::2], base[5:7], base[0, 0], base[:0]):
        id = client.put(tensor)
        assert client.info(id).size <= tensor.numel() * 4 + 1024
        assert torch.equal(client.get_object(id), tensor)
    one = torch.ones(1).expand(1000)
    id = client.put([base.T, one])
    turned, expanded = client.get_object(id)
    assert turned.stride() == base.T.stride() and torch.equal(turned, base.T)
    assert expanded.stride() == (0,) and client.info(id).size < base.numel() * 4 + 2048
    complex_ = torch.randn(LARGE, dtype=torch.complex64)
    assert torch.equal(client.get_object(client.put(complex_.conj())), complex_.conj())
    assert torch.equal(client.get_object(client.put(complex_.imag)), complex_.imag)


def test_tensors_anywhere_are_beside_the_pickle_and_share_memory_as_before(
    client: plasma.Client,
) -> None:
    weight = torch.nn.Parameter(torch.randn(LARGE))
    value = {"a": [weight, (weight.detach(), {"b": torch.tensor(7)})], "c": "word"}
    id = client.put(value)
    assert client.info(id).size < LARGE * 4 + 2048
    first, (second, third) = client.get_object(id)["a"]
    assert type(first) is torch.nn.Parameter and first.requires_grad
    assert not second.requires_grad and third["b"].item() == 7
    assert first.data_ptr() == second.data_ptr()
    module = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.ReLU())
    id = client.put(module)
    assert client.info(id).size > 360_000
    again, given = client.get_object(id), torch.randn(300)
    assert torch.equal(again(given), module(given))
    # Kinds whose parts are tensors or storages.
    sparse = torch.eye(4).to_sparse()
    assert torch.equal(client.get_object(client.put(sparse)).to_dense(), torch.eye(4))


def test_a_tensor_of_another_device_is_refused(client: plasma.Client) -> None:
    # The device without memory stands for those that this machine does not have.
    with pytest.raises(TypeError, match=r"on the device 'meta'.*put tensor.cpu\(\)"):
        client.put({"x": torch.empty(3, device="meta")})
    assert len(client) == 0


@pytest.mark.parametrize("count", [16, LARGE])
def test_a_write_stays_in_the_process(client: plasma.Client, count: int) -> None:
    tensor = torch.arange(float(count))
    id = client.put(tensor)
    first, second = client.get_object(id), client.get_object(id)
    sealed = bytes(client.get(id))
    first += 1
    first.numpy()[0] = 99
    torch.nn.init.zeros_(second[: count // 2])
    assert first[0] == 99 and first[1] == 2 and not second[: count // 2].any()
    assert torch.equal(client.get_object(id), tensor) and bytes(client.get(id)) == sealed
    script = """
import plasma, sys
print(plasma.connect(sys.argv[1]).get_object(bytes.fromhex(sys.argv[2])).sum().item())
"""
    assert float(run(script, client.address, id.hex())) == tensor.sum().item()


def test_a_view_takes_no_memory_until_it_is_written_to(client: plasma.Client) -> None:
    id = client.put(torch.ones(64 << 18))
    script = """
import sys, torch, plasma
from pathlib import Path
def private():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon"))
torch.set_num_threads(1)
client = plasma.connect(sys.argv[1])
torch.ones(1000).sum(), client.get_object(client.put(torch.ones(1 << 16))).sum()
before = private()
tensor = client.get_object(bytes.fromhex(sys.argv[2]))
assert tensor.sum() == 64 << 18
read = private()
tensor[: 32 << 18] = 2
print(read - before, private() - read)
"""
    read, written = map(int, run(script, client.address, id.hex()).split())
    assert read < 16 and 30 <= written < 48


def test_copies_hold_nothing(client: plasma.Client) -> None:
    id = client.put({"t": torch.ones(LARGE)})
    held = plasma.torch.get(client, id)
    assert client.info(id).lease_count == 1
    copied = plasma.torch.get(client, id, copy=True)
    del held
    assert client.info(id).lease_count == 0 and copied["t"].sum() == LARGE


def test_arrays_may_be_written_to_as_well(client: plasma.Client) -> None:
    np = pytest.importorskip("numpy")
    id = client.put({"large": np.ones(LARGE), "small": np.ones(3)})
    value = plasma.torch.get(client, id)
    # Of an array that is read-only torch warns.
    tensors = [torch.from_numpy(array) for array in value.values()]
    tensors[0] += 1
    assert value["large"][0] == 2 and client.get_object(id)["large"][0] == 1


def test_a_tensor_stays_when_its_object_its_client_and_its_store_are_gone() -> None:
    address = f"test-torch-{uuid.uuid4().hex}"
    client = plasma.connect(address, capacity="64M")
    id = client.put(torch.arange(LARGE))
    buffer = client.get(id)
    client.delete(id)
    client.close()
    plasma.remove(address)
    from plasma.objects import load

    tensor = load(buffer)
    del buffer
    tensor[0] = 5
    assert tensor[:3].tolist() == [5, 1, 2] and tensor[-1] == LARGE - 1


@pytest.mark.parametrize("deleted", [False, True])
def test_a_forked_child_keeps_its_tensors(client: plasma.Client, deleted: bool) -> None:
    id = client.put(torch.arange(LARGE))
    tensor = client.get_object(id)
    tensor[0] = 5
    if deleted:
        client.delete(id)
    go_on, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.read(go_on, 1)
        torch.set_num_threads(1)  # the threads of the parent are not here
        good = tensor[:3].tolist() == [5, 1, 2] and bool((tensor[1:] == expected()).all())
        tensor[1] = 6
        os._exit(0 if good and tensor[1] == 6 else 1)
    os.close(go_on)
    assert tensor[1] == 1
    del tensor
    if not deleted:
        client.delete(id)
    for _ in range(40):  # the memory is used again, if it is free
        client.put(torch.full((LARGE * 3,), -1, dtype=torch.int64))
    os.close(told)
    assert os.waitpid(child, 0)[1] == 0


def expected() -> Any:
    return torch.arange(1, LARGE)


def test_a_killed_process_gives_its_tensors_back(client: plasma.Client) -> None:
    id = client.put(torch.ones(LARGE))
    script = """
import os, signal, sys, plasma
tensor = plasma.connect(sys.argv[1]).get_object(bytes.fromhex(sys.argv[2]))
tensor[0] = 5
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script, client.address, id.hex()])
    assert done.returncode == -9
    client.reap()
    assert client.info(id).lease_count == 0 and client.get_object(id)[0] == 1


def test_a_process_ends_with_tensors_in_globals_and_threads(client: plasma.Client) -> None:
    id = client.put([torch.ones(LARGE), torch.ones(2)])
    run(
        """
import sys, threading, plasma
client = plasma.connect(sys.argv[1])
value = client.get_object(bytes.fromhex(sys.argv[2]))
value[0][0] = 2
threading.Thread(target=lambda kept: threading.Event().wait(), args=(value,), daemon=True).start()
""",
        client.address, id.hex(),
    )  # fmt: skip


def test_threads(client: plasma.Client) -> None:
    ids = [client.put(torch.full((LARGE,), number)) for number in range(8)]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(20):
            for number, id in enumerate(ids):
                tensor = client.get_object(id)
                if not (tensor == number).all():
                    wrong.append(number)
                tensor += 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and client.info(ids[0]).lease_count == 0


def test_a_full_store_says_so(client: plasma.Client) -> None:
    with pytest.raises(plasma.PlasmaError) as raised:
        client.put({"x": torch.empty(1 << 30, dtype=torch.uint8)}, name="huge")
    assert isinstance(raised.value, (plasma.TooLargeError, plasma.OutOfMemoryError))
    assert "huge" in str(raised.value) and len(client) == 0


def test_a_state_dict_is_put_once_and_mapped(client: plasma.Client) -> None:
    module = torch.nn.Linear(600, 600)
    module.tied = module.weight
    optimizer = torch.optim.Adam(module.parameters())
    module(torch.ones(600)).sum().backward()
    optimizer.step()
    id = plasma.torch.put_state_dict(client, module, name="weights")
    state = plasma.torch.get_state_dict(client, "weights")
    assert client.info(id).size < 600 * 600 * 4 * 1.1
    assert state["weight"].data_ptr() == state["tied"].data_ptr()
    other = torch.nn.Linear(600, 600)
    other.tied = other.weight
    if torch.__version__.startswith("1."):
        other.load_state_dict(state)
    else:
        other.load_state_dict(state, assign=True)
        assert other.weight.data_ptr() == state["weight"].data_ptr()
    assert torch.equal(other.weight, module.weight)
    plasma.torch.put_state_dict(client, optimizer.state_dict(), name="optimizer")
    again = torch.optim.Adam(torch.nn.Linear(600, 600).parameters())
    again.load_state_dict(client.get_object("optimizer"))


def test_a_file_of_safetensors_is_mapped(client: plasma.Client, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    path = tmp_path / "model.safetensors"
    tensors = {
        "w": torch.randn(700, 500),
        "half": torch.randn(3).bfloat16(),
        "b": torch.ones(5) > 0,
    }
    tensors["scalar"], tensors["none"] = torch.tensor(3), torch.empty(0, 3)
    safetensors.save_file(tensors, str(path), metadata={"format": "pt"})
    plasma.torch.put_safetensors(client, path, name="model")
    state = plasma.torch.get_state_dict(client, "model")
    assert set(state) == set(tensors)
    for name, tensor in safetensors.load_file(str(path)).items():
        assert torch.equal(state[name], tensor) and state[name].dtype == tensor.dtype
    state["w"][0] = 0
    assert torch.equal(plasma.torch.get_state_dict(client, "model", copy=True)["w"], tensors["w"])
    with pytest.raises(plasma.FormatError):
        client.get_object("model")


def test_what_is_no_file_of_safetensors_is_refused(client: plasma.Client, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    entry = b'{"x":{"dtype":"%s","shape":[%d],"data_offsets":[0,%d]}}'
    for content, count in (
        (b"", 0),
        (b"\xff" * 100, 0),
        (b"{]", 0),
        (entry % (b"F32", 2, 8), 4),
        (entry % (b"F7", 1, 4), 4),
        (entry % (b"F32", 7, 4), 4),
        (entry % (b"F32", -1, 4), 4),
    ):
        with pytest.raises(plasma.FormatError):
            head = len(content).to_bytes(8, "little") if content[:1] == b"{" else b""
            path.write_bytes(head + content + bytes(count))
            id = plasma.torch.put_safetensors(client, path)
            plasma.torch.get_state_dict(client, id)
