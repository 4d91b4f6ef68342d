"""The table of queues beside what it was at an earlier moment: each figure with its difference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from asok_console.presentation.compact import rate
from asok_console.presentation.numbers import UNKNOWN, count, milliseconds, share
from asok_console.tui.views.shared.queue_table import (
    NAME_COLUMN,
    SORTED_BY,
    TREND_COLUMN,
    WORKERS_COLUMN,
    QueueLine,
)
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.plot_scale import clock
from asok_core.backends.roles import Reader
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.inspection.queue_history import EarlierMinute, Period
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.snapshot import Snapshot


class EarlierMoment(NamedTuple):
    """An earlier moment: its name, and seconds before now."""

    name: str
    ago: int


MOMENTS: tuple[EarlierMoment | None, ...] = (
    None,
    EarlierMoment("1 h ago", HOUR),
    EarlierMoment("yesterday", DAY),
)
"""With what the figures can be compared, in the order of the key; None: with nothing."""


class ComparedMoment:
    """A moment that the figures are compared with, and what was recorded then, once it is read."""

    def __init__(self, moment: EarlierMoment) -> None:
        self.moment = moment
        self.then: EarlierMinute | None = None

    def read(self, reader: Reader, snapshot: Snapshot) -> EarlierMinute:
        """What was recorded then, read once a minute. Runs on the poller's thread."""
        then = self.then
        if (
            then is None
            or then.read_at // MINUTE != snapshot.taken_at // MINUTE
            or any(queue.name not in then.queues for queue in snapshot.queues)
        ):
            then = reader.earlier(self.moment.ago)
        return then

    def take(self, then: EarlierMinute) -> None:
        """Compare with this from now on, unless it was read for another moment."""
        if then.ago == self.moment.ago:
            self.then = then

    def words(self, *, unread: bool = False) -> str:
        """What the heading says of it. ``unread``: what was recorded could not be read."""
        if self.then is None:
            return f"± {self.moment.name}: {'not known' if unread else 'reading …'}"
        at = clock(self.then.start, exact=False)
        known = "" if self.is_known else ", not recorded"
        return f"± {self.moment.name}, {at} UTC{known}"

    @property
    def is_known(self) -> bool:
        """Whether anything was recorded then."""
        then = self.then
        if then is None:
            return False
        return then.whole.is_recorded or any(each.is_recorded for each in then.queues.values())

    def period(self, line: QueueLine) -> Period | None:
        """What was recorded of a queue then, or of all; None where nothing is known."""
        if self.then is None:
            return None
        found = self.then.whole if line.whole else self.then.queues.get(line.queue.name)
        return found if found is not None and found.is_recorded else None

    def of_all(self, now: int, name: str) -> str:
        """How many more ``pending``, ``delayed`` or ``dead`` jobs there are than then, in parentheses."""
        depth = None if self.then is None else getattr(self.then.whole, name)
        then = depth.last if depth is not None and depth.minutes else None
        return f" ({difference(now, then, whole)})"

    @property
    def columns(self) -> Sequence[Column[QueueLine]]:
        """Each figure with its difference, in one column: no screen has room for only one of them.

        What has no difference follows where there is room.
        """
        figures = map(self._column, FIGURES)
        return NAME_COLUMN, *figures, WORKERS_COLUMN, replace(TREND_COLUMN, rank=5)

    def _column(self, figure: ComparedFigure) -> Column[QueueLine]:
        def cell(line: QueueLine, _now: float) -> Cell:
            now, period = figure.now(line.queue), self.period(line)
            then = None if period is None else figure.then(period)
            change = difference(now, then, figure.shown)
            text = f"{figure.shown(now)} {change:>{figure.room}}"
            return text, "dim" if change in ("0", UNKNOWN) else ""

        width = len(figure.title) + 1 + figure.room
        return Column(figure.heading, max(width, figure.width), cell, right=True, rank=figure.rank)


def whole(number: float | None) -> str:
    """A number of jobs."""
    return count(None if number is None else round(number))


def time(number: float | None) -> str:
    """Milliseconds as ``35 ms``, ``4 min``, ``2.2 h``, ``3.1 d``: there is little room."""
    if number is None or number < 1000 * HOUR:
        return milliseconds(number)
    hours = number / 1000 / HOUR
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"


def difference(now: float | None, then: float | None, shown: Callable[[float], str]) -> str:
    """``+12``, ``-3``, ``0``; not known where one of the two is not."""
    if now is None or then is None:
        return UNKNOWN
    change = shown(abs(now - then))
    if now == then or change == shown(0):
        return "0"
    return f"{'+' if now > then else '-'}{change}"


class ComparedFigure(NamedTuple):
    """A figure of a queue, now and in an earlier minute. ``room``: cells of its difference."""

    title: str
    width: int
    room: int
    rank: int
    now: Callable[[QueueStats], float | None]
    then: Callable[[Period], float | None]
    shown: Callable[[float | None], str]

    @property
    def heading(self) -> str:
        """The title of its column."""
        return f"{self.title} {'±':>{self.room}}"


def _per_second(period: Period, name: str) -> float:
    return float(getattr(period.counters, name)) / MINUTE


def _of_ended(counters: Bucket, figure: float) -> float | None:
    return figure / counters.ended if counters.ended else None


FIGURES = (
    ComparedFigure(
        "Pending",
        16,
        8,
        0,
        lambda queue: queue.pending,
        lambda period: period.pending.last if period.pending.minutes else None,
        whole,
    ),
    ComparedFigure(
        "In/s",
        12,
        6,
        2,
        lambda queue: queue.enqueued_per_s,
        lambda period: _per_second(period, "enqueued"),
        rate,
    ),
    ComparedFigure(
        "Done/s",
        13,
        6,
        1,
        lambda queue: queue.completed_per_s,
        lambda period: _per_second(period, "completed"),
        rate,
    ),
    ComparedFigure(
        "Fails",
        12,
        6,
        1,
        lambda queue: queue.failure_rate,
        lambda period: _of_ended(period.counters, period.counters.failed),
        share,
    ),
    ComparedFigure(
        "Wait",
        18,
        9,
        3,
        lambda queue: queue.wait_ms,
        lambda period: _of_ended(period.counters, period.counters.wait_ms),
        time,
    ),
    ComparedFigure(
        "Run",
        18,
        9,
        4,
        lambda queue: queue.run_ms,
        lambda period: _of_ended(period.counters, period.counters.run_ms),
        time,
    ),
)
"""Those over the last full minute, so that both are of a minute."""

SORTED_BY_HEADING = {
    each.heading: SORTED_BY[each.title] for each in FIGURES if each.title in SORTED_BY
}
"""The order that such a column's title stands for."""
