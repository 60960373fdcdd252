"""Calls by name, and by patterns of names."""

from __future__ import annotations

import pytest

import plasma
from plasma import EventType, State


def test_lists_and_events_by_pattern(client: plasma.Client) -> None:
    events = client.events(matching="data/*")
    for name in ("data/1", "other", "data/sub/2"):
        client.put_bytes(b"x", name=name)
    client.put_bytes(b"x")
    assert [info.name for info in client.list(matching="data/*")] == ["data/1", "data/sub/2"]
    assert [info.name for info in client.list(matching="data/?")] == ["data/1"]
    assert client.list(matching="no*") == [] and len(client.list()) == 4
    for name in ("data/1", "data/sub/2"):
        event = next(events)
        assert event.type is EventType.SEALED and event.id == client.find(name)
    with pytest.raises(plasma.TimeoutError):
        events.next(0)
    for call in (client.list, client.events):
        with pytest.raises(plasma.InvalidArgumentError):
            call(matching="")


def test_a_name_is_deleted(client: plasma.Client) -> None:
    client.put_bytes(b"x", name="it")
    client.delete("it")
    assert client.state("it") is State.ABSENT
    with pytest.raises(plasma.NotFoundError, match="it"):
        client.delete("it")
    with client.create(None, 1, "it"):
        with pytest.raises(plasma.NotSealedError):
            client.delete("it")
