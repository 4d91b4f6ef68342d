"""What a running job does now: its worker is asked for the stack, and the answer is one value."""

from __future__ import annotations

from dataclasses import replace

from asok_core.backends.redis.keys import worker_of
from asok_core.backends.roles import Operator
from asok_core.errors import AsokError
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.jobs.states import Location, Status

PATIENCE = 5.0
"""Seconds in which a worker answers, or it does not."""
A_WHILE = 3.0
"""Seconds from which a job has run for a while."""
SAMPLES, BESIDE = 3, 3
"""Stacks that show whether a job is stuck, and other jobs of its process of which they are taken."""


def unaskable(detail: JobDetail) -> str:
    """Why no worker can be asked for the stack of a job; '' where one can."""
    record, process = detail.record, _process_of(detail)
    runs = detail.location is Location.ACTIVE or (
        record is not None and record.status == Status.RUNNING
    )
    if not runs:
        state = str(record.status) if record else str(detail.location or "not known")
        return f"the job does not run now ({state})"
    if detail.location is not Location.ACTIVE:
        if record is not None and record.foreign:
            return "it runs on a worker of the asok framework, which cannot be asked"
        return "its record says that it runs, and no worker holds it"
    return "" if process else "which process holds it is not known"


def stack_of_job(
    operator: Operator, detail: JobDetail, *, samples: int = 1, patience: float = PATIENCE
) -> JobStack:
    """Ask the worker of a job where its code is; the problem of the result says why that is not known.

    ``patience`` is in seconds. Raises Unreachable or Refused.
    """
    why, process = unaskable(detail), _process_of(detail)
    if why:
        return JobStack(detail.id, process, problem=why)
    answer = operator.stack(detail.id, process, samples=samples, patience=patience)
    if answer is None:
        worker = worker_of(process)
        return JobStack(
            detail.id,
            process,
            problem=f"no answer from worker {worker} within {patience:g} s (its supervisor may be down)",
        )
    return answer if answer.process else replace(answer, process=process)


def explains(detail: JobDetail, now: float) -> bool:
    """Whether its stack may explain a job: it has run for a while, or has not reported that it runs."""
    record = detail.record
    begun = record.started_at if record is not None and record.status == Status.RUNNING else None
    # One that holds the interpreter cannot report that it has begun.
    return not (begun is not None and now - begun < A_WHILE) and not unaskable(detail)


def stacks_beside(
    operator: Operator, detail: JobDetail, snapshot: Snapshot
) -> tuple[JobStack, ...]:
    """The stack of a job that it ``explains``. If it is stuck, those of others in its process follow.

    The problem of the first one says why there is none.
    """
    try:
        own = stack_of_job(operator, detail, samples=SAMPLES)
        if not own.unchanged or own.held:
            return (own,)
        beside = [
            running.payload.id
            for worker in snapshot.workers
            for running in worker.jobs
            if running.process == own.process and running.started_at is not None
        ]
        ids = [each for each in beside if each and each != detail.id][:BESIDE]
        found = [
            operator.stack(each, own.process, samples=SAMPLES, patience=PATIENCE) for each in ids
        ]
    except AsokError as error:
        return (JobStack(detail.id, problem=str(error)),)
    return (own, *(each for each in found if each is not None))


def _process_of(detail: JobDetail) -> str:
    return detail.process or (detail.record.worker if detail.record else None) or ""
