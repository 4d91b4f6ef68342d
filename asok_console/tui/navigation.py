"""The tabs of the console, the pages and dialogs above them, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from textual.screen import Screen
from textual.widgets import ContentSwitcher

from asok_console.tui.data.activities import ActivityEntry
from asok_console.tui.data.poller import PageSource, Poller
from asok_console.tui.data.state import ConsoleState
from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.options import Session
from asok_console.tui.runtime.orderly import OrderlyApp
from asok_console.tui.screens.entry import EntryScreen
from asok_console.tui.screens.find import FindJobDialog
from asok_console.tui.screens.help import HelpDialog, HelpTopic, topic_of
from asok_console.tui.screens.job import JobScreen
from asok_console.tui.screens.stack import StackDialog
from asok_console.tui.screens.task import TaskScreen
from asok_console.tui.screens.why import WhyScreen
from asok_console.tui.views.activity import ActivityView
from asok_console.tui.views.dead import DeadView
from asok_console.tui.views.delayed import DelayedView
from asok_console.tui.views.held import HeldView
from asok_console.tui.views.jobs import JobsView
from asok_console.tui.views.overview import OverviewView
from asok_console.tui.views.pending import PendingView
from asok_console.tui.views.shared.base import View, ViewOrigin
from asok_console.tui.views.tasks import TasksView
from asok_console.tui.views.workers import WorkersView
from asok_console.tui.widgets.backdrop import Backdrop
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.rows import Row
from asok_core.inspection.task_figures import TaskRange

VIEWS: tuple[type[View], ...] = (
    OverviewView,
    PendingView,
    DelayedView,
    JobsView,
    WorkersView,
    DeadView,
    ActivityView,
    TasksView,
    HeldView,
)


class BaseScreen(Backdrop, Screen[None]):
    """The screen that holds the views."""


class Views(Backdrop, ContentSwitcher):
    """The views, of which one is shown."""


class NavigatingApp(OrderlyApp):
    """An app of views, of which one is shown, with pages of jobs and dialogs above it.

    What is shown is a view, the page of a job, of a task or of reasons: a refresh reads for each of them
    (``page``), and each shows the snapshot together with what was read for it (``show``).
    """

    session: Session
    state: ConsoleState
    poller: Poller

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.views = {view.NAME: view() for view in VIEWS}
        self.view_name = session.view
        self.points_out_help = session.new_here
        """Whether the footer points out the help: until it was opened once."""

    def rewrite_bars(self) -> None:
        """Write the lines around the views."""
        raise NotImplementedError

    def end(self) -> None:
        """End the console, unless operations run and that is not confirmed."""
        raise NotImplementedError

    @property
    def view(self) -> View:
        """The view that is shown."""
        return self.views[self.view_name]

    def here(self) -> View | JobScreen:
        """What the keys of operations are about: the page of a job, or the view where none is open."""
        pages = (each for each in self.screen_stack[::-1] if isinstance(each, JobScreen))
        return next(pages, self.view)

    def shown(self) -> Iterator[View | JobScreen | TaskScreen | WhyScreen]:
        """What is on the screen, and the list behind the page of a job that is part of that list."""
        above = [each for each in self.screen_stack if isinstance(each, TaskScreen | WhyScreen)]
        if above:
            # It covers what is below, which is read again when it is closed.
            yield above[-1]
            return
        pages = [each for each in self.screen_stack if isinstance(each, JobScreen)]
        yield from pages
        if all(each.among is not None for each in pages):
            yield self.view

    def set_sources(self) -> None:
        """Name what the poller reads with each snapshot; nothing, where no snapshot is shown."""
        self.poller.sources = () if self.state.display_paused else tuple(self.shown())

    def show(self, pages: Mapping[PageSource, object]) -> None:
        """Show the snapshot, and what was read with it."""
        self.set_sources()
        snapshot = self.state.snapshot
        if snapshot is None or not self.is_running:
            return
        for each in self.shown():
            each.show(snapshot, pages.get(each))

    def open_job(self, row: Row, among: RowList[Row] | None = None) -> None:
        """Open the page of a job; ``among``: the list of which the page can show the other jobs."""
        self.push_screen(JobScreen(row, among))
        self.set_sources()

    def show_stack(self, row: Row) -> None:
        """Show where the code of a running job is."""
        self.push_screen(StackDialog(row))

    def explain(self, subject: ExplainedSubject) -> None:
        """Show why a job, a queue or a worker is as it is."""
        self.push_screen(WhyScreen(subject))
        self.set_sources()
        # What the slots run is part of the evidence.
        self.poller.reads_jobs = True

    def show_task(self, name: str, span: TaskRange) -> None:
        """Open the page of a task."""
        self.push_screen(TaskScreen(name, span))
        self.set_sources()
        # Its running jobs are counted.
        self.poller.reads_jobs = True

    def show_entry(
        self, entry: ActivityEntry, current: Callable[[ActivityEntry], ActivityEntry]
    ) -> None:
        """Open the page of an operation or an event, as ``current`` returns it from then on."""
        self.push_screen(EntryScreen(entry, current))

    def action_find(self) -> None:
        """Find a job and open it."""

        def found(row: Row | None) -> None:
            if row is not None:
                self.open_job(row)

        find = FindJobDialog(self.session.reader, lambda: self.state.snapshot, self.open_job)
        self.push_screen(find, found)

    def show_pending(self, queue: str | None) -> None:
        """Show the pending jobs of a queue; None: of the one shown last."""
        self.action_show_view("pending")
        if queue is not None:
            self.query_one(PendingView).show_queue(queue)

    def visit(self, view: str, words: str, queue: str | None = None) -> None:
        """Show a view narrowed by a filter, from which Esc leads back. ``queue``: of pending jobs."""
        page, former = self.screen, self.view_name
        task = (page.task_name, page.span) if isinstance(page, TaskScreen) else None
        self.action_show_view(view)
        if queue is not None:
            self.query_one(PendingView).show_queue(queue)
        self.view.came_from = ViewOrigin(former, task)
        self.view.visit(words)

    def action_show_view(self, name: str) -> None:
        """Show a view, and close what is above."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.view_name = name
        self.view.came_from = None
        self.query_one(Views).current = name
        self.poller.reads_jobs = self.view.SHOWS_RUNNING
        # It was about what another view showed.
        self.state.unread.clear()
        self.view.focus_list()
        self.show({})
        self.rewrite_bars()
        self.screen.refresh_bindings()

    def action_help(self) -> None:
        """Show the keys of the screen that is shown."""
        self.points_out_help = False
        self.rewrite_bars()
        if isinstance(self.screen, JobScreen):
            topic = HelpTopic("the job page", JobScreen.ACTIONS)
        elif isinstance(self.screen, WhyScreen):
            topic = HelpTopic("the page of reasons", WhyScreen.ACTIONS)
        elif isinstance(self.screen, TaskScreen):
            topic = HelpTopic("the page of a task", TaskScreen.ACTIONS)
        elif isinstance(self.screen, EntryScreen):
            topic = HelpTopic("the page of an operation or event", EntryScreen.ACTIONS)
        else:
            lists = [rows for rows in self.view.query(RowList) if rows.display]
            titles = [title for rows in lists for title in rows.titles]
            topic = topic_of(self.view_name, titles)
        cost = self.state.snapshot.cost if self.state.snapshot else None
        self.push_screen(HelpDialog(topic, read_only=self.session.only_reads, cost=cost))

    def action_freeze(self) -> None:
        """Pause the display, or resume it with a new snapshot."""
        self.state.display_paused = not self.state.display_paused
        self.set_sources()
        self.rewrite_bars()
        if not self.state.display_paused:
            self.poller.hurry()

    def action_step_back(self) -> None:
        """Close one level: a screen, marks, the pause of the display, then up to the Overview."""
        if not self._close_one():
            if self.state.display_paused:
                self.action_freeze()
            elif self.view_name != "overview":
                self.action_show_view("overview")

    def action_leave(self) -> None:
        """Close one level, or end the console when there is none."""
        if not self._close_one():
            self.end()

    def _close_one(self) -> bool:
        if len(self.screen_stack) > 1:
            self.pop_screen()
            self.poller.reads_jobs = self.view.SHOWS_RUNNING
            self.state.unread.clear()
            self.show({})
            return True
        view, former = self.view, self.view.came_from
        if former is not None:
            view.end_visit()
            self.action_show_view(former.view)
            if former.task is not None:
                self.show_task(*former.task)
            return True
        return view.go_back()
