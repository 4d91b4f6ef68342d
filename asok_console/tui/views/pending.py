"""Pending: one queue at a time, in execution order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.binding import BindingType

from asok_console.presentation.text import safe
from asok_console.tui.data.trend import trend
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.composed import ComposedView
from asok_console.tui.views.shared.hold_rules import RuleSubject
from asok_console.tui.views.shared.job_columns import WAITING_COLUMNS
from asok_console.tui.views.shared.queue_actions import plan_for_queue, queue_names, show_related
from asok_console.tui.widgets.row_cursor import ListPosition
from asok_core.backends.roles import Reader
from asok_core.inspection.notes import NoteSubject, on_queue
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.rows import Page
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.catalog.switches import PurgeQueue
from asok_core.operations.catalog.waiting_jobs import MovePending


class PendingView(ComposedView):
    """The pending jobs of a queue; ``[`` and ``]`` turn to the other queues."""

    NAME = "pending"
    LOCATION = Location.PENDING
    EMPTY = "No pending jobs in this queue."
    COLUMNS = WAITING_COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.MARKS),
        *actions.bindings(actions.COMPOSITION),
        *actions.bindings(actions.QUEUE_TURNS),
        *actions.bindings(actions.RELATED),
        *operations.operations_of("pending"),
    ]

    queue: str | None = None

    def __init__(self) -> None:
        super().__init__()
        self._stood: dict[str, ListPosition | None] = {}
        """Where the lists of the other queues stood."""

    def searched_location(self) -> str:
        """What a filter searches."""
        return f"pending jobs of {safe(self.queue, 30)}" if self.queue else "pending jobs"

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:  # noqa: ARG002
        """A window of the queue that is shown."""
        if self.queue is None:
            return Page(0, 0)
        return reader.pending(self.queue, start, count)

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Stay with the queue; at first, take the one with the most to do."""
        if self.queue is None and snapshot.queues:
            self.queue = max(snapshot.queues, key=lambda q: q.pending).name
        super().show(snapshot, page)

    def show_queue(self, name: str) -> None:
        """Turn to a queue."""
        if name != self.queue:
            if self.queue is not None:
                self._stood[self.queue] = self._before if self.search else self.rows.position
            self.queue = name
            self.rows.cursor.marks.clear()
            filtered = self.search
            self.return_to(self._stood.get(name))
            if filtered is not None:
                self.narrow(filtered.query.filter)
                self._before = self._stood.get(name)
        else:
            self.rows.reload()
        self.refresh_heading()

    def action_related(self, view: str) -> None:
        """Show what belongs to the queue in another view."""
        show_related(self.console, view, self.queue)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to turn only to a queue that there is, and what belongs to a queue only beside one."""
        if action == actions.NEXT_QUEUE.method:
            return self._beside(cast("int", parameters[0])) is not None
        if action == actions.DEAD_OF_QUEUE.method:
            return self.queue is not None
        return super().check_action(action, parameters)

    def _beside(self, by: int) -> str | None:
        """The name of the next queue, or of the one before; None where there is none."""
        names = [q.name for q in self.console.snapshot.queues] if self.console.snapshot else []
        at = names.index(self.queue) + by if self.queue in names else 0
        return names[at] if 0 <= at < len(names) and names[at] != self.queue else None

    def action_turn(self, by: int) -> None:
        """Turn to the next queue, or the one before."""
        name = self._beside(by)
        if name is not None:
            self.show_queue(name)

    def describe(self) -> Sequence[tuple[str, str]]:
        """Queue, position, marks and what to expect."""
        title = f"Queue {self.queue}" if self.queue else "Pending"
        if self.by is not None:
            counted, *others = self.describe_composition(title)
            return (counted, self._expected(), *others)
        position = self.position()
        return (
            (title, "title"),
            # After the name of a queue, a number alone would be that of the queue.
            (f"job {position}" if position else "", ""),
            (self.marked(), "mark"),
            *self.searched(),
            self._expected(),
        )

    def _expected(self) -> tuple[str, str]:
        """What to expect of the queue, and the tone of that."""
        stats, snapshot = self._stats(), self.console.snapshot
        if stats is None or snapshot is None:
            return "", ""
        found = trend(stats, snapshot.taken_at, knows_serving=snapshot.knows_serving)
        return found.sentence, found.tone

    def shown_notes(self) -> Sequence[NoteSubject | None]:
        """The queue, and the job under the cursor."""
        return (on_queue(self.queue) if self.queue else None, self.noted())

    def rule_subject(self) -> RuleSubject | None:
        """The task of the job under the cursor; where no job is listed, the queue."""
        queue = RuleSubject(queue=self.queue) if self.queue else None
        return super().rule_subject() or queue

    def scope_queue(self) -> str | None:
        """The queue that is shown."""
        return self.queue

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Also what concerns the queue as a whole."""
        if action.operation is PurgeQueue and self.shows_some:
            return None
        if action.key_scope is KeyScope.QUEUE:
            stats = self._stats()
            return plan_for_queue(action, stats, self.console.snapshot) if stats else None
        plan = super().plan(action)
        if plan is None or action.operation is not MovePending:
            return plan
        return replace(plan, choices=queue_names(self.console.snapshot))

    def _stats(self) -> QueueStats | None:
        snapshot = self.console.snapshot
        if snapshot is None:
            return None
        return next((q for q in snapshot.queues if q.name == self.queue), None)
