"""Workers: who is alive, how busy, and what each thread runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.present.calls import arguments_of
from asok_console.present.numbers import plural, size
from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import LONG_ID, SHORT_ID
from asok_console.tui.figures import ago, gauge, span
from asok_console.tui.plan import Plan, exact
from asok_console.tui.views.named import NamedView
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.rowlist import RowList
from asok_core.backends.roles import Scope
from asok_core.snapshot import Row, RunningJob, Snapshot, WorkerInfo
from asok_core.states import Place

STALE_AFTER = 12.0
"""Seconds since the last beat (one is due every 5 s) after which a worker is flagged."""

LONG = 300.0
"""Seconds after which a running job is pointed out."""


@dataclass(frozen=True, slots=True)
class Line:
    """A worker, or one of the jobs that it runs."""

    worker: WorkerInfo
    job: RunningJob | None = None

    @property
    def key(self) -> str:
        """The worker's id, and the job's."""
        return f"{self.worker.id}/{self.job.payload.id or self.job.process}" if self.job else (
            self.worker.id
        )  # fmt: skip


def stale(worker: WorkerInfo, now: float) -> bool:
    """Whether a worker has not beaten for too long. ``now`` is the snapshot's time."""
    return worker.beat_at is not None and now - worker.beat_at > STALE_AFTER


def _mark(line: Line, now: float) -> Cell:
    return "└" if line.job is not None else _state(line.worker, now)[0][0]


def _who(line: Line, _now: float) -> Cell:
    if line.job is None:
        return line.worker.id, "title"
    job = line.job.payload.job
    return job.task if job else "(unreadable)"


def _what(line: Line, _now: float) -> Cell:
    if line.job is not None:
        return arguments_of(line.job.payload), "dim"
    if line.worker.trouble:
        return line.worker.trouble, "bad"
    return ", ".join(line.worker.queues), "dim"


def _busy(line: Line, now: float) -> Cell:
    worker = line.worker
    if line.job is not None:
        if line.job.started_at is None:
            return "○ claimed", "dim"
        seconds = now - line.job.started_at
        return (f"⚠ {span(seconds)}", "warn") if seconds > LONG else (span(seconds), "info")
    part = worker.running / worker.concurrency if worker.concurrency else 0
    return f"{gauge(part, 4)} {worker.running}/{worker.concurrency}", "calm"


def _beat(line: Line, now: float) -> Cell:
    worker = line.worker
    if line.job is not None or worker.beat_at is None:
        return ""
    shown = ago(worker.beat_at, now)
    return (f"⚠ {shown}", "bad") if stale(worker, now) else (shown, "good")


def _rss(line: Line, _now: float) -> Cell:
    return "" if line.job is not None else size(line.worker.rss)


def _up(line: Line, now: float) -> Cell:
    return "" if line.job is not None else (ago(line.worker.started_at, now), "dim")


_CONDITIONS = {
    "crash-looping": ("✗ crash-looping", "bad"),
    "hanging": ("✗ hanging", "bad"),
    "not claiming": ("✗ not claiming", "bad"),
    "starting": ("○ starting", "calm"),
}


def _state(worker: WorkerInfo, now: float) -> tuple[str, str]:
    if stale(worker, now):
        return "⚠ silent", "bad"
    if worker.stopping or worker.wanted == "stop":
        return "■ stopping", "warn"
    if worker.condition:
        return _CONDITIONS[worker.condition]
    if worker.quiet:
        return "❙❙ quiet", "warn"
    return ("❙ quieting", "warn") if worker.wanted == "quiet" else ("● on", "good")


def _queue_or_state(line: Line, now: float) -> Cell:
    return (line.job.queue, "dim") if line.job is not None else _state(line.worker, now)


def _pid(line: Line, _now: float) -> Cell:
    return "" if line.job is not None else (str(line.worker.pid or "–"), "dim")


def _version(line: Line, _now: float) -> Cell:
    return "" if line.job is not None else (line.worker.version or "–", "dim")


def _host(line: Line, _now: float) -> Cell:
    return "" if line.job is not None else (line.worker.host, "dim")


def _job_id(line: Line, _now: float) -> Cell:
    return (line.job.payload.id, "dim") if line.job is not None else ""


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


