"""The page of a task: what it did over a range, its histograms, where its jobs are and its errors."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from asok_console.presentation.fitting import fit
from asok_console.presentation.task_pages import (
    RANGE_NAMES,
    PageLine,
    error_lines,
    fact_lines,
    histogram_lines,
    location_lines,
    release_lines,
    uncounted_lines,
)
from asok_console.presentation.text import safe
from asok_console.tui.keys import actions
from asok_console.tui.screens.scrolled_page import ScrolledPage
from asok_console.tui.views.shared.plots import marks_of
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.plot_scale import HATCHED, Series, TimeAxis
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Reader
from asok_core.inspection.filters import word
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import FINE_RANGES, TaskHistory, TaskRange
from asok_core.inspection.uncounted import uncounted_queues
from asok_core.jobs.states import Location
from asok_core.operations.task_jobs import TaskJobs, read_task_jobs
from asok_core.operations.task_release import TaskRelease, read_task_release

SPANS: tuple[TaskRange, ...] = tuple(FINE_RANGES.values())
REST, SHARE = 5.0, 20.0
"""Least seconds between two samples of its jobs, and how many times their duration passes."""
SIDE_BY_SIDE = 100
"""Cells of the screen from which both histograms are beside each other."""
WIDEST = 72
"""Cells of a histogram at most."""


class TaskPage(NamedTuple):
    """What was read of a task. ``jobs`` and ``release``: None where they were not read yet."""

    span: TaskRange
    history: TaskHistory
    jobs: TaskJobs | None
    release: TaskRelease | None = None


class TaskScreen(ScrolledPage):
    """Figures are read with each snapshot, its jobs now and then."""

    ACTIONS: ClassVar[tuple[actions.Action, ...]] = (
        *actions.TASK_RANGES,
        *actions.OF_TASK,
        *actions.PENDING_OF_TASK,
        *actions.READS,
        *actions.READING,
        *actions.GLOBAL,
    )
    """What its help explains."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.TASK_RANGES),
        *actions.bindings(actions.OF_TASK),
        *actions.bindings(actions.PENDING_OF_TASK),
        *actions.bindings(actions.READS),
        *actions.bindings(actions.READING),
    ]

    def __init__(self, name: str, span: TaskRange) -> None:
        super().__init__()
        self.task_name = name
        self._span = tuple(FINE_RANGES).index(span.name)
        self._found: TaskPage | None = None
        self._jobs: TaskJobs | None = None
        self._jobs_due = 0.0

    @property
    def span(self) -> TaskRange:
        """The range that is shown."""
        return SPANS[self._span]

    def compose(self) -> ComposeResult:
        """Figures, the plot, both histograms, then its jobs."""
        yield Header(self.console.status)
        yield Caption(id="title")
        with VerticalScroll():
            yield Caption(id="facts")
            yield Plot("")
            yield Caption(id="histograms")
            yield Caption(id="jobs")
        yield StatusLine(self.console.status)
        yield KeyBar(self.console.status)

    def on_mount(self) -> None:
        """Read it at once, since the next snapshot may be a while away."""
        self.query_one(VerticalScroll).focus()
        self._rewrite()
        self._ask()

    def on_resize(self) -> None:
        """Draw it for the size that there is."""
        self._rewrite()

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read it again. Runs on the poller's thread."""
        span = self.span
        history = reader.task_history(self.task_name, span)
        if time.monotonic() >= self._jobs_due:
            began = time.monotonic()
            self._jobs = read_task_jobs(reader, self.task_name, snapshot)
            now = time.monotonic()
            self._jobs_due = now + max(REST, SHARE * (now - began))
        release = read_task_release(reader, self.task_name, snapshot)
        return TaskPage(span, history, self._jobs, release)

    def show(self, snapshot: Snapshot, page: object = None) -> None:  # noqa: ARG002
        """Show what was read with the snapshot, or request it where nothing was."""
        if page is None:
            self._ask()
        else:
            self._take(page)

    def _ask(self) -> None:
        """Read the figures first, since its jobs take longer."""
        span, name = self.span, self.task_name
        self.console.poller.ask(
            "task", lambda reader: TaskPage(span, reader.task_history(name, span), None), self._take
        )
        snapshot = self.console.snapshot
        if self._jobs is None and snapshot is not None:
            self.console.poller.ask(
                "task's jobs", lambda reader: self.page(reader, snapshot), self._take
            )

    def _take(self, answer: object) -> None:
        if isinstance(answer, TaskPage) and answer.span == self.span and self.is_attached:
            if answer.jobs is None and self._found is not None:
                # Only the figures were read.
                answer = answer._replace(jobs=self._found.jobs, release=self._found.release)
            self._found = answer
            self._rewrite()
            self.refresh_bindings()

    def _rewrite(self) -> None:
        if not self.is_mounted or not self.query(Plot):
            return
        found = self._found if self._found and self._found.span == self.span else None
        unread = ": not known" if self.console.status.unread else ": reading …"
        self.query_one("#title", Caption).write(
            Content.assemble(
                (f"Task {fit_name(self.task_name, self._room)}", "bold $tone-title"),
                (f"   {RANGE_NAMES[self.span.name]}{'' if found else unread}", "$tone-dim"),
            )
        )
        if found is None:
            return
        released = release_lines(found.release, self._room)
        facts = [*fact_lines(found.history), *released, *self._uncounted()]
        self.query_one("#facts", Caption).write(self._lines(facts))
        self._plot(found.history)
        self.query_one("#histograms", Caption).write(self._histograms(found.history))
        self.query_one("#jobs", Caption).write(self._jobs_lines(found.jobs))

    def _uncounted(self) -> Iterable[PageLine]:
        snapshot = self.console.snapshot
        queues = uncounted_queues(snapshot) if snapshot else ()
        return uncounted_lines(queues, framework=self.console.session.beside_framework)

    @property
    def _room(self) -> int:
        return max(self.size.width - 6, 20)

    def _lines(self, lines: Iterable[PageLine]) -> Content:
        return Content("\n").join(
            Content.styled(fit(text, self._room).rstrip(), f"$tone-{tone}" if tone else "")
            for text, tone in lines
        )

    def _plot(self, history: TaskHistory) -> None:
        plot = self.query_one(Plot)
        snapshot = self.console.snapshot
        plot.mark(marks_of(snapshot.events if snapshot else ()))
        width = history.width
        plot.show(
            [
                Series("completed", "done", tuple(b.completed / width for b in history.buckets)),
                Series(
                    "failed", "failed", tuple(b.failed / width for b in history.buckets), HATCHED
                ),
            ],
            title=f"Attempts ended per second, {RANGE_NAMES[self.span.name]}",
            times=TimeAxis(history.since, width),
        )

    def _histograms(self, history: TaskHistory) -> Content:
        figures = history.total
        beside = self.size.width >= SIDE_BY_SIDE
        width = min(self._room // 2 - 2 if beside else self._room, WIDEST)
        runs = histogram_lines("Run time of attempts", figures.runs, width)
        waits = histogram_lines("Wait before an attempt", figures.waits, width)
        if not beside:
            return self._lines([*runs, *([PageLine("")] if runs and waits else []), *waits])
        return Content("\n").join(
            Content.assemble(*(_half(lines, at, width + 4) for lines in (runs, waits)))
            for at in range(max(len(runs), len(waits)))
        )

    def _jobs_lines(self, jobs: TaskJobs | None) -> Content:
        if jobs is None:
            return Content.styled("Its jobs are being counted …", "$tone-dim")
        errors = list(error_lines(jobs))
        return self._lines([*location_lines(jobs), *([PageLine("")] if errors else []), *errors])

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Its pending jobs are in the queues where some were found."""
        if action == actions.SHOW_PENDING_OF_TASK.method:
            return self._pending_queue is not None
        return super().check_action(action, parameters)

    @property
    def _pending_queue(self) -> str | None:
        """The queue that has most of its pending jobs, as far as is known."""
        jobs = self._found.jobs if self._found else None
        lines = jobs.count_in(Location.PENDING).lines if jobs else ()
        return lines[0].group.name if lines else None

    def action_range(self, by: int) -> None:
        """Show the next range, or the one before."""
        self._span = (self._span + by) % len(SPANS)
        self._rewrite()
        self._ask()

    def action_read(self, by: int) -> None:
        """Read the value of the plot before or after."""
        plot = self.query_one(Plot)
        plot.read_at(plot.move_cursor(by))

    @on(Plot.Pointed)
    def _pointed(self, event: Plot.Pointed) -> None:
        event.stop()
        self.query_one(Plot).read_at(event.moment)

    def action_of_task(self, view: str) -> None:
        """Show its jobs in a view."""
        self.console.visit(view, word("task", f"={self.task_name}"))

    def action_pending_of_task(self) -> None:
        """Show its pending jobs, in the queue that has most of them."""
        queue = self._pending_queue
        if queue is not None:
            self.console.visit("pending", word("task", f"={self.task_name}"), queue)


def fit_name(name: str, room: int) -> str:
    """The name of a task beside that of the range."""
    return fit(safe(name, 200), max(room - 40, 20)).rstrip()


def _half(lines: list[PageLine], at: int, width: int) -> tuple[str, str]:
    """A line of one of two histograms in ``width`` cells, and its style."""
    text, tone = lines[at] if at < len(lines) else PageLine("")
    return text + " " * max(width - cell_len(text), 0), f"$tone-{tone}" if tone else ""
