"""The table of workers: a line each, and under it one for each of its slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.calls import arguments_of
from asok_console.presentation.compact import ago, gauge, span
from asok_console.presentation.numbers import size
from asok_console.tui.data.alerts import stale
from asok_console.tui.data.slots import SlotRow, SlotUse
from asok_console.tui.keys import actions
from asok_console.tui.views.shared.job_columns import LONG_ID, SHORT_ID
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.clock import elapsed
from asok_core.inspection.shape_words import figures_words
from asok_core.inspection.workers import STATE_NOT_KNOWN, RunningJob, WorkerInfo

NONE = "No worker is alive. Start one: asok worker"

ORDERED, OVERRIDDEN = "→", "≠"
"""Before threads that are ordered and not in force yet, and before those that are configured instead."""

LONG = 300.0
"""Seconds after which a running job is pointed out."""


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker, or one of its slots."""

    worker: WorkerInfo
    slot: SlotRow | None = None
    last: bool = False
    """Whether it is the last slot of the worker."""
    known: bool = True
    """Whether its lease and its heartbeats can be compared with the clock of this Redis."""

    @property
    def job(self) -> RunningJob | None:
        """The job of the slot."""
        return self.slot.job if self.slot else None

    @property
    def key(self) -> str:
        """The worker's id, and the number of the slot."""
        return f"{self.worker.id}/{self.slot.number}" if self.slot else self.worker.id


def _mark(line: WorkerLine, now: float) -> Cell:
    if line.slot is not None:
        return "└" if line.last else "├", "grid"
    return _state(line, now)[0][0]


def _name_cell(line: WorkerLine, _now: float) -> Cell:
    if line.slot is None:
        return line.worker.id, "title"
    if line.job is None:
        return line.slot.use.value, "bad" if line.slot.use is SlotUse.MISSING else "dim"
    job = line.job.payload.job
    return job.task if job else "(unreadable)"


def _queues(line: WorkerLine, _now: float) -> Cell:
    if line.job is not None:
        return line.job.queue, "dim"
    if line.slot is not None:
        return ""
    worker, named = line.worker, ", ".join(line.worker.queues)
    if worker.configured is not None and worker.configured.queues != worker.queues:
        return f"{OVERRIDDEN} {named}", "info"
    return named, "dim"


def _details(line: WorkerLine, now: float) -> Cell:
    if line.job is not None:
        return arguments_of(line.job.payload), "dim"
    if line.slot is not None:
        return ""
    if not line.worker.trouble:
        return override_line(line.worker, now), "warn" if line.worker.is_reshaping else "info"
    return _reason(line, now), "bad"


def override_line(worker: WorkerInfo, now: float) -> str:
    """What is in force in place of what is configured, or ordered; who ordered it, and when."""
    words, by = figures_words(worker), ordered_by(worker, now)
    return f"{words} (by {by})" if words and by else words


def ordered_by(worker: WorkerInfo, now: float) -> str:
    """Who ordered its shape last, and when: ``ada@ops-1 4 min ago``; '' where that is not known."""
    if not worker.ordered_by or worker.ordered_at is None:
        return worker.ordered_by
    return f"{worker.ordered_by} {ago(worker.ordered_at, now)} ago"


def _reason(line: WorkerLine, now: float) -> str:
    """The trouble of a worker, without the condition where the column for the state has it."""
    worker = line.worker
    if not line.known or worker.state(now) != worker.condition:
        return worker.trouble
    reason = worker.trouble.removeprefix(worker.condition).removeprefix(":").strip()
    whole = reason.startswith("(") and reason.endswith(")") and reason.find(")") == len(reason) - 1
    return reason[1:-1] if whole else reason


def _busy(line: WorkerLine, now: float) -> Cell:
    worker = line.worker
    if line.job is not None:
        if line.job.started_at is None:
            return ""
        seconds = elapsed(line.job.started_at, now)
        if seconds is not None and seconds > LONG:
            return f"⚠ {span(seconds)}", "warn"
        return span(seconds), "info"
    if line.slot is not None:
        return ""
    used = f"{worker.running}/{worker.concurrency}"
    if (other := _other_concurrency(worker)) is not None:
        return f"{used} {other}", "warn" if worker.is_reshaping else "info"
    part = worker.running / worker.concurrency if worker.concurrency else 0
    return f"{gauge(part, 4)} {used}", "calm"


def _other_concurrency(worker: WorkerInfo) -> str | None:
    """How many threads are ordered, or else are configured, where these are others than it has."""
    now, ordered, configured = worker.in_force, worker.ordered, worker.configured
    if ordered is None or configured is None:
        return None
    if ordered.concurrency != now.concurrency:
        return f"{ORDERED}{ordered.concurrency * max(worker.processes, 1)}"
    if configured.concurrency != now.concurrency:
        return f"{OVERRIDDEN}{configured.concurrency * max(worker.processes, 1)}"
    return None


