"""An explanation in lines, the same for the command line and the console."""

from __future__ import annotations

from collections.abc import Iterator

from asok_console.presentation.prose import ago, duration, rough, size
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.reasons import Reason
from asok_core.inspection.waiting_reasons import Estimate

LONGEST = 300
"""Characters of one line."""
LONGEST_REMEDY = 5000
"""Of a line with a command, which is of no use without its end: names have up to 1024 bytes."""


def reason_lines(reason: Reason, now: float) -> Iterator[str]:
    """What holds and since when, its evidence, and what would change it. All are safe to show."""
    since = f", since {_moment(reason.since, now)}" if reason.since is not None else ""
    yield safe(reason.text, LONGEST) + since
    if evidence := ", ".join(_evidence(reason, now)):
        yield evidence
    if reason.remedy:
        yield f"to change it: {safe(reason.remedy, LONGEST_REMEDY)}"


def estimate_line(estimate: Estimate) -> str:
    """When it starts, and how sure that is."""
    if estimate.latest < 1:
        when = "within a second"
    else:
        when = f"in {rough(estimate.earliest)} to {rough(estimate.latest)}"
    attempts = "1 attempt" if estimate.finished == 1 else f"{estimate.finished:,} attempts"
    sure = "a guess" if estimate.rough else "an estimate"
    return f"starts {when} ({sure}: its queue finished {attempts} in five minutes)"


def _evidence(reason: Reason, now: float) -> Iterator[str]:
    for name, value in reason.evidence.items():
        words, _, unit = name.rpartition("_")
        if unit == "at" and isinstance(value, float):
            shown = _moment(value, now)
        elif unit == "s" and words and not isinstance(value, str):
            shown = duration(value)
        elif unit == "bytes" and isinstance(value, int):
            shown = size(value)
        else:
            words, shown = (
                name,
                f"{value:,}" if isinstance(value, int) else safe(str(value), LONGEST),
            )
            if shown in reason.text.split():
                continue
        yield f"{words.replace('_', ' ')}: {shown}"


def _moment(at: float, now: float) -> str:
    text = iso(at) or ""
    # The day is written where it is not that of the snapshot.
    clock = text[11:19] if text[:10] == (iso(now) or "")[:10] else f"{text[:10]} {text[11:19]}"
    return f"{clock} UTC ({ago(at, now)})"
