"""The import hook: `import pyarrow.plasma` finds `plasma.compat.pyarrow`.

It is the last finder, so a pyarrow that has Plasma itself goes on with its own. The distribution
plasma-store-pyarrow is a copy of this file, which runs when Python starts; so it imports nothing
but what Python has imported by then.
"""

# pyright: basic, reportArgumentType=false
import sys
from importlib.machinery import ModuleSpec

_MODULES = ("pyarrow.plasma", "pyarrow._plasma")
# What pyarrow itself had beside the module, and has lost.
_IN_PYARROW = ("SerializationContext", "deserialize", "serialize")
_IN_LIB = (
    "PlasmaObjectExists",
    "PlasmaObjectNonexistent",
    "PlasmaStoreFull",
    "SerializationCallbackError",
)


class _Finder:
    """Answers for the two modules, as finder and as loader."""

    answers_pyarrow_plasma = True

    @staticmethod
    def find_spec(name, path=None, target=None):
        return ModuleSpec(name, _Finder) if name in _MODULES else None

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        import pyarrow

        from plasma.compat import pyarrow as ours

        for name in ours.__all__:
            if name != "install":
                setattr(module, name, getattr(ours, name))
        for name in _IN_PYARROW + _IN_LIB:
            for home in (pyarrow, pyarrow.lib):
                if not hasattr(home, name):
                    setattr(home, name, getattr(ours, name))


def install() -> None:
    """Make ``import pyarrow.plasma`` find this module, where pyarrow has no Plasma of its own."""
    if not any(hasattr(finder, "answers_pyarrow_plasma") for finder in sys.meta_path):
        sys.meta_path.append(_Finder)
