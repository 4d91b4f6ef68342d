"""Activity: the operations of all operators, what changed beside them, and what can still be undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import ago, span
from asok_console.presentation.numbers import count
from asok_console.tui.data.activities import ActivityEntry, merged
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.named import NamedView
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.audit import SWITCHES, Activities, Activity
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.catalog.trash import EmptyTrash, RestoreTrash

SHOWN = 200
"""Operations that are listed."""
EMPTY = "No operations and no events yet."
EXAMPLES = 3
"""Operations that a confirmation names."""


def _action(entry: ActivityEntry, _now: float) -> Cell:
    if entry.event is None:
        return entry.action
    return entry.action, "bad" if entry.event.is_bad else "calm"


def _jobs(entry: ActivityEntry, _now: float) -> Cell:
    activity = entry.operation
    if activity is None:
        return entry.event.fields.get("returned", "") if entry.event else ""
    return count(activity.applied) if is_of_jobs(activity) else ""


def is_of_jobs(activity: Activity) -> bool:
    """Whether what it did is counted in jobs."""
    # An undo is shown with what it undid, and not with its location.
    return activity.action == RestoreTrash.audit_name() or (
        bool(activity.location) and activity.action not in SWITCHES
    )


def _left_out(entry: ActivityEntry, _now: float) -> Cell:
    activity = entry.operation
    if activity is None:
        return ""
    parts = [
        *(f"{number:,} {reason}" for reason, number in activity.skipped.items()),
        *(f"{number:,} refused: {reason}" for reason, number in activity.refused.items()),
    ]
    return ", ".join(parts), "warn"


def state_of(entry: ActivityEntry) -> tuple[str, str]:
    """Glyph and word for how it ended, and their tone."""
    activity = entry.operation
    if activity is None:
        return ("⚠ event", "warn") if entry.event and entry.event.is_bad else ("◆ event", "dim")
    left_out = any(activity.skipped.values()) or any(activity.refused.values())
    if activity.state == "done" and (left_out or (is_of_jobs(activity) and not activity.applied)):
        # A narrow screen has no room for the reason.
        return ("⚠ partly" if activity.applied else "⚠ none"), "warn"
    return _STATES.get(activity.state, (activity.state, "warn"))


def _undo(entry: ActivityEntry, now: float) -> Cell:
    activity = entry.operation
    if activity is None:
        return ""
    left = activity.undo_left(now)
    if activity.trash_problem:
        return "⚠ no list", "warn"
    if left:
        return f"z, {span(left)}", "info"
    return ("in trash", "dim") if activity.in_trash else ("", "dim")


_STATES = {
    "done": ("✓ done", "good"),
    "cancelled": ("⊘ stopped", "warn"),
    "failed": ("✗ failed", "bad"),
    "running": ("▶ unfinished", "warn"),
}


class ActivityList(RowList[ActivityEntry]):
    """The list of operations and events."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]


class ActivityView(NamedView):
    """The audit of operators and the events, the newest first."""

    NAME = "activity"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.FINDING),
        *operations.operations_of("activity"),
    ]
    COLUMNS: ClassVar[Sequence[Column[ActivityEntry]]] = (
        Column("Ago", 7, lambda each, now: ago(each.at, now), right=True),
        Column("Action", 9, _action),
        Column("Jobs", 7, _jobs, right=True),
        Column("State", 12, lambda each, _: state_of(each)),
        Column("Undo", 9, _undo),
        Column("What", 18, lambda each, _: (each.what, "dim"), grow=8, most=90, middle=True),
        Column("Left out", 14, _left_out, grow=2, most=60, rank=1),
        Column("Who", 12, lambda each, _: (each.who, "dim"), grow=1, most=30, rank=2),
    )
    ORDERS = ("time",)
    order = "time"

    def __init__(self) -> None:
        super().__init__()
        self._audit = Activities()
        self._entries: tuple[ActivityEntry, ...] = ()

    def compose_body(self) -> ComposeResult:
        """The list, and the line for a filter."""
        yield ActivityList(self.COLUMNS, lambda entry: entry.key, empty=EMPTY)
        yield self.filter_bar()

    def page(self, reader: Reader, snapshot: Snapshot) -> object:  # noqa: ARG002 - not part of it
        """Read the audit. The events are in the snapshot."""
        return reader.activity(SHOWN)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show audit and events, or ask for the audit where it was not read yet."""
        if page is None:
            self.console.poller.ask(
                self.NAME, lambda reader: self.page(reader, snapshot), self._loaded
            )
        else:
            self._loaded(page)
        self.refresh_heading()

    def _loaded(self, answer: object) -> None:
        self._audit = cast("Activities", answer)
        snapshot = self.console.snapshot
        self._entries = merged(self._audit, snapshot.events if snapshot else ())
        self.list_again()

    def list_again(self) -> None:
        """Show the entries that the filter lets through."""
        for rows in self.query(ActivityList):
            nothing = self._audit.problem or EMPTY
            if self._entries:
                nothing = f"None of {len(self._entries):,} entries matches. {self.way_out}."
            rows.set_empty_text(nothing)
            rows.show_rows(
                [each for each in self._entries if self._is_meant(each)], self.console.now
            )
            self.refresh_heading()

    def _is_meant(self, entry: ActivityEntry) -> bool:
        return self.is_meant((entry.action, entry.what, entry.who), entry.queues)

    def describe(self) -> Sequence[tuple[str, str]]:
        """What can be undone."""
        rows = self.query_one(ActivityList)
        operations_shown = [each.operation for each in rows.window.loaded if each.operation]
        undoable = sum(bool(each.undo_left(rows.now)) for each in operations_shown)
        row = rows.row.operation if rows.row else None
        # Where there are events, the list is not empty, and has no line that names it.
        unread = self._audit.problem if self._entries else ""
        return (
            ("Activity", "title"),
            *self.narrowed(rows.total, len(self._entries)),
            (f"⚠ {unread}" if unread else "", "warn"),
            (f"{undoable:,} can be undone" if undoable else "", "info"),
            (f"⚠ {row.trash_problem}" if row and row.trash_problem else "", "warn"),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is one order."""
        return False if action == actions.SORT.method else super().check_action(action, parameters)

    @on(RowList.Opened)
    def _open(self) -> None:
        row = self.query_one(ActivityList).row
        if row is not None:
            self.console.show_entry(row, self._current)

    def _current(self, entry: ActivityEntry) -> ActivityEntry:
        """The entry as it was read last; unchanged where it is not among the newest now."""
        return next((each for each in self._entries if each.key == entry.key), entry)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Delete the trash of the operation under the cursor, or of all operations that are listed."""
        rows = self.query_one(ActivityList)
        listed = action.key_scope is KeyScope.LISTED_TRASH
        chosen = rows.window.loaded if listed else filter(None, (rows.row,))
        trashed = [each.operation for each in chosen if each.operation and each.operation.in_trash]
        if action.operation is not EmptyTrash or not trashed:
            return None
        examples = [f"{each.action} {each.target}" for each in trashed[:EXAMPLES]]
        if len(trashed) > EXAMPLES:
            examples.append(f"and {len(trashed) - EXAMPLES:,} more operations")
        ids = frozenset(each.operation for each in trashed)
        count = sum(each.in_trash for each in trashed)
        return OperationPlan(
            action.operation(), Scope(Location.TRASH, ids=ids), count, tuple(examples)
        )

    def undo(self, last: Activity | None) -> Activity | None:  # noqa: ARG002 - the cursor says which
        """The operation under the cursor."""
        row = self.query_one(ActivityList).row
        return row.operation if row else None
