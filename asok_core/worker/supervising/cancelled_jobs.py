"""A job that an operator cancelled and that did not stop in time: its process was ended, for it alone."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.inspection.stacks import Stack, encode_kept
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_cancelled
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.supervising.settling import settle_for_dead

WHY = "JobCancelled: its process was ended, as its task did not stop"


def settle_cancelled(
    config: WorkerConfig,
    registry: Registry,
    process: str,
    queue: str,
    *,
    cancelled: Mapping[str, float],
    stacks: Mapping[str, Stack],
) -> None:
    """End the jobs in ``cancelled`` (id -> for how many seconds they had run) as cancelled."""

    def outcome_of(builder: OutcomeBuilder, claimed: ClaimedJob) -> Outcome | None:
        job = claimed.job
        if job is None or job.id not in cancelled:
            return None
        ran = cancelled[job.id]
        claimed.started_at = builder.now() - ran
        outcome = builder.outcome("cancel", claimed, job, ran, error=WHY)
        outcome.stack = encode_kept(
            "cancelled", job.attempt, builder.now(), process, stacks.get(job.id, ())
        )
        return outcome

    for claimed, outcome in settle_for_dead(config, registry, process, queue, outcome_of):
        if claimed.job is not None:
            ran = outcome.run_us / 1e6
            log_cancelled(claimed.job, WHY, duration=ran)
