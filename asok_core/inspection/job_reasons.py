"""Why a job is where it is: what it waits for, what it does, or how it ended.

Everything is derived from what Redis holds of the job, from one snapshot and from the audit. What these do
not show is reported as not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asok_core.inspection import (
    active_reasons,
    ended_reasons,
    estimates,
    hold_reasons,
    limit_reasons,
    waiting_reasons,
)
from asok_core.inspection.audit import Activity
from asok_core.inspection.command_lines import operands, shell_word
from asok_core.inspection.elsewhere import RecordSearch
from asok_core.inspection.estimates import Estimate
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.reason import Reason, ranked
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import TaskHistory
from asok_core.jobs.limits import BUCKET
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
    figures: TaskHistory | None = None,
) -> Explanation:
    """Why a job is where it is. ``activities``: the newest entries of the audit, newest first.

    ``stacks``: of a running job that of its code, then those of others in its process. ``figures``: what
    its task did in the last day, by the minute.
    """
    case = JobCase(detail, snapshot, activities, stacks, figures)
    if detail.location is Location.PENDING:
        found = ranked(waiting_reasons.pending(case))
        estimate = estimates.estimate(case, found)
        return Explanation(f"pending in queue {case.queue!r}", found, estimate)
    if detail.location is Location.HELD:
        limited = detail.hold.startswith(BUCKET)
        found = ranked((limit_reasons.limited if limited else hold_reasons.held)(case))
        return Explanation(f"held in queue {case.queue!r}", found)
    if detail.location is Location.DELAYED:
        found = ranked(waiting_reasons.delayed(case))
        return Explanation(waiting_reasons.delayed_state(case), found)
    if detail.location is Location.ACTIVE:
        return Explanation(active_reasons.state(case), tuple(active_reasons.active(case)))
    return Explanation(ended_reasons.state(case), tuple(ended_reasons.ended(case)))


def explain_unknown(
    name: str,
    namespace: str,
    database: str,
    elsewhere: RecordSearch | None = None,
    gaps: Sequence[str] = (),
) -> Explanation:
    """Why nothing is found of an id: what that can mean, since nothing is known of it here.

    ``gaps``: where it may be, since not all was searched.
    """
    found = tuple(_elsewhere(name, elsewhere)) if elsewhere is not None else ()
    if gaps:
        reason = Reason(
            "not_searched", f"it was not found, and whether it is there is not known: {'; '.join(gaps)}",
            evidence={"namespace": namespace, "redis": database, **_looked_at(namespace, elsewhere)},
        )  # fmt: skip
        return Explanation("not known", (*found, reason))
    reason = Reason(
        "not_found", "no record and no envelope of it is in this namespace",
        evidence={"namespace": namespace, "redis": database, **_looked_at(namespace, elsewhere)},
        remedy="" if found else "check the id, the namespace (ASOK_NAMESPACE) and the database in the "
        "URL; records of ended jobs expire (after 24 hours by default)",
    )  # fmt: skip
    return Explanation("not known here" if found else "not known", (*found, reason))


def _elsewhere(name: str, elsewhere: RecordSearch) -> Iterator[Reason]:
    for namespace in elsewhere.namespaces:
        yield Reason(
            "other_namespace",
            f"namespace {namespace!r} of this database has a key with the name of its record",
            remedy=f"ASOK_NAMESPACE={shell_word(namespace)} asok explain {operands(name)}",
        )
    for number, namespaces in elsewhere.databases.items():
        for namespace in namespaces:
            yield Reason(
                "other_database",
                f"database {number} of this server has a key with the name of its record, "
                f"in namespace {namespace!r}",
                remedy=f"use database {number} in the URL (ASOK_REDIS_URL or --url)",
            )


def _looked_at(namespace: str, elsewhere: RecordSearch | None) -> dict[str, str | int | float]:
    """Where a record with exactly this id was looked for, and nothing beyond that."""
    if elsewhere is None:
        return {}
    if elsewhere.keys is None:
        of_namespaces = "; others were ".join((*elsewhere.namespaces, "not looked at (no rights)"))
    else:
        others = ", ".join(elsewhere.namespaces) or "none has exactly this id"
        all_of = "all" if elsewhere.whole else f"the first {elsewhere.keys:,}"
        of_namespaces = f"{others} (by {all_of} keys of this database)"
    parts = []
    absent = [number for number, found in elsewhere.databases.items() if not found]
    numbers = ", ".join(map(str, sorted((elsewhere.database, *absent))))
    nouns = "databases" if absent else "database"
    parts.append(f"exactly this id is not in namespace {namespace!r} of {nouns} {numbers}")
    for why in dict.fromkeys(elsewhere.unread.values()):
        unread = [str(each) for each, reason in elsewhere.unread.items() if reason == why]
        nouns = "database" if len(unread) == 1 else "databases"
        was = "was" if len(unread) == 1 else "were"
        parts.append(f"{nouns} {', '.join(unread)} {was} not looked at ({why})")
    if elsewhere.problem:
        parts.append(f"which others have keys is not known ({elsewhere.problem})")
    return {"other_namespaces": of_namespaces, "databases": "; ".join(parts)}
