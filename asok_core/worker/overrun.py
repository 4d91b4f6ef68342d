"""A job that ran past its hard limit: its process was ended, and it alone is charged for that."""

from __future__ import annotations

from collections.abc import Mapping

from asok_core.backends.redis.consuming.consumer import Consumer, Outcome
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.errors import EnvelopeError
from asok_core.failures import Failure
from asok_core.job import Job
from asok_core.wire import keyring_of, unseal
from asok_core.worker.config import WorkerConfig
from asok_core.worker.execution import Execution, Held, hard_limit_error
from asok_core.worker.log import log_failure


def settle_overrun(
    config: WorkerConfig, registry: Registry, process: str, queue: str, over: Mapping[str, float]
) -> None:
    """Retry or fail the jobs in ``over`` (id -> seconds they ran) on behalf of the dead process."""
    keyring = keyring_of(config.settings)
    registry.now()
    execution = Execution(config.settings, keyring, config.log_arguments, registry.clock)
    consumer = Consumer(
        registry.endpoint,
        registry.keys,
        worker=config.worker,
        process=process,
        queues=[queue],
        dlq_max=config.settings.dlq_max,
    )
    outcomes: list[Outcome] = []
    failed: list[tuple[Job, Failure, float]] = []
    try:
        for claim in consumer.held():
            try:
                job = unseal(claim.envelope, keyring)
            except EnvelopeError:
                continue
            if job.id in over:
                held = Held(claim, job, started_at=execution.now() - over[job.id])
                limit = job.hard_limit or over[job.id]
                outcome, failure = execution.timed_out(held, limit)
                outcomes.append(outcome)
                failed.append((job, failure, limit))
        settled = consumer.cycle(outcomes, (), 0).settled if outcomes else []
    finally:
        consumer.close()
    for (job, failure, limit), outcome, flag in zip(failed, outcomes, settled, strict=True):
        if flag == 1:
            retry_in = outcome.delay if outcome.verb == "retry" else None
            error, ran = hard_limit_error(limit), over[job.id]
            log_failure(job, error, failure, retry_in=retry_in, duration=ran)
