"""What to expect of the backlog of a queue, as a decision table over what is known of it.

The first row that applies decides, the worst first, so that nothing bad can be hidden by something good::

    workers  paused  pending  failing  finished    inflow      -> kind
                                       last min.   vs outflow
    any      any     any      any      any         any            UNREADABLE   its key is not a list
    any      yes     any      any      any         any            PAUSED
    none     no      > 0      any      any         any            NO_WORKER
    none     no      0        any      any         any            IDLE_UNSERVED; with traffic UNSERVED
    unknown  no      > 0      any      any         any            UNSERVED
    some     no      any      >= 50 %  some        any            FAILING
    some     no      0        < 50 %   any         any            EMPTY, or IDLE without traffic
    some     no      > 0      -        none        any            EARLY, SLOW (jobs run) or STALLED
    some     no      > 0      < 50 %   some        more           GROWING
    some     no      > 0      < 50 %   some        equal          STEADY
    some     no      > 0      < 50 %   some        less           CLEARING

Beside the kind, a share of failures from 5 % and an old backlog take every good tone away, and what is not
certain (short history, few jobs, rates that swing) is worded so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from asok_console.presentation.compact import rate, span
from asok_console.presentation.fitting import fit_middle
from asok_console.presentation.numbers import share
from asok_console.presentation.text import safe
from asok_core.inspection.pauses import QueuePause, short_moment
from asok_core.inspection.queues import Bucket, QueueStats

WIDTH = 10
"""Seconds of a bucket of the recent history."""
MINUTE, NOW = 6, 3
"""Buckets of the minute from which rates are taken, and of its newer half, which decides the direction:
after a burst the whole minute still shows growth."""
PROVEN_AFTER = 60.0
"""Seconds without a finished job before a queue that waits is called stalled."""
FEW = 10
"""Jobs in and out in a minute below which a rate is a guess."""
PROOF = 5
"""Attempts in a minute from which a share of failures is more than chance."""
FAILURES_SEEN, FAILURES_BAD = 0.05, 0.5
"""Shares of failures from which nothing reads well, and from which they are all that counts."""
IDLE = "○ idle"
WIDEST = 23
"""Cells of the words."""
OLD = 3600.0
"""Seconds after which a waiting job takes the good tone away."""


class TrendKind(IntEnum):
    """What is the case, from the harmless to what costs most: of several queues the highest counts."""

    IDLE_UNSERVED = 0
    """Less than IDLE: that one of several idle queues has no worker is in its own line."""
    IDLE = 1
    EMPTY = 2
    CLEARING = 3
    STEADY = 4
    EARLY = 5
    PAUSED = 6
    UNSERVED = 7
    GROWING = 8
    SLOW = 9
    FAILING = 10
    STALLED = 11
    NO_WORKER = 12
    UNREADABLE = 13


TONES = {
    TrendKind.IDLE_UNSERVED: "dim",
    TrendKind.IDLE: "dim",
    TrendKind.EMPTY: "dim",
    TrendKind.CLEARING: "good",
    TrendKind.STEADY: "dim",
    TrendKind.EARLY: "dim",
    TrendKind.PAUSED: "warn",
    TrendKind.UNSERVED: "warn",
    TrendKind.GROWING: "warn",
    TrendKind.SLOW: "warn",
    TrendKind.FAILING: "bad",
    TrendKind.STALLED: "bad",
    TrendKind.NO_WORKER: "bad",
    TrendKind.UNREADABLE: "bad",
}
"""How each kind reads where nothing else takes that away."""

_DIRECTIONS = (TrendKind.CLEARING, TrendKind.STEADY, TrendKind.EARLY, TrendKind.GROWING)
"""Kinds whose words do not say what they are about."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A kind, a few words (at most 23 cells), their tone, and the figure behind them.

    ``brief`` are the words beside a queue's name. ``certain`` is False where the history is too short or
    too restless for a figure, or where workers were not read. ``figure`` is jobs per second (GROWING) or
    seconds (CLEARING).
    """

    kind: TrendKind
    words: str
    tone: str
    brief: str = ""
    certain: bool = True
    figure: float = 0.0

    @property
    def sentence(self) -> str:
        """The words where no heading of a column names what they are about."""
        return f"Trend: {self.words}" if self.kind in _DIRECTIONS else self.words

    @property
    def severity(self) -> tuple[int, TrendKind]:
        """Sorts trends: the tone before the kind, so that a bad tone always comes last."""
        return {"bad": 2, "warn": 1}.get(self.tone, 0), self.kind


def trend(queue: QueueStats, now: float, *, knows_serving: bool = True) -> Trend:
    """The trend of one queue at ``now`` (epoch seconds, Redis's clock).

    ``knows_serving``: whether no worker serves a queue that none is seen to serve.
    """
    failing = queue.failure_rate or 0.0
    flows = bool(queue.enqueued_per_s or queue.completed_per_s or queue.failed_per_s)
    unserved = _unserved(queue, now, flows=flows)
    if unserved is not None:
        return unserved if knows_serving or queue.consumers else _perhaps_served(unserved)
    history = [bucket for bucket in queue.recent[:-1] if bucket.width == WIDTH][-MINUTE:]
    finished = sum(bucket.ended for bucket in history)
    if failing >= FAILURES_BAD:
        # One failed attempt does not prove that all fail.
        tone = "bad" if finished >= PROOF else "warn"
        words = f"{'✗' if tone == 'bad' else '⚠'} {share(failing)} fail"
        return Trend(TrendKind.FAILING, words, tone, "failing", finished >= PROOF)
    if not queue.pending:
        kind, words = (TrendKind.EMPTY, "✓ no backlog") if flows else (TrendKind.IDLE, IDLE)
        return _tempered(_plain(kind, words), failing, None)
    age = None if queue.oldest_at is None else now - queue.oldest_at
    if not finished:
        return _without_output(queue, len(history) * WIDTH, age)
    return _tempered(_by_flow(queue.pending, history), failing, age)


def _unserved(queue: QueueStats, now: float, *, flows: bool) -> Trend | None:
    """The trend of a queue from which no worker takes jobs, or None."""
    if queue.problem:
        return _plain(TrendKind.UNREADABLE, "✗ unreadable")
    if queue.paused:
        return _plain(TrendKind.PAUSED, f"❙❙ paused{_end(queue.pause, now)}", "paused")
    if queue.consumers:
        return None
    if queue.pending:
        return _plain(TrendKind.NO_WORKER, "✗ no worker")
    if flows:
        # It is served by something unknown here, such as a worker of the framework.
        return _plain(TrendKind.UNSERVED, "⚠ no worker")
    # Harmless until a job is enqueued, which would wait until a worker serves the queue.
    return _plain(TrendKind.IDLE_UNSERVED, "○ idle, no worker", "idle")


def _perhaps_served(found: Trend) -> Trend:
    if found.kind is TrendKind.IDLE_UNSERVED:
        return replace(_plain(TrendKind.IDLE, IDLE), certain=False)
    if found.kind not in (TrendKind.NO_WORKER, TrendKind.UNSERVED):
        return replace(found, certain=False)
    return replace(_plain(TrendKind.UNSERVED, "⚠ no known worker"), certain=False)


def _end(pause: QueuePause | None, now: float) -> str:
    if pause is None or pause.until is None:
        return ""
    if pause.overdue(now):
        return ", end passed"
    return f" to {short_moment(pause.until, now)}"


def total_trend(trends: Iterable[tuple[QueueStats, Trend]]) -> Trend:
    """The trend of all queues by those of each: that of the worst, since no sum may hide it."""
    # An empty queue that was paused on purpose holds nothing up.
    found = [(queue.name, each) for queue, each in trends if queue.pending or not queue.paused]
    if not found:
        return _plain(TrendKind.IDLE, IDLE)
    name, worst = max(found, key=lambda each: each[1].severity)
    alike = [
        each for _, each in found if (each.severity, each.brief) == (worst.severity, worst.brief)
    ]
    certain = all(each.certain for each in alike)
    if worst.kind is TrendKind.GROWING:
        return _growing(sum(each.figure for each in alike), certain)
    if worst.tone in ("bad", "warn"):
        mark = worst.words.partition(" ")[0]
        words = f"{mark} {len(alike)} queues {worst.brief}"
        if len(alike) == 1:
            room = WIDEST - len(f"{mark} {worst.brief}: ")
            words = f"{mark} {worst.brief}: {fit_middle(safe(name, 200), room).rstrip()}"
        return Trend(worst.kind, words, worst.tone, worst.brief, certain)
    if worst.kind is TrendKind.CLEARING:
        # The last to be empty decides.
        return _clearing(max(each.figure for each in alike), certain)
    return worst


def _plain(kind: TrendKind, words: str, brief: str = "") -> Trend:
    return Trend(kind, words, TONES[kind], brief or words.partition(" ")[2])


def _without_output(queue: QueueStats, known: float, age: float | None) -> Trend:
    if (age is not None and age < PROVEN_AFTER) or known < PROVEN_AFTER:
        return Trend(TrendKind.EARLY, "… too early to tell", TONES[TrendKind.EARLY], certain=False)
    if queue.active or age is None:
        # One long job may be all there is to it, and a job that names no time may be a new one.
        return _plain(TrendKind.SLOW, "⚠ none done in 1 min", "slow")
    return _plain(TrendKind.STALLED, "✗ stalled")


def _by_flow(pending: int, history: Sequence[Bucket]) -> Trend:
    newer, older = history[-NOW:], history[:-NOW]
    certain = len(history) >= MINUTE
    if not sum(bucket.ended for bucket in newer):
        newer, certain = history, False
    net, before = _net(newer), _net(older or newer)
    jobs = sum(bucket.ended + bucket.enqueued for bucket in history)
    certain = certain and jobs >= FEW and (net > 0) == (before > 0)
    if max(abs(net), abs(before)) > 2 * min(abs(net), abs(before)):
        certain = False
    traffic = sum(bucket.ended + bucket.enqueued for bucket in newer) / _seconds(newer)
    if abs(net) <= max(0.02 * traffic, 0.01):
        return Trend(TrendKind.STEADY, "→ steady", TONES[TrendKind.STEADY], "steady", certain)
    if net < 0:
        return _growing(-net, certain)
    return _clearing(pending / net, certain)


def _growing(per_second: float, certain: bool) -> Trend:
    words = f"↑ growing{'' if certain else ', maybe'} {rate(per_second)}/s"
    return Trend(TrendKind.GROWING, words, TONES[TrendKind.GROWING], "growing", certain, per_second)


def _clearing(seconds: float, certain: bool) -> Trend:
    words = f"↓ clears{' in' if certain else ', maybe'} {span(seconds)}"
    tone = TONES[TrendKind.CLEARING] if certain else "dim"
    return Trend(TrendKind.CLEARING, words, tone, "clearing", certain, seconds)


def _tempered(found: Trend, failing: float, age: float | None) -> Trend:
    """Take a good tone away where many fail or the oldest has waited for long; say which."""
    if found.tone in ("bad", "warn"):
        return found
    if failing >= FAILURES_SEEN:
        words = found.words if found.kind is TrendKind.CLEARING else f"⚠ {share(failing)} fail"
        return replace(found, words=words, tone="warn", brief="failing")
    if age is not None and age >= OLD:
        words = found.words if found.kind is TrendKind.CLEARING else "⚠ old backlog"
        return replace(found, words=words, tone="warn", brief="old backlog")
    return found


def _seconds(history: Sequence[Bucket]) -> int:
    return len(history) * WIDTH


def _net(history: Sequence[Bucket]) -> float:
    """Jobs per second by which the queue shrinks."""
    # A retry comes back to the queue, so it has not left it for good.
    gone = sum(bucket.ended - bucket.retried - bucket.enqueued for bucket in history)
    return gone / _seconds(history)
