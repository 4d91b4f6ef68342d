"""The console: one screen of views, fed by the poller, acting through the runner."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, cast

from rich.console import RenderableType
from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Input, TextArea
from textual.worker import WorkerFailed

from asok_console.presentation.text import safe, safe_block
from asok_console.tui.actions.flow import Acting
from asok_console.tui.actions.palette import commands
from asok_console.tui.actions.runner import Finished, Progressed
from asok_console.tui.catalog import actions
from asok_console.tui.compat import CompatApp, drop_cached_lines, pump_of
from asok_console.tui.data.alerts import Alert, Severity, alerts
from asok_console.tui.data.backlog import SnapshotHistory
from asok_console.tui.data.incidents import Incidents
from asok_console.tui.data.poller import Answered, Poller, ReadFailed, SnapshotTaken
from asok_console.tui.data.scanner import Scan, Scanned
from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.options import Session
from asok_console.tui.runtime import terminal, tuning
from asok_console.tui.runtime.stray_keys import LOOKED_FOR, Hush
from asok_console.tui.screens.find import FindJob
from asok_console.tui.screens.help import Help, Topic, topic_of
from asok_console.tui.screens.job import JobScreen
from asok_console.tui.theme import THEMES
from asok_console.tui.views.activity import ActivityView
from asok_console.tui.views.dead import DeadView
from asok_console.tui.views.delayed import DelayedView
from asok_console.tui.views.jobs import JobsView
from asok_console.tui.views.overview import OverviewView
from asok_console.tui.views.pending import PendingView
from asok_console.tui.views.shared.base import View
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.views.workers import WorkersView
from asok_console.tui.widgets.backdrop import Backdrop
from asok_console.tui.widgets.bars import Header, Tabs
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.row_list import RowList
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Reader
from asok_core.inspection.snapshot import JobDetail, KeyCheck, Page, Row, Snapshot
from asok_core.jobs.envelope import Payload
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access

VIEWS: tuple[type[View], ...] = (
    OverviewView,
    PendingView,
    DelayedView,
    JobsView,
    WorkersView,
    DeadView,
    ActivityView,
)

KEY_EVERY = 30.0
"""Seconds between two checks whether SECRET_KEY fits."""
INTERNAL_ERROR = 70
"""Exit code after an error that nothing handled."""

COPY_LIMIT = 100_000
"""Characters that are copied at most: many terminals drop a longer OSC 52."""


class BaseScreen(Backdrop, Screen[None]):
    """The screen that holds the views."""


class Views(Backdrop, ContentSwitcher):
    """The views, of which one is shown."""


class ConsoleApp(CompatApp):
    """The whole console."""

    TITLE = "Asok Console"
    CSS_PATH = "console.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.GLOBAL)]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.VERTICAL_BREAKPOINTS = [(0, "low"), (30, "tall")]
        self.session = session
        self.snapshot: Snapshot | None = None
        self.failing = ""
        self.incidents = Incidents()
        self.history = SnapshotHistory()
        self.key_check = KeyCheck()
        self.hinting = session.new_here
        """Whether the footer points out the help: until it was opened once."""
        self._key_due = 0.0
        self.frozen = False
        self.view_name = session.view
        self.poller = Poller(
            session.reader,
            self.post_message,
            interval=session.interval,
            page=self._page,
            at_once=session.first is None,
        )
        self.acting = Acting(self, self, Access(session.reader, session.operator))
        self.views = {view.NAME: view() for view in VIEWS}
        self.hush = Hush()
        self._is_exiting = False
        self._taken = time.monotonic()
        self._alerts: tuple[Snapshot, list[Alert]] | None = None
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = session.theme

    @property
    def status(self) -> ConsoleStatus:
        """What the lines around the views show."""
        session, listed = self.session, self.view_name == "overview" and len(self.screen_stack) == 1
        return ConsoleStatus(
            target=session.target,
            modes=self.modes,
            read_write=not (self.only_reads or session.protected),
            interval=self.interval,
            view=self.view_name,
            snapshot=self.snapshot,
            taken=self._taken,
            failing=self.failing,
            frozen=self.frozen,
            alerts=self.alerts,
            alerts_listed=listed,
            typing_filter=self.view.is_asking,
            points_out_help=self.hinting,
        )

    @property
    def modes(self) -> list[tuple[str, str]]:
        """Words in the header that say what kind of session this is, with their colours."""
        session = self.session
        said = [
            ("DEMO", "$secondary", session.demo),
            ("READ-ONLY", "$primary", self.only_reads),
            ("PROTECTED", "$error", session.protected),
        ]
        return [(word, color) for word, color, so in said if so]

    @property
    def only_reads(self) -> bool:
        """Whether this session may change nothing."""
        return self.acting.only_reads

    @property
    def alerts(self) -> list[Alert]:
        """Trouble that the snapshot shows, and what happened to its server lately."""
        if self.snapshot is None:
            return []
        if self._alerts is None or self._alerts[0] is not self.snapshot:
            known = self.incidents.alerts(self.snapshot.taken_at)
            if self.key_check.wrong:
                known.append(Alert(Severity.UNREADABLE, self.key_check.line))
            found = alerts(self.snapshot, self.session.dead_cap, known)
            self._alerts = self.snapshot, found
        return self._alerts[1]

    @property
    def interval(self) -> float:
        """Seconds between two snapshots."""
        return self.poller.interval

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own variables have a value under every theme of the palette."""
        return dict(THEMES[0].variables)

    def get_default_screen(self) -> Screen[None]:
        """The screen that holds the views."""
        return BaseScreen(id="_default")

    def compose(self) -> ComposeResult:
        """Header, tabs, the views, status line, footer."""
        status = self.status
        yield Header(status)
        yield Tabs(status)
        with Views(initial=self.session.view):
            yield from self.views.values()
        yield StatusLine(status)
        yield KeyBar(status)

    def on_mount(self) -> None:
        """Start to read; leave the terminal whole however we are ended."""
        self.set_class(self.session.protected, "protected")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for signum in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(signum, self._leave, 128 + signum)
            terminal.watch(lambda code: loop.call_soon_threadsafe(self._leave, code))
            self.call_after_refresh(tuning.sharpen)
            self.set_interval(tuning.NOW_AND_THEN, drop_cached_lines)
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.poller.wants_jobs = self.view.SHOWS_RUNNING
        if self.session.first is not None:
            self.post_message(SnapshotTaken(self.session.first))
        self.poller.start()
        self.view.focus_list()
        if self.session.filter and isinstance(self.view, JobListView):
            self.view.begin_with(self.session.filter)

    def _leave(self, code: int) -> None:
        terminal.leave_within(terminal.PATIENCE, code)
        self.exit(None, code)

    def on_unmount(self) -> None:
        """Stop reading. The threads end by themselves."""
        self.poller.stop()
        self.acting.runner.halt_all()

    @property
    def view(self) -> View:
        """The view that is shown."""
        return self.views[self.view_name]

    @on(SnapshotTaken)
    def _take(self, event: SnapshotTaken) -> None:
        self.failing = ""
        self.incidents.see(event.snapshot)
        self.history.see(event.snapshot)
        if time.monotonic() >= self._key_due:
            self._key_due = time.monotonic() + KEY_EVERY
            self.poller.ask("key", lambda reader: reader.check_key(), self._check_key)
        if not self.frozen:
            self.snapshot = event.snapshot
            self._taken = time.monotonic()
            view, page = event.page if isinstance(event.page, tuple) else (None, None)
            self._show(page if view is self.view else None)
        self.rewrite_bars()

    def _page(self, reader: Reader, snapshot: Snapshot) -> tuple[View, object] | None:
        # Runs on the poller's thread.
        if self.frozen or not self._follows_list:
            return None
        view = self.view
        return view, view.page(reader, snapshot)

    def _check_key(self, answer: object) -> None:
        checked = cast("KeyCheck", answer)
        if checked.wrong != self.key_check.wrong:
            # Shown with the snapshot that is here already.
            self._alerts = None
        self.key_check = checked
        if not self.frozen:
            self._show()
        self.rewrite_bars()

    def _show(self, page: object = None) -> None:
        if self.snapshot is None or not self.is_running:
            return
        for screen in self.screen_stack:
            if isinstance(screen, JobScreen):
                screen.show(self.snapshot)
        if self._follows_list:
            self.view.show(self.snapshot, page)

    @property
    def _follows_list(self) -> bool:
        """Whether the view is on the screen, or below the page of a job that is part of its list."""
        pages = (each for each in self.screen_stack if isinstance(each, JobScreen))
        return all(each.among is not None for each in pages)

    @on(ReadFailed)
    def _failed(self, event: ReadFailed) -> None:
        self.failing = event.line
        self.rewrite_bars()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if self.is_running:
            event.deliver()

    def scan(
        self,
        take: Callable[[Page], None],
        *,
        location: Location,
        queue: str | None = None,
        whole: bool = False,
    ) -> Scan:
        """Begin a walk through a place; the view that is shown receives how far it is."""
        reader, post = self.session.reader, self.post_message
        walk = Scan(reader, post, take, location=location, queue=queue, whole=whole)
        walk.start()
        return walk

    @on(Scanned)
    def _scanned(self, event: Scanned) -> None:
        for view in self.views.values():
            if isinstance(view, JobListView) and self.is_running:
                view.scanned(event)

    def rewrite_bars(self) -> None:
        """Write the lines around the views as things are now."""
        self.set_class(bool(self.failing), "failing")
        status = self.status
        for screen in self.screen_stack:
            for bar in screen.children:
                if isinstance(bar, Header | Tabs | StatusLine | KeyBar):
                    bar.show(status)

    @on(Progressed)
    def _progressed(self, event: Progressed) -> None:
        if self.is_running:
            self.acting.progressed(event)

    @on(Finished)
    def _finished(self, event: Finished) -> None:
        if self.is_running:
            if event.result is not None:
                self.view.operated(event.plan)
            self.acting.finished(event)

    def with_whole(self, row: Row, then: Callable[[Payload], object]) -> None:
        """Call ``then`` with all of a row's payload; of a large job it is read first."""

        def found(answer: object) -> None:
            detail = cast("JobDetail | None", answer)
            if detail is not None and detail.payload is not None:
                then(detail.payload)
            else:
                self.notify("The job is no longer there.", severity="warning", markup=False)

        if not row.partial:
            then(row.payload)
        elif row.payload.id:
            name = row.payload.id
            self.poller.ask("whole", lambda reader: reader.job(name, near=row), found)
        else:
            problem = f"{row.payload.problem}; asok dlq export writes them to a file"
            self.notify(problem, severity="warning", markup=False)

    def open_job(self, row: Row, among: RowList[Row] | None = None) -> None:
        """Open the page of a job; ``among``: the list of which the page can show the other jobs."""
        self.push_screen(JobScreen(row, among))

    def action_find(self) -> None:
        """Find a job and open it."""

        def found(row: Row | None) -> None:
            if row is not None:
                self.open_job(row)

        self.push_screen(FindJob(self.session.reader, lambda: self.snapshot), found)

    def show_pending(self, queue: str | None) -> None:
        """Turn to the pending jobs of a queue; None: of the one shown last."""
        self.action_show_view("pending")
        if queue is not None:
            self.query_one(PendingView).show_queue(queue)

    def visit(self, view: str, words: str) -> None:
        """Turn to a view that a filter narrows, from which Esc leads back."""
        former = self.view_name
        self.action_show_view(view)
        self.view.came_from = former
        self.view.visit(words)

    def copy(self, text: str, what: str) -> None:
        """Copy to the clipboard of the terminal, also over SSH. What is copied is made safe."""
        self.copy_to_clipboard(safe_block(text, COPY_LIMIT))
        cut = " (its beginning)" if len(text) > COPY_LIMIT else ""
        self.notify(f"Copied the {what}{cut}.", timeout=2, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to stop an action only while one runs, and no pace beyond the limits."""
        if action == "pace":
            return self.poller.can_change(cast("float", parameters[0]))
        if action == "halt":
            return self.acting.runner.busy
        return super().check_action(action, parameters)

    def action_reread(self) -> None:
        """Read again now, and search again."""
        self.poller.hurry()
        if isinstance(self.view, JobListView):
            self.view.search_again()

    def action_show_view(self, name: str) -> None:
        """Turn to a view."""
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.view_name = name
        self.view.came_from = ""
        self.query_one(Views).current = name
        self.poller.wants_jobs = self.view.SHOWS_RUNNING
        self.view.focus_list()
        self._show()
        self.rewrite_bars()
        self.screen.refresh_bindings()

    def action_freeze(self) -> None:
        """Hold the display still, or let it go on."""
        self.frozen = not self.frozen
        self.rewrite_bars()
        if not self.frozen:
            self.poller.hurry()

    def action_pace(self, factor: float) -> None:
        """Read more or less often."""
        self.poller.interval = round(self.poller.interval * factor, 2)
        self.rewrite_bars()

    def action_next_theme(self) -> None:
        """Turn to the next theme."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_halt(self) -> None:
        """Stop the action that is running."""
        self.acting.runner.halt()

    def action_help(self) -> None:
        """Show the keys of the screen that is shown."""
        self.hinting = False
        self.rewrite_bars()
        if isinstance(self.screen, JobScreen):
            topic = Topic("the page of a job", JobScreen.ACTIONS)
        else:
            lists = [rows for rows in self.view.query(RowList) if rows.display]
            titles = [title for rows in lists for title in rows.titles]
            topic = topic_of(self.view_name, titles)
        self.push_screen(Help(topic, read_only=self.only_reads))

    async def action_quit(self) -> None:
        """Quit; while actions run, only when it is pressed again or confirmed."""
        self.acting.quit()

    async def on_event(self, event: events.Event) -> None:
        """Let letters that were meant for a dialog not act where none opened."""
        if isinstance(event, events.Key) and not event.is_forwarded and self._drops(event):
            return
        await super().on_event(event)

    def _drops(self, key: events.Key) -> bool:
        acts = self.screen if isinstance(self.screen, JobScreen) else self.view
        typing = isinstance(self.focused, Input | TextArea)
        if typing or (acts is self.view and len(self.screen_stack) > 1):
            return False
        if self.hush.swallows(key):
            return True
        labels = acts.fruitless(key.key)
        if labels:
            self.hush.begin(LOOKED_FOR)
            nothing = f"Can't {' or '.join(labels)}: there is nothing for it here."
            line = "This session only reads." if self.only_reads else nothing
            self.notify(line, timeout=5, markup=False)
        return bool(labels)

    def action_step_back(self) -> None:
        """Close one level: a screen, marks, the freeze, then up to the Overview."""
        if not self._close_one():
            if self.frozen:
                self.action_freeze()
            elif self.view_name != "overview":
                self.action_show_view("overview")

    def action_leave(self) -> None:
        """Close one level, or quit when there is none."""
        if not self._close_one():
            self.acting.quit()

    def _close_one(self) -> bool:
        if len(self.screen_stack) > 1:
            self.pop_screen()
            self._show()
            return True
        view, former = self.view, self.view.came_from
        if former:
            view.end_visit()
            self.action_show_view(former)
            return True
        return view.go_back()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that is possible now, for the command palette."""
        return commands(self, screen)

    @property
    def exit_code(self) -> int:
        """The exit code of the program, once the console has ended."""
        return INTERNAL_ERROR if self._has_failed else self.return_code or 0

    def last_lines(self) -> Iterator[str]:
        """What is printed once the terminal is given back."""
        if self._has_failed:
            error = self.failure
            line = f"{type(error).__name__}: {error}" if error else "unknown"
            yield f"asok: internal error: {safe(line, 500)}"
        if left := [str(path) for path in self.acting.kept if path.exists()]:
            line = f"asok: edited arguments that were not requeued are kept in {', '.join(left)}"
            yield safe(line)

    @property
    def _has_failed(self) -> bool:
        return self.failure is not None or self.return_code == 1

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """End the console."""
        self._is_exiting = True
        super().exit(result, return_code, message)

    def is_harmless(self, error: Exception) -> bool:
        """Whether an error only says that a screen is closing, or the console.

        Textual mounts a screen also where a key has closed it before, or has ended the console. None of
        its children are there then.
        """
        return isinstance(error, NoMatches | LookupError | WorkerFailed) and self._is_closed(error)

    def _is_closed(self, error: Exception) -> bool:
        pump = pump_of(error)
        if self._is_exiting or not isinstance(pump, Widget):
            return self._is_exiting
        screens = (each for each in pump.ancestors_with_self if isinstance(each, Screen))
        return next(screens, None) not in self.screen_stack
