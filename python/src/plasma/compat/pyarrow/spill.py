"""The external store of `plasma_store -e hashtable://NAME`: one file for each evicted object.

Clients write the files when the store has no room, and read them when an object is not in it. A
file stays until its object is deleted, so an object that is evicted again is not written again.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
from typing import Optional

from plasma.buffers import Buffer
from plasma.client import Client
from plasma.compat.pyarrow import blobs
from plasma.errors import ExistsError, LimitError, OutOfMemoryError, PlasmaError, TooLargeError
from plasma.infos import State

_WORD = struct.Struct("<Q")


class Spill:
    """The files of one store."""

    def __init__(self, client: Client, directory: str) -> None:
        self._client = client
        self._directory = directory

    def _path(self, key: bytes) -> str:
        return os.path.join(self._directory, key.hex())

    def has(self, key: bytes) -> bool:
        """Whether there is a file of the object."""
        return os.path.exists(self._path(key))

    def remove(self, key: bytes) -> None:
        """Delete the file of an object."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(key))

    def make_room(self, size: int) -> int:
        """Move at least so many bytes of objects that nobody holds into files.

        The least recently used go first. Returns the bytes of data and metadata that were moved.
        """
        moved = 0
        infos = self._client.list()
        free = [info for info in infos if info.state is State.SEALED and not info.lease_count]
        for info in sorted(free, key=lambda info: info.last_use):
            if moved >= size:
                break
            try:
                with self._client.get(info.id, 0) as lease:
                    if not self.has(info.id):
                        self._write(info.id, lease)
                self._client.delete(info.id)
            except PlasmaError:
                continue  # another client was faster
            moved += blobs.total(info.size, info.metadata_size)
        return moved

    def _write(self, key: bytes, lease: Buffer) -> None:
        blob = blobs.blob_of(lease)
        view = memoryview(lease)[: len(lease) - blobs.tail_size(lease)]
        file, path = tempfile.mkstemp(dir=self._directory)
        try:
            with open(file, "wb") as target:
                target.write(_WORD.pack(len(blob)))
                target.write(blob)
                target.write(view)
            os.rename(path, self._path(key))
        except BaseException:
            os.unlink(path)
            raise
        finally:
            view.release()

    def restore(self, key: bytes) -> bool:
        """Bring an object back into the store, if there is a file of it."""
        content = self._read(key)
        if content is None:
            return False
        (length,) = _WORD.unpack_from(content)
        plan = blobs.plan(content[_WORD.size : _WORD.size + length])
        data = content[_WORD.size + length :] + plan.tail
        while True:
            try:
                self._client.put_bytes(data, key, None, plan.metadata)
                return True
            except ExistsError:
                return True  # another client was faster
            except (OutOfMemoryError, TooLargeError, LimitError):
                if not self.make_room(len(data)):
                    raise

    def _read(self, key: bytes) -> Optional[bytes]:
        try:
            with open(self._path(key), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None
