"""Arrow tables as IPC streams. Imports pyarrow when it is used."""

from __future__ import annotations

from typing import Any, Optional

from plasma.ids import Key, ObjectID
from plasma.objects import Objects
from plasma.options import Metadata
from plasma.tables import pyarrow, table_of
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
        pa = pyarrow()
        size = pa.MockOutputStream()
        _write(size, table)
        metadata = {**(metadata or {}), "format": FORMAT}
        with self.create(id, size.size(), name, metadata, timeout=timeout) as writer:
            with pa.FixedSizeBufferWriter(pa.py_buffer(writer)) as sink:
                _write(sink, table)
        return writer.id

    def get_arrow(self, key: Key, timeout: Seconds = None) -> Any:
        """The pyarrow Table in an object, with no copy."""
        return table_of(self.get(key, timeout))


def _write(sink: Any, table: Any) -> None:
    pa = pyarrow()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write(table)
