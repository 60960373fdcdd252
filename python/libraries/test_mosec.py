"""mosec's PlasmaShmIPCMixin: workers pass data through a store."""

from __future__ import annotations

import numpy as np
import pytest

mixin = pytest.importorskip("mosec.mixin")
Worker = pytest.importorskip("mosec").Worker


class Pass(mixin.PlasmaShmIPCMixin, Worker):  # type: ignore[misc, name-defined]
    def forward(self, data: object) -> object:
        return data


def test_data_is_passed_once(store: str) -> None:
    mixin.PlasmaShmIPCMixin.set_plasma_path(store)
    sender, receiver = Pass(), Pass()
    for data in ({"a": np.arange(100_000)}, b"x" * 10**6, "text", [1, 2]):
        id = sender.serialize_ipc(data)
        assert len(id) == 20
        received = receiver.deserialize_ipc(memoryview(id))
        if isinstance(data, dict):
            assert np.array_equal(received["a"], data["a"])
        else:
            assert received == data
        assert not sender._get_client().list(), "the receiver deletes it"
