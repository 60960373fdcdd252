"""Arrow tables as IPC streams. Needs pyarrow when it is used, not before."""

from __future__ import annotations

import importlib
from typing import Any, Optional

from plasma.buffers import Buffer
from plasma.ids import Key, ObjectID
from plasma.objects import Objects
from plasma.options import Metadata
from plasma.times import Seconds

FORMAT = b"arrow"
"""The value of the metadata key "format": an IPC stream, which any Arrow library reads."""


class Arrow(Objects):
    """Part of `plasma.Client`."""

    def put_arrow(
        self,
        table: Any,
        id: Optional[bytes] = None,
        name: Optional[str] = None,
        metadata: Optional[Metadata] = None,
        *,
        timeout: Seconds = 0,
    ) -> ObjectID:
        """Store a pyarrow Table or RecordBatch as an IPC stream, written into the store."""
        pa = _pyarrow()
        size = pa.MockOutputStream()
        _write(size, table)
        metadata = {**(metadata or {}), "format": FORMAT}
        with self.create(id, size.size(), name, metadata, timeout=timeout) as draft:
            with pa.FixedSizeBufferWriter(pa.py_buffer(draft)) as sink:
                _write(sink, table)
        return draft.id

    def get_arrow(self, key: Key, timeout: Seconds = None) -> Any:
        """The pyarrow Table in an object, with no copy."""
        return table_of(self.get(key, timeout))


def _pyarrow() -> Any:
    return importlib.import_module("pyarrow")


def _write(sink: Any, table: Any) -> None:
    pa = _pyarrow()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)


def table_of(buffer: Buffer) -> Any:
    """The table that a buffer holds."""
    pa = _pyarrow()
    return pa.ipc.open_stream(pa.py_buffer(buffer)).read_all()
