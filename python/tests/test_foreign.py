"""Distributions of others beside ours."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import plasma
from plasma import foreign


def test_our_own_distribution_is_not_foreign(tmp_path: Path) -> None:
    for name in ("plasma_store-0.1.0.dist-info", "plasma_store_pyarrow-0.1.0.dist-info", "plasma"):
        (tmp_path / name).mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        foreign.warn(str(tmp_path))
        foreign.warn(str(tmp_path / "absent"))


def test_an_import_beside_a_foreign_distribution_says_so(tmp_path: Path) -> None:
    ours = Path(plasma.__file__).parent
    (tmp_path / "plasma").symlink_to(ours)
    (tmp_path / "libplasma-0.3.dist-info").mkdir()
    (tmp_path / "Plasma-2.1-py3.11.egg-info").mkdir()
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import plasma"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stderr.count("RuntimeWarning") == 1, ran.stderr
    assert "Plasma 2.1, libplasma 0.3 and plasma-store" in ran.stderr
    assert "pip uninstall Plasma libplasma; then pip install --force-reinstall" in ran.stderr
