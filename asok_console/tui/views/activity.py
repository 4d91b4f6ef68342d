"""Activity: the operations of all operators, and which can still be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import ago, span
from asok_console.presentation.numbers import count
from asok_console.tui.catalog import actions, operations
from asok_console.tui.catalog.actions import Reach
from asok_console.tui.catalog.operations import OperatorAction
from asok_console.tui.catalog.plan import Plan
from asok_console.tui.views.shared.base import View
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.audit import SWITCHES, Activities, Activity
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.catalog.trash import EmptyTrash, RestoreTrash

SHOWN = 200
"""Operations that are listed."""
EMPTY = "No operations yet."
EXAMPLES = 3
"""Operations that a confirmation names."""


def _jobs(activity: Activity, _now: float) -> Cell:
    return count(activity.applied) if _is_of_jobs(activity) else ""


def _is_of_jobs(activity: Activity) -> bool:
    # An undo is shown with what it undid, and not with its location.
    return activity.action == RestoreTrash.audit_name() or (
        bool(activity.location) and activity.action not in SWITCHES
    )


def _left_out(activity: Activity, _now: float) -> Cell:
    parts = [
        *(f"{number:,} {reason}" for reason, number in activity.skipped.items()),
        *(f"{number:,} refused: {reason}" for reason, number in activity.refused.items()),
    ]
    return ", ".join(parts), "warn"


def _state(activity: Activity, _now: float) -> Cell:
    left_out = any(activity.skipped.values()) or any(activity.refused.values())
    if activity.state == "done" and (left_out or (_is_of_jobs(activity) and not activity.applied)):
        # A narrow screen has no room for the reason.
        return ("⚠ partly" if activity.applied else "⚠ none"), "warn"
    return _STATES.get(activity.state, (activity.state, "warn"))


def _undo(activity: Activity, now: float) -> Cell:
    left = activity.undo_left(now)
    if activity.trash_problem:
        return "⚠ no list", "warn"
    if left:
        return f"z, {span(left)}", "info"
    return ("in trash", "dim") if activity.in_trash else ("", "dim")


def _resolved(activity: Activity, known: Mapping[str, Activity]) -> Activity:
    """An undo names what it undid, not only its id."""
    undone = known.get(activity.words) if activity.action == RestoreTrash.audit_name() else None
    if undone is None:
        return activity
    return replace(activity, location="", queue="", words=f"{undone.action} of {undone.target}")


_STATES = {
    "done": ("✓ done", "good"),
    "cancelled": ("⊘ stopped", "warn"),
    "failed": ("✗ failed", "bad"),
    "running": ("▶ unfinished", "warn"),
}


class ActivityList(RowList[Activity]):
    """The list of actions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(move for move in actions.MOVES if move is not actions.OPEN)
    ]


class ActivityView(View):
    """The audit of operator actions, the newest first."""

    NAME = "activity"
    BINDINGS: ClassVar[list[BindingType]] = [*operations.operations_of("activity")]
    COLUMNS: ClassVar[Sequence[Column[Activity]]] = (
        Column("Ago", 7, lambda a, now: ago(a.at, now), right=True),
        Column("Action", 9, lambda a, _: a.action),
        Column("Jobs", 7, _jobs, right=True),
        Column("State", 12, _state),
        Column("Undo", 9, _undo),
        Column("What", 18, lambda each, _: (each.target, "dim"), grow=5, most=90, middle=True),
        Column("Left out", 18, _left_out, grow=2, most=60, rank=1),
        Column("Who", 12, lambda a, _: (a.who, "dim"), grow=1, most=30, rank=2),
    )

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield ActivityList(
            self.COLUMNS,
            lambda activity: activity.operation,
            empty=EMPTY,
        )

    def page(self, reader: Reader, snapshot: Snapshot) -> object:  # noqa: ARG002 - not part of it
        """Read the audit."""
        return reader.activity(SHOWN)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show the audit, or ask for it where it was not read yet."""
        if page is None:
            self.console.poller.ask(
                self.NAME, lambda reader: self.page(reader, snapshot), self._loaded
            )
        else:
            self._loaded(page)
        self.refresh_heading()

    def _loaded(self, answer: object) -> None:
        entries = cast("Activities", answer)
        known = {each.operation: each for each in entries}
        resolved = tuple(_resolved(each, known) for each in entries)
        for rows in self.query(ActivityList):
            rows.set_empty_text(entries.problem or EMPTY)
            rows.show_rows(resolved, self.console.now)
            self.refresh_heading()

    def describe(self) -> Sequence[tuple[str, str]]:
        """What can be undone."""
        rows = self.query_one(ActivityList)
        undoable = sum(bool(a.undo_left(rows.now)) for a in rows.window.loaded)
        return (
            ("Operations", "title"),
            (f"{undoable:,} can be undone" if undoable else "", "info"),
            (f"⚠ {rows.row.trash_problem}" if rows.row and rows.row.trash_problem else "", "warn"),
        )

    def plan(self, action: OperatorAction) -> Plan | None:
        """Delete the trash of the action under the cursor, or of all actions that are listed."""
        rows = self.query_one(ActivityList)
        chosen = (
            rows.window.loaded if action.reach is Reach.LISTED_TRASH else filter(None, (rows.row,))
        )
        trashed = [each for each in chosen if each.in_trash]
        if action.operation is not EmptyTrash or not trashed:
            return None
        examples = [f"{each.action} {each.target}" for each in trashed[:EXAMPLES]]
        if len(trashed) > EXAMPLES:
            examples.append(f"and {len(trashed) - EXAMPLES:,} more operations")
        ids = frozenset(each.operation for each in trashed)
        count = sum(each.in_trash for each in trashed)
        return Plan(action.operation(), Scope(Location.TRASH, ids=ids), count, tuple(examples))

    def undo(self, last: Activity | None) -> Activity | None:  # noqa: ARG002 - the cursor says which
        """The action under the cursor."""
        return self.query_one(ActivityList).row
