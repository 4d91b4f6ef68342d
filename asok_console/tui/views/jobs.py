"""Jobs: what runs now, longest first, then what finished lately, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.binding import BindingType

from asok_console.presentation.compact import ago, span
from asok_console.presentation.numbers import duration
from asok_console.presentation.progress import progress_cell
from asok_console.tui.data.search import Search
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.job_columns import (
    ID_COLUMN,
    QUEUE_COLUMN,
    arguments_cell,
    job_id,
    row_status,
    status_cell,
    task_cell,
    task_text,
)
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.views.shared.running_jobs import has_stack, plan_to_cancel
from asok_console.tui.widgets.columns import Cell, Column
from asok_core.backends.roles import Reader, Scope
from asok_core.clock import elapsed
from asok_core.inspection.rows import Page, Row, running_rows
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.tracebacks import last_line
from asok_core.jobs.states import Location, Status
from asok_core.operations.catalog.dead_jobs import RequeueDead
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.everywhere import completed
from asok_core.operations.search import with_progress

SEARCHED = 1000
"""Jobs among which a filter looks."""


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


def _status_cell(row: Row, _now: float) -> Cell:
    if row.no_heartbeat_for is not None:
        # Whether it still runs is not known.
        return f"⚠ {row_status(row)}?", "warn"
    return status_cell(row_status(row))


def _took_cell(row: Row, now: float) -> Cell:
    if row.location is Location.ACTIVE:
        return (span(elapsed(row.at, now)), "info") if row.at is not None else ""
    record = row.record
    if record is None or record.started_at is None or record.finished_at is None:
        return ""
    return duration(elapsed(record.started_at, record.finished_at))


def _when_cell(row: Row, now: float) -> Cell:
    return "" if row.location is Location.ACTIVE else ago(row.at, now)


def _outcome_cell(row: Row, _now: float) -> Cell:
    if row.no_heartbeat_for is not None:
        return f"no heartbeat of its worker for {span(row.no_heartbeat_for)}", "warn"
    if row.progress is not None:
        return progress_cell(row.progress), "info"
    record = row.record
    if record is None or row.location is Location.ACTIVE:
        # There is none yet: what it works on is of more use than nothing.
        return arguments_cell(row, _now)
    if record.error:
        return last_line(record.error), "bad"
    if record.result_error:
        return record.result_error, "warn"
    return (record.result or "", "dim") if record.result not in (None, "null") else ""


def _worker_cell(row: Row, _now: float) -> Cell:
    return row.worker or (row.record.worker if row.record else None) or "", "dim"


class JobsView(JobListView):
    """Running and recently finished jobs."""

    NAME = "jobs"
    SHOWS_RUNNING = True
    LOCATION = Location.FINISHED
    EMPTY = "No running or recently finished jobs."
    COLUMNS: ClassVar[Sequence[Column[Row]]] = (
        Column("Status", 11, _status_cell),
        Column("Task", 22, task_cell, grow=1, most=40, tail=True),
        Column("Took", 7, _took_cell, right=True),
        Column("Ended", 7, _when_cell, right=True),
        Column("Outcome, args", 18, _outcome_cell, grow=8, most=80, rank=1),
        QUEUE_COLUMN,
        Column("Worker", 12, _worker_cell, grow=1, most=40, rank=4, middle=True, wide=32),
        ID_COLUMN,
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.STACK),
        *operations.operations_of("jobs"),
    ]

    def searched_location(self) -> str:
        """What a filter searches."""
        return "running or recently finished jobs"

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:
        """A window over both: the running ones first."""
        running = list(running_rows(snapshot))
        held = running[start : start + count]
        past = reader.recent(max(start - len(running), 0), count - len(held))
        held, ended = _in_one_state(held, past.rows)
        ahead = len(running) - (len(running[start : start + count]) - len(held))
        total = past.total - (len(past.rows) - len(ended)) + ahead
        rows = [*with_progress(reader, held), *ended]
        return Page(
            min(start, max(total, 0)),
            total,
            tuple(replace(row, position=start + at) for at, row in enumerate(rows)),
            past.problem,
        )

    def walk(self, search: Search) -> None:
        """Look through what runs and what is remembered of what finished."""

        def read_page(reader: Reader) -> Page:
            snapshot = self.console.snapshot
            page = self.read(reader, snapshot, 0, SEARCHED) if snapshot else Page(0, 0)
            if not search.query.filter.reads_arguments:
                return page
            return page._replace(rows=tuple(completed(reader, row) for row in page.rows))

        def found(answer: object) -> None:
            if self._filling is search and self.is_attached:
                search.take(cast("Page", answer))
                self.walked(search)
                self.refresh_heading()

        self.console.poller.ask(self.NAME, read_page, found)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """A failed job may be dead, and can then be requeued; a running one can be cancelled."""
        row = self.rows.row
        if action.operation is StopRunningJobs:
            return plan_to_cancel(self.console, row)
        failed = row is not None and row.record is not None and row.record.status == Status.FAILED
        if row is None or not failed or action.operation is not RequeueDead:
            return None
        scope = Scope(Location.DEAD, ids=frozenset((job_id(row),)))
        return OperationPlan(action.operation(), scope, 1, (task_text(row),))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer a stack only of a running job, and where something may be written."""
        if action == actions.SHOW_STACK.method:
            return has_stack(self.console, self.rows.row)
        return super().check_action(action, parameters)

    def action_stack(self) -> None:
        """Show where the code of the running job is."""
        row = self.rows.row
        if row is not None:
            self.console.show_stack(row)

    def describe(self) -> Sequence[tuple[str, str]]:
        """Position, and how many run."""
        snapshot = self.console.snapshot
        return (
            ("Running and recent jobs", "title"),
            (self.position(), ""),
            (f"▶ {snapshot.running:,} running" if snapshot else "", "info"),
            (f"{snapshot.claimed:,} claimed" if snapshot and snapshot.claimed > 0 else "", "dim"),
            (
                f"⚠ {self._problem}"
                if self._problem and self.rows.total and not self.search
                else "",
                "warn",
            ),
            *self.searched(),
        )


def _in_one_state(held: Sequence[Row], ended: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Leave out what the snapshot still has as held and the newer list as ended, or the reverse."""
    names = {job_id(row) for row in held}
    done = {job_id(row) for row in ended if row.record and row.record.status in ENDED}
    return (
        [row for row in held if job_id(row) not in done],
        [row for row in ended if job_id(row) not in names or job_id(row) in done],
    )
