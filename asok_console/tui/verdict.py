"""Will a queue clear, and when: what its last five minutes let one say, and how surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asok_console.tui.figures import rate, span
from asok_core.snapshot import Bucket, QueueStats

FULL = 10
"""Seconds of a recent bucket."""
SHORTEST = 60
"""Seconds of history below which nothing is said for sure."""
STALLED_AFTER = 60
"""Seconds without a finished job before a queue that waits is called stalled."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A few words and their tone.

    ``sure`` is False where the rates swing or the history is short.
    """

    words: str
    tone: str
    sure: bool = True


def verdict(queue: QueueStats, *, held: int = 0) -> Verdict:
    """What to expect of a queue, or of a sum in which ``held`` jobs wait in paused queues."""
    if queue.paused:
        return Verdict("❙❙ paused", "warn")
    waiting = queue.pending - held
    if waiting <= 0:
        return Verdict("✓ keeps up" if queue.enqueued_per_s else "· idle", "dim")
    if not queue.consumers:
        return Verdict("✗ no worker", "bad")
    return _trend(queue, waiting, [b for b in queue.recent[:-1] if b.width == FULL])


def _trend(queue: QueueStats, waiting: int, history: Sequence[Bucket]) -> Verdict:
    if not any(_left(b) for b in history[-STALLED_AFTER // FULL :]):
        began = queue.oldest_at is None or queue.recent[-1].start - queue.oldest_at < STALLED_AFTER
        if began or len(history) * FULL < STALLED_AFTER:
            return Verdict("… measuring", "dim", sure=False)
        return Verdict("✗ stalled", "bad")
    half = len(history) // 2
    net = _net(history)
    earlier, later = _net(history[:half] or history), _net(history[half:])
    sure = len(history) * FULL >= SHORTEST and (earlier > 0) == (later > 0)
    if sure and net and max(abs(earlier), abs(later)) > 2 * min(abs(earlier), abs(later)):
        sure = False
    traffic = sum(_left(b) + b.enqueued for b in history) / (len(history) * FULL)
    if abs(net) < max(0.02 * traffic, 0.01):
        return Verdict("→ steady", "dim", sure)
    if net > 0:
        words = f"↓ clears in {'about ' if sure else ''}{span(waiting / net)}{'' if sure else '?'}"
        return Verdict(words, "good", sure)
    return Verdict(f"↑ growing {rate(-net)}/s{'' if sure else '?'}", "warn", sure)


def _left(bucket: Bucket) -> int:
    return bucket.completed + bucket.failed


def _net(history: Sequence[Bucket]) -> float:
    # A retry comes back to the queue, so it has not left it for good.
    gone = sum(_left(b) - b.retried - b.enqueued for b in history)
    return gone / (len(history) * FULL)
