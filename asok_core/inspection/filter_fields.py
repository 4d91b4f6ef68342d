"""Fields of the filter language that compare: attempts, sizes, ages, and times of the clock (UTC)."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.clock import DAY
from asok_core.errors import UsageError
from asok_core.inspection.argument_paths import parse_condition, value_text
from asok_core.inspection.moments import MomentForm, form_of, read_moment
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from asok_core.settings.durations import parse_duration
from asok_core.settings.kinds import SIZE

Test = Callable[[Row, float], bool | None]
"""Whether a row holds what a word asks for; None where that is not known."""
TimeOf = Callable[[Row], float | None]

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    "=": lambda value, bound: value == bound,
}


def attempt_test(value: str, word: str) -> Test:
    """The number of the attempt that a job is at; without a sign exactly this one."""
    sign, number = _signed(value, "=")
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f"filter word {word!r}: attempt must be a number, as in attempt:>3")
    bound, compare = int(number[:18]), _SIGNS[sign]

    def test(row: Row, _now: float) -> bool | None:
        attempt = _attempt(row)
        return None if attempt is None else compare(attempt, bound)

    return test


def size_test(value: str, word: str) -> Test:
    """The bytes of a job's envelope; a number without a sign is a minimum."""
    sign, text = _signed(value, ">=")
    try:
        bound, compare = SIZE.parse(text), _SIGNS[sign]
    except ValueError:
        raise UsageError(
            f"filter word {word!r}: size must be {SIZE.allowed}, as in size:>1MiB"
        ) from None

    def test(row: Row, _now: float) -> bool | None:
        if row.location is Location.FINISHED:
            # Its envelope is gone.
            return None
        size = row.payload.size if row.payload.size is not None else len(row.payload.raw)
        return compare(size, bound)

    return test


def path_test(value: str) -> Test | None:
    """The plain value at a path of the arguments, as in ``kwargs.tenant=acme``.

    None: ``value``, which is casefolded, is not of this form.
    """
    condition = parse_condition(value)
    if condition is None:
        return None
    path, expected = condition

    def test(row: Row, _now: float) -> bool | None:
        job = row.payload.job
        if job is None or row.partial:
            return None
        values = (each for each in path.values(job) if not isinstance(each, dict | list | tuple))
        return any(value_text(each).casefold() == expected for each in values)

    return test


def age_test(value: str, word: str, time_of: TimeOf) -> Test:
    """How long ago the time of a job is; without a sign longer than that. Exactly so long is neither."""
    sign, length = _signed(value, ">")
    try:
        seconds = parse_duration(length)
    except ValueError:
        seconds = -1
    if seconds < 0 or sign == "=":
        raise UsageError(f"filter word {word!r}: age must be a duration, as in age:>1h")
    younger = sign.startswith("<")

    def test(row: Row, now: float) -> bool | None:
        at = time_of(row)
        if at is None:
            return None
        return now - at < seconds if younger else now - at > seconds

    return test


def since_test(value: str, word: str, time_of: TimeOf) -> Test:
    """Not before a moment. A time of day is the latest that is over."""
    _form(value, word)

    def test(row: Row, now: float) -> bool | None:
        at = time_of(row)
        return None if at is None else at >= read_moment(value, now)

    return test


def between_test(value: str, word: str, time_of: TimeOf) -> Test:
    """From one moment up to another, which is the next such time of day after the first."""
    first, dots, last = value.partition("..")
    if not dots:
        raise UsageError(
            f"filter word {word!r}: between must be two moments, as in between:15:00..16:30"
        )
    form = _form(first, word)
    # Of two forms, and of times of day, it depends on the day which of the two is later.
    alike = form is _form(last, word) and form is not MomentForm.CLOCK
    if alike and read_moment(last, 0.0) <= read_moment(first, 0.0):
        raise UsageError(f"filter word {word!r}: {last!r} must be after {first!r}")

    def test(row: Row, now: float) -> bool | None:
        at, (begin, end) = time_of(row), _range(first, last, now)
        return None if at is None else begin <= at < end

    return test


def _range(first: str, last: str, now: float) -> tuple[float, float]:
    """Where a range begins and ends. Of a time of day it depends on the other end which day is meant."""
    if form_of(last) is MomentForm.CLOCK:
        # 15:00..16:30 at 16:00: the end is to come. 23:00..01:00: it is on the next day.
        begin = read_moment(first, now)
        return begin, read_moment(last, begin) + DAY
    end = read_moment(last, now)
    if form_of(first) is MomentForm.CLOCK:
        return read_moment(first, min(now, end - 0.001)), end
    return read_moment(first, now), end


def _form(value: str, word: str) -> MomentForm:
    try:
        return form_of(value)
    except ValueError as error:
        raise UsageError(f"filter word {word!r}: {error}") from None


def _signed(value: str, default: str) -> tuple[str, str]:
    rest = value.lstrip("<>=")
    sign = value[: len(value) - len(rest)] or default
    return (sign, rest) if sign in _SIGNS else (default, "")


def _attempt(row: Row) -> int | None:
    if row.payload.job is not None:
        return row.payload.job.attempt
    spent = row.record.retry_count if row.record else None
    return None if spent is None else spent + 1
