"""Arrow tables in buffers, and as parts of a pickle. Imports pyarrow when it is used."""

from __future__ import annotations

import importlib
from typing import Any, Optional

from plasma.buffers import Buffer
from plasma.compaction import compacted, compacted_column
from plasma.errors import FormatError
from plasma.objects import ARROW
from plasma.streams import Counter, Sink, realigned


def pyarrow() -> Any:
    """The module."""
    return importlib.import_module("pyarrow")


def table_of(buffer: Buffer) -> Any:
    """The table that a buffer holds."""
    found = buffer.get_metadata("format")
    if found not in (None, ARROW):
        raise FormatError(
            f'the metadata "format" of the object is {found!r}, not {ARROW!r}: use get_object() '
            "or get()"
        )
    pa = pyarrow()
    try:
        return pa.ipc.open_stream(pa.py_buffer(buffer)).read_all()
    except pa.ArrowException as broken:
        raise FormatError(f"the object is no Arrow IPC stream: {broken}") from broken


def as_table(value: Any) -> Any:
    """A Table or RecordBatch from one, or from what can be exported as a stream of Arrow: frames of
    pandas and polars, readers."""
    pa = pyarrow()
    library = type(value).__module__.partition(".")[0]
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return compacted(value)
    if isinstance(value, pa.RecordBatchReader):
        return compacted(value.read_all())
    if library == "pandas" and hasattr(value, "columns"):
        return pa.Table.from_pandas(value)
    if library == "polars" and hasattr(value, "to_arrow") and hasattr(value, "columns"):
        # Without that it copies text to the form of older versions of Arrow.
        level = importlib.import_module("polars").CompatLevel.newest()
        return compacted(value.to_arrow(compat_level=level))
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__"):
        try:
            return compacted(pa.table(value))
        except pa.ArrowInvalid:  # a column
            pass
    raise TypeError(
        f"put_arrow() stores tables, record batches and frames, not {type(value).__name__}: "
        "use put(), or pyarrow.table() to make a table of it"
    )


def stream_size(table: Any) -> int:
    """Bytes of the stream of a table."""
    counter = Counter()
    _write(counter, table)
    return counter.position


def write_stream(into: Any, table: Any) -> None:
    """Write the stream of a table to memory, each buffer of it at a multiple of 64 bytes."""
    pa = pyarrow()
    with pa.FixedSizeBufferWriter(pa.py_buffer(into)) as memory:
        _write(Sink(memory), table)


def _write(sink: Counter, table: Any) -> None:
    pa = pyarrow()
    with pa.PythonFile(realigned(sink), mode="w") as file:
        with pa.ipc.new_stream(file, table.schema) as writer:
            if table.num_rows:  # of an empty slice pyarrow writes all
                writer.write(table)


def reduced_slice(value: Any) -> Optional[tuple[Any, ...]]:
    """How to pickle a slice of Arrow data without the rest; None if it is no slice."""
    import pickle

    pa = pyarrow()
    if not isinstance(value, (pa.Table, pa.RecordBatch, pa.Array, pa.ChunkedArray)):
        return None
    given = value
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        value = compacted(value)
    else:
        value = compacted_column(value)
    whole = None if value is given else value.__reduce_ex__(5)
    try:
        needed = value.nbytes
        if value.get_total_buffer_size() <= needed + needed // 16 + 1024:
            return whole
        table, form = value, "table"
        if isinstance(value, pa.RecordBatch):
            form = "batch"
        elif isinstance(value, (pa.Array, pa.ChunkedArray)):
            table = pa.table([value], names=[""])
            form = "array" if isinstance(value, pa.Array) else "chunks"
        memory = bytearray(stream_size(table))
        write_stream(memory, table)
    except (pa.ArrowException, AttributeError):  # a type that streams cannot have
        return whole
    return from_stream, (form, pickle.PickleBuffer(memory))


def from_stream(form: str, memory: Any) -> Any:
    """The value that was pickled as a stream."""
    pa = pyarrow()
    table = pa.ipc.open_stream(pa.py_buffer(memory)).read_all()
    if form == "table":
        return table
    if form == "batch":
        batches = table.combine_chunks().to_batches()
        if batches:
            return batches[0]
        columns = [pa.array([], field.type) for field in table.schema]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)
    chunks = table.column(0)
    if form == "chunks":
        return chunks
    return chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
