"""Views with plots: the ranges that they show, and the cursor that reads values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from textual import on

from asok_console.presentation.events import short
from asok_console.presentation.text import safe
from asok_console.tui.data.backlog import Course
from asok_console.tui.views.shared.base import View
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.plot_scale import HATCHED, EventMark, Series, Times, Unit
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.queues import Bucket


class Range(NamedTuple):
    """What a plot of the past covers: its name, seconds of a bucket, how many."""

    name: str
    width: int
    buckets: int


LIVE = Range("last 60 s", 1, 60)
"""From the snapshots of this console; the others are read from Redis's counters."""
RANGES = (
    LIVE,
    Range("last 5 min", 10, 31),
    Range("last hour", 60, 61),
    Range("last 24 h", 60, 1441),
)


FOLLOWING = (EventKind.WORKER_RECOVERED, EventKind.WARNING_CLEARED)


class PlotView(View):
    """A view whose plots have one cursor: by keys or the pointer."""

    def action_read(self, by: int) -> None:
        """Read the value before or after, in all plots."""
        shown = [plot for plot in self.query(Plot) if plot.display]
        if shown:
            self.read_at(shown[0].move_cursor(by))

    @on(Plot.Read)
    def _pointed(self, event: Plot.Read) -> None:
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
    """The events as marks, newest first. What only follows another (recovered, cleared) is no mark."""
    return tuple(
        EventMark(each.at, safe(short(each), 60), each.is_bad)
        for each in events
        if each.at is not None and each.kind not in FOLLOWING
    )


def show_live(plot: Plot, course: Course, of: str) -> None:
    """The jobs that wait and run, second by second."""
    plot.show(
        [Series("pending", "done", course.pending), Series("running", "running", course.running)],
        title=f"Jobs of {of}, {LIVE.name}",
        times=Times(course.start, course.width),
        unit=Unit.COUNT,
    )


def show_traffic(
    plot: Plot, buckets: Sequence[Bucket], of: str, within: Range, *, incoming: bool
) -> None:
    """What came in, or what was finished."""
    if incoming:
        what = "Enqueued"
        series = [Series("enqueued", "info", _rates(buckets, "enqueued"))]
    else:
        what = "Attempts finished"
        series = [
            Series("completed", "done", _rates(buckets, "completed")),
            Series("failed", "failed", _rates(buckets, "failed"), HATCHED),
        ]
    title = f"{what} per second, {of}, {within.name}"
    plot.show(series, title=title, times=_times(buckets))


def show_backlog(plot: Plot, course: Course) -> None:
    """The pending jobs as the console read them itself: Redis keeps no history of them."""
    plot.show(
        [Series("pending", "calm", course.pending)],
        title="Backlog by snapshots, last 5 min",
        times=Times(course.start, course.width),
        unit=Unit.COUNT,
    )


def show_wait(plot: Plot, buckets: Sequence[Bucket], within: Range) -> None:
    """The mean wait of what was finished."""
    waits = tuple(
        b.wait_ms / (b.completed + b.failed) if b.completed + b.failed else math.nan
        for b in buckets
    )
    plot.show(
        [Series("wait", "info", waits)],
        title=f"Mean wait, {within.name}",
        times=_times(buckets),
        unit=Unit.MILLISECONDS,
    )


def show_failures(plot: Plot, buckets: Sequence[Bucket], within: Range) -> None:
    """The attempts that failed."""
    plot.show(
        [Series("failed", "failed", _rates(buckets, "failed"), HATCHED)],
        title=f"Failures per second, {within.name}",
        times=_times(buckets),
    )


def _rates(buckets: Sequence[Bucket], field: str) -> tuple[float, ...]:
    return tuple(getattr(bucket, field) / bucket.width for bucket in buckets)


def _times(buckets: Sequence[Bucket]) -> Times:
    return Times(buckets[0].start, buckets[0].width) if buckets else Times(0.0, 1.0)
