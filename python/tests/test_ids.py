"""The keys of objects."""

from __future__ import annotations

import pickle
from array import array

import pytest

import plasma
from plasma import ObjectID


def test_ids_are_twenty_bytes(client: plasma.Client) -> None:
    key = ObjectID(b"0123456789abcdefghij")
    assert client.put_bytes(b"1", id=key) == key == b"0123456789abcdefghij"
    assert bytes(client.get(b"0123456789abcdefghij", 0)) == b"1"
    for wrong in b"", b"0" * 19, b"0" * 21:
        with pytest.raises(ValueError):
            ObjectID(wrong)
        with pytest.raises(ValueError):
            client.get(wrong, 0)
        with pytest.raises(ValueError):
            client.put_bytes(b"", id=wrong)
        assert wrong not in client


def test_ids_are_made_of_numbers_text_and_hex() -> None:
    assert ObjectID.from_int(0x0201) == b"\1\2" + bytes(18)
    assert ObjectID.from_str("abc") == b"abc" + bytes(17)
    assert ObjectID.from_hex("0A" * 20) == b"\n" * 20
    assert ObjectID.random() != ObjectID.random()
    assert str(ObjectID.from_int(1)) == "01" + "00" * 19
    for make in (
        lambda: ObjectID.from_int(-1),
        lambda: ObjectID.from_int(2**160),
        lambda: ObjectID.from_str("x" * 21),
        lambda: ObjectID.from_hex("00"),
        lambda: ObjectID.from_hex("no"),
    ):
        with pytest.raises((ValueError, OverflowError)):
            make()


def test_ids_pickle_and_hash_and_show_themselves() -> None:
    key = ObjectID.random()
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(key, protocol))
        assert again == key and type(again) is ObjectID
    assert {key: 1}[ObjectID(bytes(key))] == 1
    assert eval(repr(key), {"ObjectID": ObjectID}) == key


@pytest.mark.parametrize("number", [0, 5, 20, 65, True, 2**70])
def test_a_number_is_no_id(client: plasma.Client, number: int) -> None:
    """It was taken as that many zeros."""
    for call in (
        ObjectID,
        client.get,
        client.delete,
        client.info,
        client.aget(number, 0).send,  # type: ignore[arg-type]
        lambda number: client.put_bytes(b"", id=number),
        lambda number: client.put([], id=number),
        lambda number: client.create(number, 1),
        lambda number: client.get_or_create(number, 1),
        lambda number: client.get_many([number]),
        lambda number: client.wait([number]),
    ):
        with pytest.raises(TypeError):
            call(number if call.__name__ != "send" else None)  # type: ignore
    assert number not in client and client.list() == []


def test_an_id_may_be_any_twenty_bytes(client: plasma.Client) -> None:
    for value in bytearray(b"x" * 20), memoryview(b"y" * 20), array("I", range(5)):
        key = client.put_bytes(b"", id=value)  # type: ignore[arg-type]
        assert key == bytes(value) and key in client
    with pytest.raises(ValueError):
        ObjectID(array("I", range(20)))  # type: ignore[arg-type]


def test_a_str_is_always_a_name(client: plasma.Client) -> None:
    key = client.put_bytes(b"named", name="a name of 20 bytes..")
    assert bytes(client.get("a name of 20 bytes..", 0)) == b"named"
    assert client.lookup("a name of 20 bytes..") == key
    with pytest.raises(plasma.NotFoundError):
        client.get(b"a name of 20 bytes..", 0)
    with pytest.raises(TypeError, match="name"):
        client.put_bytes(b"", id="text")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        client.get(17, 0)  # type: ignore[arg-type]
    for wrong in "", "x" * 256, "a\0b":
        with pytest.raises(ValueError):
            client.get(wrong, 0)
        with pytest.raises(ValueError):
            client.put_bytes(b"", name=wrong)
