from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asok_console.presentation import numbers
from asok_console.presentation.notes import note_author
from asok_console.presentation.progress import progress_line
from asok_core.inspection.notes import OperatorNote, on_queue
from asok_core.jobs.job import JobRecord
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Status


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "–"),
        (0, "0"),
        (12345, "12,345"),
        (999_999, "999,999"),
        (1_234_567, "1.2M"),
        (5_000_000_000, "5.0G"),
    ],
)
def test_count(number: int | None, text: str) -> None:
    assert numbers.count(number) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (None, "–"),
        (math.nan, "–"),
        (0, "0/s"),
        (3.42, "3.4/s"),
        (120.4, "120/s"),
        (0.05, "3.0/min"),
        (0.1 / 60, "0.1/min"),
        (2 / 3600, "2.0/h"),
        (1 / 86_400, "<0.1/h"),
        (15_000, "15,000/s"),
    ],
)
def test_rate(per_second: float | None, text: str) -> None:
    assert numbers.rate(per_second) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (math.inf, "–"),
        (0.035, "35 ms"),
        (2.13, "2.1 s"),
        (9.97, "10 s"),
        (42, "42 s"),
        (59.7, "1 min"),
        (240, "4 min"),
        (7800, "2 h 10 min"),
        (7200, "2 h"),
        (86_400 * 3 + 4 * 3600, "3 d 4 h"),
        (-5, "-5.0 s"),
        (1e15, "over 100 years"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds) == text


def test_age_of_past_future_and_unknown() -> None:
    assert numbers.age(None, 100) == "–"
    assert numbers.age(40, 100) == "1 min"
    assert numbers.age(100.4, 100) == "0 ms"
    assert numbers.age(130, 100) == "in 30 s"
    assert numbers.age(1e300, 100) == "in over 100 years"


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (None, "–"),
        (40, "1 min ago"),
        (97, "3 s ago"),
        (99.97, "0 s ago"),
        (100.4, "0 s ago"),
        (130, "in 30 s"),
    ],
)
def test_a_moment_to_come_is_not_called_past(since: float | None, words: str) -> None:
    assert numbers.ago(since, 100) == words


def test_nothing_to_come_is_called_past_in_a_line() -> None:
    """The clock of a worker or of another producer may be ahead."""
    note = OperatorNote(on_queue("default"), "wait", "ann@host", 130.0)
    assert note_author(note, 100.0) == "ann@host, in 30 s"
    record = JobRecord("work-1", Status.RUNNING, progress=JobProgress(1, 2, at=130.0))
    assert "reported in 30 s" in progress_line(record, 100.0)
    assert "ago" not in progress_line(record, 100.0)


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "–"), (512, "512 B"), (1434, "1.4 KiB"), (80 << 20, "80 MiB"), (3 << 50, "3072 TiB")],
)
def test_size(size: int | None, text: str) -> None:
    assert numbers.size(size) == text


def test_share() -> None:
    assert [numbers.share(x) for x in (None, 0, 0.004, 0.12, 1)] == [
        "–",
        "0 %",
        "<1 %",
        "12 %",
        "100 %",
    ]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_is_short_text(number: float) -> None:
    for say in (numbers.duration, numbers.rate, numbers.share):
        assert "\n" not in say(number)
    assert len(numbers.duration(number)) <= 20
