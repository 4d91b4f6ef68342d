"""Numbers that another program wrote into Redis."""

from __future__ import annotations

import math

import pytest

from asok_core.jobs.numbers import LARGEST, count, number, score, whole


@pytest.mark.parametrize(
    ("value", "as_number", "as_whole", "as_count", "as_score"),
    [
        (b"42", 42.0, 42, 42, 42.0),
        ("1.5", 1.5, 1, 1, 1.5),
        (b"-3", -3.0, None, 0, -3.0),
        (b"1e17", 1e17, 2**53, 2**53, 1e17),
        (b"1e400", None, None, 0, LARGEST),
        (b"inf", None, None, 0, LARGEST),
        (b"-inf", None, None, 0, -LARGEST),
        (b"nan", None, None, 0, LARGEST),
        (math.inf, None, None, 0, LARGEST),
        (10**400, None, None, 0, LARGEST),
        (b"9" * 33, None, None, 0, LARGEST),
        (b"", None, None, 0, LARGEST),
        ("\u0664\u0662", 42.0, 42, 42, 42.0),
        ("four", None, None, 0, LARGEST),
        (None, None, None, 0, LARGEST),
        ([1], None, None, 0, LARGEST),
    ],
)
def test_a_number_is_finite_and_of_bounded_size(
    value: object,
    as_number: float | None,
    as_whole: int | None,
    as_count: int,
    as_score: float,
) -> None:
    assert (number(value), whole(value), count(value), score(value)) == (
        as_number,
        as_whole,
        as_count,
        as_score,
    )
