"""How the arguments of a job are edited: in a dialog or in ``$EDITOR``, then confirmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from textual.app import App

from asok_console.presentation.text import call_text
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.screens.edit import Arguments, ArgumentsDialog, read_arguments
from asok_console.tui.views.host import Host
from asok_core.backends.roles import Scope
from asok_core.inspection.edits import diff, editable, same
from asok_core.jobs.envelope import UNTRUSTED, Payload
from asok_core.jobs.job import Job
from asok_core.jobs.nesting import DEEPEST, any_too_deep
from asok_core.jobs.states import Location
from asok_core.operations.catalog.dead_jobs import EditDead

TRUSTED_AS_IT_IS = "Trust and requeue (T) requeues a dead job as it is."


class PlanConfirmer(Protocol):
    """Asks for the confirmation of a plan; ``back`` is called where it is refused."""

    def __call__(self, plan: OperationPlan, back: Callable[[], object] | None = None) -> None:
        """Ask."""


class ArgumentEditor:
    """Edits the arguments of a job, and passes the changed ones on as a plan to ``confirm``."""

    def __init__(self, app: App[Any], host: Host, confirm: PlanConfirmer) -> None:
        """``app`` and ``host`` are the same object, with the types of Textual and of the views."""
        self._app = app
        self._host = host
        self._confirm = confirm

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

        self._app.push_screen(ArgumentsDialog(job, text), edited)

    def open_editor(self, whole: Payload, *, changes: bool) -> None:
        """Open a job's arguments in ``$EDITOR``; with ``changes``, ask and requeue what was saved."""
        job = self._editable(whole, changes=changes)
        if job is None:
            return
        before = (job.args, job.kwargs)
        saved = self._host.programs.edit(editable(before))
        if saved is None:
            return
        after, _problem = read_arguments(saved)
        if after is not None and same(before, after):
            self._app.notify("The arguments are as before.", timeout=10, markup=False)
        elif not changes:
            line = "Nothing was changed: only the arguments of a dead job can be edited"
            self._host.programs.keep(saved, line)
        elif after is None:
            # What was typed is not lost: it is corrected in the dialog, which names the problem.
            self.edit(whole, saved)
        else:
            self._requeue_edited(whole, job, after)

    def keep(self, edit: EditDead, line: str) -> None:
        """Keep the arguments of an edit that failed in a file, and warn with its path."""
        self._host.programs.keep(editable((list(edit.args), edit.kwargs)), line)

    def _editable(self, payload: Payload, *, changes: bool) -> Job | None:
        job = payload.job
        if job is None or job.id == "" or payload.size is not None:
            self._host.warn("Cannot edit: the job is unreadable")
        elif changes and payload.trust in UNTRUSTED:
            self._host.warn(f"Cannot edit: {payload.trust}. {TRUSTED_AS_IT_IS}")
        elif any_too_deep((*job.args, *job.kwargs.values())):
            self._host.warn(
                f"Cannot edit: its arguments are nested more than {DEEPEST} levels deep."
            )
        else:
            return job
        return None

    def _requeue_edited(self, dead: Payload, job: Job, changes: Arguments) -> None:
        plan = OperationPlan(
            EditDead(dead.raw, *changes),
            Scope(Location.DEAD, ids=frozenset((job.id,))),
            1,
            (call_text(job.task, *changes, 200),),
            diff=tuple(diff((job.args, job.kwargs), changes)),
            queues={job.queue: 1},
        )
        self._confirm(plan, back=lambda: self.edit(dead, editable(changes)))
