"""What views and screens share that let an operator act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from textual.dom import DOMNode

from asok_console.presentation.compact import span
from asok_console.tui.catalog import operations
from asok_console.tui.catalog.actions import Reach
from asok_console.tui.catalog.operations import OperatorAction
from asok_console.tui.catalog.plan import Plan
from asok_console.tui.data.why import Subject
from asok_console.tui.views.host import Host
from asok_core.backends.roles import Scope
from asok_core.inspection.audit import Activity
from asok_core.jobs.states import Location
from asok_core.operations.catalog.trash import RestoreTrash


class Operates:
    """Offers the operator's actions for which ``plan`` finds something to do.

    A mixin that stands before a widget's or screen's own class; it is not a DOM node itself, since
    Textual takes styles from the first base that is one.
    """

    @property
    def console(self) -> Host:
        """The application, as far as views and screens use it."""
        return cast(Host, cast(DOMNode, self).app)

    def plan(self, action: OperatorAction) -> Plan | None:  # noqa: ARG002 - for those that act
        """What an action would do now, or None when there is nothing for it to do."""
        return None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer an operator's action only where there is something to do and a right to do it."""
        if action == "why":
            return self.subject() is not None
        if action != "operate":
            return True
        name = str(parameters[0])
        if self.console.session.only_reads and operations.BY_NAME[name].changes:
            return False
        return self.console.snapshot is not None and self._planned(name) is not None

    def subject(self) -> Subject | None:
        """What can be explained: the job, queue or worker under the cursor."""
        return None

    def action_why(self) -> None:
        """Explain it."""
        subject = self.subject()
        if subject is not None:
            self.console.explain(subject)

    def action_operate(self, name: str) -> None:
        """Ask for confirmation of an operator's action, then carry it out."""
        plan = self._planned(name)
        if plan is not None:
            self.console.acting.carry_out(plan)

    def fruitless(self, key: str) -> list[str]:
        """Labels of the operator's actions on a key, where none of them has anything to do."""
        bound = [each for each in self.operations() if key in each.keys.split(",")]
        if any(self.check_action("operate", (each.name,)) for each in bound):
            return []
        return list(dict.fromkeys(each.label for each in bound))

    def operations(self) -> Sequence[OperatorAction]:
        """The operator's actions that have keys here."""
        return ()

    def undo(self) -> Activity | None:
        """The action that an undo would take back: the last one of this session."""
        return self.console.acting.last_undoable

    def _planned(self, name: str) -> Plan | None:
        action = operations.BY_NAME[name]
        if action.reach is not Reach.OPERATION:
            return self.plan(action)
        activity, snapshot = self.undo(), self.console.snapshot
        if activity is None or snapshot is None or not activity.undo_left(snapshot.taken_at):
            return None
        about = f"{activity.action} of {activity.location or activity.queue}: {activity.words}"
        return Plan(
            RestoreTrash(activity.operation),
            Scope(Location.TRASH),
            activity.in_trash,
            (about, f"{span(activity.undo_left(snapshot.taken_at))} left"),
            queues={activity.queue: activity.in_trash} if activity.location == "pending" else None,
        )
