"""Ray: tensors and arrays go from actor to actor of one machine through a store, as views.

`register` makes the transports known: "plasma" for tensors of PyTorch and "plasma_numpy" for arrays
of NumPy. Ray's interface for transports is alpha.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import threading
from dataclasses import dataclass
from typing import Any, ClassVar, Optional
from weakref import WeakValueDictionary

from plasma import keeper
from plasma.buffers import Buffer
from plasma.client import Client, connect
from plasma.errors import NotFoundError, StoreExistsError, StoreNotFoundError
from plasma.temporary import sweep

PREFIX = "ray-"
"""Of the names of the stores."""

_ray: Any = importlib.import_module("ray")
_rdt: Any = importlib.import_module("ray.experimental.rdt")
_Metadata: Any = _rdt.TensorTransportMetadata
_Communicator: Any = _rdt.CommunicatorMetadata
_Manager: Any = _rdt.TensorTransportManager


def register() -> None:
    """Make the transports known to Ray: in the driver, before it defines the classes of actors."""
    if importlib.util.find_spec("torch") is not None:
        torch: Any = importlib.import_module("torch")
        _register("plasma", Transport, torch.Tensor)
    numpy: Any = importlib.import_module("numpy")
    _register("plasma_numpy", ArrayTransport, numpy.ndarray)


def _register(name: str, transport: Any, data_type: Any) -> None:
    known: Any = importlib.import_module("ray.experimental.rdt.util").transport_manager_info
    if name.upper() not in known:
        _rdt.register_tensor_transport(name, ["cpu"], transport, data_type)


@dataclass
class Metadata(_Metadata):
    """Where the tensors of one object of Ray are."""

    host: str = ""
    address: str = ""
    id: bytes = b""


class Transport(_Manager):
    """The transport of tensors."""

    _lock = threading.Lock()
    _clients: ClassVar[WeakValueDictionary[str, Client]] = WeakValueDictionary()
    _kept: ClassVar[list[Client]] = []

    def __init__(self) -> None:
        self._held: dict[str, tuple[Client, Buffer]] = {}
        """The objects that this process has put, by the ids of Ray."""

    def tensor_transport_backend(self) -> str:
        """The name."""
        return "PLASMA"

    @staticmethod
    def is_one_sided() -> bool:
        """Only the receiver does something."""
        return True

    @staticmethod
    def can_abort_transport() -> bool:
        """No transfer can hang."""
        return True

    def actor_has_tensor_transport(self, actor: Any) -> bool:
        """Every actor has it; whether it is on the same machine is seen when it receives."""
        return True

    def extract_tensor_transport_metadata(self, obj_id: str, rdt_object: list[Any]) -> Metadata:
        """Put the tensors into the store, as one object."""
        described = [(each.shape, each.dtype) for each in rdt_object]
        client = self._own_client()
        id = client.put(rdt_object, pinned=True)  # until it is held
        self._held[obj_id] = client, client.get(id)
        client.unpin(id)
        return Metadata(described, "cpu", socket.gethostname(), client.address, id)

    def get_communicator_metadata(
        self, src_actor: Any, dst_actor: Any, backend: Optional[str] = None
    ) -> Any:
        """Nothing: the metadata of the tensors say all."""
        return _Communicator()

    def recv_multiple_tensors(
        self,
        obj_id: str,
        tensor_transport_metadata: Metadata,
        communicator_metadata: Any,
        target_buffers: Optional[list[Any]] = None,
    ) -> list[Any]:
        """The tensors, as views of the store."""
        where = tensor_transport_metadata
        try:
            received: list[Any] = self._client_of(where.address).get_object(where.id, 0)
        except StoreNotFoundError:
            raise StoreNotFoundError(
                f"the tensors are in the memory of {where.host}, and this is "
                f"{socket.gethostname()}, or their driver has ended: keep the actors on one machine"
            ) from None
        except NotFoundError:
            raise NotFoundError("the actor that made the tensors has ended") from None
        if not target_buffers:
            return received
        for target, tensor in zip(target_buffers, received):
            target[...] = tensor
        return target_buffers

    def send_multiple_tensors(
        self, tensors: list[Any], tensor_transport_metadata: Any, communicator_metadata: Any
    ) -> None:
        """Not called for a transport of one side."""
        raise NotImplementedError("the receiver gets the tensors")

    def garbage_collect(
        self, obj_id: str, tensor_transport_meta: Metadata, tensors: list[Any]
    ) -> None:
        """No reference is left: the object goes, and its memory after the last view."""
        client, _ = self._held.pop(obj_id, (None, None))
        if client is not None:
            client.delete(tensor_transport_meta.id)

    def abort_transport(self, obj_id: str, communicator_metadata: Any) -> None:
        """Nothing is under way."""

    def _client_of(self, address: str) -> Client:
        with self._lock:
            client = self._clients.get(address)
            if client is None:
                client = connect(address, create=False)
                self._keep(client, address)
            return client

    def _own_client(self) -> Client:
        """The client of the store of this job, which the first process makes."""
        context = _ray.get_runtime_context()
        cluster = context.gcs_address.replace(":", "-").replace("/", "-")
        name = f"{PREFIX}{cluster}-{context.get_job_id()}"
        with self._lock:
            client = self._clients.get(name)
            if client is not None:
                return client
            while client is None:
                try:
                    client = _make(name)
                except StoreExistsError:
                    try:
                        client = connect(name, create=False)
                    except StoreNotFoundError:
                        continue  # it was left by a job that was killed
            self._keep(client, name, client.address)
            return client

    def _keep(self, client: Client, *names: str) -> None:
        """An actor ends with its job, and keeps the client until then.

        A driver may outlive it, and must not keep the store: its client goes with the last object.
        """
        for name in names:
            self._clients[name] = client
        if _ray.get_runtime_context().get_actor_id() is not None:
            self._kept.append(client)


def _make(name: str) -> Client:
    stat = os.statvfs("/dev/shm")
    free = stat.f_bavail * stat.f_frsize
    capacity = max(free - free // 16, 1 << 20)
    client = connect(name, exclusive=True, ephemeral=True, capacity=capacity, max_objects=1 << 18)
    keeper.start(client.address)
    sweep(client.address, PREFIX)
    return client


class ArrayTransport(Transport):
    """The transport of arrays, which are read-only where they arrive."""

    def tensor_transport_backend(self) -> str:
        """The name."""
        return "PLASMA_NUMPY"
