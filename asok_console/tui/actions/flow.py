"""How the key of an operation becomes a plan, is confirmed, run on a thread and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from textual.app import App

from asok_console.presentation.compact import span
from asok_console.tui.actions.editing import ArgumentEditor
from asok_console.tui.actions.runner import OperationFinished, OperationProgressed, Runner
from asok_console.tui.keys import operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.fields import fields_of
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.quit import QuitDialog
from asok_console.tui.screens.review import ReviewDialog
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.hold_rules import plan_for_hold
from asok_console.tui.views.shared.limit_rules import plan_for_limit
from asok_console.tui.views.shared.notes import note_sentence, plan_for_note
from asok_console.tui.views.shared.operator_keys import KeySubject
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Scope
from asok_core.inspection.audit import Activity
from asok_core.inspection.row_texts import LOCATION_TEXTS
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Payload
from asok_core.jobs.states import Location
from asok_core.operations.catalog.confirmation import warnings
from asok_core.operations.catalog.dead_jobs import EditDead
from asok_core.operations.catalog.entry import Access
from asok_core.operations.catalog.trash import RestoreTrash

MISSING = {
    KeyScope.MATCHING: "no job is listed that it applies to",
    KeyScope.SHOWN: "no job is listed that it applies to",
    KeyScope.QUEUE: "choose a queue with jobs",
    KeyScope.WORKER: "choose a worker that is not stopping",
    KeyScope.LIVE_WORKER: "choose a worker of this release that sends heartbeats and is not stopping",
    KeyScope.SUBJECT: "choose a job, a queue or an error group",
    KeyScope.HOLD: "choose a hold with jobs to release, or one without to remove",
    KeyScope.RULE: "choose a job whose task is known, an error group, a task or a queue",
    KeyScope.LIMIT: "choose a job whose task is known, an error group, a task, a queue or a limit",
    KeyScope.OPERATION: "choose an operation in Activity whose jobs are in the trash",
    KeyScope.TRASH: "choose an operation whose jobs are in the trash",
    KeyScope.LISTED_TRASH: "no listed operation has jobs in the trash",
}
"""Why a key has nothing to do, by what it is about."""

END_WITHIN = 2.0
"""Seconds that operations get to end when the console is closed."""

UNDO_AMONG = 50
"""Newest operations among which an undo looks for those of this session."""


def _what_is_missing(action: OperatorAction) -> str:
    if action.key_scope is not KeyScope.CHOSEN:
        return MISSING[action.key_scope]
    if action.operation.reviews:
        return "choose a job without a valid signature"
    return f"choose a job that {LOCATION_TEXTS[action.location]}"


class OperationFlow:
    """Plans, confirms, runs and reports operations. They run beside each other.

    Everything from the key to the dialog happens in one step of the event loop: a key that was typed
    right after it belongs to the dialog. That is why the view does not post its plan as a message.

    ``here`` returns what the operator's keys are about: the view or the page of a job on the screen.
    """

    def __init__(
        self, app: App[None], host: Host, access: Access, here: Callable[[], KeySubject]
    ) -> None:
        """``app`` and ``host`` are the same object, with the types of Textual and of the views."""
        self._app = app
        self._host = host
        self._here = here
        self.runner = Runner(access, app.post_message)
        self.editing = ArgumentEditor(app, host, self._confirm)
        self.only_reads = access.only_reads
        self.last_undoable: Activity | None = None
        self._operations: set[str] = set()

    def offers(self, name: str) -> bool:
        """Whether an operation has something to do here, and this session has a right to it."""
        if self.only_reads and operations.BY_NAME[name].changes:
            return False
        return self._host.snapshot is not None and self._plan(name) is not None

    def refuses(self, key: str) -> bool:
        """Whether a key has operations, but none with anything to do here: then a line says so."""
        here = self._here()
        bound = [each for each in here.operations() if key in each.keys.split(",")]
        if not bound or any(self.offers(each.name) for each in bound):
            return False
        labels = " or ".join(dict.fromkeys(each.label for each in bound))
        line = f"Can't {labels}: {here.missing() or _what_is_missing(bound[0])}."
        if self.only_reads:
            line = "This session is read-only."
            if any(each.key_scope is KeyScope.SUBJECT for each in bound):
                # Where a note cannot be changed, all of it can still be read.
                line = note_sentence(self._host, here.noted()) + line
        self._app.notify(line, timeout=10 if len(line) > 100 else 5, markup=False)
        return True

    def operate(self, name: str) -> None:
        """Ask for missing answers and a confirmation of an operation, then run it."""
        plan = self._plan(name)
        if plan is None or (self.only_reads and plan.operation.changes):
            return
        if plan.operation.reviews:
            self._app.push_screen(ReviewDialog(plan, self._host.session.reader), self._answered)
        elif fields_of(plan.operation):
            reader = self._host.session.unredacted or self._host.session.reader
            self._app.push_screen(AnswersDialog(plan, reader), self._answered)
        else:
            self._confirm(plan)

    def _plan(self, name: str) -> OperationPlan | None:
        action, here = operations.BY_NAME[name], self._here()
        if action.key_scope is KeyScope.SUBJECT:
            return plan_for_note(self._host, here.noted())
        if action.key_scope is KeyScope.RULE:
            return plan_for_hold(self._host, here.rule_subject())
        if action.key_scope is KeyScope.LIMIT:
            return plan_for_limit(self._host, here.limit_subject())
        if action.key_scope is not KeyScope.OPERATION:
            return here.plan(action)
        activity, snapshot = here.undo(self.last_undoable), self._host.snapshot
        if activity is None or snapshot is None or not activity.undo_left(snapshot.taken_at):
            return None
        about = f"{activity.action} of {activity.location or activity.queue}: {activity.words}"
        pending = activity.location == Location.PENDING
        return OperationPlan(
            RestoreTrash(activity.operation),
            Scope(Location.TRASH),
            activity.in_trash,
            (about, f"{span(activity.undo_left(snapshot.taken_at))} left"),
            queues={activity.queue: activity.in_trash} if pending else None,
        )

    def _answered(self, plan: OperationPlan | None) -> None:
        if plan is None:
            return
        if plan.operation.changes and plan.operation.confirms:
            self._confirm(plan)
        else:
            self._start(plan)

    def edit(self) -> None:
        """Edit the arguments of the dead job that is chosen here, then ask and requeue it."""
        self._with_whole(self._here().editable(), self.editing.edit)

    def open_arguments(self) -> None:
        """Open the arguments of the job here in ``$EDITOR``; those of a dead job may be changed there."""
        changes = self._here().editable() is not None and not self.only_reads
        opened = partial(self.editing.open_editor, changes=changes)
        self._with_whole(self._here().readable(), opened)

    def _with_whole(self, row: Row | None, then: Callable[[Payload], None]) -> None:
        if row is not None:
            self._host.with_whole(row, then)

    def _confirm(self, plan: OperationPlan, back: Callable[[], object] | None = None) -> None:
        if self.only_reads and plan.operation.changes:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self._start(plan)
            elif back is not None:
                back()

        session = self._host.session
        confirm = ConfirmationDialog(
            plan,
            target=session.target,
            protected=session.protected,
            hazards=self._hazards(plan),
        )
        self._app.push_screen(confirm, answered)

    def _hazards(self, plan: OperationPlan) -> tuple[str, ...]:
        snapshot = self._host.snapshot
        if snapshot is None:
            return ()
        wrong_key = self._host.state.key_check.wrong
        return warnings(
            plan.operation, snapshot, plan.count, plan.queue_counts, wrong_key=wrong_key
        )

    def _start(self, plan: OperationPlan) -> None:
        number = self.runner.start(plan)
        for line in self._lines():
            line.working(number, plan.phrase)

    def progressed(self, event: OperationProgressed) -> None:
        """Show how far it is."""
        stoppable = event.run == self.runner.next_to_halt
        for line in self._lines():
            line.progress(event.run, event.plan.phrase, event.progress, stoppable=stoppable)
        self._app.screen.refresh_bindings()

    def finished(self, event: OperationFinished) -> None:
        """Show the result, and what can be undone now."""
        app, result = self._app, event.result
        for line in self._lines():
            line.outcome(event.run, event.line, event.tone)
        edit = event.plan.operation
        if isinstance(edit, EditDead) and not (result and result.applied):
            failed = "The edit failed" if result is None else "The job was not requeued"
            self.editing.keep(edit, failed)
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
        elif isinstance(self._app.screen, QuitDialog):
            self._stop_and_quit(True)
        else:
            self._app.push_screen(QuitDialog(running), self._stop_and_quit)

    def _stop_and_quit(self, yes: bool | None) -> None:
        if not yes:
            return
        # A moment for the audit: an operation that cannot end its entry is shown as unfinished.
        until = time.monotonic() + END_WITHIN
        self.runner.halt_all()

        def exit_if_ended() -> None:
            if not self.runner.busy or time.monotonic() > until:
                self._app.exit()

        self._app.set_interval(0.05, exit_if_ended)

    def _lines(self) -> Iterable[StatusLine]:
        return [line for screen in self._app.screen_stack for line in screen.query(StatusLine)]
