"""Outcomes that a supervisor settles on behalf of a process that died."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from asok_core.backends.redis.constants import SAME_RELEASE
from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import DEAD_JOB, Outcome, is_settled
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.errors import AsokError, EnvelopeError, TaskImportFailed
from asok_core.jobs.envelope import unseal
from asok_core.jobs.keyring import keyring_of
from asok_core.runtime.failures import Failure
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.import_crashes import FailedImport, postponed_for
from asok_core.worker.log import log_cancelled, log_failure, log_postponed, log_set_aside
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.outcomes import OutcomeBuilder

logger = safe_logger("asok.worker")

OutcomeOf = Callable[[OutcomeBuilder, ClaimedJob], Outcome | None]
"""The outcome of an opened job that the process had claimed; None where there is none: it is returned."""


def settle_for_dead(
    config: WorkerConfig, registry: Registry, process: str, queue: str, outcome_of: OutcomeOf
) -> list[tuple[ClaimedJob, Outcome]]:
    """Settle what ``outcome_of`` gives for jobs of a dead process, in one step. Returns what was settled.

    The verb of each is the one that Redis settled: a job that an operator cancelled ends as cancelled.
    """
    keyring = keyring_of(config.settings)
    registry.now()
    builder = OutcomeBuilder(config.settings, keyring, registry.clock)
    consumer = Consumer(
        registry.endpoint,
        registry.keys,
        worker=config.worker,
        process=process,
        queues=[queue],
        dlq_max=config.settings.dlq_max,
        largest=config.settings.largest_envelope,
        release=SAME_RELEASE,
    )
    found: list[tuple[ClaimedJob, Outcome]] = []
    try:
        active = consumer.active()
        log_set_aside(active.aside)
        for claim in active.claims:
            try:
                claimed = ClaimedJob(claim, unseal(claim.envelope, keyring))
            except EnvelopeError:
                continue
            outcome = outcome_of(builder, claimed)
            if outcome is not None:
                found.append((claimed, outcome))
        outcomes = [outcome for _, outcome in found]
        settled = consumer.cycle(outcomes, (), 0).settled if outcomes else []
    finally:
        consumer.close()
    done = [pair for pair, flag in zip(found, settled, strict=True) if is_settled(pair[1], flag)]
    counts = TaskCounts()
    # It ran for longer than it takes until the process has counted that it began.
    counts.settled((outcome, True) for _, outcome in done)
    write_counts(registry, counts)
    return done


def write_counts(registry: Registry, counts: TaskCounts) -> None:
    """Write what tasks did on behalf of a process that died. The jobs are settled: it raises nothing."""
    try:
        if counts:
            counts.write(registry.connection, registry.keys.namespace)
    except AsokError as error:
        logger.warning("Figures by task are not written: %s", error)


def postpone_imports(
    config: WorkerConfig,
    registry: Registry,
    process: str,
    queue: str,
    failed: Mapping[str, FailedImport],
) -> None:
    """Postpone the jobs in ``failed``, by their ids, on behalf of a process that died."""

    def outcome_of(builder: OutcomeBuilder, claimed: ClaimedJob) -> Outcome | None:
        job = claimed.job
        if job is None or job.id not in failed:
            return None
        claimed.started_at = builder.now()
        why = postponed_for(job.module, failed[job.id].why)
        failure = Failure.of_line(f"{TaskImportFailed.__name__}: {why}")
        outcome = builder.postponed(claimed, failure, 0.0)
        if outcome.verb == "reject":
            outcome.notice = DEAD_JOB
        return outcome

    for claimed, outcome in settle_for_dead(config, registry, process, queue, outcome_of):
        if claimed.job is not None and outcome.verb == "cancel":
            log_cancelled(claimed.job, outcome.error_line)
        elif claimed.job is not None and outcome.verb == "reject":
            # An error reporter writes the class before the text.
            why = outcome.error_line.removeprefix(f"{TaskImportFailed.__name__}: ")
            error = TaskImportFailed(why)
            log_failure(claimed.job, error, Failure.of_line(outcome.error_line))
        elif claimed.job is not None:
            log_postponed(claimed.job, outcome.error_line, outcome.delay)
