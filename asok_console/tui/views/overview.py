"""Overview: every queue in one line, what to expect of it, and its traffic as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from asok_console.present.numbers import count, milliseconds, share, size
from asok_console.present.text import safe
from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.figures import ago, rate, spark
from asok_console.tui.plan import Plan
from asok_console.tui.verdict import verdict
from asok_console.tui.views.base import View
from asok_console.tui.views.queues import plan_for_queue
from asok_console.tui.warnings import warnings
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.plot import Plot, Series
from asok_console.tui.widgets.rowlist import RowList
from asok_core.snapshot import Bucket, QueueStats, Snapshot

ALL = "all queues"
FAILURES_WORTH_A_LOOK = 0.05

STRETCHES = (("5 min ago", 10, 31), ("1 h ago", 60, 61), ("24 h ago", 60, 1441))
"""What the plot can show: name of its left end, seconds of a bucket, number of buckets."""

MOST_WARNINGS = 3
ROOMY = 24
"""Lines from which more than one warning is shown."""


@dataclass(frozen=True, slots=True)
class Line:
    """A queue, or the sum of all."""

    queue: QueueStats
    whole: bool = False
    held: int = 0
    """Pending jobs of paused queues, which are no part of the outlook."""

    @property
    def key(self) -> str:
        """The queue's name; the sum has a key that no queue can have."""
        return "" if self.whole else f"={self.queue.name}"


def _name(line: Line, _now: float) -> Cell:
    if line.whole:
        return ALL, "title"
    return f"❙❙ {line.queue.name}" if line.queue.paused else line.queue.name


def _pending(line: Line, _now: float) -> Cell:
    return count(line.queue.pending), "" if line.queue.pending else "dim"


def _failed(line: Line, _now: float) -> Cell:
    part = line.queue.failure_rate
    return share(part), "bad" if part and part >= FAILURES_WORTH_A_LOOK else "dim"


def _rate(figure: float) -> Cell:
    return rate(figure), "" if figure else "dim"


def _slowest(p95: float | None) -> Cell:
    return milliseconds(p95), "dim"


def _spark(line: Line, _now: float) -> Cell:
    done = [b.completed + b.failed for b in line.queue.recent[:-1]]
    return spark([float(n) for n in done], 15), "done"


def _workers(line: Line, _now: float) -> Cell:
    if line.queue.consumers:
        return str(line.queue.consumers)
    return "none", "bad" if line.queue.pending else "dim"


def _verdict(line: Line, _now: float) -> Cell:
    found = verdict(line.queue, held=line.held)
    return found.words, found.tone


COLUMNS: Sequence[Column[Line]] = (
    Column("Queue", 11, _name, grow=1),
    Column("Pending", 8, _pending, right=True),
    Column("Oldest", 6, lambda line, now: (ago(line.queue.oldest_at, now), "dim"), right=True),
    Column("In/s", 5, lambda line, _: _rate(line.queue.enqueued_per_s), right=True),
    Column("Done/s", 6, lambda line, _: _rate(line.queue.completed_per_s), right=True),
    Column("Fails", 5, _failed, right=True),
    Column("Running", 7, lambda line, _: count(line.queue.active), right=True, rank=2),
    Column("Workers", 7, _workers, right=True, rank=2),
    Column(
        "Wait", 7, lambda line, _: (milliseconds(line.queue.wait_ms), "dim"), right=True, rank=4
    ),
    Column("Run", 7, lambda line, _: (milliseconds(line.queue.run_ms), "dim"), right=True, rank=4),
    Column("Wait p95", 8, lambda line, _: _slowest(line.queue.wait_p95_ms), right=True, rank=5),
    Column("Run p95", 7, lambda line, _: _slowest(line.queue.run_p95_ms), right=True, rank=5),
    Column("Last 5 min", 15, _spark, rank=3),
    Column("Outlook", 23, _verdict, grow=1),
)


