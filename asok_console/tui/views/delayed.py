"""Delayed: retries and jobs for later, soonest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import until
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.composed import ComposedView
from asok_console.tui.views.shared.job_columns import (
    ARGUMENTS_COLUMN,
    ID_COLUMN,
    QUEUE_COLUMN,
    attempt_cell,
    task_cell,
)
from asok_console.tui.views.shared.plots import PlotView
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.plot_scale import PlotUnit, Series, TimeAxis
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.states import Location

EVERY = 5.0
"""Seconds between two looks at the load to come."""
PLOT_FROM = 16
"""Lines of the screen from which a plot of the coming load is shown above the list."""


class ForecastRange(NamedTuple):
    """How far the plot looks ahead: ``columns`` of ``width`` seconds each."""

    name: str
    end: str
    unit: str
    width: float
    columns: int


PLOT_RANGES = (
    ForecastRange("next hour", "1 h", "minute", 60.0, 60),
    ForecastRange("next 24 hours", "24 h", "quarter of an hour", 900.0, 96),
)


def _due_cell(row: Row, now: float) -> Cell:
    shown = until(row.at, now)
    return shown, "warn" if shown == "due" else ""


def _error_cell(row: Row, _now: float) -> Cell:
    return last_line(row.record.error if row.record else None), "bad"


class DelayedView(PlotView, ComposedView):
    """Everything that waits for its time."""

    NAME = "delayed"
    LOCATION = Location.DELAYED
    EMPTY = "No delayed jobs."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Due", 9, _due_cell, right=True),
        Column("Task", 22, task_cell, grow=1, most=40, tail=True),
        Column("Attempt", 8, attempt_cell),
        Column("Last error", 20, _error_cell, grow=6, rank=1),
        ARGUMENTS_COLUMN,
        QUEUE_COLUMN,
        ID_COLUMN,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *actions.bindings(actions.COMPOSITION),
        *actions.bindings(actions.PLOT_RANGES),
        *actions.bindings(actions.READS),
        *operations.operations_of("delayed"),
    ]

    range_ = 0
    _read_at = 0.0

    def compose_body(self) -> ComposeResult:
        """The load to come, then the list."""
        yield Plot("")
        yield from super().compose_body()

    def on_resize(self) -> None:
        """Hide the plot where it would leave no room for the jobs, on which keys act."""
        self.query_one(Plot).display = self.app.size.height >= PLOT_FROM

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Read the window, and now and then the load to come."""
        super().show(snapshot, page)
        if snapshot.taken_at - self._read_at >= EVERY:
            self._look_ahead(snapshot)

    def _look_ahead(self, snapshot: Snapshot) -> None:
        self._read_at = now = snapshot.taken_at
        range_ = PLOT_RANGES[self.range_]
        self.console.poller.ask(
            "due",
            lambda reader: reader.due(now, range_.width, range_.columns),
            lambda answer: self._draw(range_, cast("tuple[int, ...]", answer), snapshot),
        )

    def _draw(self, range_: ForecastRange, counts: Sequence[int], snapshot: Snapshot) -> None:
        later = max(snapshot.delayed - snapshot.due - sum(counts), 0)
        after = f", {later:,} later" if later else ""
        for plot in self.query(Plot):
            plot.show(
                [Series("due", "calm", tuple(map(float, counts)))],
                title=f"Due per {range_.unit}: {sum(counts):,} in the {range_.name}{after}",
                times=TimeAxis(snapshot.taken_at, range_.width, f"in {range_.end}"),
                unit=PlotUnit.COUNT,
            )

    def action_range(self, by: int) -> None:
        """Let the plot look further ahead, or less far."""
        self.range_ = (self.range_ + by) % len(PLOT_RANGES)
        if self.console.snapshot is not None:
            self._look_ahead(self.console.snapshot)

    def searched_location(self) -> str:
        """What a filter searches."""
        return "delayed jobs"

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:  # noqa: ARG002
        """A window of the delayed jobs."""
        return reader.delayed(start, count)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Also all that are delayed."""
        snapshot = self.console.snapshot
        if action.key_scope is not KeyScope.MATCHING or self.shows_some or snapshot is None:
            return super().plan(action)
        scope = Scope(action.location, before=snapshot.taken_at, limit=snapshot.delayed)
        return (
            OperationPlan(action.operation(), scope, snapshot.delayed) if snapshot.delayed else None
        )

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, marks, the next due time and what is overdue."""
        if self.by is not None:
            return self.describe_composition("Delayed")
        snapshot = self.console.snapshot
        soon = due = ""
        if snapshot and snapshot.delayed:
            soon = f"next job {until(snapshot.next_due_at, snapshot.taken_at)}"
            due = f"⚠ {snapshot.due:,} due and not promoted" if snapshot.due else ""
        return (
            ("Delayed", "title"),
            (self.position(), ""),
            (self.marked(), "mark"),
            *self.searched(),
            (soon, "dim"),
            (due, "warn"),
        )
