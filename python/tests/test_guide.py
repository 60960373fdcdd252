"""The documents show the real output."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import plasma

HERE = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("document", ["README.md", "docs/guide.md", "plasma"])
def test_a_document_is_right(document: str, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    np = pytest.importorskip("numpy")
    text = plasma.__doc__ if document == "plasma" else (HERE / document).read_text()
    assert text is not None
    if np.__version__.startswith("1."):
        text = re.sub(r"np\.float64\(([\d.]+)\)", r"\1", text)
    monkeypatch.setenv("PLASMA_STORE", store)
    # Stores that only this test uses.
    text = text.replace('"quick-start"', repr(store)).replace('"guide"', repr(store))
    text = re.sub(r"/dev/shm/plasma-\.\.\./guide", store, text)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    test = doctest.DocTestParser().get_doctest(text, {"__name__": "guide"}, document, document, 0)
    assert len(test.examples) > 2
    said: list[str] = []
    runner.run(test, out=said.append, clear_globs=False)
    for name in "client", "model", "grid", "view":
        value = test.globs.get(name)
        if isinstance(value, plasma.Client):
            value.close()
    test.globs.clear()
    assert runner.failures == 0, "".join(said)
