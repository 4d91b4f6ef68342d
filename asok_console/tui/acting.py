"""The way of an action: from a plan over questions to a thread, and to the line that tells its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from asok_console.present.text import call_text
from asok_console.tui import operations
from asok_console.tui.actions import Access
from asok_console.tui.plan import Plan
from asok_console.tui.runner import Finished, Progressed, Runner
from asok_console.tui.screens.ask import Ask
from asok_console.tui.screens.confirm import Confirm
from asok_console.tui.screens.edit import Arguments, EditArguments
from asok_console.tui.views.joblist import JobListView
from asok_console.tui.widgets.bars import ActionLine
from asok_core.activity import Activity
from asok_core.backends.roles import Scope
from asok_core.states import Place
from asok_core.wire import Payload

if TYPE_CHECKING:
    from asok_console.tui.app import ConsoleApp

UNDO_AMONG = 50
"""Newest actions among which an undo looks for those of this session."""


class Acting:
    """Asks, runs and tells, one action at a time."""

    def __init__(self, app: ConsoleApp, access: Access) -> None:
        self._app = app
        self.runner = Runner(access, app.post_message)
        self.only_reads = access.only_reads
        self.last_undoable: Activity | None = None
        self._operations: set[str] = set()

    def carry_out(self, plan: Plan) -> None:
        """Ask for what is not known yet and for a yes, then run the plan."""
        if self.only_reads and plan.action.changes:
            return
        if self.runner.busy:
            self._app.notify("Another action is still running; x stops it.", severity="warning")
        elif plan.action.asks:
            self._app.push_screen(Ask(plan), self._answered)
        else:
            self._confirm(plan)

    def _answered(self, plan: Plan | None) -> None:
        if plan is None:
            return
        if plan.action.changes:
            self._confirm(plan)
        else:
            self._start(plan)

    def _confirm(self, plan: Plan) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._start(plan)

        session = self._app.session
        self._app.push_screen(
            Confirm(plan, target=session.target, protected=session.protected), answered
        )

    def _start(self, plan: Plan) -> None:
        for line in self._lines():
            line.working(plan.title)
        self.runner.start(plan)

    def edit(self, letter: Payload) -> None:
        """Let the arguments of a dead letter be changed, then ask and requeue it."""
        job = letter.job
        if job is None or job.id == "":
            self._app.notify("What cannot be read cannot be edited.", severity="warning")
            return

        def edited(changes: Arguments | None) -> None:
            if changes is not None:
                scope = Scope(Place.DEAD, ids=frozenset((job.id,)))
                new = call_text(job.task, *changes, 200)
                self.carry_out(Plan(operations.EDIT, scope, 1, (new,), changes=changes))

        self._app.push_screen(EditArguments(job), edited)

    def progressed(self, event: Progressed) -> None:
        """Show how far it is."""
        for line in self._lines():
            line.progress(event.plan.title, event.progress)
        self._app.screen.refresh_bindings()

    def finished(self, event: Finished) -> None:
        """Show what came of it, and what can be undone now."""
        app, result = self._app, event.result
        for line in self._lines():
            line.outcome(event.line, event.tone)
        if result is not None and isinstance(app.view, JobListView):
            if event.plan.scope.ids:
                app.view.rows.clear_marks()
            app.view.search_again()
        if result is not None and result.operation:
            self._operations.add(result.operation)
            app.poller.ask("undo", lambda reader: reader.activity(UNDO_AMONG), self._remember)
        app.poller.hurry()
        app.screen.refresh_bindings()

    def _remember(self, answer: object) -> None:
        activities = cast("tuple[Activity, ...]", answer)
        now = self._app.snapshot.taken_at if self._app.snapshot else 0.0
        mine = self._operations
        undoable = [a for a in activities if a.operation in mine and a.undo_left(now)]
        self.last_undoable = undoable[0] if undoable else None
        self._app.screen.refresh_bindings()

    def _lines(self) -> Iterable[ActionLine]:
        return [line for screen in self._app.screen_stack for line in screen.query(ActionLine)]
