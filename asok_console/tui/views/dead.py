"""Dead letters: jobs that failed for good, and what to do about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType

from asok_console.tui import actions
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import attempts_spent_cell, error_cell, id_cell, queue_cell, task_cell
from asok_console.tui.figures import ago, span
from asok_console.tui.plan import Plan
from asok_console.tui.views.joblist import JobListView
from asok_console.tui.widgets.columns import Column
from asok_core.backends.roles import Reader, Scope
from asok_core.snapshot import Page, Row
from asok_core.states import Place


class DeadView(JobListView):
    """All dead letters, the newest first."""

    NAME = "dead"
    PLACE = Place.DEAD
    NEWEST_FIRST = True
    EMPTY = "No dead letters. Good."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Failed", 7, lambda row, now: ago(row.payload.failed_at, now), right=True),
        Column("Task", 20, task_cell, grow=2, tail=True),
        Column("Error", 20, error_cell, grow=4),
        Column("Queue", 9, queue_cell, rank=1),
        Column("Attempts", 8, attempts_spent_cell, rank=2),
        Column("Id", 8, id_cell, rank=3),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *actions.operations_of("dead"),
    ]

    def read(self, reader: Reader, start: int, count: int) -> Page:
        """A window of the dead letters."""
        return reader.dead(start, count)

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, marks, and how far back they go."""
        snapshot = self.console.snapshot
        back = ""
        if snapshot and snapshot.oldest_dead_at is not None:
            back = f"going back {span(snapshot.taken_at - snapshot.oldest_dead_at)}"
        return (
            ("Dead letters", "title"),
            (self.position(), ""),
            (self.marked(), "mark"),
            *self.searched(),
            (back, "dim"),
        )

    def plan(self, action: OperatorAction) -> Plan | None:
        """Also all that are shown."""
        if action.reach is not Reach.MATCHING or self.search is not None:
            return super().plan(action)
        snapshot = self.console.snapshot
        if snapshot is None or not snapshot.dead:
            return None
        scope = Scope(
            action.place,
            before=snapshot.taken_at,
            limit=snapshot.dead,
            boundary=snapshot.dead_head,
        )
        marks = len(self.rows.marks)
        warning = f"All of them, not only the {marks:,} marked." if marks else ""
        return Plan(action, scope, snapshot.dead, warning=warning)
