"""What can be done with a job that a worker runs, for every view that shows one."""

from __future__ import annotations

from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.job_columns import task_text
from asok_core.backends.roles import Scope
from asok_core.inspection.rows import Row
from asok_core.jobs.states import Location
from asok_core.operations.catalog.running_jobs import StopRunningJobs


def has_stack(console: Host, row: Row | None) -> bool:
    """Whether a worker can be asked where the code of a job is: that writes a request to Redis."""
    return _runs(row) and not console.session.only_reads


def plan_to_cancel(console: Host, row: Row | None) -> OperationPlan | None:
    """A plan to cancel a running job, or None where it is not one."""
    if row is None or not _runs(row):
        return None
    operation = StopRunningJobs(console.session.cancel_wait)
    scope = Scope(Location.ACTIVE, ids=frozenset((row.payload.id,)))
    return OperationPlan(operation, scope, 1, (task_text(row),))


def _runs(row: Row | None) -> bool:
    return row is not None and row.location is Location.ACTIVE and bool(row.payload.id)
