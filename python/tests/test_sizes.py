"""Sizes are numbers, or text with a unit."""

from __future__ import annotations

from typing import Any

import pytest

import plasma
from plasma.sizes import byte_count, readable

SIZES = {
    "1024": 1024, "64k": 64 << 10, "64K": 64 << 10, "1.5M": 3 << 19, "1G": 1 << 30,
    "1 GiB": 1 << 30, "2gb": 2 * 10**9, "10kb": 10_000, ".5T": 1 << 39, "7 B": 7, "0": 0,
    1e9: 10**9, 4096.0: 4096, 7: 7, True: 1,
}  # fmt: skip


@pytest.mark.parametrize("given", SIZES)
def test_a_size_is_a_number_or_text(given: Any) -> None:
    assert byte_count(given) == SIZES[given]


@pytest.mark.parametrize(
    "wrong", ["", "G", "-1", "1x", "1e3", "1Kib2", "1bb", "1 2", -1, -0.5, 1e300, 2**63]
)
def test_a_wrong_size_is_named(wrong: Any) -> None:
    with pytest.raises(ValueError, match="capacity is"):
        byte_count(wrong, "capacity")
    for no_number in None, b"1G", [1], float:
        with pytest.raises(TypeError, match="'1G'"):
            byte_count(no_number, "capacity")  # type: ignore[arg-type]


def test_every_call_takes_sizes_of_each_form(store: str) -> None:
    with plasma.connect(
        store, capacity="64M", max_objects=1e3, reader_quota="1M", eviction="lru"
    ) as client:
        assert (client.stats().capacity, client.stats().max_objects) == (64 << 20, 1000)
        with client.create(None, "64k", "it") as writer:
            assert writer.size == 64 << 10
            writer.resize("1 MiB")
            assert writer.size == 1 << 20
        assert client.evict("1k") == 1 << 20
        assert client.trim("1G") == 0
        made = client.get_or_create(bytes(20), 1e3)
        assert len(made) == 1000
    for wrong in "1x", "-1":
        with pytest.raises(ValueError, match="capacity"):
            plasma.connect(store, capacity=wrong)
    with pytest.raises(TypeError, match="capacity"):
        plasma.connect(store, capacity=[1])  # type: ignore[arg-type]


def test_sizes_are_readable() -> None:
    assert [readable(size) for size in (5, 1024, 1536, 1 << 30, 1023 << 10)] == [
        "5 B", "1.0 KiB", "1.5 KiB", "1.0 GiB", "1.0 MiB",
    ]  # fmt: skip
