"""Facts about a job: queue, attempt, worker, signature."""

from __future__ import annotations

from collections.abc import Iterator

from textual.content import Content

from asok_console.presentation.cancellation import cancel_line
from asok_console.presentation.checkpoints import checkpoint_line, interruptions_line
from asok_console.presentation.notes import note_author
from asok_console.presentation.numbers import ago
from asok_console.presentation.progress import progress_line
from asok_console.presentation.text import safe
from asok_core.inspection.job_detail import JobDetail
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import JobRecord

_GAP = "   "

TRUST = {
    Trust.SIGNED: "✓ signed with our key",
    Trust.UNVERIFIED: "not checked",
    Trust.UNSIGNED: "⚠ unsigned: it does not run until an operator trusts it",
    Trust.BAD: "✗ does not match our key",
    Trust.V1: "⚠ version 1, which ASOK_ENVELOPE=v2 does not accept",
    Trust.MALFORMED: "✗ not a job",
    Trust.OVERSIZED: "not checked: it is too large to be read (ASOK_MAX_ENVELOPE)",
}
"""The state of a signature in words."""


def facts(
    payload: Payload | None,
    record: JobRecord | None,
    detail: JobDetail | None,
    now: float,
) -> Iterator[tuple[str, str]]:
    """Names and values; those without a value are not shown."""
    job = payload.job if payload else None
    queue = (job.queue if job else None) or (record.queue if record else None)
    yield "Queue", queue or ""
    if job:
        backoff = f", backoff {job.backoff:g}" if job.retries else ""
        yield "Attempt", f"{job.attempt} of {job.attempts}{backoff}"
    elif record and record.retries is not None:
        yield "Attempts", f"{(record.retry_count or 0) + 1} of {record.retries + 1}"
    yield "Progress", progress_line(record, now) if record else ""
    yield "Checkpoint", checkpoint_line(record, now) if record else ""
    yield "Interrupted", interruptions_line(record) if record else ""
    enqueued = (job.enqueued_at if job else None) or (record.enqueued_at if record else None)
    # Times of the clock are in the history.
    yield "Enqueued", ago(enqueued, now) if enqueued is not None else ""
    yield "Worker", (detail.worker if detail else None) or (record.worker if record else None) or ""
    yield "Release", (record.release if record else None) or ""
    if detail and detail.crashes:
        times = "once" if detail.crashes == 1 else f"{detail.crashes} times"
        yield "Crashes", f"a process died {times} while running it"
    yield "Cancellation", cancel_line(record, now) if record else ""
    yield "Note by", note_author(detail.note, now) if detail and detail.note else ""
    if payload:
        yield "Signature", TRUST.get(payload.trust, str(payload.trust))
        yield "Problem", payload.problem or ""


def packed(rows: Iterator[tuple[str, str]], width: int) -> Content:
    """The facts that have a value, as many on a line as fit; none is broken in two."""
    lines: list[list[Content]] = [[]]
    used = 0
    for name, value in rows:
        if not value:
            continue
        fact = Content.assemble((f"{name} ", "$tone-dim"), safe(value, 300))
        if lines[-1] and used + len(_GAP) + fact.cell_length > width:
            lines.append([])
            used = 0
        used += fact.cell_length + (len(_GAP) if lines[-1] else 0)
        lines[-1].append(fact)
    return Content("\n").join(Content(_GAP).join(line) for line in lines if line)
