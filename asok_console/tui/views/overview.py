"""Overview: every queue in one line, what to expect of it, and its traffic as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content

from asok_console.present.numbers import plural, size
from asok_console.present.text import safe
from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.alerts import Alert
from asok_console.tui.plan import Plan
from asok_console.tui.views.base import View
from asok_console.tui.views.queuelist import ORDERS, Line, QueueList, lines_of
from asok_console.tui.views.queues import plan_for_queue
from asok_console.tui.views.totals import ALL
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.plot import Plot, Series
from asok_console.tui.widgets.rowlist import RowList
from asok_core.snapshot import Bucket, Snapshot

STRETCHES = (("5 min ago", 10, 31), ("1 h ago", 60, 61), ("24 h ago", 60, 1441))
"""What the plot can show: name of its left end, seconds of a bucket, number of buckets."""

MOST_WARNINGS = 3
ROOMY = 24
"""Lines from which more than one warning is shown."""


class OverviewView(View):
    """The state of everything on one screen. Enter on a queue shows its pending jobs."""

    NAME = "overview"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.STRETCHES),
        *actions.bindings(actions.MEASURES),
        *actions.bindings(actions.SORTS),
        *operations.operations_of("overview"),
    ]

    order = "name"
    stretch = 0
    incoming = False

    def compose_body(self) -> ComposeResult:
        """Warnings, queues, the plot, then a line about Redis."""
        yield Caption(id="warnings")
        yield QueueList()
        yield Plot("Finished per second")
        yield Caption(id="redis")

    def show(self, snapshot: Snapshot) -> None:
        """Show the snapshot."""
        self._list(snapshot)
        self._warn()
        self._plot()
        self.query_one("#redis", Caption).write(_redis_line(snapshot, self.app.size.width - 4))
        self.refresh_heading()

    def _list(self, snapshot: Snapshot) -> None:
        lines = lines_of(snapshot, self.order)
        self.query_one(QueueList).show_rows(lines, snapshot.taken_at)

    def action_sort(self) -> None:
        """Sort the queues by the next order."""
        orders = list(ORDERS)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        if self.console.snapshot is not None:
            self._list(self.console.snapshot)
        self.refresh_heading()

    def _warn(self) -> None:
        found = self.console.alerts
        strip = self.query_one("#warnings", Caption)
        strip.display = bool(found)
        most = MOST_WARNINGS if self.size.height >= ROOMY else 1
        strip.write(Content("\n").join(_warning_lines(found, most)))

    def describe(self) -> Sequence[tuple[str, str]]:
        """The sums by state."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return (("Overview", "title"),)
        alive = len(snapshot.workers)
        return (
            (f"○ {snapshot.pending:,} pending", ""),
            (f"▶ {snapshot.running:,} running", "info"),
            (f"{snapshot.claimed:,} claimed" if snapshot.claimed > 0 else "", "dim"),
            (f"◷ {snapshot.delayed:,} delayed", "calm"),
            (f"✗ {snapshot.dead:,} dead", "bad" if snapshot.dead else "dim"),
            (f"{alive:,} worker{'' if alive == 1 else 's'}", "" if alive else "bad"),
            (f"by {self.order}" if self.order != "name" else "", "dim"),
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


def _warning_lines(found: Sequence[Alert], most: int) -> list[Content]:
    """All that is grave, and of the rest as many lines as there is room for, but one at least."""
    shown = max(most, sum(alert.grave for alert in found) + 1)
    lines = [
        Content.styled(f"⚠ {safe(alert.line, 300)}", "$tone-bad" if alert.grave else "$tone-warn")
        for alert in found[:shown]
    ]
    if len(found) > shown:
        lines[-1] = lines[-1].append(Content.styled(f"  (+{len(found) - shown} more)", "$tone-dim"))
    return lines


def _redis_line(snapshot: Snapshot, room: int) -> Content:
    """What is worth knowing of the server, the most important first, as much as fits whole."""
    server, cost = snapshot.server, snapshot.cost
    memory = size(server.used_memory)
    if server.max_memory:
        memory += f" of {size(server.max_memory)}"
    parts = [
        f"Redis {server.version}".strip(),
        memory if server.used_memory is not None else "",
        f"{server.ops_per_second:,.0f} ops/s" if server.ops_per_second is not None else "",
        f"persistence {server.persistence}" if server.persistence else "",
        server.eviction_policy or "",
        plural(server.clients, "client") if server.clients is not None else "",
        f"a reading: {cost.commands:,} commands",
        f"{cost.round_trips} round trips",
        size(cost.reply_bytes) if cost.reply_bytes is not None else "",
    ]
    line, *rest = (safe(part) for part in parts if part)
    for part in rest:
        if cell_len(line) + cell_len(part) + 3 > room:
            break
        line += f" · {part}"
    return Content.styled(line, "$tone-dim")
