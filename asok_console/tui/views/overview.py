"""Overview: every queue in one line, what to expect of it, and its traffic as a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content

from asok_console.presentation.text import safe
from asok_console.presentation.workers import live_words
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.comparison import MOMENTS, SORTED_BY_HEADING, ComparedMoment
from asok_console.tui.views.shared.named import NamedView
from asok_console.tui.views.shared.plots import (
    LIVE,
    RANGES,
    PlotHistory,
    PlotRange,
    PlotView,
    RangeCounts,
    counted,
    read_past,
    show_backlog,
    show_failures,
    show_live,
    show_recorded_backlog,
    show_traffic,
    show_wait,
)
from asok_console.tui.views.shared.queue_actions import plan_for_queue, show_related
from asok_console.tui.views.shared.queue_table import (
    COLUMNS,
    ORDERS,
    SORTED_BY,
    QueueLine,
    QueueList,
    lines_of,
)
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.row_list import RowList
from asok_console.tui.widgets.status_line import warning_lines
from asok_core.backends.roles import Reader
from asok_core.clock import MINUTE
from asok_core.inspection.queue_history import EarlierMinute
from asok_core.inspection.queues import ALL, Bucket
from asok_core.inspection.snapshot import Snapshot

WIDE, HIGH = 160, 48
"""Cells and lines of the screen from which backlog, wait and failures are plotted beside the rest."""

PLOTS = 4
"""The main plot and the three beside it."""

MORE_WARNINGS, WARNINGS, FEW_WARNINGS = 6, 3, 2
"""Lines that are kept for warnings: on a high screen, on a roomy one and on another."""
ROOMY = 28
"""Lines of a roomy screen."""


class OverviewView(NamedView, PlotView):
    """The state of everything on one screen. Enter on a queue shows its pending jobs."""

    NAME = "overview"
    OF_FIGURES = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.OVERVIEW_FINDING),
        *actions.bindings(actions.PLOT_RANGES),
        *actions.bindings(actions.MEASURES),
        *actions.bindings(actions.COMPARING),
        *actions.bindings(actions.READS),
        *actions.bindings(actions.RELATED),
        *operations.operations_of("overview"),
    ]

    ORDERS = tuple(ORDERS)
    SORTED_BY = SORTED_BY | SORTED_BY_HEADING
    order = "name"
    shown_range = LIVE
    incoming = False
    compared: ComparedMoment | None = None
    """The moment that the figures are compared with."""
    _past: PlotHistory | None = None
    _shown = 0
    """Queues that the filter lets through."""

    def compose_body(self) -> ComposeResult:
        """Queues, warnings below them so that they do not move the queues, then the plots."""
        yield QueueList()
        yield Caption(id="warnings")
        yield self.filter_bar()
        yield Plot("", id="main")
        with Horizontal(id="more"):
            for name in ("backlog", "wait", "failures"):
                yield Plot("", id=name)

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the figures of the moment that they are compared with. Runs on the poller's thread."""
        return self.compared.read(reader, snapshot) if self.compared else None

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show the snapshot."""
        if self.compared and isinstance(page, EarlierMinute):
            self.compared.take(page)
        self._list(snapshot)
        self._warn()
        self._plot()
        self.refresh_heading()

    def _list(self, snapshot: Snapshot) -> None:
        lines = [
            line
            for line in lines_of(snapshot, self.order)
            if line.whole or self.is_meant((line.queue.name,), (line.queue.name,))
        ]
        self._shown = sum(not line.whole for line in lines)
        self.query_one(QueueList).show_rows(lines, snapshot.taken_at)

    def action_filter_queues(self) -> None:
        """Type a filter for the queues."""
        self.action_filter()

    def action_compare(self) -> None:
        """Compare with the next moment, or with none."""
        at = MOMENTS.index(self.compared.moment if self.compared else None)
        moment = MOMENTS[(at + 1) % len(MOMENTS)]
        self.compared = ComparedMoment(moment) if moment else None
        rows = self.query_one(QueueList)
        rows.show_columns(self.compared.columns if self.compared else COLUMNS)
        self.console.poller.hurry()
        self.refresh_heading()

    def action_related(self, view: str) -> None:
        """Show what belongs to the queue under the cursor in another view."""
        if self.line is not None:
            show_related(self.console, view, None if self.line.whole else self.line.queue.name)

    def subject(self) -> ExplainedSubject | None:
        """The queue under the cursor, or all of them."""
        line = self.line
        if line is None:
            return None
        return (
            ExplainedSubject("queues", ALL)
            if line.whole
            else ExplainedSubject("queue", line.queue.name)
        )

    def list_again(self) -> None:
        """Show the queues as they are filtered and sorted now."""
        if self.console.snapshot is not None:
            self._list(self.console.snapshot)
        self.refresh_heading()

    def _warn(self) -> None:
        height = self.app.size.height
        most = WARNINGS if height >= ROOMY else FEW_WARNINGS
        most = MORE_WARNINGS if height >= HIGH else most
        strip = self.query_one("#warnings", Caption)
        lines = warning_lines(self.console.state.alerts, most, max(self.app.size.width - 4, 1))
        # As many lines whatever is wrong, so that the plot does not move either.
        lines += [Content("")] * (most - len(lines))
        strip.write(Content("\n").join(lines))

    def describe(self) -> Sequence[tuple[str, str]]:
        """The sums by state."""
        snapshot = self.console.snapshot
        if snapshot is None:
            return (("Overview", "title"),)
        compared = self.compared
        delayed = compared.of_all(snapshot.delayed, "delayed") if compared else ""
        dead = compared.of_all(snapshot.dead, "dead") if compared else ""
        words = compared.words(unread=bool(self.console.status.unread)) if compared else ""
        first = (*self.narrowed(self._shown, len(snapshot.queues)), (words, "info"))
        listed = (
            (f"○ {snapshot.pending:,} pending", ""),
            (f"▶ {snapshot.running:,} running", "info"),
            (f"{snapshot.claimed:,} claimed" if snapshot.claimed > 0 else "", "dim"),
        )
        others = (
            (f"◷ {snapshot.delayed:,} delayed{delayed}", "calm"),
            (f"‖ {snapshot.held:,} held" if snapshot.held else "", "warn"),
            (f"‖ {snapshot.limited:,} limited" if snapshot.limited else "", ""),
            (f"✗ {snapshot.dead:,} dead{dead}", "bad" if snapshot.dead else "dim"),
            live_words(snapshot),
        )
        # The list has no difference of the others.
        narrow = compared and not self.has_room((*first, *listed, *others))
        return (*first, *others) if narrow else (*first, *listed, *others)

    @property
    def line(self) -> QueueLine | None:
        """The line under the cursor."""
        return self.query_one(QueueList).row

    @on(RowList.Moved)
    def _plot(self) -> None:
        if not self._is_complete:
            return
        line, now = self.line, self.console.now
        if line is None:
            return
        name, within = None if line.whole else line.queue.name, self.shown_range
        past = self._past if self._past and self._past.is_of(name, within) else None
        snapshot = self.console.snapshot
        self.mark(past.events if past else snapshot.events if snapshot else ())
        history, main = self.console.state.history, self.query_one("#main", Plot)
        more = self.query_one("#more")
        more.display = self.app.size.width >= WIDE and self.app.size.height >= HIGH
        if more.display and not within.is_recorded:
            show_backlog(self.query_one("#backlog", Plot), history.last_minutes(name, now))
        if within is LIVE:
            show_live(main, history.last_minute(name, now), self._title_of(line))
            self._draw_more(counted(line.queue.recent[:-1]), RANGES[1])
        elif within is RANGES[1]:
            self._draw(line, counted(line.queue.recent[:-1]), within)
        elif within.is_recorded:
            if past is not None:
                self._draw(line, past.traffic, within)
            if past is None or past.minute != now // MINUTE:
                self.console.poller.ask(
                    "history",
                    lambda reader: read_past(reader, name, within, now),
                    self._take_past,
                )
        else:
            self.console.poller.ask(
                "history",
                lambda reader: reader.history(name, within.width, within.buckets),
                lambda answer: self._draw(
                    line, counted(cast("tuple[Bucket, ...]", answer)[:-1]), within
                ),
            )

    def _take_past(self, answer: object) -> None:
        self._past = cast("PlotHistory", answer)
        self._plot()

    @property
    def _is_complete(self) -> bool:
        # Where the console closes, some of the view is gone before the rest.
        return bool(self.query(QueueList)) and len(self.query(Plot)) == PLOTS

    def _title_of(self, line: QueueLine) -> str:
        return ALL if line.whole else safe(f"queue {line.queue.name}", 60)

    def _draw(self, line: QueueLine, traffic: RangeCounts, within: PlotRange) -> None:
        if within is not self.shown_range or not self._is_complete:
            return
        main = self.query_one("#main", Plot)
        show_traffic(main, traffic, self._title_of(line), within, incoming=self.incoming)
        self._draw_more(traffic, within)

    def _draw_more(self, traffic: RangeCounts, within: PlotRange) -> None:
        if self.query_one("#more").display:
            if within.is_recorded:
                show_recorded_backlog(self.query_one("#backlog", Plot), traffic, within)
            show_wait(self.query_one("#wait", Plot), traffic, within)
            show_failures(self.query_one("#failures", Plot), traffic, within)

    def action_range(self, by: int) -> None:
        """Let the plot show the next range, or the one before."""
        self.shown_range = RANGES[(RANGES.index(self.shown_range) + by) % len(RANGES)]
        self._plot()
        self.refresh_heading()

    def action_measure(self) -> None:
        """Let the plot show what came in, or what was finished."""
        self.incoming = not self.incoming
        self._plot()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of the live range there is one measure only, and only a queue has jobs and workers."""
        if action == actions.DEAD_OF_QUEUE.method:
            return self.line is not None
        if action == actions.MEASURE.method:
            return self.shown_range is not LIVE
        return super().check_action(action, parameters)

    @on(RowList.Opened)
    def _open(self) -> None:
        if self.line is not None:
            self.console.show_pending(None if self.line.whole else self.line.queue.name)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """What concerns the queue under the cursor."""
        line = self.line
        if line is None or line.whole or action.key_scope is not KeyScope.QUEUE:
            return None
        return plan_for_queue(action, line.queue, self.console.snapshot)
