"""Why a job waits for a limit, and when that lets it start."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection import reasons
from asok_core.inspection.command_lines import option
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.limits import LimitBucket, LimitRule, rule_on, subject_of
from asok_core.inspection.reason import Reason


def limited(case: JobCase) -> Iterator[Reason]:
    """Why a job that waits for a limit does not start, and what holds up its queue besides."""
    bucket = case.detail.bucket or LimitBucket(case.detail.hold)
    limit, subject = bucket.limit(case.snapshot.limits), subject_of(bucket.identity)
    rule = rule_on(bucket.identity, case.snapshot.limits)
    starts_at = bucket.starts_at(limit, case.now)
    evidence: dict[str, str | int | float] = {"bucket": bucket.id}
    if limit is not None:
        evidence["limit"] = limit.text
        evidence["source"] = rule.made if rule is not None else "declared in code"
    if bucket.value:
        evidence["value"] = bucket.shown_value
    if limit is not None and limit.at_once:
        running = "not known" if bucket.running is None else bucket.running
        evidence |= {"running": running, "at_once": limit.at_once}
    if case.detail.position is not None:
        evidence["waits_before_it"] = case.detail.position
    text = f"it waits for {bucket.words(case.snapshot.limits)}"
    if starts_at is None:
        text += f", of which {(bucket.running or 0) + bucket.returned:,} run or start"
    elif starts_at > case.now:
        text += ", whose rate lets none start before"
        evidence["next_start_at"] = starts_at
    since = case.record.ts if case.record is not None and not case.record.foreign else None
    yield Reason(
        "limited", text, since, evidence, limit_list(subject) if subject else "asok limit list",
        blocking=True,
    )  # fmt: skip
    yield from reasons.of_queue(case.queue, case.snapshot, case.activities)
    yield from case.not_run()


def limit_list(subject: LimitRule) -> str:
    """The command line that lists the limits of this task or queue."""
    name, value = ("--queue", subject.queue) if subject.queue else ("--task", subject.task)
    return f"asok limit list {option(name, value)}"
