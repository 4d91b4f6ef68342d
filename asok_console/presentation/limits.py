"""Limits as documents and in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asok_console.presentation.compact import span
from asok_console.presentation.holds import in_force_document
from asok_core.clock import iso
from asok_core.inspection.limits import LimitBucket, LimitRule, Limits, LimitState
from asok_core.inspection.phrases import counted
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.limits import Limit
from asok_core.operations.enforcement import Enforcement, enforcement

WHEN_ONE_ENDS = "when one ends"
NOT_KNOWN = "not known"
NONE = "none"


def rule_document(rule: LimitRule) -> dict[str, Any]:
    """The limit of an operator, for programs."""
    return {
        **subject_document(rule),
        "limit": rule.limit.text or None,
        "by": rule.by or None,
        "at": iso(rule.at),
        "reason": rule.reason or None,
        "operation": rule.operation or None,
    }


def subject_document(subject: LimitRule) -> dict[str, Any]:
    """What a limit is about, for programs."""
    return {
        "task": subject.task or None,
        "queue": subject.queue or None,
        "key": str(subject.key) if subject.key else None,
    }


def limit_document(
    state: LimitState, limits: Limits, snapshot: Snapshot, most: int
) -> dict[str, Any]:
    """A limit, its use, and the ``most`` busiest of its values, for programs."""
    limit, rule, enforced = state.limit, state.rule, enforced_on(state, snapshot)
    with_work = with_work_of(state)
    return {
        **rule_document(rule if rule is not None else state.subject),
        "limit": limit.text if limit is not None else None,
        "source": source_of(state) or None,
        "declared": state.declared or None,
        "at_once": (limit.at_once or None) if limit is not None else None,
        "interval_seconds": (limit.interval or None) if limit is not None else None,
        "burst": (limit.burst or None) if limit is not None else None,
        "in_force": in_force_document(enforced),
        "running": state.running,
        "returned": sum(each.returned for each in state.buckets),
        "waiting": state.waiting,
        "queues": dict(state.queues),
        "values": len(with_work) if state.subject.key else None,
        **_next_document(limit, state.buckets, limits.taken_at),
        "busiest": [
            _bucket_document(each, limit, limits.taken_at)
            for each in (with_work[:most] if state.subject.key else ())
        ],
    }


def _bucket_document(bucket: LimitBucket, limit: Limit | None, now: float) -> dict[str, Any]:
    return {
        "bucket": bucket.id,
        "value": bucket.value,
        "running": bucket.running,
        "returned": bucket.returned,
        "waiting": bucket.waiting,
        "queues": dict(bucket.queues),
        **_next_document(limit, (bucket,), now),
    }


def _next_document(
    limit: Limit | None, buckets: Sequence[LimitBucket], now: float
) -> dict[str, Any]:
    at = _next_start(limit, buckets, now)
    return {"next_start_at": iso(at), "waits_for_an_end": at is None}


def source_of(state: LimitState) -> str:
    """Who has set the limit that is in force: ``operator``, ``code``, or '' where there is none."""
    if state.rule is not None or not state.is_known:
        return "operator"
    return "code" if state.declared else ""


def enforced_on(state: LimitState, snapshot: Snapshot) -> Enforcement | None:
    """On which workers the limit of an operator is in force; None where there is none."""
    if state.rule is None:
        return None
    return enforcement(snapshot, state.rule.generation or snapshot.holds_generation)


def with_work_of(state: LimitState) -> list[LimitBucket]:
    """The buckets in which jobs run or wait, the busiest first."""
    return [each for each in state.buckets if each.has_work]


def limit_words(state: LimitState) -> str:
    """The limit that is in force, for a column."""
    if not state.is_known:
        return NOT_KNOWN
    return state.limit.text if state.limit is not None else NONE


def source_words(state: LimitState) -> str:
    """Whose limit it is: the operator, or ``code``."""
    if state.rule is None:
        return source_of(state)
    return state.rule.by or "operator"


def running_words(limit: Limit | None, buckets: Iterable[LimitBucket], *, keyed: bool) -> str:
    """``3/4``; of a limit by an argument in all. What no bound is on is not counted."""
    if limit is None or not limit.at_once:
        return ""
    counts = [each.running for each in buckets]
    running = "?" if None in counts else f"{sum(each or 0 for each in counts):,}"
    return running if keyed else f"{running}/{limit.at_once:,}"


def next_words(limit: Limit | None, buckets: Sequence[LimitBucket], now: float) -> str:
    """When the next job may start: ``now``, ``in 3 s``, ``when one ends``."""
    at = _next_start(limit, buckets, now)
    if at is None:
        return WHEN_ONE_ENDS
    return "now" if at <= now else f"in {span(at - now)}"


def _next_start(limit: Limit | None, buckets: Sequence[LimitBucket], now: float) -> float | None:
    """Of those with waiting jobs, where there are some, the earliest."""
    waiting = [each for each in buckets if each.waiting] or buckets
    found = [each.starts_at(limit, now) for each in waiting]
    return min((each for each in found if each is not None), default=None if found else now)


def value_lines(state: LimitState, limits: Limits, most: int) -> Iterator[str]:
    """A line for each of the busiest values of the argument, and how many others have work."""
    if state.subject.key is None:
        return
    with_work = with_work_of(state)
    for each in with_work[:most]:
        running = running_words(state.limit, (each,), keyed=False)
        parts = [f"{running} running"] if running else []
        parts += [
            f"{each.waiting:,} waiting",
            f"next {next_words(state.limit, (each,), limits.taken_at)}",
        ]
        yield f"{state.subject.key.short} = {each.shown_value}: {', '.join(parts)}"
    if most and len(with_work) > most:
        yield f"{counted(len(with_work) - most, 'other value')} with work"


def state_details(state: LimitState | None) -> Iterator[tuple[str, str]]:
    """What a confirmation shows of the limit that there is now: names and values."""
    if state is None:
        yield "Now", "no limit is known"
        return
    rule = state.rule
    if not state.is_known:
        yield "Now", "an operator has set one that this release cannot read"
    elif rule is not None:
        yield "Now", f"{rule.limit.text}, {rule.made}"
    if state.declared:
        yield "Code", f"declares {state.declared}"
    running = running_words(state.limit, state.buckets, keyed=state.subject.key is not None)
    used = f"{running} running, " if running else ""
    yield "Jobs", f"{used}{state.waiting:,} waiting"