def _heartbeat(line: WorkerLine, now: float) -> Cell:
    worker = line.worker
    if line.slot is not None or worker.beat_at is None:
        return ""
    if not line.known:
        return STATE_NOT_KNOWN, "warn"
    shown = ago(worker.beat_at, now)
    return (f"⚠ {shown}", "bad") if stale(worker, now) else (shown, "good")


def _uptime_cell(worker: WorkerInfo, now: float) -> Cell:
    return ago(worker.started_at, now), "dim"


def _of_worker(cell: Callable[[WorkerInfo, float], Cell]) -> Callable[[WorkerLine, float], Cell]:
    """A cell that only the line of the worker has."""
    return lambda line, now: "" if line.slot is not None else cell(line.worker, now)


_STATES = {
    "offline": ("✗ offline", "bad"),
    "stalled": ("⚠ stalled", "bad"),
    "stopping": ("■ stopping", "warn"),
    "quiet": ("❙❙ quiet", "warn"),
    "quieting": ("❙ quieting", "warn"),
    "busy": ("● busy", "good"),
    "idle": ("● idle", "good"),
    "unreadable": ("✗ unreadable", "bad"),
    "crash-looping": ("✗ crash-looping", "bad"),
    "hanging": ("✗ hanging", "bad"),
    "not claiming": ("✗ not claiming", "bad"),
    "starting": ("○ starting", "calm"),
    STATE_NOT_KNOWN: (f"? {STATE_NOT_KNOWN}", "warn"),
}


def _state(line: WorkerLine, now: float) -> tuple[str, str]:
    return _STATES[line.worker.state(now) if line.known else STATE_NOT_KNOWN]


def _state_cell(line: WorkerLine, now: float) -> Cell:
    if line.slot is None:
        return _state(line, now)
    waits = line.job is not None and line.job.started_at is None
    return ("○ claimed", "dim") if waits else ""


def _job_id(line: WorkerLine, _now: float) -> Cell:
    return (line.job.payload.id, "dim") if line.job is not None else ""


COLUMNS: Sequence[Column[WorkerLine]] = (
    Column("", 1, _mark),
    Column("Worker, task", 22, _name_cell, grow=1, most=60, middle=True),
    Column("Queues", 9, _queues, grow=4, most=30, rank=2),
    Column("Busy, time", 10, _busy, right=True),
    Column("State", 15, _state_cell, rank=1),
    Column("Heartbeat", 9, _heartbeat, right=True, rank=2),
    Column("Details", 22, _details, grow=4, most=80, rank=3),
    Column("Memory", 8, _of_worker(lambda each, _: size(each.rss)), right=True, rank=4),
    Column("Up", 6, _of_worker(_uptime_cell), right=True, rank=5),
    Column("Pid", 7, _of_worker(lambda each, _: (str(each.pid or "–"), "dim")), right=True, rank=6),
    Column("Version", 9, _of_worker(lambda each, _: (each.version or "–", "dim")), rank=7),
    Column("Job id", SHORT_ID, _job_id, rank=8, wide=LONG_ID),
    Column("Release", 12, _of_worker(lambda each, _: (each.release or "–", "dim")), rank=9),
    Column(
        "Host",
        14,
        _of_worker(lambda each, _: (each.host, "dim")),
        grow=1,
        most=30,
        rank=10,
        middle=True,
    ),
)


ORDERS: dict[str, Callable[[WorkerInfo], tuple[float, str]]] = {
    "name": lambda worker: (0.0, worker.id),
    "running": lambda worker: (-worker.running, worker.id),
    "heartbeat": lambda worker: (worker.beat_at or 0.0, worker.id),
    "trouble": lambda worker: (-float(bool(worker.trouble)), worker.id),
    "memory": lambda worker: (-(worker.rss or 0), worker.id),
    "start": lambda worker: (worker.started_at or 0.0, worker.id),
    "version": lambda worker: (0.0, f"{worker.version} {worker.id}"),
}
"""What the workers can be sorted by."""


SORTED_BY = {
    "Worker, task": "name",
    "Busy, time": "running",
    "Heartbeat": "heartbeat",
    "State": "trouble",
    "Memory": "memory",
    "Up": "start",
    "Version": "version",
}
"""The order that a column's title stands for."""


class WorkerList(RowList[WorkerLine]):
    """The table of workers."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda line: line.key, empty=NONE)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a job can be opened."""
        if action == actions.OPEN.method:
            return self.row is not None and self.row.job is not None
        return super().check_action(action, parameters)
