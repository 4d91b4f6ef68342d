"""A job that ran past its hard limit: its process was ended, and it alone is charged for that.

The limit begins with the code of the task. What comes before that has one of its own; an import that
exceeds it is not charged to the job, as one that fails is not.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import NamedTuple

from asok_core.backends.redis.consuming.checkpoints import read_advance
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.inspection.phrases import counted
from asok_core.inspection.stacks import Stack, encode_kept
from asok_core.jobs.job import Job
from asok_core.runtime.failures import Failure
from asok_core.worker.config import WorkerConfig
from asok_core.worker.job_slots import Phase
from asok_core.worker.log import INTERRUPTED, log_cancelled, log_failure, log_job
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.running.threads import PREPARATION
from asok_core.worker.supervising.settling import settle_for_dead


class JobOverrun(NamedTuple):
    """A job that was past a limit, in which phase, and for how many seconds it had been in it."""

    phase: Phase
    seconds: float

    @property
    def why(self) -> str:
        """What had not ended, of an import."""
        return f"it was not imported after {self.seconds:.0f} s"

    def error(self, job: Job) -> TimeoutError:
        """What is wrong with the job; nothing if its module was being imported."""
        if self.phase is Phase.RUNNING:
            limit = job.hard_limit or self.seconds
            return TimeoutError(f"it ran longer than its hard limit of {limit:g} s")
        what = "its before hooks, or the conversion of its arguments, have not ended"
        return TimeoutError(f"its task had not begun after {self.seconds:.0f} s: {what}")


def reason(overruns: Collection[JobOverrun]) -> str:
    """Why the process of these jobs is ended, as the log says it."""
    ran = sum(each.phase is Phase.RUNNING for each in overruns)
    waited = len(overruns) - ran
    its = "its" if ran == 1 else "their"
    parts = [f"{counted(ran, 'job')} ran past {its} hard limit"] if ran else []
    if waited:
        parts.append(f"{counted(waited, 'job')} had not begun after {PREPARATION:g} s")
    return ", ".join(parts)


def settle_overrun(
    config: WorkerConfig,
    registry: Registry,
    process: str,
    queue: str,
    *,
    over: Mapping[str, JobOverrun],
    stacks: Mapping[str, Stack],
) -> None:
    """Retry or fail the jobs in ``over`` (by id) on behalf of the dead process; ``stacks`` are theirs."""
    failed: dict[str, tuple[TimeoutError, Failure]] = {}

    def outcome_of(builder: OutcomeBuilder, claimed: ClaimedJob) -> Outcome | None:
        job = claimed.job
        if job is None or job.id not in over or over[job.id].phase is Phase.IMPORTING:
            return None
        ran = over[job.id].seconds
        claimed.checkpoint = read_advance(
            registry.connection, registry.keys, job.id, builder.keyring, process
        )
        claimed.started_at = builder.now() - ran
        error = over[job.id].error(job)
        began = over[job.id].phase is Phase.RUNNING
        outcome, failure = builder.timed_out(claimed, error, ran, began=began)
        outcome.stack = encode_kept(
            "hard limit", job.attempt, builder.now(), process, stacks.get(job.id, ())
        )
        failed[job.id] = error, failure
        return outcome

    for claimed, outcome in settle_for_dead(config, registry, process, queue, outcome_of):
        if claimed.job is not None:
            error, failure = failed[claimed.job.id]
            ran = over[claimed.job.id].seconds
            if outcome.verb == "cancel":
                log_cancelled(claimed.job, failure.line, duration=ran)
                continue
            if outcome.interrupted:
                log_job(logging.INFO, INTERRUPTED, claimed.job, duration=ran, error=failure.line)
                continue
            retry_in = outcome.delay if outcome.verb == "retry" else None
            note = outcome.note or None
            log_failure(claimed.job, error, failure, retry_in=retry_in, note=note, duration=ran)
