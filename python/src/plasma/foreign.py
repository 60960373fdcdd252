"""Distributions of others whose modules have the names of ours."""

from __future__ import annotations

import os
import re
import warnings

_FOREIGN = re.compile(r"(plasma|libplasma)-([^-]+).*\.(dist|egg)-info", re.IGNORECASE)


def warn(place: str) -> None:
    """Warns if the directory of our packages has metadata of such a distribution."""
    try:
        names = os.listdir(place)
    except OSError:
        return
    found = [match for match in map(_FOREIGN.fullmatch, sorted(names)) if match]
    if found:
        warnings.warn(
            f"{place} has {', '.join(f'{it[1]} {it[2]}' for it in found)} and plasma-store, which "
            f"overwrite each other's modules: pip uninstall {' '.join(it[1] for it in found)}; "
            "then pip install --force-reinstall plasma-store",
            RuntimeWarning,
            stacklevel=3,
        )
