"""The console: one screen of views, fed by the poller, acting through the runner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Input, TextArea

from asok_console.presentation.text import safe, safe_block
from asok_console.tui.actions.flow import OperationFlow
from asok_console.tui.actions.operator_programs import OperatorPrograms
from asok_console.tui.actions.palette import commands
from asok_console.tui.actions.runner import OperationFinished, OperationProgressed
from asok_console.tui.data.poller import Answered, Poller, ReadFailed, SnapshotTaken
from asok_console.tui.data.scanner import LocationScan, ScanProgress
from asok_console.tui.data.state import ConsoleState
from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.data.whole_jobs import with_whole
from asok_console.tui.keys import actions, operations
from asok_console.tui.navigation import BaseScreen, NavigatingApp, Views
from asok_console.tui.options import Session
from asok_console.tui.runtime.stray_keys import LOOKED_FOR, StrayKeyGuard
from asok_console.tui.theme import THEMES
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.widgets.bars import Header, Tabs
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import KeyCheck, Snapshot
from asok_core.jobs.envelope import Payload
from asok_core.jobs.states import Location
from asok_core.operations.catalog.entry import Access

COPY_LIMIT = 100_000
"""Characters that are copied at most: many terminals drop a longer OSC 52."""


class ConsoleApp(NavigatingApp):
    """The whole console."""

    TITLE = "Asok Console"
    # Those of all screens too: to open a screen with styles of its own, Textual parses all styles again.
    CSS_PATH: ClassVar = ["console.tcss", *sorted(Path(__file__).parent.glob("screens/*.tcss"))]
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.GLOBAL)]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.VERTICAL_BREAKPOINTS = [(0, "low"), (30, "tall")]
        self.state = ConsoleState(session.dead_cap)
        self.poller = Poller(
            session.reader,
            self.post_message,
            interval=session.interval,
            at_once=session.first is None,
        )
        self.programs = OperatorPrograms(self, self)
        self.flow = OperationFlow(self, self, Access(session.reader, session.operator), self.here)
        self.stray_keys = StrayKeyGuard()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = session.theme

    @property
    def status(self) -> ConsoleStatus:
        """What the lines around the views show."""
        session, state = self.session, self.state
        return ConsoleStatus(
            target=session.target,
            modes=session.modes,
            read_write=not (session.only_reads or session.protected),
            interval=self.poller.interval,
            view=self.view_name,
            snapshot=state.snapshot,
            taken=state.taken,
            failing=state.failing,
            unread=next(iter(state.unread.values()), ""),
            display_paused=state.display_paused,
            alerts=state.alerts,
            alerts_listed=self.view_name == "overview" and len(self.screen_stack) == 1,
            typing_filter=self.view.is_asking,
            points_out_help=self.points_out_help,
        )

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot that is shown; None before the first."""
        return self.state.snapshot

    @property
    def now(self) -> float:
        """The time of that snapshot; NaN before the first."""
        return self.state.now

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
        """Start to read; restore the terminal however the program ends."""
        self.set_class(self.session.protected, "protected")
        if not self.is_headless:
            self.watch_terminal()
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.poller.reads_jobs = self.view.SHOWS_RUNNING
        self.set_sources()
        if self.session.first is not None:
            self.post_message(SnapshotTaken(self.session.first))
        self.poller.start()
        self.view.focus_list()
        if self.session.filter and isinstance(self.view, JobListView):
            self.view.begin_with(self.session.filter)

    def on_unmount(self) -> None:
        """Stop reading. The threads end by themselves."""
        self.poller.stop()
        self.flow.runner.halt_all()

    @on(SnapshotTaken)
    def _take(self, event: SnapshotTaken) -> None:
        if self.state.take(event.snapshot, event.unread):
            self.show(event.pages)
        if self.state.is_key_check_due():
            self.poller.ask("key", lambda reader: reader.check_key(), self._check_key)
        self.rewrite_bars()

    def _check_key(self, answer: object) -> None:
        self.state.take_key_check(cast("KeyCheck", answer))
        if not self.state.display_paused:
            # Shown with the snapshot that is here already.
            self.show({})
        self.rewrite_bars()

    @on(ReadFailed)
    def _failed(self, event: ReadFailed) -> None:
        self.state.fail(event.line, event.slot)
        self.rewrite_bars()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        self.state.unread.pop(event.slot, None)
        if self.is_running:
            event.deliver()

    def scan(
        self,
        take: Callable[[Page], None],
        *,
        location: Location,
        queue: str | None = None,
        whole: bool = False,
    ) -> LocationScan:
        """Begin to read all jobs of a location; the lists of jobs receive the progress."""
        reader, post = self.session.reader, self.post_message
        walk = LocationScan(reader, post, take, location=location, queue=queue, whole=whole)
        walk.start()
        return walk

    @on(ScanProgress)
    def _scanned(self, event: ScanProgress) -> None:
        for view in self.views.values():
            if isinstance(view, JobListView) and self.is_running:
                view.scanned(event)

    def rewrite_bars(self) -> None:
        """Write the lines around the views again."""
        self.set_class(bool(self.state.failing), "failing")
        status = self.status
        for screen in self.screen_stack:
            for bar in screen.children:
                if isinstance(bar, Header | Tabs | StatusLine | KeyBar):
                    bar.show(status)

    @on(OperationProgressed)
    def _progressed(self, event: OperationProgressed) -> None:
        if self.is_running:
            self.flow.progressed(event)

    @on(OperationFinished)
    def _finished(self, event: OperationFinished) -> None:
        if self.is_running:
            if event.result is not None:
                self.view.operated(event.plan)
            self.flow.finished(event)

    def with_whole(self, row: Row, then: Callable[[Payload], object]) -> None:
        """Call ``then`` with all of a row's payload; of a large job it is read first."""
        with_whole(self.poller, row, then, self.warn)

    def copy(self, text: str, what: str) -> None:
        """Copy to the clipboard of the terminal, also over SSH. What is copied is made safe."""
        self.copy_to_clipboard(safe_block(text, COPY_LIMIT))
        cut = " (its beginning)" if len(text) > COPY_LIMIT else ""
        self.notify(f"Copied the {what}{cut}.", timeout=2, markup=False)

    def warn(self, line: str) -> None:
        """Show a warning for a while."""
        text = safe(line[:1].upper() + line[1:], 500)
        self.notify(text, severity="warning", timeout=15, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer operations only where they have something to do, and no interval beyond the limits."""
        if action == operations.OPERATE:
            return self.flow.offers(str(parameters[0]))
        if action == actions.EDIT_ARGUMENTS.method:
            return not self.session.only_reads and self.here().editable() is not None
        if action == actions.OPEN_ARGUMENTS.method:
            return self.here().readable() is not None
        if action == actions.FASTER.method:
            return self.poller.can_change(cast("float", parameters[0]))
        if action == actions.HALT.method:
            return self.flow.runner.busy
        return super().check_action(action, parameters)

    def action_reread(self) -> None:
        """Read again now, and search again."""
        self.poller.hurry()
        if isinstance(self.view, JobListView):
            self.view.search_again()

    def action_pace(self, factor: float) -> None:
        """Read more or less often."""
        self.poller.interval = round(self.poller.interval * factor, 2)
        self.rewrite_bars()

    def action_next_theme(self) -> None:
        """Show the next theme."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]

    def action_operate(self, name: str) -> None:
        """Perform an operation on what is chosen on the screen, once it is confirmed."""
        self.flow.operate(name)

    def action_edit(self) -> None:
        """Change the arguments of a dead job, then requeue it."""
        self.flow.edit()

    def action_open_arguments(self) -> None:
        """Open the arguments of a job in ``$EDITOR``; those of a dead job may be changed there."""
        self.flow.open_arguments()

    def action_halt(self) -> None:
        """Stop the operation that was started last."""
        self.flow.runner.halt()

    def end(self) -> None:
        """Quit; while operations run, only when it is pressed again or confirmed."""
        self.flow.quit()

    async def action_quit(self) -> None:
        """Quit; while operations run, only when it is pressed again or confirmed."""
        self.end()

    async def on_event(self, event: events.Event) -> None:
        """Ignore characters that were typed for a dialog where none opened."""
        if isinstance(event, events.Key) and not event.is_forwarded and self._drops(event):
            return
        await super().on_event(event)

    def _drops(self, key: events.Key) -> bool:
        typing = isinstance(self.focused, Input | TextArea)
        if typing or (len(self.screen_stack) > 1 and self.screen is not self.here()):
            return False
        if self.stray_keys.swallows(key):
            return True
        if refused := self.flow.refuses(key.key):
            self.stray_keys.begin(LOOKED_FOR)
        return refused

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every action that is possible now, for the command palette."""
        return commands(self, screen)

    def last_lines(self) -> Iterator[str]:
        """What is printed once the terminal is restored."""
        yield from super().last_lines()
        if left := [str(path) for path in self.programs.kept if path.exists()]:
            line = f"asok: edited arguments that were not requeued are kept in {', '.join(left)}"
            yield safe(line)
