"""What a claimed envelope must be before its job runs, beyond its signature."""

from __future__ import annotations

from collections.abc import Callable

from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.backends.redis.flags import EndedFlag
from asok_core.errors import Replayed, TooOld, WrongQueue
from asok_core.jobs.envelope import is_canonical, unseal
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring


def verified(
    claim: Claim, keyring: Keyring, max_age: float | None, now: Callable[[], float]
) -> Job:
    """The job of a claim. Raises an EnvelopeError where it must not run.

    ``max_age`` is in seconds, None for any age; ``now`` is the server's clock.
    """
    job = unseal(claim.envelope, keyring)
    if job.queue != claim.queue:
        raise WrongQueue(
            f"the job is signed for queue {job.queue!r} and was claimed from {claim.queue!r}"
        )
    # A producer other than ours may not say when it enqueued a job.
    if max_age is not None and (since := max(job.enqueued_at or 0.0, job.due_at or 0.0)):
        age = now() - since
        if age > max_age:
            raise TooOld(
                f"the job was due {age:,.0f} s ago, and ASOK_MAX_JOB_AGE is {max_age:,.0f} s"
            )
    if claim.ended_before:
        expect_not_ended(claim)
    return job


def expect_not_ended(claim: Claim) -> None:
    """Raise an EnvelopeError where the job of a claim has ended before, or may have."""
    if claim.ended_before == EndedFlag.ENDED:
        raise Replayed("the record of this job says that it has ended")
    # The framework writes arguments that Redis cannot decode. A client that copies an envelope could
    # write it so that Redis cannot: then it is not as the framework writes it.
    if claim.ended_before == EndedFlag.NO_ID and not is_canonical(claim.envelope):
        raise Replayed("it is written so that Redis cannot read its id, as only a copy would be")
