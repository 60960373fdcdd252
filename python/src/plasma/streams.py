"""Arrow IPC streams whose buffers begin at multiples of 64 bytes.

Arrow recommends that, and pyarrow writes multiples of 8. A stream is a row of messages. A message
is a prefix, a FlatBuffer that says where in the body the buffers are, and the body. Here the
numbers in the FlatBuffer are changed, and each buffer goes to its new place.
"""

from __future__ import annotations

import struct
from typing import Any

ALIGNMENT = 64
_PREFIX = struct.Struct("<Ii")
_CONTINUES = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def _aligned(position: int) -> int:
    return -position % ALIGNMENT + position


class Counter:
    """A stream of which only the size is known."""

    def __init__(self) -> None:
        self.position: int = 0

    def write(self, data: Any) -> None:
        """Append."""
        self.position += len(data)

    def skip(self, size: int) -> None:
        """Append zeros."""
        self.position += size


class Sink(Counter):
    """A stream in a file of pyarrow."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file = file

    def write(self, data: Any) -> None:
        self._file.write(data)
        super().write(data)

    def skip(self, size: int) -> None:
        self.write(bytes(size))


def realigned(sink: Counter) -> Any:
    """A writable file: what is written to it goes to the sink, realigned."""
    return _Realigned(sink)


class _Realigned:
    closed = False

    def __init__(self, sink: Counter) -> None:
        self._sink = sink
        self._head = b""
        self._parts: list[tuple[int, int, int]] = []
        """Of the body: where a buffer begins and ends in what comes, and begins in the sink."""
        self._body = self._came = self._end = 0

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def tell(self) -> int:
        return self._sink.position

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        while len(view):
            view = self._take_body(view) if self._came < self._body else self._take_head(view)
        return size

    def _take_head(self, view: memoryview) -> memoryview:
        """Take bytes of the prefix and the FlatBuffer."""
        wanted = _PREFIX.size
        if len(self._head) >= wanted:
            wanted += _PREFIX.unpack_from(self._head)[1]
        part = view[: wanted - len(self._head)]
        self._head += bytes(part)
        if len(self._head) == wanted:
            mark, size = _PREFIX.unpack_from(self._head)
            if mark != _CONTINUES:
                raise ValueError("pyarrow wrote a stream of an unknown form")
            if wanted > _PREFIX.size or size == 0:
                self._begin_message(bytearray(self._head[_PREFIX.size :]))
        return view[len(part) :]

    def _begin_message(self, message: bytearray) -> None:
        self._head = b""
        self._body, self._parts, end = _move_buffers(message) if message else (0, [], 0)
        self._came = 0
        if message:
            begin = self._sink.position + _PREFIX.size + len(message)
            message += bytes(-begin % ALIGNMENT)
        self._sink.write(_PREFIX.pack(_CONTINUES, len(message)) + bytes(message))
        self._start, self._end = self._sink.position, self._sink.position + end
        if self._body == 0:
            self._sink.skip(self._end - self._sink.position)

    def _take_body(self, view: memoryview) -> memoryview:
        """Take bytes of the body: of one buffer, or of the gap before it."""
        while self._parts and self._parts[0][1] <= self._came:
            self._parts.pop(0)
        begin, end, to = self._parts[0] if self._parts else (self._body, self._body, self._end)
        if self._came < begin:
            part = view[: begin - self._came]
        else:
            part = view[: end - self._came]
            there = self._start + to + self._came - begin
            self._sink.skip(there - self._sink.position)
            self._sink.write(part)
        self._came += len(part)
        if self._came == self._body:
            self._sink.skip(self._end - self._sink.position)
        return view[len(part) :]


def _move_buffers(message: bytearray) -> tuple[int, list[tuple[int, int, int]], int]:
    """Change the places of buffers in a message. Returns the size of the body before, the buffers,
    and the size of the body afterwards."""
    root = _number("<I", message, 0)
    length_at = _field(message, root, 3)
    body = _number("<q", message, length_at) if length_at else 0
    kind_at, header_at = _field(message, root, 1), _field(message, root, 2)
    kind = message[kind_at] if kind_at else 0
    parts: list[tuple[int, int, int]] = []
    if not body or kind not in (_RECORD_BATCH, _DICTIONARY_BATCH):
        return body, parts, body
    batch = header_at + _number("<I", message, header_at)
    if kind == _DICTIONARY_BATCH:
        data_at = _field(message, batch, 1)
        batch = data_at + _number("<I", message, data_at)
    buffers_at = _field(message, batch, 2)
    vector = buffers_at + _number("<I", message, buffers_at)
    end = 0
    for at in range(vector + 4, vector + 4 + 16 * _number("<I", message, vector), 16):
        begin, size = struct.unpack_from("<qq", message, at)
        to = _aligned(end)
        struct.pack_into("<q", message, at, to)
        if size:
            parts.append((begin, begin + size, to))
        end = to + size
    end = _aligned(end)
    struct.pack_into("<q", message, length_at, end)
    return body, parts, end


def _number(form: str, message: bytearray, at: int) -> int:
    return struct.unpack_from(form, message, at)[0]


def _field(message: bytearray, table: int, number: int) -> int:
    """Where a field of a table of a FlatBuffer is; 0 if it has its default."""
    fields = table - _number("<i", message, table)
    at = 4 + 2 * number
    if at >= _number("<H", message, fields):
        return 0
    offset = _number("<H", message, fields + at)
    return table + offset if offset else 0
