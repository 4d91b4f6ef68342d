"""Views with plots: the ranges that they show, and the cursor that reads values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from textual import on

from asok_console.presentation.events import short
from asok_console.presentation.numbers import share
from asok_console.presentation.text import safe
from asok_console.tui.data.backlog import TimeSeries
from asok_console.tui.views.shared.base import View
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.plot_scale import HATCHED, EventMark, PlotUnit, Series, TimeAxis
from asok_core.backends.roles import Reader
from asok_core.clock import HOUR, MINUTE
from asok_core.errors import Refused
from asok_core.inspection.events import EventKind, Events, SystemEvent
from asok_core.inspection.queue_history import QueueHistory
from asok_core.inspection.queues import Bucket


class PlotRange(NamedTuple):
    """What a plot of the past covers: its name, seconds of a bucket, how many."""

    name: str
    width: int
    buckets: int

    @property
    def is_recorded(self) -> bool:
        """Whether it is read from what supervisors recorded by the hour."""
        return self.width >= HOUR


LIVE = PlotRange("last 60 s", 1, 60)
"""From the snapshots of this console; the others are read from Redis."""
RANGES = (
    LIVE,
    PlotRange("last 5 min", 10, 31),
    PlotRange("last hour", 60, 61),
    PlotRange("last 24 h", 60, 1441),
    PlotRange("last 7 d", HOUR, 7 * 24),
    PlotRange("last 14 d", HOUR, 14 * 24),
)
MOST_MARKS = 1_000
"""Events that are read for the marks of a recorded range; a snapshot has fewer."""

FOLLOWING = (EventKind.WORKER_RECOVERED, EventKind.WARNING_CLEARED)


class PlotView(View):
    """A view whose plots have one cursor: by keys or the pointer."""

    def mark(self, events: Iterable[SystemEvent]) -> None:
        """Mark events in all plots."""
        marks = marks_of(events)
        for plot in self.query(Plot):
            plot.mark(marks)

    def action_read(self, by: int) -> None:
        """Read the value before or after, in all plots."""
        shown = [plot for plot in self.query(Plot) if plot.display]
        if shown:
            self.read_at(shown[0].move_cursor(by))

    @on(Plot.Pointed)
    def _pointed(self, event: Plot.Pointed) -> None:
        event.stop()
        self.read_at(event.moment)

    def read_at(self, moment: float | None) -> None:
        """Put the cursor of all plots on a time."""
        for plot in self.query(Plot):
            plot.read_at(moment)

    def go_back(self) -> bool:
        """Take the cursor away first."""
        if any(plot.moment is not None for plot in self.query(Plot)):
            self.read_at(None)
            return True
        return super().go_back()


def marks_of(events: Iterable[SystemEvent]) -> tuple[EventMark, ...]:
    """The events as marks, newest first. What only follows another (recovered, cleared) is not a mark."""
    return tuple(
        EventMark(each.at, safe(short(each), 60), each.is_bad)
        for each in events
        if each.at is not None and each.kind not in FOLLOWING
    )


def show_live(plot: Plot, course: TimeSeries, of: str) -> None:
    """The jobs that wait and run, second by second."""
    plot.show(
        [Series("pending", "done", course.pending), Series("running", "running", course.running)],
        title=f"Jobs of {of}, {LIVE.name}",
        times=TimeAxis(course.start, course.width),
        unit=PlotUnit.COUNT,
    )


class RangeCounts(NamedTuple):
    """What was counted over a range, for each value of a plot; NaN where it is not known."""

    times: TimeAxis
    enqueued: tuple[float, ...]
    """Per second, as the next two."""
    completed: tuple[float, ...]
    failed: tuple[float, ...]
    waits: tuple[float, ...]
    """Mean milliseconds; NaN where nothing finished."""
    pending: tuple[float, ...] = ()
    """Pending jobs at most, where it is recorded."""
    recorded: float | None = None
    """Which share of the range is recorded (0..1); None where that does not depend on a recorder."""

    @property
    def note(self) -> str:
        """What a title says where a part of the range is not recorded."""
        whole = self.recorded is None or self.recorded >= 1
        return "" if whole else f" ({share(self.recorded)} recorded)"


def counted(buckets: Sequence[Bucket]) -> RangeCounts:
    """What Redis counted."""
    return RangeCounts(
        TimeAxis(buckets[0].start, buckets[0].width) if buckets else TimeAxis(0.0, 1.0),
        _rates(buckets, "enqueued"),
        _rates(buckets, "completed"),
        _rates(buckets, "failed"),
        tuple(map(_mean_wait, buckets)),
    )


def recorded(history: QueueHistory) -> RangeCounts:
    """What supervisors recorded. Of an hour that is recorded in part, the mean of that part."""
    periods = history.periods
    counters = [replace(each.counters, width=each.recorded * MINUTE) for each in periods]
    minutes = sum(each.minutes for each in periods)
    return RangeCounts(
        TimeAxis(history.since, history.width),
        _rates(counters, "enqueued"),
        _rates(counters, "completed"),
        _rates(counters, "failed"),
        tuple(map(_mean_wait, counters)),
        tuple(
            float(each.pending.highest) if each.pending.minutes else math.nan for each in periods
        ),
        history.recorded / minutes if minutes else 0.0,
    )


class PlotHistory(NamedTuple):
    """What was read for a recorded range of a queue (None: all), and events. It holds for a minute."""

    queue: str | None
    within: PlotRange
    minute: int
    traffic: RangeCounts
    events: Events

    def is_of(self, queue: str | None, within: PlotRange) -> bool:
        """Whether it is of that queue and range."""
        return (queue, within) == (self.queue, self.within)


def read_past(reader: Reader, queue: str | None, within: PlotRange, now: float) -> PlotHistory:
    """Read a recorded range. Runs on the poller's thread."""
    seconds = within.width * within.buckets
    history = reader.queue_history(queue, lambda moment: (moment - seconds, moment))
    try:
        events = reader.events(MOST_MARKS)
    except Refused:
        # A user without the right to them has a plot without marks, as in a snapshot.
        events = Events()
    return PlotHistory(queue, within, int(now // MINUTE), recorded(history), events)


def show_traffic(
    plot: Plot, traffic: RangeCounts, of: str, within: PlotRange, *, incoming: bool
) -> None:
    """What came in, or what was finished."""
    if incoming:
        what = "Enqueued"
        series = [Series("enqueued", "info", traffic.enqueued)]
    else:
        what = "Finished" if within.is_recorded else "Attempts finished"
        series = [
            Series("completed", "done", traffic.completed),
            Series("failed", "failed", traffic.failed, HATCHED),
        ]
    # Short beside one more entry of the legend, so that 80 cells show the range.
    unit = "/s" if within.is_recorded else " per second"
    title = f"{what}{unit}, {of}, {within.name}{traffic.note}"
    plot.show(series, title=title, times=traffic.times, recorded=within.is_recorded)


def show_backlog(plot: Plot, course: TimeSeries) -> None:
    """The pending jobs as the console read them itself, between the samples of each minute."""
    plot.show(
        [Series("pending", "calm", course.pending)],
        title="Backlog by snapshots, last 5 min",
        times=TimeAxis(course.start, course.width),
        unit=PlotUnit.COUNT,
    )


def show_recorded_backlog(plot: Plot, traffic: RangeCounts, within: PlotRange) -> None:
    """The pending jobs as supervisors recorded them."""
    plot.show(
        [Series("pending", "calm", traffic.pending)],
        title=f"Highest backlog, {within.name}",
        times=traffic.times,
        unit=PlotUnit.COUNT,
        recorded=True,
    )


def show_wait(plot: Plot, traffic: RangeCounts, within: PlotRange) -> None:
    """The mean wait of what was finished."""
    plot.show(
        [Series("wait", "info", traffic.waits)],
        title=f"Mean wait, {within.name}",
        times=traffic.times,
        unit=PlotUnit.MILLISECONDS,
    )


def show_failures(plot: Plot, traffic: RangeCounts, within: PlotRange) -> None:
    """The attempts that failed."""
    plot.show(
        [Series("failed", "failed", traffic.failed, HATCHED)],
        title=f"Failures per second, {within.name}",
        times=traffic.times,
        recorded=within.is_recorded,
    )


def _rates(buckets: Sequence[Bucket], field: str) -> tuple[float, ...]:
    return tuple(
        getattr(bucket, field) / bucket.width if bucket.width else math.nan for bucket in buckets
    )


def _mean_wait(bucket: Bucket) -> float:
    return bucket.wait_ms / bucket.ended if bucket.ended else math.nan