class WorkersView(NamedView):
    """A row a worker, and under it a row for each job that it runs."""

    NAME = "workers"
    SHOWS_RUNNING = True
    BINDINGS: ClassVar[list[BindingType]] = [*operations.operations_of("workers")]
    COLUMNS: ClassVar[Sequence[Column[Line]]] = (
        Column("", 1, _mark),
        Column("Worker and what it runs", 24, _who, grow=1, most=60, middle=True),
        Column("Queues, args", 13, _what, grow=2, most=80, rank=3),
        Column("Busy", 10, _busy, right=True),
        Column("Heartbeat", 9, _beat, right=True, rank=2),
        Column("State", 15, _queue_or_state, rank=1),
        Column("Memory", 7, _rss, right=True, rank=4),
        Column("Up", 6, _up, right=True, rank=5),
        Column("Pid", 7, _pid, right=True, rank=6),
        Column("Version", 9, _version, rank=7),
        Column("Job id", SHORT_ID, _job_id, rank=8, wide=LONG_ID),
        Column("Host", 14, _host, grow=1, most=30, rank=9, middle=True),
    )

    ORDERS = tuple(ORDERS)
    SORTED_BY: ClassVar[dict[str, str]] = {
        "Worker and what it runs": "name",
        "Busy": "running",
        "Heartbeat": "heartbeat",
        "State": "trouble",
        "Memory": "memory",
        "Up": "start",
        "Version": "version",
    }
    order = "name"
    _shown = 0
    """Workers that the filter lets through."""

    def compose_body(self) -> ComposeResult:
        """The list, and the line for a filter."""
        yield WorkerList(
            self.COLUMNS, lambda line: line.key, empty="No worker is alive. Start one: asok worker"
        )
        yield self.filter_bar()

    def show(self, snapshot: Snapshot) -> None:
        """List the workers and their jobs."""
        meant = [worker for worker in snapshot.workers if self._is_meant(worker)]
        lines = [
            line
            for worker in sorted(meant, key=ORDERS[self.order])
            for line in (Line(worker), *(Line(worker, job) for job in worker.jobs))
        ]
        self._shown = len(meant)
        rows = self.query_one(WorkerList)
        rows.empty = (
            f"None of {plural(len(snapshot.workers), 'worker')} matches the filter; Esc clears it."
            if snapshot.workers
            else "No worker is alive. Start one: asok worker"
        )
        rows.show_rows(lines, snapshot.taken_at)
        self.refresh_heading()

    def _is_meant(self, worker: WorkerInfo) -> bool:
        texts = (worker.id, worker.host, worker.version or "", worker.trouble or "")
        return self.is_meant(texts, worker.queues)

    def list_again(self) -> None:
        """Show the workers as they are filtered and sorted now."""
        if self.console.snapshot is not None:
            self.show(self.console.snapshot)

    def describe(self) -> Sequence[tuple[str, str]]:
        """How many, and how busy."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return (("Workers", "title"),)
        slots = sum(w.concurrency for w in snapshot.workers)
        busy = sum(w.running for w in snapshot.workers)
        silent = sum(stale(worker, snapshot.taken_at) for worker in snapshot.workers)
        quiet = sum(worker.quiet for worker in snapshot.workers)
        troubled = sum(bool(worker.trouble) for worker in snapshot.workers)
        return (
            ("Workers", "title"),
            (f"{snapshot.alive:,} alive", ""),
            (f"{busy:,} of {slots:,} threads busy" if slots else "", "dim"),
            (f"❙❙ {quiet} quiet" if quiet else "", "warn"),
            (f"✗ {troubled} in trouble" if troubled else "", "bad"),
            (f"⚠ {silent} silent" if silent else "", "bad"),
            (f"by {self.order}" if self.order != "name" else "", "dim"),
            self.narrowed(self._shown, len(snapshot.workers)),
        )

    def plan(self, action: OperatorAction) -> Plan | None:
        """An order to the worker under the cursor, or None where it changes nothing."""
        line = self.query_one(WorkerList).row
        if action.reach is not Reach.WORKER or line is None:
            return None
        worker = line.worker
        held = worker.quiet or worker.wanted == "quiet"
        if worker.stopping or worker.wanted == "stop" or (action.name == "quiet" and held):
            return None
        if action.name == "resume_worker" and not held:
            return None
        return Plan(
            action,
            Scope(action.place, words=f"worker:{worker.id}"),
            None,
            self._consequences(worker),
            worker=worker.id,
        )

    def _consequences(self, worker: WorkerInfo) -> tuple[str, ...]:
        snapshot = self.console.snapshot
        alone = [
            queue.name
            for queue in (snapshot.queues if snapshot else ())
            if queue.name in worker.queues and queue.consumers <= 1
        ]
        lines = [f"it runs {exact(worker.running, 'job')} in {worker.concurrency} threads"]
        if alone:
            lines.append(f"no other worker serves {', '.join(alone)}")
        return tuple(lines)

    @on(RowList.Opened)
    def _open(self) -> None:
        line = self.query_one(WorkerList).row
        if line is not None and line.job is not None:
            row = Row(0, line.job.payload, Place.ACTIVE, line.job.queue, line.job.started_at)
            self.console.open_job(row)


class WorkerList(RowList[Line]):
    """The list of workers."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a job can be opened."""
        if action == "open":
            return self.row is not None and self.row.job is not None
        return super().check_action(action, parameters)
