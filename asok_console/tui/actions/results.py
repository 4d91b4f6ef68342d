"""The line that reports what an operation did, and its tone."""

from __future__ import annotations

from asok_console.tui.plans.plan import OperationPlan
from asok_core.backends.roles import OperationResult
from asok_core.operations.canary import CanaryResult, Verdict
from asok_core.operations.catalog.results import is_whole, result_line
from asok_core.operations.catalog.trash import EmptyTrash
from asok_core.operations.preview import with_unmet


def outcome_line(plan: OperationPlan, result: OperationResult | CanaryResult) -> tuple[str, str]:
    """The line and its tone: good, warn or bad."""
    # The trash of operations that others have emptied is counted by the operation, not by its jobs.
    if isinstance(result, OperationResult) and not isinstance(plan.operation, EmptyTrash):
        result = with_unmet(result, plan.count or 0)
    line = result_line(plan.operation, plan.scope, result, plan.count)
    if isinstance(result, CanaryResult) and result.verdict is Verdict.FAILED_AGAIN:
        return line, "bad"
    return line, "good" if is_whole(result) else "warn"
