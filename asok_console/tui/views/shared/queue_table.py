"""The table of queues: a line each, and one for all of them together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.compact import ago, rate, spark
from asok_console.presentation.notes import MARK
from asok_console.presentation.numbers import count, milliseconds, share
from asok_console.tui.data.trend import FAILURES_SEEN, WIDEST, Trend, total_trend, trend
from asok_console.tui.keys import actions
from asok_console.tui.views.shared.all_queues import total
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.notes import on_queue
from asok_core.inspection.queues import ALL, QueueStats
from asok_core.inspection.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class QueueLine:
    """A queue, or the sum of all."""

    queue: QueueStats
    trend: Trend
    whole: bool = False
    noted: bool = False
    """Whether an operator wrote a note on it."""
    held: int = 0
    """Its jobs that holds keep from starting."""

    @property
    def key(self) -> str:
        """The queue's name; the sum has a key that no queue can have."""
        return "" if self.whole else f"={self.queue.name}"


def _name(line: QueueLine, _now: float) -> Cell:
    if line.whole:
        return ALL, "title"
    # A name that is too long loses its middle: the mark stays.
    return f"{line.queue.name} {MARK}" if line.noted else line.queue.name


def _pending(line: QueueLine, _now: float) -> Cell:
    return count(line.queue.pending), "" if line.queue.pending else "dim"


def _failed(line: QueueLine, _now: float) -> Cell:
    part = line.queue.failure_rate
    return share(part), "bad" if part and part >= FAILURES_SEEN else "dim"


def _rate(figure: float) -> Cell:
    return rate(figure), "" if figure else "dim"


def _slowest(p95: float | None) -> Cell:
    return milliseconds(p95), "dim"


def _spark(line: QueueLine, _now: float) -> Cell:
    done = [b.ended for b in line.queue.recent[:-1]]
    return spark([float(n) for n in done], 15), "calm"


def _workers(line: QueueLine, _now: float) -> Cell:
    if line.queue.consumers:
        return str(line.queue.consumers)
    if not line.trend.certain:
        return "–", "warn" if line.queue.pending else "dim"
    return "none", "bad" if line.queue.pending else "dim"


def _trend(line: QueueLine, _now: float) -> Cell:
    if line.held and line.trend.tone not in ("bad", "warn"):
        # Where nothing is wrong besides.
        return f"‖ {count(line.held)} held", "warn"
    return line.trend.words, line.trend.tone


NAME_COLUMN = Column("Queue", 12, _name, grow=1, most=60, middle=True)
WORKERS_COLUMN = Column("Workers", 7, _workers, right=True, rank=5)
TREND_COLUMN = Column("Trend", WIDEST, _trend)

COLUMNS: Sequence[Column[QueueLine]] = (
    NAME_COLUMN,
    Column("Pending", 7, _pending, right=True),
    Column(
        "Oldest", 6, lambda line, now: (ago(line.queue.oldest_at, now), "dim"), right=True, rank=1
    ),
    Column("In/s", 5, lambda line, _: _rate(line.queue.enqueued_per_s), right=True, rank=4),
    Column("Done/s", 6, lambda line, _: _rate(line.queue.completed_per_s), right=True, rank=3),
    Column("Fails", 5, _failed, right=True, rank=2),
    Column("Running", 7, lambda line, _: count(line.queue.running), right=True, rank=5),
    WORKERS_COLUMN,
    Column("Slots", 5, lambda line, _: (count(line.queue.slots), "dim"), right=True, rank=7),
    Column(
        "Wait", 7, lambda line, _: (milliseconds(line.queue.wait_ms), "dim"), right=True, rank=8
    ),
    Column("Run", 7, lambda line, _: (milliseconds(line.queue.run_ms), "dim"), right=True, rank=8),
    Column("Wait p95", 8, lambda line, _: _slowest(line.queue.wait_p95_ms), right=True, rank=9),
    Column("Run p95", 7, lambda line, _: _slowest(line.queue.run_p95_ms), right=True, rank=9),
    Column("Last 5 min", 15, _spark, rank=6),
    TREND_COLUMN,
)


ORDERS: dict[str, Callable[[QueueStats], tuple[float, str]]] = {
    "name": lambda queue: (0.0, queue.name),
    "pending": lambda queue: (-queue.pending, queue.name),
    "age of the oldest": lambda queue: (queue.oldest_at or math.inf, queue.name),
    "failures": lambda queue: (-(queue.failure_rate or 0.0), queue.name),
    "traffic": lambda queue: (-queue.enqueued_per_s - queue.completed_per_s, queue.name),
}
"""What the queues can be sorted by."""


SORTED_BY = {
    "Queue": "name",
    "Pending": "pending",
    "Oldest": "age of the oldest",
    "Fails": "failures",
    "In/s": "traffic",
    "Done/s": "traffic",
}
"""The order that a column's title stands for."""


def lines_of(snapshot: Snapshot, order: str) -> list[QueueLine]:
    """A line for each queue in one of the ``ORDERS``, under one for all where there are several."""
    queues, now, known = snapshot.queues, snapshot.taken_at, snapshot.knows_serving
    lines = [
        QueueLine(
            queue,
            trend(queue, now, knows_serving=known),
            noted=snapshot.notes.on(on_queue(queue.name)) is not None,
            held=snapshot.held_of(queue.name),
        )
        for queue in sorted(queues, key=ORDERS[order])
    ]
    if len(lines) > 1:
        everything = total(queues, snapshot.workers, now)
        lines.insert(
            0,
            QueueLine(
                everything, total_trend((line.queue, line.trend) for line in lines), whole=True
            ),
        )
    return lines


class QueueList(RowList[QueueLine]):
    """The table of queues, as high as it needs to be."""

    DEFAULT_CSS = "QueueList { height: auto; max-height: 50%; min-height: 3; }"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(
            COLUMNS, lambda line: line.key, empty="No queue yet. The first job makes its queue."
        )
