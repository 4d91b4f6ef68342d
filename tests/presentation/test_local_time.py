"""Clock times in the zone of this machine, also where its clocks are set."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from asok_console.presentation import local_time, queue_history
from asok_console.presentation.tables import table
from asok_core.clock import HOUR, MINUTE
from asok_core.inspection.moments import read_moment
from asok_core.inspection.queue_history import Period, QueueHistory

Zone = Callable[[str], None]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Set the zone of this process."""

    def use(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "clock", "words"),
    [
        ("UTC", "2026-11-26 12:00", "UTC"),
        ("Europe/Berlin", "2026-11-26 13:00", "CET (UTC+01:00)"),
        ("America/New_York", "2026-11-26 07:00", "EST (UTC-05:00)"),
        ("Asia/Karachi", "2026-11-26 17:00", "PKT (UTC+05:00)"),
        ("Asia/Kathmandu", "2026-11-26 17:45", "UTC+05:45"),
        ("America/Sao_Paulo", "2026-11-26 09:00", "UTC-03:00"),
    ],
)
def test_a_moment_has_the_time_of_the_zone(zone: Zone, name: str, clock: str, words: str) -> None:
    zone(name)
    moment = at("2026-11-26 12:00")
    assert local_time.clock(moment) == clock
    assert local_time.zone_in_words(moment) == words


@pytest.mark.parametrize(
    ("now", "since", "hours"),
    [
        # Clocks are set back in the night to 25 October 2026, and forward in that to 29 March.
        ("2026-10-26 11:00", "2026-10-24 22:00", 25),
        ("2026-03-30 10:00", "2026-03-28 23:00", 23),
        ("2026-11-26 11:00", "2026-11-24 23:00", 24),
    ],
)
def test_yesterday_is_as_long_as_its_clocks_make_it(
    zone: Zone, now: str, since: str, hours: int
) -> None:
    zone("Europe/Berlin")
    begin = read_moment("yesterday", at(now), local=True)
    assert begin == at(since)
    assert read_moment("today", at(now), local=True) - begin == hours * HOUR


def test_a_time_of_day_is_local_and_one_with_a_zone_is_not(zone: Zone) -> None:
    zone("Europe/Berlin")
    now = at("2026-07-01 12:00")
    assert read_moment("13:30", now, local=True) == at("2026-07-01 11:30")
    assert read_moment("14:30", now, local=True) == at("2026-06-30 12:30")
    assert read_moment("2026-07-01T13:30", now, local=True) == at("2026-07-01 11:30")
    assert read_moment("2026-07-01T13:30Z", now, local=True) == at("2026-07-01 13:30")
    assert read_moment("13:30", now) == at("2026-06-30 13:30")
    with pytest.raises(ValueError, match="local time where no zone is given"):
        read_moment("noon", now, local=True)


def test_the_hour_that_there_is_twice_is_shown_with_its_zone(zone: Zone) -> None:
    zone("Europe/Berlin")
    since, until = at("2026-10-24 23:00"), at("2026-10-25 03:00")
    starts = range(int(since), int(until), HOUR)
    periods = [Period(start, 60, 60) for start in starts]
    history = QueueHistory("q", until, int(since), int(until), HOUR, periods)
    assert [row[0] for row in queue_history.table_of(history, 80).rows] == [
        "10-25 01:00 CEST",
        "10-25 02:00 CEST",
        "10-25 02:00 CET",
        "10-25 03:00 CET",
    ]
    title = queue_history.title(history, "Queue q")
    assert title.endswith(
        "(local time, whose offset changes in it: CEST (UTC+02:00), then CET (UTC+01:00))"
    )


def test_a_gap_is_one_line_and_no_figure_of_it_is_zero(zone: Zone) -> None:
    zone("UTC")
    since = int(at("2026-11-26 10:00"))
    periods = [Period(since + n * MINUTE, 1, int(n in {0, 4})) for n in range(6)]
    history = QueueHistory("q", since + 400, since, since + 360, MINUTE, periods)
    titles, rows = queue_history.table_of(history, 100)
    assert [row[0][-5:] for row in rows] == ["10:00", "10:01", "10:04", "10:05"]
    assert rows[1][-1] == "not recorded"
    assert set(rows[1][1:-1]) == {"–"}
    assert rows[0][1:6] == ("0",) * 5
    # A minute without a sample: how many jobs were pending is not known.
    assert rows[0][[each.title for each in titles].index("PENDING")] == "–"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_table_has_fewer_columns_and_none_that_is_cut(zone: Zone, width: int) -> None:
    zone("UTC")
    since = int(at("2026-11-26 10:00"))
    history = QueueHistory(None, since + 99, since, since + 60, MINUTE, [Period(since, 1, 1)])
    columns, rows = queue_history.table_of(history, width)
    lines = table(columns, rows, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert {"FROM", "IN", "DONE", "FAILED", "PENDING"} <= set(lines[0].split())
