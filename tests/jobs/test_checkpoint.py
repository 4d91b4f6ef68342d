"""Checkpoints as text: what can be kept, and what is read of a record that anyone may have written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.jobs.checkpoint import (
    LARGEST,
    JobCheckpoint,
    cursor_text,
    decoded,
    encoded,
    is_signed,
)
from asok_core.jobs.keyring import Keyring

KEYRING = Keyring(b"k" * 40)
OTHER = Keyring(b"o" * 40, fallbacks=(b"k" * 40,))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(values, st.floats(0, 4e9), st.sampled_from(["", "1700000000.123456"]))
def test_what_is_read_is_what_was_kept(cursor: object, at: float, started_at: str) -> None:
    made = JobCheckpoint(cursor_text(cursor), at, started_at)
    read = decoded(encoded("id", made, KEYRING))
    assert read is not None
    assert (read.cursor, type(read.cursor)) == (cursor, type(cursor))
    assert (read.text, read.started_at) == (made.text, made.started_at)
    assert read.at == pytest.approx(at, abs=1e-6)
    # As it is read again from a record, under a key that was rotated since.
    assert is_signed("id", read, OTHER)
    assert not is_signed("other", read, KEYRING)
    assert not is_signed("id", read, Keyring(b"x" * 40))
    assert not is_signed("id", read, Keyring(b"k" * 40, namespace="other"))
    for changed in ({"text": "17"}, {"at": at + 1}, {"started_at": "1.000000"}, {"signature": "é"}):
        assert not is_signed("id", read._replace(**changed), KEYRING)


@given(
    st.text()
    | st.sampled_from(["", "a b c", "a b c {", "a b nan 1", "x" * 9000, "a - 1 " + "[" * 4000])
)
def test_anything_may_be_in_a_record(text: str) -> None:
    found = decoded(text)
    assert found is None or not is_signed("id", found, KEYRING)


@pytest.mark.parametrize(
    ("cursor", "error"),
    [
        ((1, 2), "cursor is a tuple and would arrive as a list; pass a list"),
        ({"a": {"b c": [b"x"]}}, "cursor.a['b c'][0] is a bytes, which JSON cannot encode; pass a string"),
        ([float("inf")], "cursor[0] is inf, which JSON cannot encode; pass None or a string"),
        ({1: 2}, "cursor has the key 1 (int), which would arrive as a string; pass keys that are strings"),
        ([10**4300], "cursor[0] is an integer of more than 4,300 digits, which JSON cannot encode"),
    ],
    ids=range(5),
)  # fmt: skip
def test_what_is_not_json_is_refused(cursor: object, error: str) -> None:
    with pytest.raises(TypeError) as caught:
        cursor_text(cursor)
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


def test_the_size_is_that_of_the_json() -> None:
    assert len(cursor_text("x" * (LARGEST - 2))) == LARGEST
    for cursor in ("x" * (LARGEST - 1), "\N{SNOWMAN}" * 1000, [[0] * 2100]):
        with pytest.raises(ValueError, match="it must have at most 4,096"):
            cursor_text(cursor)
