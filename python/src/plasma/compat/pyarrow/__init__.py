"""`pyarrow.plasma` as of pyarrow 11, its last release with Plasma, on top of this library.

>>> import plasma.compat.pyarrow as plasma
>>> with plasma.start_plasma_store(10**8) as (name, process):
...     client = plasma.connect(name)
...     client.get(client.put([1, 2]))
[1, 2]

`install()` makes `import pyarrow.plasma` find it. It needs pyarrow, of any version, which is
imported when a name of this module is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from plasma.compat.pyarrow.hook import install

if TYPE_CHECKING:
    from plasma.compat.pyarrow.client import PlasmaBuffer, PlasmaClient, connect
    from plasma.compat.pyarrow.errors import (
        PlasmaObjectExists,
        PlasmaObjectNonexistent,
        PlasmaObjectNotFound,
        PlasmaStoreFull,
        SerializationCallbackError,
    )
    from plasma.compat.pyarrow.ids import ObjectID, ObjectNotAvailable, make_object_id
    from plasma.compat.pyarrow.serialization import SerializationContext, deserialize, serialize
    from plasma.compat.pyarrow.server import start_plasma_store

__all__ = [
    "ObjectID",
    "ObjectNotAvailable",
    "PlasmaBuffer",
    "PlasmaClient",
    "PlasmaObjectExists",
    "PlasmaObjectNonexistent",
    "PlasmaObjectNotFound",
    "PlasmaStoreFull",
    "SerializationCallbackError",
    "SerializationContext",
    "connect",
    "deserialize",
    "install",
    "make_object_id",
    "serialize",
    "start_plasma_store",
]

_HOMES = {
    "ids": ("ObjectID", "ObjectNotAvailable", "make_object_id"),
    "client": ("PlasmaBuffer", "PlasmaClient", "connect"),
    "errors": (
        "PlasmaObjectExists",
        "PlasmaObjectNonexistent",
        "PlasmaObjectNotFound",
        "PlasmaStoreFull",
        "SerializationCallbackError",
    ),
    "serialization": ("SerializationContext", "deserialize", "serialize"),
    "server": ("start_plasma_store",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
