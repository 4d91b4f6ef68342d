"""Periods of a queue's history, and how they are joined to longer ones."""

from __future__ import annotations

import pytest

from asok_core.clock import HOUR, MINUTE
from asok_core.inspection.queue_history import (
    MINUTES_KEPT,
    STEPS,
    Period,
    QueueHistory,
    depth_of,
    step_of,
    width_of,
)
from asok_core.inspection.queues import Bucket

FIRST = 1_700_000_040
"""The start of a minute, 8 minutes before that of five."""


def minute(at: int, enqueued: int | None, pending: int | None = None) -> Period:
    start = FIRST + at * MINUTE
    counters = Bucket(start, MINUTE, enqueued=enqueued or 0)
    return Period(start, 1, enqueued is not None, counters, depth_of((pending,)))


def test_minutes_are_joined_at_multiples_of_the_step() -> None:
    minutes = [minute(at, at, at * 10) for at in range(7)]
    history = QueueHistory("mail", FIRST + 430.0, FIRST, FIRST + 420, MINUTE, minutes)
    joined = history.in_steps(5 * MINUTE)
    starts = [each.start for each in joined.periods]
    assert all(start % 300 == 0 for start in starts[1:])
    assert starts[0] == FIRST
    assert sum(each.minutes for each in joined.periods) == joined.recorded == 7
    assert sum(each.counters.enqueued for each in joined.periods) == sum(range(7))
    assert joined.periods[-1].pending.last == 60
    assert (joined.since, joined.until, joined.width) == (FIRST, FIRST + 420, 300)


def test_what_is_not_recorded_is_not_counted_as_nothing() -> None:
    history = QueueHistory(
        "mail", FIRST + 190.0, FIRST, FIRST + 180, MINUTE, [minute(0, None), minute(1, 4)]
    )
    (joined,) = history.in_steps(HOUR).periods
    assert (joined.minutes, joined.recorded, joined.is_recorded) == (2, 1, True)
    assert not joined.is_whole


def test_periods_are_never_split() -> None:
    history = QueueHistory("mail", FIRST + 70.0, FIRST, FIRST + 60, HOUR, [minute(0, 1)])
    assert history.in_steps(MINUTE) is history


@pytest.mark.parametrize(
    ("seconds", "least", "step"),
    [(3600, MINUTE, 60), (4000, HOUR, 3600), (10**9, MINUTE, STEPS[-1])],
)
def test_the_shortest_step_of_few_enough_periods(seconds: float, least: int, step: int) -> None:
    assert step_of(seconds, least, 60) == step


def test_minutes_are_kept_for_a_day_and_hours_for_longer() -> None:
    now = FIRST + 10.0
    assert width_of(now - MINUTES_KEPT, now) == MINUTE
    assert width_of(now - MINUTES_KEPT - 1, now) == HOUR
