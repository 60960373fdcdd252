"""The methods of a client that manage a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Optional, TypeVar

from plasma import infos
from plasma._library import ffi, lib, sized
from plasma.connection import Connection
from plasma.errors import NotFoundError
from plasma.ids import Key, ObjectID
from plasma.infos import ClientInfo, ObjectInfo, State, Stats
from plasma.options import encoded_text
from plasma.reader import Reader, id_array, id_pointer
from plasma.sizes import Size, byte_count

_I = TypeVar("_I")
_ALL = 2**64 - 1


class Manager(Reader):
    """Part of `plasma.Client`."""

    _connection: Connection

    def delete(self, key: Key) -> None:
        """Delete a sealed object. Its memory is freed after its last buffer is released."""
        if isinstance(key, str) and "\0" not in key:
            self._connection.call(lib.plasma_delete_by_name, encoded_text(key), about=key)
        else:
            self._connection.call(lib.plasma_delete, id_pointer(self.find(key)), about=key)

    def delete_many(self, keys: Iterable[Key]) -> None:
        """Delete many objects; each is tried, and the first failure is raised, with its key."""
        ids: list[ObjectID] = []
        wanted: list[Key] = []
        missing: Optional[NotFoundError] = None
        for key in keys:
            try:
                ids.append(self.find(key))
                wanted.append(key)
            except NotFoundError as error:
                missing = missing or error
        statuses = ffi.new("plasma_status_t[]", len(ids))

        def about() -> object:
            return next((key for key, status in zip(wanted, statuses) if status != 0), None)

        args = (id_array(ids), len(ids), statuses)
        self._connection.call(lib.plasma_delete_many, *args, about=about)
        if missing is not None:
            raise missing

    def pin(self, key: Key) -> None:
        """Keep an object from being evicted, until `unpin` or `delete`."""
        self._connection.call(lib.plasma_pin, id_pointer(self.find(key)), about=key)

    def unpin(self, key: Key) -> None:
        """Let an object be evicted again."""
        self._connection.call(lib.plasma_unpin, id_pointer(self.find(key)), about=key)

    def evict(self, size: Optional[Size] = None) -> int:
        """Evict objects that are not held and not pinned; returns the number of bytes evicted.

        It evicts at least `size` bytes (None: all), if there are as many. Raises UnsupportedError
        in a store that was created without eviction.
        """
        return self._number(lib.plasma_evict, _ALL if size is None else byte_count(size))

    def reap(self) -> int:
        """Clean up after dead clients now; returns their number. Never necessary."""
        return self._number(lib.plasma_reap)

    def trim(self, keep: Size = 0) -> int:
        """Give free memory except `keep` bytes back to the system; returns the bytes given back."""
        return self._number(lib.plasma_trim, byte_count(keep, "keep"))

    def info(self, key: Key) -> ObjectInfo:
        """Facts about an object, sealed or not."""
        info = sized("plasma_object_info_t")
        args = (id_pointer(self.find(key)), info)
        self._connection.call(lib.plasma_object_info, *args, about=key)
        return infos.object_info(info)

    def stats(self) -> Stats:
        """Statistics and options of the store."""
        numbers = sized("plasma_stats_t")
        self._connection.call(lib.plasma_stats, numbers)
        return infos.stats(numbers)

    def list(self, matching: Optional[str] = None) -> list[ObjectInfo]:
        """All objects, also unsealed ones, and deleted ones that are still held.

        With a pattern, those whose names match, without deleted ones: ``*`` is any text, also with
        a slash, and ``?`` any character.
        """
        connection = self._connection
        if matching is None:
            return connection.run(lambda _: connection.list_objects(infos.KINDS), 0)
        found = ffi.new("plasma_list_t **")
        connection.call(lib.plasma_list_matching, encoded_text(matching), found, about=matching)
        try:
            count = lib.plasma_list_count(found[0])
            info = sized("plasma_object_info_t")
            return _each(lib.plasma_list_at, found[0], count, info, infos.object_info)
        finally:
            lib.plasma_list_free(found[0])

    def clients(self) -> list[ClientInfo]:
        """The clients of the store, this one included."""
        found = ffi.new("plasma_client_list_t **")
        self._connection.call(lib.plasma_list_clients, found)
        return _clients(found)

    def holders(self, key: Key) -> list[ClientInfo]:
        """The clients that hold an object, by a buffer or by writing it."""
        found = ffi.new("plasma_client_list_t **")
        args = (id_pointer(self.find(key)), found)
        self._connection.call(lib.plasma_list_holders, *args, about=key)
        return _clients(found)

    def __len__(self) -> int:
        """The number of sealed objects."""
        return self.stats().objects_sealed

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[ObjectID]:
        """The ids of the sealed objects."""
        return iter([info.id for info in self.list() if info.state is State.SEALED])

    def _number(self, function: Callable[..., int], *args: int) -> int:
        number = ffi.new("uint64_t *")
        self._connection.call(function, *args, number)
        return number[0]


def _each(
    at: Callable[..., int], found: Any, count: int, info: Any, convert: Callable[[Any], _I]
) -> list[_I]:
    converted: list[_I] = []
    for position in range(count):
        at(found, position, info)
        converted.append(convert(info))
    return converted


def _clients(found: Any) -> list[ClientInfo]:
    try:
        count = lib.plasma_client_list_count(found[0])
        info = sized("plasma_client_info_t")
        return _each(lib.plasma_client_list_at, found[0], count, info, infos.client_info)
    finally:
        lib.plasma_client_list_free(found[0])
