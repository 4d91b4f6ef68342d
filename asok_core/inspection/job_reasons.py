"""Why a job is where it is: what it waits for, what it does, or how it ended.

Everything is derived from what Redis holds of the job, from one snapshot and from the audit. What these do
not show is reported as not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from asok_core.inspection import active_reasons, ended_reasons, estimates, waiting_reasons
from asok_core.inspection.audit import Activity
from asok_core.inspection.estimates import Estimate
from asok_core.inspection.job_case import Case
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.reasons import Reason, ranked
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import Figures
from asok_core.jobs.states import Location


class Explanation(NamedTuple):
    """Why something is as it is. ``state`` is a phrase; ``reasons`` are ranked, the first counts most."""

    state: str
    reasons: tuple[Reason, ...]
    estimate: Estimate | None = None
    """Of a pending job; of others None."""


def explain_job(
    detail: JobDetail,
    snapshot: Snapshot,
    activities: Sequence[Activity],
    stacks: Sequence[JobStack] = (),
    figures: Figures | None = None,
) -> Explanation:
    """Why a job is where it is. ``activities``: the newest entries of the audit, newest first.

    ``stacks``: of a running job that of its code, then those of others in its process. ``figures``: what
    its task did in the last hour.
    """
    case = Case(detail, snapshot, activities, stacks, figures)
    if detail.location is Location.PENDING:
        found = ranked(waiting_reasons.pending(case))
        estimate = estimates.estimate(case, found)
        return Explanation(f"pending in queue {case.queue!r}", found, estimate)
    if detail.location is Location.DELAYED:
        found = ranked(waiting_reasons.delayed(case))
        return Explanation(waiting_reasons.delayed_state(case), found)
    if detail.location is Location.ACTIVE:
        return Explanation(active_reasons.state(case), tuple(active_reasons.active(case)))
    return Explanation(ended_reasons.state(case), tuple(ended_reasons.ended(case)))


def explain_unknown(namespace: str, database: str) -> Explanation:
    """Why nothing is found of an id: what that can mean, since nothing is known of it."""
    reason = Reason(
        "not_found", "no record and no envelope of it is in Redis",
        evidence={"namespace": namespace, "redis": database},
        remedy="check the id, the namespace (ASOK_NAMESPACE) and the database in the URL; "
        "records of ended jobs expire (after 24 hours by default)",
    )  # fmt: skip
    return Explanation("not known", (reason,))
