"""An explanation in lines, the same for the command line and the console."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from asok_console.presentation.notes import MARK, note_line
from asok_console.presentation.prose import ago, at_least, between, duration, size
from asok_console.presentation.text import safe
from asok_core.inspection.estimates import Estimate
from asok_core.inspection.events import EventKind
from asok_core.inspection.pauses import moment
from asok_core.inspection.reason import Reason
from asok_core.operations.explain import DatedExplanation

LONGEST = 300
"""Characters of one line."""
LONGEST_REMEDY = 5000
"""Of a line with a command, which is of no use without its end: names have up to 1024 bytes."""
NOTHING = "no obstacle was found"
TO_CHANGE, TO_LOOK = "to change it: ", "to see where it is: "

_TONES = {
    "completed": "good",
    "dead": "bad",
    "failed": "bad",
    "held": "warn",
    "may_be_held": "warn",
    "will_be_held": "warn",
    "interpreter_held": "bad",
    "jobs_held": "warn",
    "jobs_limited": "info",
    "jobs_stand_still": "warn",
    "limited": "info",
    "lost": "bad",
    "oversized": "bad",
    "crashed": "warn",
    "not_found": "warn",
    "not_known": "warn",
    "not_searched": "warn",
    "promotion_late": "warn",
    "clock_ahead": "warn",
    "process_hangs": "bad",
    "record_expired": "warn",
    "running": "info",
    "running_long": "warn",
    "worker_no_heartbeat": "warn",
    "worker_reshaped": "info",
    "worker_reshaping": "warn",
    "worker_in_trouble": "warn",
    "would_not_run": "bad",
}
"""Colours of reasons by their codes; what lets nothing start is red."""

_EVENTS = {
    *("cancelled", "completed", "dead", "failed", "in_trash", "oversized", "postponed", "retry"),
    *("was_paused", "fewer_workers", EventKind.REDIS_RESTARTED, EventKind.REDIS_FAILED_OVER),
}
"""Reasons that name what happened at a moment; the others hold since then."""

_LABELS: Mapping[str, str] = {
    "all_samples_in": "all samples of its stack are in",
    "attempts_before_release": "attempts counted before",
    "attempts_in_p95": "attempts counted",
    "attempts_since_release": "attempts counted since",
    "jobs_that_a_restore_puts_back": "jobs that a restore returns",
    "longest": "the longest",
    "not_read": "workers not read",
    "overdue": "jobs that are due",
    "p50_of_task_s": "half of the attempts of its task took at most",
    "p95_before_release_s": "95 % before the release took at most",
    "p95_of_queue_s": "95 % of the jobs of its queue took at most",
    "p95_of_task_s": "95 % took at most",
    "p95_since_release_s": "95 % since the release took at most",
    "put_back_after_at": "others return it after",
    "ran_s": "run time",
    "release_began_at": "the release began",
    "timeout_at": "it times out",
}
"""Words of evidence whose name in JSON does not read well; the others are shown by their names."""
_PAUSE_LABELS: Mapping[str, str] = {
    "by": "paused by",
    "changed_by": "pause changed by",
    "waited_s": "waited in all",
    "waited_after_that_s": "waited after the pause",
    "ahead_of_it_then": "jobs ahead of it then",
}
"""The same of a pause that is over."""

_COMMAND = re.compile(r"(?:^|: )(asok .*)$", re.DOTALL)
"""The command at the end of an advice."""


class ExplanationLine(NamedTuple):
    """A line of an explanation. All are safe to show."""

    text: str
    tone: str = ""
    number: int = 0
    """Of the first line of a reason: which it is, from 1."""
    indent: int = 2


def title_of(found: DatedExplanation) -> str:
    """What is explained, and how it is."""
    payload = found.detail.payload if found.detail else None
    task = f" of {safe(payload.job.task, 100)}" if payload and payload.job else ""
    what = "" if found.kind == "queues" else f"{found.kind} "
    return f"{what}{safe(found.name, 100)}{task}: {safe(found.explanation.state, 200)}"


def lines_of(found: DatedExplanation) -> Iterator[ExplanationLine]:
    """The notes on it, the reasons in their order with their evidence, and when a pending job starts."""
    for note in found.notes:
        words = safe(note.subject.words, 100)
        yield ExplanationLine(f"{MARK} note on {words}: {note_line(note, found.at)}", "info")
    if found.notes_problem:
        yield ExplanationLine(
            f"whether there are notes is not known: {safe(found.notes_problem, LONGEST)}", "dim"
        )
    for number, reason in enumerate(found.explanation.reasons, 1):
        yield ExplanationLine(f"{number}. {what_holds(reason, found.at)}", tone_of(reason), number)
        if evidence := "; ".join(_evidence(reason, found.at)):
            yield ExplanationLine(evidence, "dim", indent=5)
        if reason.remedy:
            label = TO_LOOK if reason.remedy.startswith("asok job stack ") else TO_CHANGE
            remedy = f"{label}{safe(reason.remedy, LONGEST_REMEDY)}"
            yield ExplanationLine(remedy, "title" if command_of(reason) else "dim", indent=5)
    if not found.explanation.reasons:
        yield ExplanationLine(NOTHING, "good")
    if (estimate := found.explanation.estimate) is not None:
        yield ExplanationLine(estimate_line(estimate), "dim" if estimate.low is None else "info")


def what_holds(reason: Reason, now: float) -> str:
    """What holds and since when, or what happened and when."""
    if reason.since is None:
        return safe(reason.text, LONGEST)
    word = "at" if reason.code in _EVENTS else "since"
    return f"{safe(reason.text, LONGEST)}, {word} {_moment(reason.since, now)}"


def tone_of(reason: Reason) -> str:
    """The colour of a reason; a line never depends on it alone."""
    return _TONES.get(reason.code, "bad" if reason.blocking else "")


def command_of(reason: Reason) -> str:
    """The command that is advised, or '' where the advice is not one."""
    found = _COMMAND.search(reason.remedy)
    return found[1] if found else ""


def estimate_line(estimate: Estimate) -> str:
    """When it starts, from what that is derived, and how sure it is; or why it is not known."""
    basis = safe(estimate.basis, LONGEST)
    if estimate.low is None:
        return f"when it starts is not known: {basis}"
    sure = f"confidence: {estimate.confidence}"
    if estimate.high is None:
        # The rate may be as low as 0.
        return f"starts in {at_least(estimate.low)} or later: {basis}; {sure}"
    if estimate.high < 1:
        return f"starts within a second: {basis}; {sure}"
    return f"starts in about {between(estimate.low, estimate.high)}: {basis}; {sure}"


def _evidence(reason: Reason, now: float) -> Iterator[str]:
    labels = _PAUSE_LABELS if reason.code == "was_paused" else {}
    for name, value in reason.evidence.items():
        words, _, unit = name.rpartition("_")
        if unit == "at" and isinstance(value, float):
            shown = _moment(value, now)
        elif unit == "s" and words and not isinstance(value, str):
            shown = duration(value)
        elif unit == "bytes" and isinstance(value, int):
            shown = size(value)
        else:
            words = name
            shown = f"{value:,}" if isinstance(value, int) else safe(str(value), LONGEST)
            if shown in reason.text.split():
                continue
        label = labels.get(name) or _LABELS.get(name) or words.replace("_", " ")
        yield f"{label}: {shown}"


def _moment(at: float, now: float) -> str:
    return f"{moment(at, now)} ({ago(at, now)})"
