"""Facts about objects, clients and the store: plain values, copied into this process."""

from __future__ import annotations

import enum
from typing import Any, NamedTuple, Optional

from plasma._library import ffi, lib, text
from plasma.ids import ObjectID, made_id

_PINNED = 1


class State(enum.IntEnum):
    """The state of an object."""

    ABSENT = 0
    WRITING = 1
    SEALED = 2
    DELETED = 3
    """Deleted or evicted, but still held. Only lists and `Buffer.info` report it."""
    FAILED = 4
    """Its creator failed: a get raises FailedError with the creator's message."""


class ObjectInfo(NamedTuple):
    """Facts about an object. Times are in seconds since the Unix epoch."""

    id: ObjectID
    name: Optional[str]
    state: State
    size: int
    metadata_size: int
    create_time: float
    construct_duration: Optional[float]
    """From create to seal in seconds; None until it is sealed."""
    last_use: float
    pinned: bool
    lease_count: int
    creator_pid: int
    creator_address: str
    """"host/pid@start", unique in a cluster."""


class ClientInfo(NamedTuple):
    """Facts about a client."""

    slot: int
    pid: int
    pid_namespace: int
    uid: int
    comm: str
    read_only: bool
    alive: bool
    stopped: bool
    connect_time: float
    lease_count: int
    leased_bytes: int
    writing_bytes: int


class Stats(NamedTuple):
    """Statistics and options of a store."""

    capacity: int
    used: int
    reserved: int
    largest_free: int
    max_objects: int
    objects_writing: int
    objects_sealed: int
    objects_deleted: int
    pinned: int
    leases: int
    clients: int
    evictions: int
    evicted_bytes: int
    recoveries: int
    reaped_clients: int
    lock_steals: int
    file_system: str
    deleted_bytes: int
    """Bytes of deleted objects that are still held; part of used."""
    mode: int
    """Permissions of the files of the store."""
    lru: bool
    """Whether it evicts objects when it is full."""
    ephemeral: bool
    """Whether it is removed when its last client leaves."""
    huge_pages: bool
    objects_failed: int


def object_id(struct: Any) -> ObjectID:
    """The ObjectID of a plasma_id_t."""
    return made_id(bytes(ffi.buffer(struct.bytes)))


_new_tuple: Any = vars(tuple)["__new__"]
KINDS: tuple[Any, ...] = (ObjectInfo, _new_tuple, ObjectID, bytes.__new__, tuple(State))
"""What list_objects() of a native connection makes things of."""


def object_info(info: Any) -> ObjectInfo:
    """The ObjectInfo of a plasma_object_info_t."""
    took = info.construct_duration_us
    return ObjectInfo(
        id=object_id(info.id),
        name=text(info.name) or None,
        state=State(info.state),
        size=info.data_size,
        metadata_size=info.metadata_size,
        create_time=info.create_time_us / 1e6,
        construct_duration=None if took < 0 else took / 1e6,
        last_use=info.last_use_us / 1e6,
        pinned=bool(info.flags & _PINNED),
        lease_count=info.lease_count,
        creator_pid=info.creator_pid,
        creator_address=text(info.creator_address),
    )


def client_info(info: Any) -> ClientInfo:
    """The ClientInfo of a plasma_client_info_t."""
    return ClientInfo(
        slot=info.slot,
        pid=info.pid,
        pid_namespace=info.pid_namespace,
        uid=info.uid,
        comm=text(info.comm),
        read_only=bool(info.read_only),
        alive=bool(info.alive),
        stopped=bool(info.stopped),
        connect_time=info.connect_time_us / 1e6,
        lease_count=info.lease_count,
        leased_bytes=info.leased_bytes,
        writing_bytes=info.writing_bytes,
    )


def stats(numbers: Any) -> Stats:
    """The Stats of a plasma_stats_t."""
    made = {"file_system", "lru", "ephemeral", "huge_pages"}
    fields = [name for name in Stats._fields if name not in made]
    return Stats(
        **{name: getattr(numbers, name) for name in fields},
        file_system=text(numbers.file_system),
        lru=numbers.eviction == lib.PLASMA_EVICTION_LRU,
        ephemeral=bool(numbers.flags & lib.PLASMA_CONNECT_EPHEMERAL),
        huge_pages=bool(numbers.huge_pages),
    )
