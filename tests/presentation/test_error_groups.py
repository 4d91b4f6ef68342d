import math

from asok_console.presentation.error_groups import filter_of, names, trend
from asok_core.inspection.error_groups import MOST_STEPS, ErrorGroup, ErrorGroups
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job
from asok_core.jobs.states import Location


def dead_job(n: int, error: str, at: float | None) -> Row:
    job = Job(id=f"job-{n}", module="shop", function="send")
    payload = Payload(b"{}", job, Trust.SIGNED, error=error, failed_at=at)
    return Row(n, payload, Location.DEAD, "high" if n % 2 else "low")


def test_the_trend_counts_the_dead_jobs_of_the_last_hour() -> None:
    errors = ErrorGroups(recent_from=6400.0)
    errors.add(
        [
            dead_job(1, "TimeoutError: 5 s", 6399.0),
            dead_job(2, "TIMEOUTERROR: 31 s", 6401.0),
            dead_job(3, "TimeoutError: 6 s", 9995.0),
            dead_job(4, "TimeoutError: 7 s", 9999.0),
            dead_job(5, "TimeoutError: 8 s", None),
            dead_job(6, "TimeoutError: 9 s", 10_000_000.0),
        ]
    )
    [timeouts] = errors.groups()
    assert (timeouts.count, timeouts.first_seen, timeouts.last_seen) == (6, 6399.0, 10_000_000.0)
    # A job with a failure time in the future is counted in the newest slot.
    assert trend(timeouts, now=10_000.0, span=3600.0, slots=6) == (1, 0, 0, 0, 0, 3)
    # Ten minutes later, without changes, the counts have moved by one slot.
    assert trend(timeouts, now=10_600.0, span=3600.0, slots=6) == (0, 0, 0, 0, 2, 1)
    assert filter_of(timeouts).matches(dead_job(7, "timeouterror: 1 s", 0.0), 0.0)


def test_the_times_of_any_number_of_dead_jobs_take_bounded_memory() -> None:
    errors = ErrorGroups(recent_from=1000.0)
    errors.add(dead_job(n, "KeyError: 1", 1000.0 + n) for n in range(20_000))
    errors.add(dead_job(0, "KeyError: 1", at) for at in (1e300, -1e300, 9e15, 0.0))
    [group] = errors.groups()
    assert group.count == 20_004
    assert len(group.recent) <= MOST_STEPS + 1
    assert sum(group.recent.values()) == 20_002
    assert trend(group, now=2000.0, span=3600.0, slots=12)[-1] > 0


def test_no_times_are_kept_without_a_trend() -> None:
    errors = ErrorGroups()
    errors.add(dead_job(n, "KeyError: 1", 1e9 + n) for n in range(100))
    assert errors.recent_from == math.inf
    assert [group.recent for group in errors.groups()] == [{}]
    assert trend(ErrorGroup("x"), now=1.0, span=60.0, slots=3) == (0, 0, 0)


def test_names_are_the_most_frequent_first() -> None:
    assert names({"b": 1, "a": 1, "c": 5}, 2) == "c, a +1"
    assert names({"b": 1}, 3) == "b"
    assert names({}, 3) == ""
