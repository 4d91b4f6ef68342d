"""What each operation sends to its script for a row, or why the row is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha1
from typing import Any, TypeVar

from asok_core.backends.redis.calls.operations import (
    MovedJob,
    PromotedJob,
    PurgedJob,
    RequeuedJob,
    WaitingJob,
)
from asok_core.backends.redis.parsing import raw as name_bytes
from asok_core.errors import MalformedEnvelope, UsageError
from asok_core.inspection.redaction import Redaction, is_believed
from asok_core.inspection.review import NOT_REVIEWED, SHARED_ID, ReviewedEntries
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import UNTRUSTED, Payload, Trust, changed_text, seal_text
from asok_core.jobs.envelope_text import envelope_size
from asok_core.jobs.job import EARLIER_ERROR, POSTPONED_SINCE
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.oversized import is_alias
from asok_core.settings.settings import LARGEST_ENVELOPE

LONGEST_ERROR = 300
"""Characters of an earlier error that are kept with a job."""


class SkipReason(str):
    """Why a sound row is not moved."""

    __slots__ = ()


J = TypeVar("J", RequeuedJob, PurgedJob, WaitingJob, MovedJob, PromotedJob)
"""What a script needs to know of a job that it moves."""
JobBuilder = Callable[[Row, int], J | str]
"""Takes a row, and how many older elements stay: what the script gets of its job, or the refusal."""


def requeued_job_builder(
    keyring: Keyring,
    now: float,
    changes: Mapping[str, Any],
    *,
    trust: ReviewedEntries | None,
    note: str = "",
    redaction: Redaction | None = None,
    largest: int = LARGEST_ENVELOPE,
) -> JobBuilder[RequeuedJob]:
    """For ``requeue.lua``: the same job, signed again, with all its retries.

    One that would have more than ``largest`` bytes is refused: a worker would set it aside.

    Without a good signature it is signed only if it is one of ``trust``, byte for byte. ``note`` is what
    its history says of the requeue where ``changes`` do not say it. ``changes`` are those of an operator
    who saw the job by ``redaction``, and so does the history show it.
    """
    fresh: dict[str, float | None] = {"retry_count": 0, "enqueued_at": now, "due_at": None}
    fresh |= {"postponements": None, POSTPONED_SINCE: None}
    shown_by = redaction or Redaction()

    def job_of(row: Row, _older: int) -> RequeuedJob | str:
        job = row.payload.job
        if job is None or (trust is None and not _signed(row)):
            return row.payload.trust.value
        if trust is not None and job.id in trust.shared_ids:
            return SHARED_ID
        try:
            earlier = earlier_error(shown_by.payload(row.payload))
            filled = shown_by.filled(changes, job, believed=is_believed(row.payload))
            text = changed_text(row.payload, earlier_error=earlier, **fresh, **filled)
            _expect_readable(text, largest)
        except MalformedEnvelope:
            return Trust.MALFORMED.value
        except UsageError as error:
            return str(error)
        reviewed = not _signed(row)
        if reviewed and not (trust is not None and _vouched_for(row, trust)):
            return SkipReason(NOT_REVIEWED)
        envelope = seal_text(text, keyring, keyring.again(row.payload.version))
        return RequeuedJob(
            mark=sha(row.payload.raw),
            envelope=envelope,
            id=as_bytes(job.id),
            queue=as_bytes(job.queue),
            task=as_bytes(job.task),
            retries=job.retries,
            unique=as_bytes(job.unique or ""),
            reviewed=1 if reviewed else 0,
            enqueued_at=job.enqueued_at or "",
            failed_at=row.payload.failed_at or "",
            error_line=as_bytes(earlier or ""),
            detail=as_bytes(_noted(row.payload, filled, note, shown_by)),
        )

    return job_of


def _expect_readable(text: str, largest: int) -> None:
    if envelope_size(text) > largest:
        raise UsageError(f"larger than ASOK_MAX_ENVELOPE ({largest:,} bytes)")


def only(raw: bytes, job_of: JobBuilder[J]) -> JobBuilder[J]:
    """``job_of`` for this very element; every other one is skipped."""

    def job_of_this(row: Row, older: int) -> J | str:
        return job_of(row, older) if row.payload.raw == raw else SkipReason(NOT_REVIEWED)

    return job_of_this


def _noted(payload: Payload, changes: Mapping[str, Any], note: str, redaction: Redaction) -> str:
    job = payload.job
    assert job is not None, "only what can be read is requeued"
    edited = ""
    if changes:
        edited = redaction.changed_words(
            job, changes["args"], changes["kwargs"], believed=is_believed(payload)
        )
    trusted = "" if payload.trust is Trust.SIGNED else f"trusted: {payload.trust}"
    return "; ".join(filter(None, (edited, note, trusted)))


def earlier_error(payload: Payload) -> str | None:
    """The error of a dead job in one line, which stays with it in case a worker rejects it.

    Of a job that was rejected it is the error that it had before.
    """
    if payload.rejected and payload.job is not None:
        known = payload.job.extra.get(EARLIER_ERROR)
        if isinstance(known, str):
            return known
    lines = (payload.error or "").strip().splitlines()
    return lines[-1][:LONGEST_ERROR] if lines else None


def purged_job(row: Row, older: int) -> PurgedJob:
    """For ``purge.lua``."""
    return PurgedJob(sha(row.payload.raw), older, as_bytes(row.payload.id))


def cancelled_job(row: Row, _older: int) -> WaitingJob:
    """For ``cancel.lua`` on a queue."""
    return waiting_job(row, sha(row.payload.raw))


def cancelled_delayed_job(row: Row, _older: int) -> WaitingJob | str:
    """For ``cancel.lua`` on the delayed jobs, which are known by their bytes."""
    if is_alias(row.payload.raw):
        return row.payload.trust.value
    return waiting_job(row, row.payload.raw)


def promoted_job(row: Row, _older: int) -> PromotedJob | str:
    """For ``promote_chosen.lua``."""
    job = row.payload.job
    if job is None:
        return row.payload.trust.value
    return PromotedJob(
        envelope=row.payload.raw,
        id=as_bytes(job.id),
        queue=as_bytes(job.queue),
        task=as_bytes(job.task),
    )


def moved_job_builder(keyring: Keyring, queue: str) -> JobBuilder[MovedJob]:
    """For ``move_jobs.lua``: the same job, naming its new queue and signed again."""

    def job_of(row: Row, _older: int) -> MovedJob | str:
        job = row.payload.job
        if job is None or not _signed(row):
            return row.payload.trust.value
        try:
            text = changed_text(row.payload, queue=queue)
            envelope = seal_text(text, keyring, keyring.again(row.payload.version))
        except MalformedEnvelope:
            return Trust.MALFORMED.value
        return MovedJob(sha(row.payload.raw), envelope, as_bytes(job.id), as_bytes(job.task))

    return job_of


def waiting_job(row: Row, mark: str | bytes) -> WaitingJob:
    """What scripts need to know of a job that is to end, as far as it can be read."""
    job = row.payload.job
    return WaitingJob(
        mark=mark,
        id=as_bytes(job.id) if job else b"",
        queue=name_bytes(row.queue),
        task=as_bytes(job.task) if job else b"",
        unique=as_bytes(job.unique or "") if job else b"",
    )


def sha(raw: bytes) -> str:
    """The digest by which scripts know an element."""
    return sha1(raw, usedforsecurity=False).hexdigest()


def as_bytes(text: str) -> bytes:
    """Any text that JSON can hold, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def _signed(row: Row) -> bool:
    return row.payload.trust is Trust.SIGNED


def _vouched_for(row: Row, trust: ReviewedEntries) -> bool:
    return row.payload.trust in UNTRUSTED and trust.take(row.payload.raw)
