"""How an operation is confirmed, started on a thread and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import cast

from textual.app import App

from asok_console.presentation.text import call_text, safe
from asok_console.tui.actions.runner import Finished, Progressed, Runner
from asok_console.tui.catalog.fields import fields_of
from asok_console.tui.catalog.plan import Plan
from asok_console.tui.runtime import programs
from asok_console.tui.screens.ask import Ask
from asok_console.tui.screens.confirm import Confirm
from asok_console.tui.screens.edit import Arguments, EditArguments, read_arguments
from asok_console.tui.screens.quit import Quitting
from asok_console.tui.screens.review import Reading
from asok_console.tui.views.host import Host
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Scope
from asok_core.inspection.audit import Activity
from asok_core.inspection.edits import diff, editable, same
from asok_core.jobs.envelope import UNTRUSTED, Payload
from asok_core.jobs.job import Job
from asok_core.jobs.nesting import DEEPEST, any_too_deep
from asok_core.jobs.states import Location
from asok_core.operations.catalog.confirmation import warnings
from asok_core.operations.catalog.dead_jobs import EditDead
from asok_core.operations.catalog.entry import Access

END_WITHIN = 2.0
"""Seconds that operations get to end when the console is closed."""

UNDO_AMONG = 50
"""Newest operations among which an undo looks for those of this session."""

TRUSTED_AS_IT_IS = "Trust and requeue (T) requeues a dead job as it is."


class Acting:
    """Confirms, runs and reports operations. They run beside each other."""

    def __init__(self, app: App[None], host: Host, access: Access) -> None:
        """``app`` and ``host`` are one object: as Textual knows it, and as views do."""
        self._app = app
        self._host = host
        self.runner = Runner(access, app.post_message)
        self.only_reads = access.only_reads
        self.last_undoable: Activity | None = None
        self.kept: list[Path] = []
        """Files with edited arguments that were not requeued."""
        self._operations: set[str] = set()

    def carry_out(self, plan: Plan) -> None:
        """Ask for missing answers and a confirmation, then run the plan."""
        if self.only_reads and plan.operation.changes:
            return
        if plan.operation.reviews:
            self._app.push_screen(Reading(plan, self._host.session.reader), self._answered)
        elif fields_of(plan.operation):
            self._app.push_screen(Ask(plan), self._answered)
        else:
            self._confirm(plan)

    def _answered(self, plan: Plan | None) -> None:
        if plan is None:
            return
        if plan.operation.changes:
            self._confirm(plan)
        else:
            self._start(plan)

    def _confirm(self, plan: Plan, back: Callable[[], object] | None = None) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._start(plan)
            elif back is not None:
                back()

        session = self._host.session
        confirm = Confirm(
            plan,
            target=session.target,
            protected=session.protected,
            hazards=self._hazards(plan),
        )
        self._app.push_screen(confirm, answered)

    def _hazards(self, plan: Plan) -> tuple[str, ...]:
        snapshot = self._host.snapshot
        if snapshot is None:
            return ()
        wrong_key = self._host.key_check.wrong
        return warnings(plan.operation, snapshot, plan.count, plan.queues, wrong_key=wrong_key)

    def _start(self, plan: Plan) -> None:
        number = self.runner.start(plan)
        for line in self._lines():
            line.working(number, plan.phrase)

    def edit(self, dead: Payload, text: str | None = None) -> None:
        """Open a dialog for the arguments of a dead job, then ask and requeue it.

        ``text``: the arguments as they were typed so far.
        """
        job = self._editable(dead, changes=True)
        if job is None:
            return

        def edited(changes: Arguments | None) -> None:
            if changes is not None:
                self._requeue_edited(dead, job, changes)

        self._app.push_screen(EditArguments(job, text), edited)

    def open_editor(self, whole: Payload, *, changes: bool) -> None:
        """Open a job's arguments in ``$EDITOR``; with ``changes``, ask and requeue what was saved."""
        job = self._editable(whole, changes=changes)
        if job is None:
            return
        before = (job.args, job.kwargs)
        saved = self.in_editor(editable(before))
        if saved is None:
            return
        after, _problem = read_arguments(saved)
        if after is not None and same(before, after):
            self._app.notify("The arguments are as before.", timeout=10, markup=False)
        elif not changes:
            self._keep(saved, "Nothing was changed: only the arguments of a dead job can be edited")
        elif after is None:
            # What was typed is not lost: it is corrected in the dialog, which names the problem.
            self.edit(whole, saved)
        else:
            self._requeue_edited(whole, job, after)

    def in_editor(self, text: str) -> str | None:
        """What was saved of a text in ``$EDITOR``; None, with a warning, where that failed."""
        app = self._app
        # A snapshot a second would wait for the end of the program.
        self._host.poller.hold()
        try:
            return programs.edit(app, text)
        except programs.ProgramFailed as error:
            if error.kept is not None:
                self.kept.append(error.kept)
            self.warn(str(error))
            return None
        finally:
            self._host.poller.resume()

    def in_pager(self, text: str) -> None:
        """Show a text that is safe for a terminal in ``$PAGER``, or warn why that failed."""
        self._host.poller.hold()
        try:
            programs.page(self._app, text)
        except programs.ProgramFailed as error:
            self.warn(str(error))
        finally:
            self._host.poller.resume()

    def _editable(self, payload: Payload, *, changes: bool) -> Job | None:
        job = payload.job
        if job is None or job.id == "" or payload.size is not None:
            self.warn("Cannot edit: the job is unreadable")
        elif changes and payload.trust in UNTRUSTED:
            self.warn(f"Cannot edit: {payload.trust}. {TRUSTED_AS_IT_IS}")
        elif any_too_deep((*job.args, *job.kwargs.values())):
            self.warn(f"Cannot edit: its arguments are nested more than {DEEPEST} levels deep.")
        else:
            return job
        return None

    def _requeue_edited(self, dead: Payload, job: Job, changes: Arguments) -> None:
        plan = Plan(
            EditDead(dead.raw, *changes),
            Scope(Location.DEAD, ids=frozenset((job.id,))),
            1,
            (call_text(job.task, *changes, 200),),
            diff=tuple(diff((job.args, job.kwargs), changes)),
            queues={job.queue: 1},
        )
        if not self.only_reads:
            self._confirm(plan, back=lambda: self.edit(dead, editable(changes)))

    def _keep(self, text: str, line: str) -> None:
        """Write the arguments of an edit that failed to a file, and warn with its path."""
        try:
            path = programs.keep(text.rstrip("\n"))
        except programs.ProgramFailed as error:
            self.warn(f"{line}. The edited arguments are lost: {error}")
            return
        self.kept.append(path)
        self.warn(f"{line}. The edited arguments are kept in {path}")

    def warn(self, line: str) -> None:
        """Show a warning for a while."""
        self._app.notify(
            safe(line[:1].upper() + line[1:], 500), severity="warning", timeout=15, markup=False
        )

    def progressed(self, event: Progressed) -> None:
        """Show how far it is."""
        stoppable = event.run == self.runner.next_to_halt
        for line in self._lines():
            line.progress(event.run, event.plan.phrase, event.progress, stoppable=stoppable)
        self._app.screen.refresh_bindings()

    def finished(self, event: Finished) -> None:
        """Show the result, and what can be undone now."""
        app, result = self._app, event.result
        for line in self._lines():
            line.outcome(event.run, event.line, event.tone)
        edit = event.plan.operation
        if isinstance(edit, EditDead) and not (result and result.applied):
            failed = "The edit failed" if result is None else "The job was not requeued"
            self._keep(editable((list(edit.args), edit.kwargs)), failed)
        if result is not None and result.operation:
            self._operations.add(result.operation)
            self._host.poller.ask(
                "undo", lambda reader: reader.activity(UNDO_AMONG), self._remember
            )
        self._host.poller.hurry()
        app.screen.refresh_bindings()

    def _remember(self, answer: object) -> None:
        activities = cast("tuple[Activity, ...]", answer)
        now = self._host.snapshot.taken_at if self._host.snapshot else 0.0
        mine = self._operations
        undoable = [a for a in activities if a.operation in mine and a.undo_left(now)]
        self.last_undoable = undoable[0] if undoable else None
        self._app.screen.refresh_bindings()

    def quit(self) -> None:
        """Close the console; while operations run, only when that is confirmed or asked for twice."""
        running = [run.plan.phrase for run in self.runner.running]
        if not running:
            self._app.exit()
        elif isinstance(self._app.screen, Quitting):
            self._stop_and_quit(True)
        else:
            self._app.push_screen(Quitting(running), self._stop_and_quit)

    def _stop_and_quit(self, yes: bool | None) -> None:
        if not yes:
            return
        # A moment for the audit: an operation that cannot end its entry is shown as unfinished.
        until = time.monotonic() + END_WITHIN
        self.runner.halt_all()

        def look() -> None:
            if not self.runner.busy or time.monotonic() > until:
                self._app.exit()

        self._app.set_interval(0.05, look)

    def _lines(self) -> Iterable[StatusLine]:
        return [line for screen in self._app.screen_stack for line in screen.query(StatusLine)]
