"""Arrow tables as IPC streams. Imports pyarrow when it is used."""

from __future__ import annotations

from typing import Any, Optional

from plasma.ids import Key, ObjectID
from plasma.objects import ARROW, Objects
from plasma.options import Metadata
from plasma.times import Seconds


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
        """Store a table as an Arrow IPC stream, written into the store.

        It is a Table or RecordBatch of pyarrow, a frame of pandas or polars, or any value that
        exports a stream of Arrow. Of a slice only the slice is stored; each buffer begins at a
        multiple of 64 bytes.
        """
        from plasma.tables import as_table, stream_size, write_stream

        table = as_table(table)
        metadata = {**(metadata or {}), "format": ARROW}
        with self.create(id, stream_size(table), name, metadata, timeout=timeout) as writer:
            write_stream(writer, table)
        return writer.id

    def get_arrow(self, key: Key, timeout: Seconds = None) -> Any:
        """The pyarrow Table in an object that is an Arrow IPC stream, with no copy."""
        from plasma.tables import table_of

        return table_of(self.get(key, timeout))
