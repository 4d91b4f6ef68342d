"""Before the first snapshot the time of Redis is not known: no age is calculated from it."""

from __future__ import annotations

import math

import pytest

from asok_console.presentation import compact, numbers, prose
from asok_console.presentation.numbers import UNKNOWN
from asok_console.tui.data.state import ConsoleState


@pytest.mark.parametrize("age", [compact.ago, compact.until, numbers.age, prose.ago])
def test_an_age_at_an_unknown_time_is_unknown(age) -> None:  # type: ignore[no-untyped-def]
    assert age(1_800_000_000.0, math.nan) == UNKNOWN


def test_a_length_of_time_that_is_not_a_number_is_unknown() -> None:
    assert compact.span(math.nan) == UNKNOWN


def test_the_console_knows_no_time_before_its_first_snapshot() -> None:
    assert math.isnan(ConsoleState(dead_cap=10).now)
