"""The client: a connection to a store."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Optional

from plasma._library import lib
from plasma.arrays import Arrays
from plasma.arrow import Arrow
from plasma.connection import Address, Connection, encoded_address
from plasma.errors import check
from plasma.manager import Manager
from plasma.options import connect_options
from plasma.sizes import Size
from plasma.times import Seconds
from plasma.waiter import Waiter


class Client(Manager, Arrays, Arrow, Waiter):
    """A connection to a store, made by `plasma.connect`.

    Any number of threads may use it at once. As a context manager it closes itself. Buffers and
    views of them stay valid after it is closed. In a forked child it connects again when it is
    used. A pickled client becomes a client of the same store in the other process.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def address(self) -> str:
        """The path of the store's directory."""
        return self._connection.address

    @property
    def read_only(self) -> bool:
        """Whether it may only read."""
        return self._connection.read_only

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._connection.closed

    def close(self) -> None:
        """Disconnect from the store. Calls of other threads that wait raise DisconnectedError."""
        self._connection.close()

    def interrupt(self) -> None:
        """End the wait of every call in flight on this client with InterruptedError."""
        self._connection.interrupt()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        exception: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, tuple[str, bool]]:
        return _reopen, (self.address, self.read_only)

    def _repr_html_(self) -> str:
        from plasma.pages import page_of_store

        if self.closed:
            return f"<b>plasma.Client</b> of {self.address}, closed"
        return page_of_store(self.address, self.stats(), self.list())

    def __repr__(self) -> str:
        reads = ", read-only" if self.read_only else ""
        return f"<plasma.Client of {self.address}{reads}{', closed' if self.closed else ''}>"


def connect(
    address: Address = None,
    *,
    create: bool = True,
    exclusive: bool = False,
    read_only: bool = False,
    ephemeral: bool = False,
    reserve: bool = False,
    capacity: Optional[Size] = None,
    max_objects: Optional[Size] = None,
    mode: Optional[int] = None,
    eviction: Optional[str] = None,
    huge_pages: bool = False,
    lock_timeout: Seconds = None,
    reader_quota: Optional[Size] = None,
    max_readers: Optional[int] = None,
) -> Client:
    """Open a store, or create it if it does not exist.

    :param address: None for $PLASMA_STORE or, where that is not set, "default"; a word for a store
        of this user in /dev/shm; a path with a "/" for the directory of the store itself.
    :param create: False raises StoreNotFoundError if there is no store.
    :param exclusive: True raises StoreExistsError if there is a store.
    :param read_only: only read; the store must exist.
    :param ephemeral: a new store is removed when its last client leaves.
    :param reserve: a new store takes its whole capacity from the system at once.
    :param capacity: bytes of a new store, as a number or as text like "1G"; by default 1 GiB, or
        half of the free space if less.
    :param max_objects: maximum number of objects in a new store; by default capacity / 1024.
    :param mode: permissions of a new store: 0o600 (default), 0o640, 0o644, 0o660 or 0o664.
    :param eviction: "lru" lets a new store evict the least recently used objects when it is full.
    :param huge_pages: let a new store use huge pages.
    :param lock_timeout: how long a call waits for a stopped process that holds the writer lock.
    :param reader_quota: bytes that one reader of another user may hold in a new store; by default
        half of its capacity.
    :param max_readers: maximum number of readers of other users in a new store; by default 1024,
        which is also the largest value.
    """
    options = connect_options(
        create=create,
        exclusive=exclusive,
        read_only=read_only,
        ephemeral=ephemeral,
        reserve=reserve,
        capacity=capacity,
        max_objects=max_objects,
        mode=mode,
        eviction=eviction,
        huge_pages=huge_pages,
        lock_timeout=lock_timeout,
        reader_quota=reader_quota,
        max_readers=max_readers,
    )
    return Client(Connection(address, options))


def connection_of(client: Client) -> Connection:
    """For other parts of this package."""
    return client._connection  # pyright: ignore[reportPrivateUsage]


def _reopen(address: str, read_only: bool) -> Client:
    return connect(address, create=False, read_only=read_only)


def remove(address: Address = None) -> None:
    """Remove a store and all objects in it. Connected processes keep the buffers they hold."""
    check(lib.plasma_store_remove(encoded_address(address)))
