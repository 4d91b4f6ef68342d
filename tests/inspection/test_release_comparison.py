"""A task before the present release and since: what is compared, and what follows from it."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from asok_console.presentation.releases import basis, comparison_line, finding, mixture
from asok_core.inspection.events import SystemEvent
from asok_core.inspection.release_comparison import (
    Comparison,
    ReleaseChange,
    compared,
    on_others,
    present_change,
)
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.task_figures import NOTHING, Figures, TaskHistory
from asok_core.inspection.workers import WorkerInfo

NOW = 1_700_000_080.0
MINUTE = int(NOW) // 60 * 60


def event(
    at: float | None, to: str, former: str = "a", kind: str = "release_changed"
) -> SystemEvent:
    return SystemEvent("1-1", at, kind, {"from": former, "to": to, "worker": "w"})


def figures(ended: int, bucket: int, failed: int = 0, slow: int = 0) -> Figures:
    runs = {bucket: ended - slow} | ({bucket + 12: slow} if slow else {})
    return Figures(ended, ended - failed, failed, runs=runs)


def comparison(before: Figures, after: Figures) -> Comparison:
    change = ReleaseChange(NOW - 720, "4f2a1c", "9b00d7")
    return Comparison(change, NOW, before, after)


def test_the_newest_change_is_of_the_present_release() -> None:
    events = (
        event(NOW, "x", kind="worker_started"),
        event(None, "unreadable"),
        event(NOW - 10, "c", "b"),
        event(NOW - 900, "b", "a"),
    )
    assert present_change(events) == ReleaseChange(NOW - 10, "c", "b", NOW - 900)
    assert present_change(events[3:]) == ReleaseChange(NOW - 900, "b", "a", None)
    assert present_change(events[:2]) is None


def test_workers_of_several_queues_that_start_on_a_release_are_one_change() -> None:
    def of(queues: str, at: float, to: str, former: str) -> SystemEvent:
        fields = {"from": former, "to": to, "worker": "w", "queues": queues}
        return SystemEvent("1-1", at, "release_changed", fields)

    events = (
        of("low", NOW - 10, "c", "b"),
        of("high", NOW - 20, "c", "b"),
        of("bills", NOW - 50, "8", "7"),
        of("high,low", NOW - 900, "b", "a"),
    )
    assert present_change(events) == ReleaseChange(NOW - 20, "c", "b", NOW - 50)
    assert present_change(events, "low") == ReleaseChange(NOW - 10, "c", "b", NOW - 900)
    assert present_change(events, "high") == ReleaseChange(NOW - 20, "c", "b", NOW - 900)
    assert present_change(events, "bills") == ReleaseChange(NOW - 50, "8", "7", None)
    assert present_change(events, "other") is None


@pytest.mark.parametrize(
    ("former", "minutes"), [(None, 60), (NOW - 86_400, 60), (NOW - 600, 9), (NOW - 5, 0)]
)
def test_it_is_compared_with_the_former_release_alone(former: float | None, minutes: int) -> None:
    change = ReleaseChange(NOW, "b", "a", former)
    assert change.minute - change.first == minutes * 60


def test_the_minute_in_which_a_release_began_is_on_neither_side() -> None:
    each = [Figures(1 << at, 1 << at, runs={at: 1}) for at in range(6)]
    history = TaskHistory("t", NOW, MINUTE - 5 * 60, 60, each)
    found = compared(history, ReleaseChange(NOW - 120, "b", "a", NOW - 300))
    assert found is not None
    # The former release began in bucket 0, and the present one in bucket 3.
    assert (found.before.started, found.after.started) == (0b000110, 0b110000)


def test_nothing_is_compared_where_a_part_was_not_read() -> None:
    history = TaskHistory("t", NOW, MINUTE - 59 * 60, 60, [NOTHING] * 60)
    assert compared(history, ReleaseChange(NOW - 600, "b", "a")) is None
    assert compared(history, ReleaseChange(NOW - 600, "b", "a", NOW - 1200)) is not None
    assert compared(history, ReleaseChange(NOW - 600, "", "a", NOW - 1200)) is None
    hours = TaskHistory("t", NOW, MINUTE - 86_400, 3600, [NOTHING] * 24)
    assert compared(hours, ReleaseChange(NOW - 600, "b", "a")) is None


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        (figures(1000, 33), figures(310, 44), "slower"),
        (figures(1000, 33), figures(1000, 33, slow=100), "slower"),
        (figures(1000, 33, slow=40), figures(1000, 33, slow=55), "no more than chance explains"),
        (figures(1000, 33), figures(1000, 35), "no more than chance explains"),
        (figures(1000, 44), figures(1000, 33), "no more than chance explains"),
        (figures(1000, 33), figures(19, 44), "fewer than 20 attempts"),
        (figures(19, 33), figures(1000, 44), "fewer than 20 attempts"),
        (figures(1000, 33, 4), figures(1000, 33, 70), "fails more"),
        (figures(1000, 33, 4), figures(100, 33, 4), "no more than chance explains"),
        (figures(1000, 33, 60), figures(200, 33, 16), "no more than chance explains"),
        (figures(1000, 33), figures(1000, 44, 70), "slower and fails more"),
        (NOTHING, figures(100, 44), "fewer than 20 attempts"),
    ],
)
def test_what_follows_from_the_figures(before: Figures, after: Figures, worse: str) -> None:
    found = comparison(before, after)
    assert finding(found).startswith(worse)
    assert found.is_worse == (worse in ("slower", "fails more", "slower and fails more"))


def test_chance_is_not_reported() -> None:
    """Two samples of one distribution, many times: hardly any looks worse."""
    chance = random.Random(7)

    def sample(number: int) -> Figures:
        runs = Counter(min(127, round(chance.gauss(33, 8))) for _ in range(number))
        failed = sum(chance.random() < 0.03 for _ in range(number))
        return Figures(number, number - failed, failed, runs=runs)

    worse = sum(
        comparison(sample(chance.randint(20, 400)), sample(chance.randint(20, 400))).is_worse
        for _ in range(1000)
    )
    assert worse <= 8


def test_the_line_has_both_sides() -> None:
    found = comparison(figures(1000, 33, 4), figures(310, 44, 22))
    line = "since 4f2a1c (12 min): p95 304 ms -> 2.0 s, failures 0.4 % -> 7.1 %"
    assert comparison_line(found) == line
    assert basis(found) == "1,000 attempts in the 1 h before, 310 since, in whole minutes"
    assert "1 of 3 live workers runs another release" in mixture(1, 3)
    assert mixture(0, 3) == ""
    nothing = comparison(figures(1000, 33), NOTHING)
    assert comparison_line(nothing).endswith("no attempt has ended in a whole minute since then")
    assert comparison_line(comparison(NOTHING, figures(9, 33))).endswith(
        "nothing before it to compare with"
    )


def test_workers_on_another_release_are_counted() -> None:
    change = ReleaseChange(NOW, "b", "a")
    workers = [
        WorkerInfo("1", release="b", lease_until=NOW + 9),
        WorkerInfo("2", release="a", lease_until=NOW + 9),
        WorkerInfo("3", lease_until=NOW + 9),
        WorkerInfo("4", release="a", lease_until=NOW - 9),
    ]
    live = Snapshot(NOW, ServerInfo("redis://x"), workers=tuple(workers)).live_workers
    assert on_others(live, change) == (2, 3)
