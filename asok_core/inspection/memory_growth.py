"""Whether the memory of Redis is being filled, and how fast: said only where samples agree."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from asok_core.jobs.sizes import size_words

INTERVAL = 5.0
"""Seconds between two samples."""
SPAN = 60.0
"""Seconds that samples must cover before anything is known."""
WINDOW = 600.0
"""Seconds after which a sample counts no more."""
FEWEST = 10
AGREE = 0.95
"""Part of all pairs of distant samples of which the later must be larger."""
HORIZON = 12 * 3600.0
"""Seconds: memory that lasts for longer is not a problem yet. Records expire, so most growth ends."""


class FillRate(NamedTuple):
    """How memory is being filled: bytes per second, and the seconds until it is full at this rate."""

    rate: float
    seconds: float

    def __str__(self) -> str:
        import humanize  # only where memory is being filled

        left = humanize.naturaldelta(max(self.seconds, 1.0))
        return f"memory full in about {left} at +{size_words(self.rate * 60)}/min"


class MemoryGrowth:
    """Samples of used memory, and what they prove. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, at: float, used: int) -> None:
        """Take a sample; those older than the window go."""
        self._samples.append((at, used))
        while self._samples[0][0] < at - WINDOW:
            self._samples.popleft()

    def rate(self) -> float | None:
        """Bytes per second by which it grows, None where that is not known: too early, or no growth.

        The median over all pairs of distant samples, which a few odd ones do not move. Queues that fill
        and drain in turn give pairs of both signs, and prove nothing.
        """
        samples = self._samples
        if len(samples) < FEWEST or samples[-1][0] - samples[0][0] < SPAN:
            return None
        apart = (samples[-1][0] - samples[0][0]) / 3
        rates = [
            (later[1] - earlier[1]) / (later[0] - earlier[0])
            for earlier, later in combinations(samples, 2)
            if later[0] - earlier[0] >= apart
        ]
        if sum(rate > 0 for rate in rates) < AGREE * len(rates):
            return None
        return median(rates)


def median(rates: Sequence[float]) -> float:
    """The median of some rates; there must be one at least."""
    # The module takes as long to import as ten of ours, and each process of a worker would.
    import statistics

    return statistics.median(rates)


def filling(rate: float | None, used: int | None, most: int | None) -> FillRate | None:
    """What a rate means for a memory of ``most`` bytes; None where it is harmless, or not known."""
    if not rate or rate <= 0 or not most or used is None or used >= most:
        return None
    seconds = (most - used) / rate
    return FillRate(rate, seconds) if seconds <= HORIZON else None
