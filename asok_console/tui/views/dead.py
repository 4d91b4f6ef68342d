"""Dead: jobs that failed permanently, one by one or grouped by error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import ago, span
from asok_console.presentation.error_groups import by_count, filter_of
from asok_console.presentation.text import safe
from asok_console.tui.data.scanner import LocationScan, ScanProgress
from asok_console.tui.data.search import SearchQuery
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.composed import ComposedView
from asok_console.tui.views.shared.composition_list import DIMENSIONS, ERRORS, RUNS, Grouping
from asok_console.tui.views.shared.error_groups import ORDERS, ErrorGroupList, ErrorGroupScan
from asok_console.tui.views.shared.hold_rules import RuleSubject, rule_of_group
from asok_console.tui.views.shared.job_columns import (
    ARGUMENTS_COLUMN,
    ID_COLUMN,
    QUEUE_COLUMN,
    attempts_spent_cell,
    error_cell,
    task_cell,
)
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.notes import NoteSubject, on_error
from asok_core.inspection.phrases import counted
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location

COUNTING = "The dead jobs are being counted …"
CHANGED = "The dead jobs have changed since they were counted: there may be fewer of these now."


class DeadView(ComposedView):
    """All dead jobs, the newest first; ``v`` groups them by error, then ``b`` by something else."""

    NAME = "dead"
    LOCATION = Location.DEAD
    NEWEST_FIRST = True
    EMPTY = "No dead jobs."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Failed", 7, lambda row, now: ago(row.payload.failed_at, now), right=True),
        Column("Task", 22, task_cell, grow=1, most=40, tail=True),
        Column("Error", 20, error_cell, grow=8),
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

    GROUPINGS: ClassVar[Sequence[Grouping]] = (ERRORS, *DIMENSIONS, *RUNS)

    order = 0
    _counting: ErrorGroupScan | None = None
    """The scan that is shown."""
    _next: ErrorGroupScan | None = None
    """The latest scan, of which ``_walk`` is the thread."""
    _walk: LocationScan | None = None

    def __init__(self) -> None:
        super().__init__()
        self.groups = ErrorGroupList()
        self.groups.display = False

    def compose_body(self) -> ComposeResult:
        """The error groups, hidden at first, and the jobs."""
        yield self.groups
        yield from super().compose_body()

    def searched_location(self) -> str:
        """What a filter searches."""
        return "dead jobs"

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:  # noqa: ARG002
        """A window of the dead jobs."""
        return reader.dead(start, count)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show the window, or count the groups again when the dead jobs changed."""
        if not self.shows_errors:
            super().show(snapshot, page)
            return
        scan = self._counting
        if scan is None or (not self._is_scanning and self._is_due(scan, snapshot)):
            self._begin_scan(snapshot)
        elif scan.done:
            self._show_groups(scan, snapshot)
        self.refresh_heading()

    @property
    def _is_scanning(self) -> bool:
        """Whether a scan is under way. It may take longer than many refreshes."""
        return self._next is not None and not self._next.done

    def _is_due(self, scan: ErrorGroupScan, snapshot: Snapshot) -> bool:
        """Whether the dead jobs have changed since a scan, and it was long enough ago."""
        none_found = scan.done and not scan.dead_jobs
        return self._has_changed(scan, snapshot) and (scan.rested or none_found)

    @staticmethod
    def _has_changed(scan: ErrorGroupScan, snapshot: Snapshot) -> bool:
        """Whether the dead jobs are others than those that were counted."""
        return (scan.head, scan.dead_jobs) != (snapshot.dead_head, snapshot.dead)

    def _show_groups(self, scan: ErrorGroupScan, snapshot: Snapshot) -> None:
        said = COUNTING if snapshot.dead else self.EMPTY
        self.groups.set_empty_text(safe(scan.error, 200) or scan.problem or said)
        ranked = scan.ranked(ORDERS[self.order])
        for group in ranked:
            group.noted = snapshot.notes.on(on_error(group.key)) is not None
        self.groups.show_rows(ranked, snapshot.taken_at)

    @property
    def shows_errors(self) -> bool:
        """Whether the jobs are grouped by error."""
        return self.by == ERRORS

    @property
    def shown_list(self) -> RowList[Any]:
        """The list that is shown."""
        return self.groups if self.shows_errors else super().shown_list

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, marks, and how far back they go."""
        if self.shows_errors:
            return self._describe_groups()
        if self.by is not None:
            return self.describe_composition("Dead jobs")
        snapshot = self.console.snapshot
        back = ""
        if snapshot and snapshot.oldest_dead_at is not None and self.search is None:
            back = f"oldest {span(snapshot.taken_at - snapshot.oldest_dead_at)} ago"
        return (
            ("Dead jobs", "title"),
            (self.position(), ""),
            (self.marked(), "mark"),
            *self.searched(),
            (back, "dim"),
            ("✗ SECRET_KEY does not match" if self.console.state.key_check.wrong else "", "bad"),
        )

    def _describe_groups(self) -> Sequence[tuple[str, str]]:
        scan, walk = self._counting, self._walk
        now = self.console.snapshot.dead if self.console.snapshot else 0
        parts = [("Dead jobs by error", "title")]
        if scan is not None and now and not scan.dead_jobs and not scan.error:
            # None was found so far; the present ones are being counted.
            parts.append(("counting …", "dim"))
        elif scan is not None:
            groups = len(scan.groups)
            parts.append((counted(groups, "error group"), ""))
            parts.append((counted(scan.dead_jobs, "job"), ""))
            if scan.error:
                parts.append((f"⚠ not all were counted: {safe(scan.error, 200)}", "warn"))
            elif scan.done and scan.dead_jobs != now:
                parts.append((f"now {now:,}", "warn"))
            parts.append((f"by {ORDERS[self.order]}", "dim"))
            if walk is not None and not scan.done:
                parts.append((f"scanned {walk.scanned:,} of {walk.total:,}", "dim"))
        return parts

    def editable(self) -> Row | None:
        """The job under the cursor, unless it is known to be unreadable."""
        row = self.rows.row
        # Of a large job it is not known from a list whether it can be read.
        readable = row is not None and (row.partial or row.payload.job is not None)
        return row if readable and self.shown_list is self.rows else None

    def action_sort(self) -> None:
        """Sort the groups by the next order."""
        self.order = (self.order + 1) % len(ORDERS)
        snapshot, scan = self.console.snapshot, self._counting
        if snapshot is not None and scan is not None and scan.done:
            self._show_groups(scan, snapshot)
        self.refresh_heading()

    def action_group(self) -> None:
        """Group by error, or list one by one."""
        self.action_compose()

    @on(RowList.Opened)
    def _open_group(self, event: RowList.Opened) -> None:
        group = self.groups.row
        if event.rows is self.groups and group is not None and not group.is_rest:
            event.prevent_default()
            self.list_jobs(filter_of(group), ERRORS)

    def search_again(self) -> None:
        """Repeat the search, and count the groups again."""
        super().search_again()
        if self._counting is None:
            return
        self._counting.expire()
        if self._next is not self._counting and self._walk is not None:
            # It began before what has changed.
            self._walk.give_up()
            self._next = None

    def _begin_scan(self, snapshot: Snapshot) -> None:
        if self._walk is not None:
            self._walk.give_up()
        scan = ErrorGroupScan(snapshot.taken_at)
        scan.head = snapshot.dead_head
        if self._counting is None:
            self._counting = scan
        self._next = scan
        self._walk = self.console.scan(scan.take, location=Location.DEAD)

    def scanned(self, event: ScanProgress) -> None:
        """Show the groups that were found so far."""
        super().scanned(event)
        if event.scan is not self._walk:
            return
        if self._next is not None and (event.done or event.error):
            self._next.finish(event.scan.took, event.error)
            self._counting = self._next
        scan, snapshot = self._counting, self.console.snapshot
        # The scanning thread still adds to a scan that is not done.
        if scan is not None and scan.done and snapshot is not None:
            self._show_groups(scan, snapshot)
        self.refresh_heading()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only error groups are sorted."""
        if action == actions.SORT.method:
            return self.shows_errors and self.groups.total > 1
        return super().check_action(action, parameters)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Also all that are shown, or all of the group under the cursor."""
        if self.shows_errors:
            return self._plan_for_group(action)
        snapshot = self.console.snapshot
        if self.key_scope_of(action) is not KeyScope.MATCHING or self.shows_some:
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
        return OperationPlan(action.operation(), scope, snapshot.dead, warning=warning)

    def noted(self) -> NoteSubject | None:
        """The error group under the cursor, or the job."""
        if not self.shows_errors:
            return super().noted()
        group = self.groups.row
        return None if group is None or group.is_rest else on_error(group.error)

    def rule_subject(self) -> RuleSubject | None:
        """The most frequent task of the error group under the cursor, or that of the job."""
        return rule_of_group(self.groups.row) if self.shows_errors else super().rule_subject()

    def missing(self) -> str:
        """The group of all other errors has no error of its own."""
        return self.groups.missing if self.shows_errors else ""

    def _plan_for_group(self, action: OperatorAction) -> OperationPlan | None:
        scan, group, snapshot = self._counting, self.groups.row, self.console.snapshot
        if action.key_scope not in (KeyScope.MATCHING, KeyScope.SHOWN) or snapshot is None:
            return None
        # After an error, how many there are is not known.
        if scan is None or not scan.done or scan.error or group is None or group.is_rest:
            return None
        query = SearchQuery(filter_of(group), snapshot.taken_at)
        scope = scan.end.scope(Location.DEAD, None, query, snapshot.taken_at, group.count)
        hit = ", ".join(f"{task} ({group.tasks[task]:,})" for task in by_count(group.tasks)[:3])
        return OperationPlan(
            action.operation(),
            scope,
            group.count,
            (group.error, f"tasks: {hit}"),
            warning=CHANGED if self._has_changed(scan, snapshot) else "",
            queues=group.queues,
        )
