"""Tasks: what each of them did lately, how long it took, and its share of the time of workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.numbers import count
from asok_console.presentation.prose import plural
from asok_console.presentation.releases import marked_since
from asok_console.presentation.task_pages import RANGE_NAMES
from asok_console.presentation.text import safe
from asok_console.tui.keys import actions, operations
from asok_console.tui.views.shared.hold_rules import RuleSubject
from asok_console.tui.views.shared.named import NamedView
from asok_console.tui.views.shared.task_table import (
    ORDERS,
    READING,
    SORTED_BY,
    WORSE,
    TaskLine,
    TaskList,
)
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.filters import word
from asok_core.inspection.release_comparison import Comparison, present_change
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import RANGES, TaskRange, TaskTable
from asok_core.inspection.uncounted import uncounted_queues

NONE = "No task was counted in this range. Workers of this release count what they run."
SHOWN: Sequence[TaskRange] = tuple(RANGES.values())
UNREAD = "Not known: Redis refuses it to this user."
PATIENCE, MORE_PATIENCE = 0.25, 0.5
"""Seconds for which tasks are read at first, and then at a time: of hundreds, two weeks take longer."""


class TasksView(NamedView):
    """A row for each task that did anything in the range."""

    NAME = "tasks"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.FINDING),
        *actions.bindings(actions.TASK_RANGES),
        *actions.bindings(actions.OF_TASK),
        *operations.operations_of("tasks"),
    ]
    ORDERS = tuple(ORDERS)
    SORTED_BY = SORTED_BY
    order = "share of time"
    _range = _shown = 0
    _read: tuple[TaskRange, TaskTable] | None = None
    _compared: Mapping[str, Comparison] = MappingProxyType({})

    def compose_body(self) -> ComposeResult:
        """The list, and the line for a filter."""
        yield TaskList()
        yield self.filter_bar()

    @property
    def span(self) -> TaskRange:
        """The range that is shown."""
        return SHOWN[self._range]

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the tasks, and each before the present release. Runs on the poller's thread."""
        span, change = self.span, present_change(snapshot.events)
        table = reader.tasks(span, patience=PATIENCE)
        if table.unread:
            return span, table, self._compared
        return span, table, reader.task_comparisons(change) if change is not None else {}

    def show(self, snapshot: Snapshot, page: object = None) -> None:  # noqa: ARG002
        """List the tasks."""
        if isinstance(page, tuple):
            *read, self._compared = page
            self._take(*read)
        self.list_again()

    def _take(self, span: TaskRange, table: object) -> None:
        if isinstance(table, TaskTable):
            self._read = span, table
            if table.unread and span == self.span:
                self._read_more(MORE_PATIENCE)

    def _read_more(self, limit: float) -> None:
        span = self.span

        def take(answer: object) -> None:
            self._take(span, answer)
            self.list_again()

        self.console.poller.ask(self.NAME, lambda reader: reader.tasks(span, patience=limit), take)

    def list_again(self) -> None:
        """Show the tasks as they are filtered and sorted now."""
        rows = self.query_one(TaskList)
        table = self._table
        if table is None:
            unread = UNREAD if self.console.status.unread else READING
            if rows.empty != unread:
                rows.empty = unread
                rows.show_rows([], self.console.now)
            return
        found = [*table.rows, *((table.other,) if table.other else ())]
        meant = [row for row in found if self.is_meant((row.name,), ())]
        meant.sort(key=lambda row: (-ORDERS[self.order](row), row.name))
        self._shown = len(meant)
        none = f"No task matches. {self.way_out}." if found else NONE
        rows.empty = READING if table.unread else none
        lines = [TaskLine(row, table, self._compared.get(row.name)) for row in meant]
        rows.show_rows(lines, table.taken_at)
        self.refresh_heading()

    @property
    def _table(self) -> TaskTable | None:
        return self._read[1] if self._read and self._read[0] == self.span else None

    def describe(self) -> Sequence[tuple[str, str]]:
        """The range, and what all tasks did in it."""
        head = (("Tasks", "title"), (RANGE_NAMES[self.span.name], "dim"))
        table = self._table
        if table is None:
            return (*head, ("not read" if self.console.status.unread else "reading …", "dim"))
        if table.unread:
            return (*head, (f"reading … {plural(table.unread, 'more task')}", "dim"))
        every = [*table.rows, *((table.other,) if table.other else ())]
        failed = sum(row.figures.failed for row in every)
        return (
            *head,
            *self.narrowed(self._shown, len(every)),
            (f"{plural(sum(row.figures.ended for row in every), 'attempt')} ended", ""),
            (f"{count(failed)} failed" if failed else "", "warn"),
            (self._worse(table.taken_at), "bad"),
            (self._uncounted(), "warn"),
        )

    def _uncounted(self) -> str:
        snapshot = self.console.snapshot
        queues = uncounted_queues(snapshot) if snapshot is not None else ()
        if queues:
            return f"⚠ {plural(len(queues), 'queue')} not counted"
        return "⚠ framework not counted" if self.console.session.beside_framework else ""

    def _worse(self, now: float) -> str:
        """How many tasks are worse since the present release."""
        worse = [each for each in self._compared.values() if each.is_worse]
        then = marked_since(worse[0].change, self.console.snapshot, now) if worse else ""
        return f"{WORSE} {len(worse)} worse {safe(then, 120)}" if worse else ""

    def action_range(self, by: int) -> None:
        """Show another range."""
        self._range = (self._range + by) % len(SHOWN)
        rows = self.query_one(TaskList)
        rows.empty = READING
        rows.show_rows([], self.console.now)
        self.refresh_heading()
        self._read_more(PATIENCE)

    def action_of_task(self, view: str) -> None:
        """Show the jobs of the task under the cursor in another view."""
        line = self.query_one(TaskList).row
        if line is not None:
            self.console.visit(view, word("task", f"={line.row.name}"))

    def rule_subject(self) -> RuleSubject | None:
        """The task under the cursor."""
        rows = self.query_one(TaskList)
        return RuleSubject(rows.row.key) if rows.row is not None and rows.is_on_task else None

    @on(RowList.Opened)
    def _open(self) -> None:
        line = self.query_one(TaskList).row
        if line is not None:
            self.console.show_task(line.row.name, self.span)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a task by itself has jobs that a filter finds."""
        if action in (actions.DEAD_OF_TASK.method, actions.OPEN.method):
            return any(rows.is_on_task for rows in self.query(TaskList))
        return super().check_action(action, parameters)
