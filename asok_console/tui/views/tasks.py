"""Tasks: what each of them did lately, how long it took, and its share of the time of workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compact import rate, sortable, spark
from asok_console.presentation.numbers import count, milliseconds, share, size
from asok_console.presentation.prose import plural
from asok_console.presentation.releases import marked_since
from asok_console.presentation.task_pages import RANGE_NAMES
from asok_console.presentation.text import safe
from asok_console.tui.catalog import actions
from asok_console.tui.data.trend import FAILURES_SEEN
from asok_console.tui.views.shared.named import NamedView
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.filters import word
from asok_core.inspection.release_comparison import Comparison, present_change
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import OTHER, RANGES, Figures, TaskRange, TaskRow, TaskTable
from asok_core.inspection.uncounted import uncounted_queues

NONE = "No task was counted in this range. Workers of this release count what they run."
SHOWN: Sequence[TaskRange] = tuple(RANGES.values())
READING, UNREAD = "Reading …", "Not known: Redis refuses it to this user."
PATIENCE, MORE_PATIENCE = 0.25, 0.5
"""Seconds for which tasks are read at first, and then at a time: of hundreds, two weeks take longer."""
BARS = 20
WORSE = "↑"
"""Before a figure that is worse since the present release, by more than chance explains."""


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task beside the table that it is a part of."""

    row: TaskRow
    table: TaskTable
    compared: Comparison | None = None
    """The task before the present release and since, where that is known."""

    @property
    def figures(self) -> Figures:
        """What it did."""
        return self.row.figures

    @property
    def key(self) -> str:
        """The name of the task."""
        return self.row.name


def _name(line: TaskLine, _now: float) -> Cell:
    if line.row.name != OTHER:
        return line.row.name
    others = f": {plural(line.table.others, 'more task')}" if line.table.others else ""
    return f"(other{others})", "dim"


def _failed(line: TaskLine, _now: float) -> Cell:
    part = line.figures.failure_rate
    if line.compared is not None and line.compared.fails_more:
        return f"{WORSE}{share(part)}", "bad"
    return share(part), "bad" if part and part >= FAILURES_SEEN else "dim"


def _rate(line: TaskLine, _now: float) -> Cell:
    return rate(line.table.per_second(line.figures.ended))


def _trend(line: TaskLine, _now: float) -> Cell:
    return spark(tuple(map(float, line.row.trend)), BARS), "calm"


def _run(part: float) -> Callable[[TaskLine, float], Cell]:
    return lambda line, _: milliseconds(line.figures.run_ms(part))


def _run_p95(line: TaskLine, _now: float) -> Cell:
    shown = milliseconds(line.figures.run_ms(0.95))
    if line.compared is not None and line.compared.is_slower:
        return f"{WORSE}{shown}", "bad"
    return shown


def _wait(part: float) -> Callable[[TaskLine, float], Cell]:
    return lambda line, _: (milliseconds(line.figures.wait_ms(part)), "dim")


def _size(line: TaskLine, _now: float) -> Cell:
    mean = line.figures.mean_size
    return size(None if mean is None else round(mean)), "dim"


COLUMNS: Sequence[Column[TaskLine]] = (
    Column("Task", 18, _name, grow=1, most=60, middle=True),
    Column("Ended", 8, lambda line, _: count(line.figures.ended), right=True, rank=3),
    Column("Per s", 5, _rate, right=True),
    Column("Fails", 5, _failed, right=True),
    Column("Run p50", 7, _run(0.5), right=True, rank=2),
    Column("Run p95", 7, _run_p95, right=True),
    Column("Wait p50", 8, _wait(0.5), right=True, rank=5),
    Column("Wait p95", 8, _wait(0.95), right=True, rank=1),
    Column("Time", 5, lambda line, _: share(line.table.share(line.row)), right=True),
    Column("Trend", BARS, _trend, rank=4),
    Column("Retried", 7, lambda line, _: (count(line.figures.retried), "dim"), right=True, rank=6),
    Column("Job size", 8, _size, right=True, rank=7),
)


ORDERS: dict[str, Callable[[TaskRow], float]] = {
    "share of time": lambda row: row.figures.run_us,
    "attempts": lambda row: row.figures.ended,
    "failure rate": lambda row: sortable(row.figures.failure_rate),
    "failures": lambda row: row.figures.failed,
    "run time p95": lambda row: sortable(row.figures.run_ms(0.95)),
    "wait p95": lambda row: sortable(row.figures.wait_ms(0.95)),
}
"""What tasks are sorted by, the largest first; where it is not known, last."""

SORTED_BY = {
    "Time": "share of time",
    "Fails": "failure rate",
    **dict.fromkeys(("Ended", "Per s"), "attempts"),
    **dict.fromkeys(("Run p50", "Run p95"), "run time p95"),
    **dict.fromkeys(("Wait p50", "Wait p95"), "wait p95"),
}
"""The order that a column's title stands for."""


class TaskList(RowList[TaskLine]):
    """The table of tasks."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda line: line.key, empty=READING)

    @property
    def is_on_task(self) -> bool:
        """Whether the cursor is on a task by itself."""
        return self.row is not None and self.row.row.name != OTHER

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a task by itself has a page."""
        if action == actions.OPEN.method:
            return self.is_on_task
        return super().check_action(action, parameters)


class TasksView(NamedView):
    """A row for each task that did anything in the range."""

    NAME = "tasks"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.FINDING),
        *actions.bindings(actions.TASK_RANGES),
        *actions.bindings(actions.OF_TASK),
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
            unread = UNREAD if self.console.status.refused else READING
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
            return (*head, ("not read" if self.console.status.refused else "reading …", "dim"))
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
