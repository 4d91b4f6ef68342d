"""What an operation did, in one line: the same in the console and on the command line.

The texts may hold names from Redis: the code that prints them makes them safe for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from asok_core.backends.roles import GONE, NOT_FOUND, OperationResult, Scope
from asok_core.inspection.limits import LimitRule
from asok_core.inspection.pauses import pause_words
from asok_core.inspection.phrases import counted
from asok_core.operations.canary import CanaryResult, Verdict
from asok_core.operations.catalog.entry import CatalogOperation


def result_line(
    operation: CatalogOperation,
    scope: Scope,
    result: OperationResult | CanaryResult,
    count: int | None = None,
) -> str:
    """``Requeued 40 jobs (2 skipped: already requeued)``. ``count``: how many jobs were confirmed."""
    if isinstance(result, CanaryResult):
        return _canary_line(result, reported(result, count), count or 0)
    if not operation.counts_jobs:
        return _change_line(operation, scope, result)
    result = reported(result, count)
    line = f"{_done(operation, result)}{operation.suffix(scope)}"
    notes = list(_notes(result))
    if result.left:
        notes.append(f"{result.left:,} are still held; run it again")
    if not (result.applied or notes):
        notes.append("none found")
    return f"{line}{_in_brackets(notes)}"


def total_of(result: OperationResult | CanaryResult) -> OperationResult:
    """What was done, as one result."""
    return result.total if isinstance(result, CanaryResult) else result


def reported(result: OperationResult | CanaryResult, count: int | None) -> OperationResult:
    """What was done, as it is shown: ids that were not confirmed count as not found, not as gone."""
    total = total_of(result)
    if count or not total.missing:
        return total
    missing = len(total.missing)
    skipped = {NOT_FOUND: missing, **total.skipped}
    skipped[GONE] = max(0, skipped.get(GONE, 0) - missing)
    return replace(total, skipped={reason: n for reason, n in skipped.items() if n})


def is_whole(result: OperationResult | CanaryResult) -> bool:
    """Whether all was done that was confirmed."""
    if isinstance(result, CanaryResult):
        return result.verdict is Verdict.ALL and not result.total.refused
    left_out = result.skipped or result.refused or result.cancelled or result.lacks
    return bool(result.applied) and not left_out


def undo_line(operation: CatalogOperation, result: OperationResult) -> str:
    """The command that undoes it; empty where there is nothing to undo."""
    if not (operation.undo.to_trash and result.applied and result.operation):
        return ""
    return f"asok trash restore {result.operation} ({operation.undo.words})"


def _done(operation: CatalogOperation, result: OperationResult) -> str:
    done = operation.done[:1].upper() + operation.done[1:]
    return f"{done} {counted(result.applied, 'job')}"


def _change_line(operation: CatalogOperation, scope: Scope, result: OperationResult) -> str:
    subject = operation.subject(scope)
    # Times that are not of the day of the operation have a date.
    made = result.pause.at if result.pause else None
    if not result.applied:
        why = ", ".join(result.skipped or result.refused)
        if result.skipped:
            why += pause_words(result.pause, None)
        return (
            f"{subject[:1].upper()}{subject[1:]} is unchanged{_in_brackets([why] if why else [])}"
        )
    if result.replaced is not None:
        before = pause_words(result.replaced, made).strip() or "nothing is known of it"
        now = pause_words(result.pause, made, by=False)
        if result.pause is None or result.pause.until is None:
            now = f" without an end{now}"
        return f"Changed the pause of {subject}: it is paused{now} (before: {before})"
    if result.hold is not None:
        return (
            f"Added hold {result.hold.id} on {result.hold.words}{result.hold.about(result.hold.at)}"
        )
    before = f" (before: {_limit_words(result.former_limit)})" if result.former_limit else ""
    done = operation.participle()
    done = done[:1].upper() + done[1:]
    return f"{done} {operation.changed(scope)}{before}{pause_words(result.pause, made, by=False)}"


def _limit_words(rule: LimitRule) -> str:
    """``4 at once, set by ann@web1: bank down``."""
    return f"{rule.limit.text}, {rule.made}" if rule.limit.text else "this release cannot read it"


def _notes(result: OperationResult) -> Iterator[str]:
    yield from _left_out("skipped", result.skipped)
    yield from _left_out("refused", result.refused)
    if result.cancelled:
        yield "stopped before the end"
    if result.lacks:
        yield f"without {result.lacks}"


def _left_out(how: str, reasons: Mapping[str, int]) -> Iterator[str]:
    known = {reason: number for reason, number in reasons.items() if number}
    if len(known) == 1:
        ((reason, number),) = known.items()
        yield f"{number:,} {how}: {reason}"
    elif known:
        each = ", ".join(f"{number:,} {reason}" for reason, number in known.items())
        yield f"{sum(known.values()):,} {how}: {each}"


def _canary_line(canary: CanaryResult, result: OperationResult, count: int) -> str:
    first = canary.results[0].applied if canary.results else 0
    words = {
        Verdict.ALL: "Canary succeeded",
        Verdict.FAILED_AGAIN: f"Canary stopped: the same error returned: {canary.error}",
        Verdict.UNDECIDED: "Canary stopped: the first jobs did not finish in time",
        Verdict.STOPPED: "Canary stopped by the operator",
        Verdict.NOTHING: "Canary: nothing to requeue",
    }[canary.verdict]
    notes = [] if canary.verdict is Verdict.NOTHING else [
        f"requeued {counted(result.applied, 'job')}",
        f"of the first {first:,}, {canary.completed:,} completed, {canary.failed:,} failed"
        + (f", {canary.left:,} did not finish yet" if canary.left else ""),
    ]  # fmt: skip
    left = max(count - result.applied - sum(result.refused.values()), 0)
    if canary.verdict is not Verdict.ALL and left:
        notes.append(f"the other {left:,} remain dead jobs")
    notes += _left_out("skipped", result.skipped)
    notes += _left_out("refused", result.refused)
    return f"{words}{_in_brackets(notes)}"


def _in_brackets(notes: list[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""
