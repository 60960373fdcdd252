"""improv's store interface."""

from __future__ import annotations

import numpy as np
import pytest

improv = pytest.importorskip("improv.store")


def test_its_store_interface(store: str) -> None:
    interface = improv.PlasmaStoreInterface(store_loc=store)
    id = interface.put(np.arange(5), "array")
    assert np.array_equal(interface.getID(id), np.arange(5))
    ids = [interface.put(n, f"n{n}") for n in range(3)]
    assert interface.getList(ids) == [0, 1, 2]
    with pytest.raises(improv.CannotConnectToStoreInterfaceError):
        improv.PlasmaStoreInterface(store_loc=store + "-missing")