class QueueList(RowList[Line]):
    """The table of queues, as high as it needs to be."""

    DEFAULT_CSS = "QueueList { height: auto; max-height: 50%; min-height: 3; }"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]


class OverviewView(View):
    """The state of everything on one screen. Enter on a queue shows its pending jobs."""

    NAME = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.STRETCHES),
        *actions.bindings(actions.MEASURES),
        *actions.bindings(actions.SORTS),
        *operations.operations_of("overview"),
    ]

    stretch = 0
    incoming = False

    def compose_body(self) -> ComposeResult:
        """Warnings, queues, the plot, then a line about Redis."""
        yield Caption(id="warnings")
        yield QueueList(
            COLUMNS,
            lambda line: line.key,
            empty="No queue yet. The first job makes its queue.",
        )
        yield Plot("Finished per second")
        yield Caption(id="redis")

    def show(self, snapshot: Snapshot) -> None:
        """Show the snapshot."""
        lines = [Line(queue) for queue in snapshot.queues]
        if len(lines) > 1:
            lines.insert(0, _sum_line(snapshot.queues))
        self.query_one(QueueList).show_rows(lines, snapshot.taken_at)
        self._warn(snapshot)
        self._plot()
        self.query_one("#redis", Caption).write(_redis_line(snapshot))
        self.refresh_heading()

    def _warn(self, snapshot: Snapshot) -> None:
        found = warnings(snapshot, self.console.session.dead_cap)
        shown = found[: MOST_WARNINGS if self.size.height >= ROOMY else 1]
        more = len(found) - len(shown)
        strip = self.query_one("#warnings", Caption)
        strip.display = bool(found)
        lines = [f"⚠ {safe(line, 200)}" for line in shown]
        if more:
            lines[-1] += f"  (+{more} more)"
        strip.write(Content("\n".join(lines)))

    def describe(self) -> Sequence[tuple[str, str]]:
        """The sums by state."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return (("Overview", "title"),)
        alive = len(snapshot.workers)
        return (
            (f"○ {snapshot.pending:,} pending", ""),
            (f"▶ {snapshot.active:,} running", "info"),
            (f"◷ {snapshot.delayed:,} delayed", "calm"),
            (f"✗ {snapshot.dead:,} dead", "bad" if snapshot.dead else "dim"),
            (f"{alive:,} worker{'' if alive == 1 else 's'}", "" if alive else "bad"),
        )

    @property
    def line(self) -> Line | None:
        """The line under the cursor."""
        return self.query_one(QueueList).row

    @on(RowList.Moved)
    def _plot(self) -> None:
        line = self.line
        if line is None:
            return
        _, width, count = STRETCHES[self.stretch]
        if not self.stretch:
            self._draw(line, line.queue.recent)
            return
        name = None if line.whole else line.queue.name
        self.console.poller.ask(
            "history",
            lambda reader: reader.history(name, width, count),
            lambda answer: self._draw(line, cast("tuple[Bucket, ...]", answer)),
        )

    def _draw(self, line: Line, buckets: Sequence[Bucket]) -> None:
        buckets = buckets[:-1]
        name = ALL if line.whole else f"queue {line.queue.name}"
        if self.incoming:
            what = "Enqueued"
            series = [Series("enqueued", "info", tuple(b.enqueued / b.width for b in buckets))]
        else:
            what = "Attempts finished"
            series = [
                Series("completed", "done", tuple(b.completed / b.width for b in buckets)),
                Series("failed", "failed", tuple(b.failed / b.width for b in buckets)),
            ]
        for plot in self.query(Plot):
            plot.show(
                series,
                title=safe(f"{what} per second, {name}"),
                since=STRETCHES[self.stretch][0],
            )

    def action_stretch(self) -> None:
        """Let the plot show the next stretch of time."""
        self.stretch = (self.stretch + 1) % len(STRETCHES)
        self._plot()

    def action_measure(self) -> None:
        """Let the plot show what came in, or what was finished."""
        self.incoming = not self.incoming
        self._plot()

    @on(RowList.Opened)
    def _open(self) -> None:
        if self.line is not None:
            self.console.show_pending(None if self.line.whole else self.line.queue.name)

    def plan(self, action: OperatorAction) -> Plan | None:
        """What concerns the queue under the cursor."""
        line = self.line
        if line is None or line.whole or action.reach is not Reach.QUEUE:
            return None
        return plan_for_queue(action, line.queue, self.console.snapshot)


def _sum_line(queues: Sequence[QueueStats]) -> Line:
    return Line(total(queues), whole=True, held=sum(q.pending for q in queues if q.paused))


def total(queues: Sequence[QueueStats]) -> QueueStats:
    """All queues as if they were one. Means are weighed by what finished."""
    failed = sum(q.failed_per_s for q in queues)
    finished = sum(q.completed_per_s for q in queues) + failed
    oldest = [q.oldest_at for q in queues if q.oldest_at is not None]
    waits = [(q.wait_ms, q.completed_per_s + q.failed_per_s) for q in queues]
    runs = [(q.run_ms, q.completed_per_s + q.failed_per_s) for q in queues]
    return QueueStats(
        ALL,
        pending=sum(q.pending for q in queues),
        active=sum(q.active for q in queues),
        oldest_at=min(oldest, default=None),
        consumers=max(q.consumers for q in queues),
        enqueued_per_s=sum(q.enqueued_per_s for q in queues),
        completed_per_s=sum(q.completed_per_s for q in queues),
        failed_per_s=failed,
        failure_rate=failed / finished if finished else None,
        wait_ms=_mean(waits),
        run_ms=_mean(runs),
        recent=_sum_buckets([q.recent for q in queues]),
    )


def _mean(weighed: Sequence[tuple[float | None, float]]) -> float | None:
    known = [(value, weight) for value, weight in weighed if value is not None and weight > 0]
    weight = sum(w for _, w in known)
    return sum(v * w for v, w in known) / weight if weight else None


def _sum_buckets(histories: Sequence[tuple[Bucket, ...]]) -> tuple[Bucket, ...]:
    # Plain lists: with hundreds of queues this adds thousands of buckets with every snapshot.
    sums: dict[int, list[int]] = {}
    width = histories[0][0].width if histories and histories[0] else 10
    for b in (b for history in histories for b in history):
        row = sums.setdefault(b.start, [0] * 7)
        row[0] += b.enqueued
        row[1] += b.completed
        row[2] += b.failed
        row[3] += b.retried
        row[4] += b.dead
        row[5] += b.run_ms
        row[6] += b.wait_ms
    return tuple(
        Bucket(
            start,
            width,
            enqueued=row[0],
            completed=row[1],
            failed=row[2],
            retried=row[3],
            dead=row[4],
            run_ms=row[5],
            wait_ms=row[6],
        )
        for start, row in sorted(sums.items())
    )


def _redis_line(snapshot: Snapshot) -> Content:
    server, cost = snapshot.server, snapshot.cost
    memory = size(server.used_memory)
    if server.max_memory:
        memory += f" of {size(server.max_memory)}"
    parts = [
        f"Redis {server.version}".strip(),
        memory if server.used_memory is not None else "",
        f"{server.ops_per_second:,.0f} ops/s" if server.ops_per_second is not None else "",
        f"persistence {server.persistence}" if server.persistence else "",
        f"eviction {server.eviction_policy}" if server.eviction_policy else "",
        f"{server.clients:,} clients" if server.clients is not None else "",
        f"a reading costs {cost.commands:,} commands in {cost.round_trips} round trips",
        size(cost.reply_bytes) if cost.reply_bytes is not None else "",
    ]
    return Content.styled(safe(" · ".join(p for p in parts if p)), "$tone-dim")
