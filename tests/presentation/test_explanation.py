"""Reasons as lines."""

from __future__ import annotations

import pytest

from asok_console.presentation.explanation import what_holds
from asok_core.inspection.reason import Reason


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("redis_restarted", "at"),
        ("redis_failed_over", "at"),
        ("fewer_workers", "at"),
        ("was_paused", "at"),
        ("queue_paused", "since"),
        ("running", "since"),
    ],
)
def test_what_happened_at_a_moment_does_not_hold_since_then(code: str, word: str) -> None:
    line = what_holds(Reason(code, "it is so", 1_000_000_000.0), 1_000_000_060.0)
    assert line == f"it is so, {word} 01:46:40 UTC (1 minute ago)"
