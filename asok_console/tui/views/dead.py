"""Dead letters: jobs that failed for good, one by one or by cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import ago, span
from asok_console.presentation.error_groups import by_count, filter_of
from asok_console.presentation.prose import exact
from asok_console.tui.catalog import actions, operations
from asok_console.tui.catalog.actions import Reach
from asok_console.tui.catalog.operations import OperatorAction
from asok_console.tui.catalog.plan import Plan
from asok_console.tui.data.scanner import Scan, Scanned
from asok_console.tui.data.search import Question
from asok_console.tui.views.shared.error_groups import ORDERS, ErrorGroupList, ErrorGroupScan
from asok_console.tui.views.shared.job_columns import (
    ARGUMENTS_COLUMN,
    ID_COLUMN,
    QUEUE_COLUMN,
    attempts_spent_cell,
    error_cell,
    task_cell,
)
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.filters import Filter
from asok_core.inspection.snapshot import Page, Row, Snapshot
from asok_core.jobs.states import Location

COUNTING = "The dead jobs are being counted …"
CHANGED = "The dead jobs have changed since they were counted: there may be fewer of these now."


class DeadView(JobListView):
    """All dead letters, the newest first; ``v`` groups them by cause."""

    NAME = "dead"
    LOCATION = Location.DEAD
    NEWEST_FIRST = True
    EMPTY = "No dead jobs."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Failed", 7, lambda row, now: ago(row.payload.failed_at, now), right=True),
        Column("Task", 22, task_cell, grow=1, most=40, tail=True),
        Column("Error", 30, error_cell, grow=4),
        ARGUMENTS_COLUMN,
        QUEUE_COLUMN,
        Column("Attempts", 8, attempts_spent_cell, rank=2),
        ID_COLUMN,
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *actions.bindings(actions.GROUPING),
        *actions.bindings(actions.SORTS),
        *actions.bindings(actions.EDITING),
        *operations.operations_of("dead"),
    ]

    grouped = False
    _former_grouped = False
    order = 0
    _counting: ErrorGroupScan | None = None
    _walk: Scan | None = None
    _drilled: Filter | None = None

    def __init__(self) -> None:
        super().__init__()
        self.causes = ErrorGroupList()
        self.causes.display = False

    def compose_body(self) -> ComposeResult:
        """The causes, hidden at first, and the letters."""
        yield self.causes
        yield from super().compose_body()

    def searched_location(self) -> str:
        """What a filter searches."""
        return "dead jobs"

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:  # noqa: ARG002
        """A window of the dead letters."""
        return reader.dead(start, count)

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the window, unless the jobs are grouped."""
        return None if self.grouped else super().page(reader, snapshot)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Read the window, or walk through all again when the letters changed."""
        if not self.grouped:
            super().show(snapshot, page)
            return
        scan = self._counting
        changed = scan is None or self._has_changed(scan, snapshot)
        if scan is None or (changed and (scan.rested or (scan.done and not scan.dead_jobs))):
            self._begin_scan(snapshot)
        elif scan.done:
            self._show_causes(scan, snapshot)
        self.refresh_heading()

    @staticmethod
    def _has_changed(scan: ErrorGroupScan, snapshot: Snapshot) -> bool:
        """Whether the dead jobs are others than those that were counted."""
        return (scan.head, scan.dead_jobs) != (snapshot.dead_head, snapshot.dead)

    def _show_causes(self, scan: ErrorGroupScan, snapshot: Snapshot) -> None:
        said = COUNTING if snapshot.dead else self.EMPTY
        self.causes.set_empty_text(scan.problem or said)
        self.causes.show_rows(scan.ranked(ORDERS[self.order]), snapshot.taken_at)

    def focus_list(self) -> None:
        """The list that is shown."""
        (self.causes if self.grouped else self.rows).focus()

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, marks, and how far back they go."""
        if self.grouped:
            return self._describe_causes()
        snapshot = self.console.snapshot
        back = ""
        if snapshot and snapshot.oldest_dead_at is not None and self.search is None:
            back = f"going back {span(snapshot.taken_at - snapshot.oldest_dead_at)}"
        return (
            ("Dead letters", "title"),
            (self.position(), ""),
            (self.marked(), "mark"),
            *self.searched(),
            (back, "dim"),
            ("✗ SECRET_KEY does not fit" if self.console.key_check.wrong else "", "bad"),
        )

    def _describe_causes(self) -> Sequence[tuple[str, str]]:
        scan, walk = self._counting, self._walk
        now = self.console.snapshot.dead if self.console.snapshot else 0
        parts = [("Dead letters by cause", "title")]
        if scan is not None and now and not scan.dead_jobs:
            # None was met so far; those that there are are being counted.
            parts.append(("counting …", "dim"))
        elif scan is not None:
            causes = len(scan.causes)
            parts.append((exact(causes, "cause"), ""))
            parts.append((f"{scan.dead_jobs:,} letters", ""))
            if scan.done and scan.dead_jobs != now:
                parts.append((f"now {now:,}", "warn"))
            parts.append((f"by {ORDERS[self.order]}", "dim"))
            if walk is not None and not scan.done:
                parts.append((f"scanned {walk.scanned:,} of {walk.total:,}", "dim"))
        return parts

    def action_edit(self) -> None:
        """Change the arguments of the letter under the cursor, then requeue it."""
        if self.rows.row is not None:
            self.console.with_whole(self.rows.row, self.console.acting.edit)

    def action_sort(self) -> None:
        """Sort the causes by the next order."""
        self.order = (self.order + 1) % len(ORDERS)
        snapshot, scan = self.console.snapshot, self._counting
        if snapshot is not None and scan is not None and scan.done:
            self._show_causes(scan, snapshot)
        self.refresh_heading()

    def action_group(self) -> None:
        """Group by cause, or list one by one."""
        self.grouped = not self.grouped
        if self.grouped and self.search is not None:
            self.narrow(None)
        self._turn()

    def visit(self, text: str) -> None:
        """Also where the causes are shown: the visit is to the jobs."""
        self._former_grouped, self.grouped = self.grouped, False
        self._turn()
        super().visit(text)

    def end_visit(self) -> None:
        """Show what was shown before the visit."""
        super().end_visit()
        self.grouped = self._former_grouped
        self._turn()

    def _turn(self) -> None:
        self.causes.display = self.grouped
        self.rows.display = not self.grouped
        self.focus_list()
        if self.console.snapshot is not None:
            self.show(self.console.snapshot)
        self.refresh_heading()

    def go_back(self) -> bool:
        """From the letters of a cause back to the causes; from the causes to the letters."""
        if self.grouped:
            self.action_group()
            return True
        drilled = self.search is not None and self.search.question.filter is self._drilled
        closed = super().go_back()
        if drilled:
            self.grouped = True
            self._turn()
        return closed

    @on(RowList.Opened)
    def _open_cause(self, event: RowList.Opened) -> None:
        cause = self.causes.row
        if event.rows is self.causes and cause is not None and not cause.is_rest:
            event.prevent_default()
            self.grouped = False
            self._drilled = filter_of(cause)
            self.narrow(self._drilled)
            self._turn()

    def search_again(self) -> None:
        """Ask the same again, and count the causes anew."""
        super().search_again()
        if self._counting is not None:
            self._counting.expire()

    def _begin_scan(self, snapshot: Snapshot) -> None:
        if self._walk is not None:
            self._walk.give_up()
        scan = ErrorGroupScan(snapshot.taken_at)
        scan.head = snapshot.dead_head
        if self._counting is None:
            self._counting = scan
        self._next = scan
        self._walk = self.console.scan(scan.take, location=Location.DEAD)

    def scanned(self, event: Scanned) -> None:
        """Show the causes that were found so far."""
        super().scanned(event)
        if event.scan is not self._walk:
            return
        if event.done or event.error:
            self._next.finish(event.scan.took)
            self._counting = self._next
        scan, snapshot = self._counting, self.console.snapshot
        # The scanning thread still adds to a survey that is not done.
        if scan is not None and scan.done and snapshot is not None:
            self._show_causes(scan, snapshot)
        self.refresh_heading()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Causes are neither marked nor copied, and only they are sorted."""
        if action == "sort":
            return self.grouped and self.causes.total > 1
        if action == "edit":
            row = self.rows.row
            # Of a large job it is not known from a list whether it can be read.
            readable = row is not None and (row.partial or row.payload.job is not None)
            return not self.grouped and not self.console.only_reads and readable
        if self.grouped and action in ("mark", "mark_visible", "copy_id", "copy_json", "filter"):
            return False
        return super().check_action(action, parameters)

    def plan(self, action: OperatorAction) -> Plan | None:
        """Also all that are shown, or all of the cause under the cursor."""
        if self.grouped:
            return self._plan_for_cause(action)
        snapshot = self.console.snapshot
        if self.reach_of(action) is not Reach.MATCHING or self.search is not None:
            return super().plan(action)
        if snapshot is None or not snapshot.dead:
            return None
        scope = Scope(
            action.location,
            before=snapshot.taken_at,
            limit=snapshot.dead,
            boundary=snapshot.dead_head,
        )
        marks = len(self.rows.cursor.marks)
        warning = f"All of them, not only the {marks:,} marked." if marks else ""
        return Plan(action.operation(), scope, snapshot.dead, warning=warning)

    def _plan_for_cause(self, action: OperatorAction) -> Plan | None:
        scan, cause, snapshot = self._counting, self.causes.row, self.console.snapshot
        if action.reach not in (Reach.MATCHING, Reach.SHOWN) or snapshot is None:
            return None
        if scan is None or not scan.done or cause is None or cause.is_rest:
            return None
        question = Question(filter_of(cause), snapshot.taken_at)
        scope = scan.end.scope(Location.DEAD, None, question, snapshot.taken_at, cause.count)
        hit = ", ".join(f"{task} ({cause.tasks[task]:,})" for task in by_count(cause.tasks)[:3])
        return Plan(
            action.operation(),
            scope,
            cause.count,
            (cause.cause, f"tasks: {hit}"),
            warning=CHANGED if self._has_changed(scan, snapshot) else "",
            queues=cause.queues,
        )
