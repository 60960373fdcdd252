"""Columns of views of text and bytes, without the memory that they do not show.

A view of Arrow is a place in a buffer that many views share. So a slice of them, or what a filter
leaves, has all of the buffers. polars has only such text, by itself or inside of lists and structs.
"""

from __future__ import annotations

import importlib
from typing import Any, cast

_SMALL = 4096
"""Bytes of memory of a column that are not worth a copy."""


def compacted(table: Any) -> Any:
    """The same table or record batch; columns that show less than half of their memory are
    copied."""
    for at, field in enumerate(table.schema):
        column = table.column(at)
        copy = compacted_column(column)
        if copy is not column:
            table = table.set_column(at, field, copy)
    return table


def compacted_column(column: Any) -> Any:
    """The same column, or a copy that shows all of its memory."""
    pa: Any = importlib.import_module("pyarrow")
    if not hasattr(pa.types, "is_string_view"):  # of an old pyarrow
        return column
    room = column.get_total_buffer_size()
    if room < _SMALL or not _has_views(pa, column.type) or room <= 2 * _most_shown(pa, column):
        return column
    if isinstance(column, pa.ChunkedArray):
        copy = pa.chunked_array([_copied(pa, chunk) for chunk in column.chunks], column.type)
    else:
        copy = _copied(pa, column)
    return copy if room > 2 * copy.get_total_buffer_size() else column


def _copied(pa: Any, array: Any) -> Any:
    """The same array; its views have memory of their own."""
    kind, types = array.type, pa.types
    if len(array) == 0:
        return pa.array([], kind)
    if types.is_string_view(kind):
        return array.cast(pa.large_string()).cast(kind)
    if types.is_binary_view(kind):
        return array.cast(pa.large_binary()).cast(kind)
    if types.is_struct(kind):
        fields = [kind.field(at) for at in range(kind.num_fields)]
        parts = [_copied(pa, part) for part in array.flatten()]
        return pa.StructArray.from_arrays(parts, fields=fields, mask=array.is_null())
    if types.is_list(kind) or types.is_large_list(kind):
        compute: Any = importlib.import_module("pyarrow.compute")
        begin, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        values = _copied(pa, array.values.slice(begin, end - begin))
        offsets = compute.subtract(array.offsets, array.offsets[0])
        lists = cast(Any, type(array))
        return lists.from_arrays(offsets, values, type=kind, mask=array.is_null())
    return array


def _has_views(pa: Any, kind: Any) -> bool:
    types = pa.types
    if types.is_struct(kind):
        return any(_has_views(pa, kind.field(at).type) for at in range(kind.num_fields))
    if types.is_list(kind) or types.is_large_list(kind):
        return _has_views(pa, kind.value_type)
    return types.is_string_view(kind) or types.is_binary_view(kind)


def _most_shown(pa: Any, column: Any) -> int:
    """Bytes that the views of a column show, or more; 0 if only a copy tells."""
    if not (pa.types.is_string_view(column.type) or pa.types.is_binary_view(column.type)):
        return 0
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        return 0
    shown = 0
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if len(chunk) == 0:
            continue
        # A view is four numbers, of which the first is its length.
        end = chunk.offset + len(chunk)
        numbers = numpy.frombuffer(chunk.buffers()[1], "i4", 4 * end)
        lengths = numbers[4 * chunk.offset :: 4]
        shown += 16 * len(chunk) + int(lengths.sum(dtype="i8"))
    return shown
