"""What happened to a queue while a job waited in it, by the audit and the events. Both are bounded.

What neither has recorded is not known. How many jobs were ahead of a job earlier is recorded nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asok_core.inspection.audit import PAUSE, RESUME, Activity
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.pauses import END_OF_PAUSE
from asok_core.inspection.phrases import named
from asok_core.inspection.reason import Reason
from asok_core.jobs.numbers import number

_SWITCHES = {
    PAUSE: True,
    EventKind.QUEUE_PAUSED: True,
    RESUME: False,
    EventKind.QUEUE_RESUMED: False,
}
_SERVER = {
    EventKind.REDIS_RESTARTED: "Redis restarted while it waited",
    EventKind.REDIS_FAILED_OVER: "another Redis server took over while it waited",
}
_LESS = (EventKind.WORKER_LOST, EventKind.WORKER_STOPPED)


class PastPause(NamedTuple):
    """A pause of a queue that is over. Times are epoch seconds by Redis's clock."""

    since: float
    by: str
    until: float
    ended_by: str
    reason: str = ""
    """That of the last change, where it was changed."""
    changed_by: str = ""
    """Who changed it last, where it was changed: its reason is that operator's."""


class PastWait(NamedTuple):
    """The time in which a job waited in a queue."""

    queue: str
    begin: float
    end: float

    def has(self, at: float | None) -> bool:
        """Whether a moment is in it."""
        return at is not None and self.begin < at < self.end


def of_wait(
    wait: PastWait, activities: Sequence[Activity], events: Sequence[SystemEvent]
) -> Iterator[Reason]:
    """What explains how long a job waited. Both sequences are newest first."""
    for pause in pauses(wait.queue, activities, events):
        if pause.until <= wait.begin or pause.since >= wait.end:
            continue
        rest = max(0.0, wait.end - pause.until)
        yield Reason(
            "was_paused", "its queue was paused while it waited", pause.since,
            {"by": pause.by or "not known",
             **({"changed_by": pause.changed_by} if pause.changed_by else {}),
             **({"reason": pause.reason} if pause.reason else {}),
             "resumed_at": pause.until,
             "resumed_by": pause.ended_by or "not known", "waited_s": wait.end - wait.begin,
             "waited_after_that_s": rest,
             **({"ahead_of_it_then": "not known"} if rest >= 1 else {})},
        )  # fmt: skip
    for event in reversed(events):
        if event.kind in _SERVER and wait.has(event.at):
            yield Reason(event.kind, _SERVER[EventKind(event.kind)], event.at)
    yield from _fewer_workers(wait, events)


def pauses(
    queue: str, activities: Sequence[Activity], events: Sequence[SystemEvent]
) -> Iterator[PastPause]:
    """The pauses of a queue that are over, oldest first. An event of an operation is the operation's."""
    switches = [
        _Switch(each.at, _SWITCHES[each.action], each.who, each.reason, each.until, each.changed)
        for each in activities
        # One that was refused, or changed nothing, paused and resumed nothing.
        if each.queue == queue and each.state == "done" and each.applied
        if each.at is not None and each.action in _SWITCHES
    ]
    known = {each.operation for each in activities}
    switches += [
        _switched(each.at, each)
        for each in events
        if each.fields.get("queue") == queue and each.fields.get("operation") not in known
        if each.at is not None and each.kind in _SWITCHES
    ]
    begun: PastPause | None = None
    end: float | None = None
    for each in sorted(switches, key=lambda each: (each.at, not each.pauses)):
        if begun is not None and not each.changed:
            # Where another pause begins, the end of the one before is recorded nowhere.
            over = each.at if end is None else min(each.at, end)
            yield begun._replace(until=over, ended_by="" if each.pauses else each.who)
        if not each.pauses:
            begun, end = None, None
            continue
        if begun is not None and each.changed:
            # It has the reason that it got last, or none, from its last change.
            begun = begun._replace(reason=each.reason, changed_by=each.who or "not known")
        else:
            begun = PastPause(each.at, each.who, each.at, "", each.reason)
        end = each.until


class _Switch(NamedTuple):
    """A pause or its end. ``changed``: a pause that changed the one before."""

    at: float
    pauses: bool
    who: str
    reason: str = ""
    until: float | None = None
    changed: bool = False


def _switched(at: float, event: SystemEvent) -> _Switch:
    fields = event.fields
    return _Switch(
        at,
        _SWITCHES[event.kind],
        _author(event),
        fields.get("reason", ""),
        number(fields.get("until")),
        fields.get("changed") == "1",
    )


def _author(event: SystemEvent) -> str:
    if event.fields.get("cause") == END_OF_PAUSE:
        return "the end of the pause"
    return event.fields.get("by", "")


def _fewer_workers(wait: PastWait, events: Sequence[SystemEvent]) -> Iterator[Reason]:
    gone = [
        each
        for each in reversed(events)
        if each.kind in _LESS
        and wait.has(each.at)
        and wait.queue in each.fields.get("queues", "").split(",")
    ]
    if gone:
        names = list(dict.fromkeys(each.subject for each in gone))
        lost = sum(each.kind == EventKind.WORKER_LOST for each in gone)
        # One that was lost may live, and have its lease again since.
        was_lost = "was lost" if len(names) == 1 else "were lost"
        how = was_lost if lost == len(gone) else f"stopped or {was_lost}" if lost else "stopped"
        yield Reason(
            "fewer_workers", f"{named(names, 'worker')} of its queue {how} while it waited", gone[0].at,
            {"lost": lost, "stopped": len(gone) - lost},
        )  # fmt: skip
