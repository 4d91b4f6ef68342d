"""The table of tasks: a line each, and one for those that are counted together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.compact import rate, sortable, spark
from asok_console.presentation.numbers import count, milliseconds, share, size
from asok_console.presentation.prose import plural
from asok_console.tui.data.trend import FAILURES_SEEN
from asok_console.tui.keys import actions
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.release_comparison import Comparison
from asok_core.inspection.task_figures import OTHER, Figures, TaskRow, TaskTable

READING = "Reading …"
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
