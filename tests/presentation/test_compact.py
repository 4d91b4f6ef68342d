"""Figures in the room of a column: never more precise, or larger, than they are."""

from __future__ import annotations

import pytest

from asok_console.presentation import compact


def test_what_is_not_known_is_sorted_below_nothing() -> None:
    assert sorted([0.5, None, 0.0], key=compact.sortable) == [None, 0.0, 0.5]


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (None, "–"), (0.0, "0"), (2 / 3600, "<0.01"), (0.0049, "<0.01"), (0.005, "0.01"), (0.05, "0.05"),
        (0.3, "0.3"), (12.34, "12.3"), (140.0, "140"), (1234.0, "1.2k"),
    ],
)  # fmt: skip
def test_a_rate(per_second: float | None, text: str) -> None:
    assert compact.rate(per_second) == text
    assert len(text) <= 5
