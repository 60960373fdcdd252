"""The program of the original documents runs as written."""

from __future__ import annotations

import os

import pytest
from conftest import run

import libplasma
import plasma as new

PROGRAM = """\
import libplasma
plasma = libplasma.connect(address)
A = libplasma.build_object(plasma, 1, 1000, "object-1")
libplasma.seal_object(A)
B = libplasma.build_object(plasma, 2, 2000, "object-2")
libplasma.seal_object(B)
libplasma.list_objects(plasma)
"""


def test_the_seed_program_runs_as_written(store: str) -> None:
    after = "print(libplasma.list_objects(plasma)[:2])"
    said = run(f"import sys; address = sys.argv[1]\n{PROGRAM}{after}", store)
    assert said == "(['object-1', 'object-2'], [1000, 2000])\n"
    lists = libplasma.list_objects(libplasma.connect(store))
    assert [len(each) for each in lists] == [2] * 5
    _names, _sizes, create_times, construct_durations, creator_ids = lists
    assert create_times == sorted(create_times) and all(time > 1.7e9 for time in create_times)
    assert all(took is not None and took >= 0 for took in construct_durations)
    assert len(set(creator_ids)) == 1 and creator_ids[0] != os.getpid()


def test_ids_are_numbers_or_text(store: str) -> None:
    plasma = libplasma.connect(store)
    for number, key in enumerate([1, "one", 2**64, b"x" * 20, new.ObjectID.from_int(9)]):
        writer = libplasma.build_object(plasma, key, 1, metadata={"number": b"%d" % number})
        libplasma.get_mutable_buffer(writer)[:] = b"%d" % number
        libplasma.seal_object(writer)
        assert bytes(libplasma.get_object(plasma, key)) == b"%d" % number
        assert libplasma.get_metadata(plasma, key, "number") == b"%d" % number
    assert bytes(plasma.get(libplasma.object_id("one"), 0)) == b"1"
    for wrong in -1, 2**152, "x" * 21, "x\0", b"short":
        with pytest.raises((ValueError, OverflowError)):
            libplasma.get_object(plasma, wrong)
    with pytest.raises(new.NotFoundError):
        libplasma.get_metadata(plasma, 1, "nothing")
    with pytest.raises(new.ExistsError):
        libplasma.build_object(plasma, 1, 1)


def test_numbers_and_text_are_different_ids(store: str) -> None:
    """65 and "A" were one object."""
    plasma = libplasma.connect(store)
    ids = [0, 65, 0x4241, 2**151, "", "A", "AB", "A" * 19, "A" * 20, "\u00ff", "A\0B"]
    for key in ids:
        libplasma.seal_object(libplasma.build_object(plasma, key, 1))
    assert len({libplasma.object_id(key) for key in ids}) == len(ids) == len(plasma)
    assert libplasma.object_id(65) == new.ObjectID.from_int(65)


def test_creators_are_processes_and_names_may_be_missing(store: str) -> None:
    plasma = libplasma.connect(store)
    writer = libplasma.build_object(plasma, 1, 10)
    assert libplasma.list_objects(plasma).construct_durations == [None]
    libplasma.seal_object(writer)
    lists = libplasma.list_objects(plasma)
    assert lists.names == [""] and lists.creator_ids == [os.getpid()]
