"""What is known of a job in a line each."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from asok_console.present.numbers import age
from asok_console.present.text import safe
from asok_core.clock import iso
from asok_core.job import JobRecord
from asok_core.snapshot import MISSING, JobDetail
from asok_core.states import Place
from asok_core.wire import Payload, Trust

TRUST = {
    Trust.SIGNED: "✓ signed with our key",
    Trust.UNVERIFIED: "not checked",
    Trust.UNSIGNED: "⚠ unsigned: it never runs until an operator says so",
    Trust.BAD: "✗ does not match our key",
    Trust.V1: "⚠ version 1, which ASOK_ENVELOPE=v2 does not accept",
    Trust.MALFORMED: "✗ not a job",
    Trust.OVERSIZED: "not checked: it is too large to be read (ASOK_MAX_ENVELOPE)",
}
"""What a signature is worth, in words."""


def facts(
    payload: Payload | None,
    record: JobRecord | None,
    place: Place | None,
    detail: JobDetail | None,
    now: float,
) -> Iterator[tuple[str, str]]:
    """Names and values; one without a value is not to be shown."""
    job = payload.job if payload else None
    queue = (job.queue if job else None) or (record.queue if record else None)
    known = place or "only the record is left"
    if detail is not None and detail.missing:
        known = MISSING
    elif place is None and detail is not None and not detail.complete:
        known = "not known: there are too many jobs to look through all"
    yield "Place", f"{known}{f', queue {queue}' if queue else ''}"
    if job:
        backoff = f", backoff {job.backoff:g}" if job.retries else ""
        yield "Attempt", f"{job.attempt} of {job.attempts}{backoff}"
    elif record and record.retries is not None:
        yield "Attempts", f"{(record.retry_count or 0) + 1} of {record.retries + 1}"
    enqueued = (job.enqueued_at if job else None) or (record.enqueued_at if record else None)
    yield "Enqueued", moment(enqueued, now)
    if payload and payload.failed_at:
        yield "Failed", moment(payload.failed_at, now)
    elif record and record.finished_at:
        yield "Finished", moment(record.finished_at, now)
    yield "Worker", (detail.worker if detail else None) or (record.worker if record else None) or ""
    if detail and detail.crashes:
        times = "once" if detail.crashes == 1 else f"{detail.crashes} times"
        yield "Crashes", f"a process died {times} while running it"
    if payload:
        yield "Signature", TRUST.get(payload.trust, str(payload.trust))
        yield "Problem", payload.problem or ""


def moment(epoch: float | None, now: float) -> str:
    """``2026-11-23T02:31:05Z  5 min ago``."""
    shown = iso(epoch)
    return f"{shown}  {age(epoch, now)} ago" if shown else ""


def table(rows: Iterator[tuple[str, str]]) -> Content:
    """The facts that have a value, aligned."""
    lines = [
        Content.assemble((f"   {name:<10} ", "$tone-dim"), safe(value, 300))
        for name, value in rows
        if value
    ]
    return Content("\n").join(lines)
