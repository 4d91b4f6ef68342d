"""The way of an action: from a plan over questions to a thread, and to the line that tells its end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from asok_console.present.text import call_text
from asok_console.tui import operations
from asok_console.tui.actions import Access
from asok_console.tui.plan import Plan
from asok_console.tui.runner import Finished, Progressed, Runner
from asok_console.tui.screens.ask import Ask
from asok_console.tui.screens.confirm import Confirm
from asok_console.tui.screens.edit import Arguments, EditArguments
from asok_console.tui.screens.quitting import Quitting
from asok_console.tui.screens.reading import Reading
from asok_console.tui.views.joblist import JobListView
from asok_console.tui.widgets.statusline import StatusLine
from asok_core.activity import Activity
from asok_core.backends.roles import Scope
from asok_core.hazards import hazards, maybe_paused
from asok_core.nesting import DEEPEST, any_too_deep
from asok_core.states import Place
from asok_core.wire import Payload

if TYPE_CHECKING:
    from asok_console.tui.app import ConsoleApp

END_WITHIN = 2.0
"""Seconds that actions get to end when the console is closed."""

UNDO_AMONG = 50
"""Newest actions among which an undo looks for those of this session."""

SIGNED_AGAIN = frozenset({Place.DEAD, Place.PENDING})
"""Places whose jobs are signed again on their way to a queue."""

WRONG_KEY = "SECRET_KEY is likely not the key of the application: jobs will be refused"


class Acting:
    """Asks, runs and shows what became of it. Actions run beside each other."""

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
        if plan.action.reviews:
            self._app.push_screen(Reading(plan, self._app.session.reader), self._answered)
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
        confirm = Confirm(
            plan,
            target=session.target,
            protected=session.protected,
            hazards=self._hazards(plan),
        )
        self._app.push_screen(confirm, answered)

    def _hazards(self, plan: Plan) -> tuple[str, ...]:
        snapshot, action = self._app.snapshot, plan.action
        if snapshot is None:
            return ()
        to: Mapping[str, int] = {}
        if action.returns:
            chosen = plan.answers.get("queue")
            to = {chosen: plan.count or 0} if chosen else plan.queues or {}
        trash = "goes to the trash" in action.aftermath
        found = hazards(snapshot, to=to, trash=trash)
        if self._app.key_check.wrong and action.returns and action.place in SIGNED_AGAIN:
            found = (WRONG_KEY, *found)
        # A restore of dead jobs or delayed ones puts nothing into a queue.
        unknown = action.returns and not to and action.place is not Place.TRASH
        return (*found, *maybe_paused(snapshot)) if unknown else found

    def _start(self, plan: Plan) -> None:
        number = self.runner.start(plan)
        for line in self._lines():
            line.working(number, plan.title)

    def edit(self, letter: Payload) -> None:
        """Let the arguments of a dead letter be changed, then ask and requeue it."""
        job = letter.job
        if job is None or job.id == "" or letter.size is not None:
            self._app.notify("What cannot be read cannot be edited.", severity="warning")
            return
        if any_too_deep((*job.args, *job.kwargs.values())):
            line = f"Cannot edit: its arguments are nested more than {DEEPEST} levels deep."
            self._app.notify(line, severity="warning")
            return

        def edited(changes: Arguments | None) -> None:
            if changes is not None:
                scope = Scope(Place.DEAD, ids=frozenset((job.id,)))
                new = call_text(job.task, *changes, 200)
                self.carry_out(
                    Plan(
                        operations.EDIT,
                        scope,
                        1,
                        (new,),
                        changes=changes,
                        letter=letter.raw,
                        queues={job.queue: 1},
                    )
                )

        self._app.push_screen(EditArguments(job), edited)

    def progressed(self, event: Progressed) -> None:
        """Show how far it is."""
        stoppable = event.run == self.runner.next_to_halt
        for line in self._lines():
            line.progress(event.run, event.plan.title, event.progress, stoppable=stoppable)
        self._app.screen.refresh_bindings()

    def finished(self, event: Finished) -> None:
        """Show what came of it, and what can be undone now."""
        app, result = self._app, event.result
        for line in self._lines():
            line.outcome(event.run, event.line, event.tone)
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

    def quit(self) -> None:
        """Close the console; while actions run, only when that is confirmed or asked for twice."""
        running = [run.plan.title.rstrip("?") for run in self.runner.running]
        if not running:
            self._app.exit()
        elif isinstance(self._app.screen, Quitting):
            self._stop_and_quit(True)
        else:
            self._app.push_screen(Quitting(running), self._stop_and_quit)

    def _stop_and_quit(self, yes: bool | None) -> None:
        if not yes:
            return
        # A moment for the audit: an action that does not get to end its entry is shown as unfinished.
        until = time.monotonic() + END_WITHIN
        self.runner.halt_all()

        def look() -> None:
            if not self.runner.busy or time.monotonic() > until:
                self._app.exit()

        self._app.set_interval(0.05, look)

    def _lines(self) -> Iterable[StatusLine]:
        return [line for screen in self._app.screen_stack for line in screen.query(StatusLine)]
