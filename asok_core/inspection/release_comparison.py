"""What a task did since the present release of the application began, beside what it did before.

Figures are counted by the minute and not by release. So the time of the newest ``release_changed``
divides them, and both parts are made of whole minutes: that in which the release began is in neither.
While live workers run different releases, attempts of all of them are counted.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from asok_core.clock import HOUR, MINUTE
from asok_core.inspection import histograms
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.task_figures import FEW, Figures, TaskHistory, total
from asok_core.inspection.workers import WorkerInfo

LONGEST = 23 * HOUR
"""Seconds after which a release is no longer compared: minutes are kept for a day."""
BEFORE = HOUR
"""Seconds before the release that it is compared with, at most."""
SLOWER = 1.5
"""How many times longer the p95 must be: buckets of histograms are a fifth apart."""
_DEVIATIONS = 3.0
"""Standard deviations by which a difference must exceed what chance explains."""
_FAILURES, _MORE = 5, 0.01
"""Failures, and part of the attempts by which there are more, below which nothing is concluded."""


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """The first start of a worker on the present release.

    ``since`` is when the former one began, None where that is not known.
    """

    at: float
    release: str
    former: str
    since: float | None = None

    @property
    def minute(self) -> int:
        """The start of the minute in which the release began."""
        return int(self.at) // MINUTE * MINUTE

    @property
    def first(self) -> int:
        """The first minute that is compared: an hour before, or the first after the former began."""
        earliest = self.minute - BEFORE
        if self.since is None or self.since < earliest:
            return earliest
        return min(self.minute, int(self.since) // MINUTE * MINUTE + MINUTE)

    def is_recent(self, now: float) -> bool:
        """Whether its minutes, and those before it, are still kept."""
        return now - self.at < LONGEST


def present_change(events: Iterable[SystemEvent], queue: str | None = None) -> ReleaseChange | None:
    """The change to the present release by events, newest first; None where none of them is one.

    ``queue``: that of the workers of this queue; None: of any. Workers of several queues that start on one
    release after another are one change, which began with the first.
    """
    changes = [
        (event.at, event.fields)
        for event in events
        if event.kind == EventKind.RELEASE_CHANGED
        and event.at is not None
        and (queue is None or _is_of(queue, event.fields.get("queues", "")))
    ]
    if not changes:
        return None
    release = changes[0][1].get("to", "")
    same = list(takewhile(lambda change: change[1].get("to", "") == release, changes))
    at, fields = same[-1]
    former = changes[len(same)][0] if len(changes) > len(same) else None
    return ReleaseChange(at, release, fields.get("from", ""), former)


def _is_of(queue: str, queues: str) -> bool:
    """Whether an event is about workers of a queue; those of earlier releases name none."""
    return not queues or queue in queues.split(",")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of a task before a release and since. ``taken_at``: up to when."""

    change: ReleaseChange
    taken_at: float
    before: Figures
    after: Figures

    @property
    def is_enough(self) -> bool:
        """Whether attempts of both sides are enough for a conclusion."""
        return min(_measured(self.before), _measured(self.after)) >= FEW

    @property
    def is_slower(self) -> bool:
        """Whether it runs longer than before, by more than chance explains."""
        was, runs = self.before.run_ms(0.95), self.after.run_ms(0.95)
        if not self.is_enough or was is None or runs is None or runs < SLOWER * was:
            return False
        former, later = _measured(self.before), _measured(self.after)
        # The p95 of a few attempts is uncertain itself, so both sides are counted beyond it.
        return _has_more(_longer(self.before, was), former, _longer(self.after, was), later)

    @property
    def fails_more(self) -> bool:
        """Whether more of its attempts fail than before, by more than chance explains."""
        was, part = self.before.failure_rate, self.after.failure_rate
        if was is None or part is None or self.after.failed < _FAILURES or part - was < _MORE:
            return False
        former = self.before.completed + self.before.failed
        later = self.after.completed + self.after.failed
        if min(former, later) < FEW:
            return False
        return _has_more(self.before.failed, former, self.after.failed, later)

    @property
    def is_worse(self) -> bool:
        """Whether it is slower or fails more."""
        return self.is_slower or self.fails_more


def compared(history: TaskHistory, change: ReleaseChange) -> Comparison | None:
    """A task before and since a release; None where its minutes are not all in ``history``."""
    if history.width != MINUTE or change.first < history.since or change.release == "":
        return None

    def part(first: int, end: int) -> Sequence[Figures]:
        at = (first - history.since) // MINUTE
        return history.buckets[at : max(at, (end - history.since) // MINUTE)]

    end = history.since + len(history.buckets) * MINUTE
    before = total(part(change.first, change.minute))
    return Comparison(change, history.taken_at, before, total(part(change.minute + MINUTE, end)))


def on_others(live: Collection[WorkerInfo], change: ReleaseChange) -> tuple[int, int]:
    """How many live workers run another release, or one that is not known; and how many live."""
    return sum(worker.release != change.release for worker in live), len(live)


def mixture(live: Iterable[WorkerInfo], change: ReleaseChange) -> str:
    """Whether figures since the release are of others as well, by what live workers run; '' if not."""
    others = {each.release for each in live} - {change.release}
    if others - {""}:
        return "a mixture of releases"
    return "maybe a mixture of releases" if others else ""


def _has_more(before: int, of_before: int, after: int, of_after: int) -> bool:
    """Whether the second share is larger than the first, by more than chance explains."""
    pooled = (before + after) / (of_before + of_after)
    deviation = math.sqrt(pooled * (1 - pooled) * (1 / of_before + 1 / of_after))
    return after / of_after - before / of_before > _DEVIATIONS * deviation


def _longer(figures: Figures, milliseconds: float) -> int:
    """Attempts that ran longer than that."""
    return sum(
        times for bucket, times in figures.runs.items() if histograms.bound(bucket) > milliseconds
    )


def _measured(figures: Figures) -> int:
    return sum(figures.runs.values())
