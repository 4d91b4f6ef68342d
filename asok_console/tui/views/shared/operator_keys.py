"""What views and screens share on which an operator acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from textual.dom import DOMNode

from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys.actions import EXPLAIN
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.hold_rules import RuleSubject, rule_of_row
from asok_console.tui.views.shared.job_columns import known_task
from asok_core.inspection.audit import Activity
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.notes import NoteSubject, on_job, on_queue
from asok_core.inspection.rows import Row


class KeySubject:
    """Something on the screen that the keys of operations are about: it says what they would do here.

    A mixin, listed before a widget's or screen's own class; it is not a DOM node itself, since
    Textual takes styles from the first base that is one.
    """

    @property
    def console(self) -> Host:
        """The application, as far as views and screens use it."""
        return cast(Host, cast(DOMNode, self).app)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Offer to explain only where there is something to explain."""
        return action != EXPLAIN.method or self.subject() is not None

    def subject(self) -> ExplainedSubject | None:
        """What can be explained: the job, queue or worker under the cursor."""
        return None

    def action_why(self) -> None:
        """Explain it."""
        subject = self.subject()
        if subject is not None:
            self.console.explain(subject)

    def operations(self) -> Sequence[OperatorAction]:
        """The operator's actions that have keys here."""
        return ()

    def plan(self, action: OperatorAction) -> OperationPlan | None:  # noqa: ARG002 - for those that act
        """What an action would do now, or None when there is nothing for it to do."""
        return None

    def noted(self) -> NoteSubject | None:
        """What a note would be on: what can be explained, if it is a job or a single queue."""
        subject = self.subject()
        if subject is None or subject.kind not in ("job", "queue"):
            return None
        if subject.kind == "queue":
            return on_queue(subject.name)
        return on_job(subject.name, known_task(subject.near) if subject.near else "")

    def rule_subject(self) -> RuleSubject | None:
        """What a hold would be made for: what can be explained, if it is a job or a single queue."""
        subject = self.subject()
        if subject is None or subject.kind not in ("job", "queue"):
            return None
        return (
            RuleSubject(queue=subject.name)
            if subject.kind == "queue"
            else rule_of_row(subject.near)
        )

    def limit_subject(self) -> LimitRule | None:
        """What a limit would be set on, as a rule without one: the task or the queue of a hold."""
        rule = self.rule_subject()
        if rule is None:
            return None
        return LimitRule(rule.task) if rule.task else LimitRule(queue=rule.queue)

    def missing(self) -> str:
        """Why no operation has anything to do here, where the view knows better than the keys."""
        return ""

    def undo(self, last: Activity | None) -> Activity | None:
        """The operation that an undo would take back; ``last`` is the last one of this session."""
        return last

    def editable(self) -> Row | None:
        """The dead job whose arguments can be edited here."""
        return None

    def readable(self) -> Row | None:
        """The job whose arguments can be opened in ``$EDITOR`` here."""
        return None
