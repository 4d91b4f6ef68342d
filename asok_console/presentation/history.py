"""The history of a job in words, the same on the job page and in ``asok job show``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from asok_console.presentation.numbers import age, duration
from asok_console.presentation.progress import progress_text
from asok_console.presentation.text import safe
from asok_core.clock import iso
from asok_core.inspection.history import EDITED_JOB, UNSURVIVED, JobEvent
from asok_core.inspection.job_events import OF_MOVES, JobEventKind
from asok_core.jobs.limits import BUCKET
from asok_core.jobs.numbers import number
from asok_core.jobs.states import Location

LONGEST = 300
"""Characters of what is written beside an event."""

_WORDS: Mapping[str, tuple[str, str]] = {
    JobEventKind.ENQUEUED: ("enqueued", ""),
    JobEventKind.COMPLETED: ("✓ completed", "good"),
    JobEventKind.RETRIED: ("↻ failed, will retry", "warn"),
    JobEventKind.FAILED: ("✗ failed for good", "bad"),
    JobEventKind.REJECTED: ("✗ rejected", "bad"),
    JobEventKind.POSTPONED: ("◷ postponed, uncounted", "warn"),
    JobEventKind.STOPPED: ("⊘ stopped on request", "dim"),
    JobEventKind.RETURNED: ("↩ stopped, uncounted", "dim"),
    JobEventKind.RUNNING: ("▶ running", "info"),
    JobEventKind.DIED: ("✗ became a dead job", "bad"),
    JobEventKind.REQUEUED: ("↺ requeued", "calm"),
    JobEventKind.EDITED: ("↺ edited, requeued", "calm"),
    JobEventKind.PROMOTED: ("↺ promoted", "calm"),
    JobEventKind.QUEUED_AGAIN: ("↺ queued again", "calm"),
    JobEventKind.MOVED: ("→ moved", "calm"),
    JobEventKind.MOVED_TO_FRONT: ("→ moved to the front", "calm"),
    JobEventKind.CANCELLED: ("⊘ cancelled", "dim"),
    JobEventKind.CANCEL_REQUESTED: ("⊘ cancel requested", "warn"),
    JobEventKind.PURGED: ("⊘ purged", "dim"),
    JobEventKind.RESTORED: ("↺ restored", "calm"),
    JobEventKind.IMPORTED: ("↺ imported", "calm"),
    JobEventKind.HELD: ("‖ held", "warn"),
    JobEventKind.RELEASED: ("↺ released", "calm"),
    JobEventKind.CRASHED: ("✗ its process died", "bad"),
    JobEventKind.INTERRUPTED: ("↩ its process ended", "dim"),
    JobEventKind.WAITING: ("○ waits in its queue", "dim"),
    JobEventKind.CLAIMED: ("○ claimed, not begun", "dim"),
}
"""Words and tone of each event."""

_REMOVALS = (JobEventKind.CANCELLED, JobEventKind.CANCEL_REQUESTED, JobEventKind.PURGED)
_RESTORED: Mapping[str, str] = {
    Location.DEAD: "as a dead job",
    EDITED_JOB: "in place of the edited job",
    Location.PENDING: "to its queue",
    Location.DELAYED: "to its due time",
}
_BY_OPERATORS = frozenset(OF_MOVES.values()) - {
    *(JobEventKind.ENQUEUED, JobEventKind.DIED, JobEventKind.CRASHED, JobEventKind.INTERRUPTED),
    JobEventKind.HELD,
} | {JobEventKind.QUEUED_AGAIN}


class HistoryLine(NamedTuple):
    """One line: time (UTC), words, their tone, and what is written beside them. All are safe to show."""

    time: str
    words: str
    tone: str
    beside: str


def history_lines(
    events: Sequence[JobEvent], now: float, *, brief: bool = False, roomy: bool = True
) -> list[HistoryLine]:
    """The events as lines. The date is shown where they are not all of today.

    ``brief``: an error takes the place of the process in which it was raised, and why an attempt was
    retried or not that of all else. Not ``roomy``: the latter takes the place of the process alone.
    """
    days = {(iso(each.at) or "")[:10] for each in events if each.at is not None}
    dated = bool(days - {(iso(now) or "")[:10]})
    if brief:
        events = [each._replace(by="") if each.error else each for each in events]
        events = [_noted(each, brief=True) for each in events]
    elif not roomy:
        events = [_noted(each) for each in events]
    return [_line(each, now, dated=dated) for each in events]


def _noted(event: JobEvent, *, brief: bool = False) -> JobEvent:
    """An attempt with a note, without what the note takes the place of; other events as they are."""
    if event.ran is None or not event.detail:
        return event
    return event._replace(by="", waited=None, ran=None) if brief else event._replace(by="")


def _line(event: JobEvent, now: float, *, dated: bool) -> HistoryLine:
    time = _clock(event.at, dated=dated)
    if event.what == JobEventKind.NOT_KNOWN:
        return HistoryLine(time, "", "dim", safe(event.detail, LONGEST))
    if event.what == JobEventKind.DUE and event.at is not None:
        due = f"◷ due {age(event.at, now)}" if event.at > now else "◷ due"
        return HistoryLine(time, due, "calm", "")
    words, tone = _WORDS.get(event.what, (f"? {safe(event.what, 40)}", "warn"))
    return HistoryLine(time, words, tone, safe("  ".join(_details(event, dated=dated)), LONGEST))


def _clock(at: float | None, *, dated: bool) -> str:
    text = iso(at) or ""
    return f"{text[:10]} {text[11:19]}".strip() if dated else text[11:19]


def _details(event: JobEvent, *, dated: bool) -> Iterator[str]:
    if event.what == JobEventKind.WAITING:
        yield f"for {duration(event.waited)}" if event.waited is not None else ""
        return
    if event.what == JobEventKind.ENQUEUED and event.at is None:
        yield "when is not known"
    if event.waited is not None:
        yield f"waited {duration(event.waited):<7}"
    if event.ran is not None:
        yield f"ran {duration(event.ran):<7}"
    if event.start is not None:
        yield f"began {_clock(event.start, dated=dated)}"
    yield from _how(event, dated=dated)
    if event.progress is not None:
        yield f"at {progress_text(event.progress)}"
    if event.error:
        yield event.error


def _how(event: JobEvent, *, dated: bool) -> Iterator[str]:
    if event.detail.startswith(BUCKET):
        yield "for a limit" if event.what == JobEventKind.HELD else "its limit lets it start next"
    elif event.what in _BY_OPERATORS:
        yield from _operation(event)
    elif event.what in UNSURVIVED:
        began = _clock(number(event.detail), dated=dated)
        yield f"began {began}" if began else "when it began is not known"
        yield f"on {event.by}"
    else:
        yield from filter(None, (event.by and f"on {event.by}", event.detail))


def _operation(event: JobEvent) -> Iterator[str]:
    # Neither its time nor its author is known of what older versions and other programs did.
    if event.what == JobEventKind.QUEUED_AGAIN:
        yield "how and when is not known"
    elif event.at is None:
        yield "when and by which operator is not known"
    else:
        yield f"by {event.by}" if event.by else "by an unknown operator"
    if event.what == JobEventKind.RESTORED:
        yield _RESTORED.get(event.detail, event.detail)
    elif event.what == JobEventKind.MOVED:
        yield f"to queue '{event.detail}'"
    elif event.what in _REMOVALS:
        lost = event.detail == "lost"
        yield "it was in no location" if lost else f"operation {event.detail}" * bool(event.detail)
    elif event.detail:
        yield event.detail
