"""Encryption keys: IDs, weak and handmade keys, and the names of connections that list a process's keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.encryption.keys import (
    are_similar,
    connection_name,
    is_handmade,
    is_weak,
    key_id,
    new_key,
    parse_connection_name,
    short_id,
)

keys = st.binary(min_size=32, max_size=32)


def test_new_keys_are_taken_by_production() -> None:
    fresh = [new_key() for _key in range(1_000)]

    assert [key for key in fresh if is_weak(key) or is_handmade(key)] == []
    assert len(set(fresh)) == 1_000


@pytest.mark.parametrize("key", [b"short", bytes(range(31)), bytes(range(33)), bytes(32), b"\1\2\3\4" * 8])
def test_key_too_short_or_monotonous_is_weak(key: bytes) -> None:
    assert is_weak(key)


@given(st.integers(0, 255), st.integers(0, 255))
def test_key_in_even_steps_is_made_up(start: int, step: int) -> None:
    assert is_handmade(bytes((start + step * place) % 256 for place in range(32)))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=32, max_size=32))
def test_key_that_is_text_is_made_up(text: str) -> None:
    assert is_handmade(text.encode())


@given(keys, st.sets(st.integers(0, 31), max_size=24))
def test_keys_that_share_a_quarter_of_their_bytes_are_alike(key: bytes, changed: set[int]) -> None:
    other = bytes(byte ^ 255 if place in changed else byte for place, byte in enumerate(key))

    assert are_similar(key, other)
    assert not are_similar(key, bytes(byte ^ 255 for byte in key))


@given(st.lists(keys, min_size=1, max_size=3), st.lists(keys, min_size=1, max_size=3))
def test_announcement_tells_the_keys_of_each_ring_in_their_order(data: list[bytes], index: list[bytes]) -> None:
    name = connection_name({"data": data, "index": index})

    assert parse_connection_name(name) == {
        "data": [short_id(key_id(key)) for key in data],
        "index": [short_id(key_id(key)) for key in index],
    }


@pytest.mark.parametrize("name", ["", "psql", "stationbook data:ab12 index:" + "cd34," * 9])
def test_announcement_of_others_or_cut_off_tells_nothing(name: str) -> None:
    assert parse_connection_name(name[:63]) == {}
