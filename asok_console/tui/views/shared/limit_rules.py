"""The plan to set or reset a limit on what is under the cursor."""

from __future__ import annotations

from asok_console.tui.plans.limit_subjects import LimitSubject
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_core.backends.roles import Scope
from asok_core.inspection.limits import LimitRule, Limits, limit_problem
from asok_core.operations.catalog.limits import LimitJobs


def plan_for_limit(console: Host, rule: LimitRule | None) -> OperationPlan | None:
    """A plan for the limit of a queue, a task or an argument; None where there can be none."""
    snapshot = console.snapshot
    if rule is None or snapshot is None or limit_problem(rule):
        return None
    known = Limits(snapshot.limits, snapshot.buckets, problem=snapshot.holds_problem)
    operation = LimitJobs(rule)
    return OperationPlan(
        operation, Scope(operation.location), None, limit=LimitSubject(rule, known)
    )
