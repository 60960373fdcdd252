"""What clients and buffers look like in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from plasma.infos import ObjectInfo, Stats
from plasma.sizes import readable

if TYPE_CHECKING:
    from plasma.buffers import Buffer

SHOWN = 20
"""Objects in the table of a store."""


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """A table."""
    title = "".join(f"<th>{escape(str(cell))}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{title}</tr></thead><tbody>{body}</tbody></table>"


def page_of_store(address: str, stats: Stats, infos: list[ObjectInfo]) -> str:
    """A store: how full it is, and its newest objects."""
    newest = sorted(infos, key=lambda info: -info.create_time)[:SHOWN]
    rows = (
        (info.name or info.id, readable(info.size), info.state.name.lower(), info.lease_count)
        for info in newest
    )
    more = f"<p>and {len(infos) - SHOWN} more</p>" if len(infos) > SHOWN else ""
    return (
        f"<b>plasma.Client</b> of {escape(address)}: {readable(stats.used)} used of "
        f"{readable(stats.capacity)}, {stats.objects_sealed} objects, {stats.clients} clients"
        + table(("object", "size", "state", "leases"), rows)
        + more
    )


def page_of_buffer(buffer: Buffer) -> str:
    """A buffer: its object, and how its bytes begin."""
    begin = bytes(memoryview(buffer)[:32])
    facts: list[tuple[str, Any]] = [("id", buffer.id), ("name", buffer.name or "")]
    facts += [(f"metadata {key}", value) for key, value in sorted(buffer.metadata.items())]
    facts.append(("bytes", begin.hex(" ") + (" ..." if buffer.size > len(begin) else "")))
    return f"<b>plasma.Buffer</b> of {readable(buffer.size)}" + table(("", ""), facts)
