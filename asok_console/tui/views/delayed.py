"""Delayed: retries and jobs for later, soonest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import attempt_cell, id_cell, last_line, queue_cell, task_cell
from asok_console.tui.figures import until
from asok_console.tui.plan import Plan
from asok_console.tui.views.joblist import JobListView
from asok_console.tui.widgets.columns import Cell, Column
from asok_core.backends.roles import Reader, Scope
from asok_core.snapshot import Page, Row
from asok_core.states import Place


def _due_cell(row: Row, now: float) -> Cell:
    shown = until(row.at, now)
    return shown, "warn" if shown == "due" else ""


def _error_cell(row: Row, _now: float) -> Cell:
    return last_line(row.record.error if row.record else None), "bad"


class DelayedView(JobListView):
    """Everything that waits for its time."""

    NAME = "delayed"
    PLACE = Place.DELAYED
    EMPTY = "Nothing is waiting for its time."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Due", 9, _due_cell, right=True),
        Column("Task", 20, task_cell, grow=2, tail=True),
        Column("Attempt", 8, attempt_cell),
        Column("Last error", 14, _error_cell, grow=3, rank=1),
        Column("Queue", 9, queue_cell, rank=2),
        Column("Id", 8, id_cell, rank=3),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *operations.operations_of("delayed"),
    ]

    def read(self, reader: Reader, start: int, count: int) -> Page:
        """A window of the delayed jobs."""
        return reader.delayed(start, count)

    def plan(self, action: OperatorAction) -> Plan | None:
        """Also all that are delayed."""
        snapshot = self.console.snapshot
        if action.reach is not Reach.MATCHING or self.search is not None or snapshot is None:
            return super().plan(action)
        scope = Scope(action.place, before=snapshot.taken_at, limit=snapshot.delayed)
        return Plan(action, scope, snapshot.delayed) if snapshot.delayed else None

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, marks, the next due time and what is overdue."""
        snapshot = self.console.snapshot
        soon = due = ""
        if snapshot and snapshot.delayed:
            soon = f"next {until(snapshot.next_due_at, snapshot.taken_at)}"
            due = f"⚠ {snapshot.due:,} due and not promoted" if snapshot.due else ""
        return (
            ("Delayed", "title"),
            (self.position(), ""),
            (self.marked(), "mark"),
            *self.searched(),
            (soon, "dim"),
            (due, "warn"),
        )
