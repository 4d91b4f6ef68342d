"""What came of an action, in one line, and in which tone it is said."""

from __future__ import annotations

from asok_console.presentation.prose import exact
from asok_console.tui.catalog.actions import Reach
from asok_console.tui.catalog.plan import Plan
from asok_core.backends.roles import CommandResult
from asok_core.jobs.states import Location
from asok_core.operations.canary import CanaryResult, Verdict
from asok_core.operations.preview import with_unmet


def outcome_line(plan: Plan, result: CommandResult | CanaryResult) -> tuple[str, str]:
    """The line and its tone: good, warn or bad."""
    if isinstance(result, CanaryResult):
        return _told_of_canary(plan, result)
    if plan.action.reach is not Reach.TRASH:
        result = with_unmet(result, plan.count or 0)
    missed = result.skipped or result.refused or result.cancelled or not result.applied
    return _line(plan, result), "warn" if missed else "good"


def _line(plan: Plan, result: CommandResult) -> str:
    noun = "dead letter" if plan.action.location is Location.DEAD else "job"
    what = plan.noun if plan.count is None else exact(result.applied, noun)
    done = plan.action.done.capitalize()
    said = plan.action.outcome.format(done=done, what=what, **plan.answers)
    parts = [said if result.applied or plan.count is not None else what.capitalize()]
    for word, reasons in (("skipped", result.skipped), ("refused", result.refused)):
        parts += [f"{number:,} {word} ({reason})" for reason, number in reasons.items() if number]
    if result.cancelled:
        parts.append("stopped before the rest")
    return " · ".join(parts)


def _told_of_canary(plan: Plan, canary: CanaryResult) -> tuple[str, str]:
    first = canary.results[0].applied if canary.results else 0
    result = canary.total
    went = f"of the first {first:,}, {canary.completed:,} went well and {canary.failed:,} failed"
    left = max((plan.count or 0) - result.applied - sum(result.refused.values()), 0)
    stay = f"the other {left:,} stay dead letters" if left else ""
    sent = f"requeued {exact(result.applied, 'dead letter')}"
    words, tone = {
        Verdict.ALL: (f"Canary went well: {sent}", "good" if not result.refused else "warn"),
        Verdict.FAILED_AGAIN: (f"Canary stopped by itself: {canary.cause} came back", "bad"),
        Verdict.UNDECIDED: (
            f"Canary gave up waiting: {canary.left:,} of the first {first:,} did not finish",
            "warn",
        ),
        Verdict.STOPPED: ("Canary stopped", "warn"),
        Verdict.NOTHING: ("Canary had nothing to send", "warn"),
    }[canary.verdict]
    parts = [words]
    if canary.verdict is not Verdict.NOTHING:
        parts.append(went)
    if canary.verdict is not Verdict.ALL:
        parts += [sent, stay]
    parts += [f"{number:,} refused ({reason})" for reason, number in result.refused.items()]
    return " · ".join(part for part in parts if part), tone
