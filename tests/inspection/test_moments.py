"""Moments as people type them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_core.inspection.moments import MomentForm, form_of, read_moment

NOW = datetime(2026, 11, 26, 12, 30, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "moment", "form"),
    [
        ("12:29", "2026-11-26T12:29:00", MomentForm.CLOCK),
        ("12:30", "2026-11-26T12:30:00", MomentForm.CLOCK),
        # What is to come today was yesterday.
        ("12:31", "2026-11-25T12:31:00", MomentForm.CLOCK),
        ("9:05:07", "2026-11-26T09:05:07", MomentForm.CLOCK),
        ("today", "2026-11-26T00:00:00", MomentForm.DAY),
        ("Yesterday", "2026-11-25T00:00:00", MomentForm.DAY),
        ("yesterday 15:00", "2026-11-25T15:00:00", MomentForm.DAY),
        ("yesterdayT15:00", "2026-11-25T15:00:00", MomentForm.DAY),
        ("today 13:00", "2026-11-26T13:00:00", MomentForm.DAY),
        ("90s", "2026-11-26T12:28:30", MomentForm.AGO),
        ("1.5h", "2026-11-26T11:00:00", MomentForm.AGO),
        ("2026-11-25", "2026-11-25T00:00:00", MomentForm.DATE),
        ("2026-11-25T15:00", "2026-11-25T15:00:00", MomentForm.DATE),
        ("2026-11-25 15:00:30", "2026-11-25T15:00:30", MomentForm.DATE),
        ("2026-11-25T15:00Z", "2026-11-25T15:00:00", MomentForm.DATE),
        ("2026-11-25 15:00+02:00", "2026-11-25T13:00:00", MomentForm.DATE),
        (" 2026-11-25t15:00 ", "2026-11-25T15:00:00", MomentForm.DATE),
    ],
)
def test_a_moment_is_read(text: str, moment: str, form: MomentForm) -> None:
    assert read_moment(text, NOW) == datetime.fromisoformat(f"{moment}Z").timestamp()
    assert form_of(text) is form


@pytest.mark.parametrize(
    "text",
    ["", "noon", "25:00", "12:60", "yesterday25:00", "tomorrow", "2026-13-01", "90", "1x", "-2h"],
)
def test_text_that_is_not_a_moment_is_named_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="is not a moment, as in 15:00, 2026-11-25") as raised:
        read_moment(text, NOW)
    assert "\n" not in str(raised.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(read_moment(text, NOW), float)
