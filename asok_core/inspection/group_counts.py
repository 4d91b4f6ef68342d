"""How many jobs of a sample are of each group, counted or estimated.

Of a sample each figure has an error: half of its 95 % interval. Jobs of a window are neighbours and often
alike, so the error comes from how much the windows differ, and not from the number of jobs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from asok_core.inspection.argument_paths import ArgumentPath
from asok_core.inspection.sample import JobSample

REST = "all others"
MOST_LINES = 500
"""Lines with a name of their own."""
MOST_VALUES = 1_000
"""Different values of an argument that are counted."""
_INTERVAL, _STUDENT = 1.96, 1.2
"""Standard errors on both sides of an estimate that make 95 %, and what few windows add (Student's t)."""


class JobGroup(NamedTuple):
    """What a job is counted as. ``filter`` finds exactly the jobs of the group; '': none does."""

    name: str
    filter: str = ""
    rank: float = 0.0
    """Groups of a higher rank are listed later, whatever their counts."""
    path: ArgumentPath | None = None


class CompositionLine(NamedTuple):
    """A group with its count: ``read`` of the jobs that were read, ``jobs`` of all, maybe estimated."""

    group: JobGroup
    read: int
    jobs: int
    share: float
    error: float
    """Half of the 95 % interval of the share; 0.0 where all jobs were read."""
    values: int | None = None
    """Different values that were read at a path; ``MOST_VALUES`` may be more."""


@dataclass(slots=True)
class _Found:
    group: JobGroup
    counts: list[int]
    values: set[str] = field(default_factory=set)


class GroupCounts:
    """How many jobs of each part are of each group."""

    def __init__(self, parts: int) -> None:
        self.found: dict[tuple[str, float], _Found] = {}
        self._parts = parts

    def add(self, part: int, group: JobGroup, value: str | None = None) -> None:
        """Count a job; ``value``: what it has at the path that the group is."""
        # A filter ignores case: what it finds is one group.
        key = (group.name.casefold(), group.rank)
        found = self.found.get(key)
        if found is None:
            if group.rank == 0.0 and len(self.found) >= MOST_LINES:
                group = JobGroup(REST, rank=1.0)
                key = (group.name, group.rank)
            found = self.found.setdefault(key, _Found(group, [0] * self._parts))
        found.counts[part] += 1
        if value is not None and len(found.values) < MOST_VALUES:
            found.values.add(value.casefold())

    def lines(self, sample: JobSample, only: str = "") -> list[CompositionLine]:
        """The groups of the sample that was counted. ``only``: what their filters have in common."""
        return [_line(sample, found, only) for found in self.found.values()]


def _line(sample: JobSample, found: _Found, only: str) -> CompositionLine:
    group, read = found.group, sum(found.counts)
    if group.filter and only:
        group = group._replace(filter=only + group.filter)
    values = len(found.values) if group.path is not None else None
    if sample.is_exact:
        return CompositionLine(group, read, read, read / sample.total, 0.0, values)
    share, error = _estimate(sample, found.counts)
    return CompositionLine(group, read, round(share * sample.total), share, error, values)


def _estimate(sample: JobSample, counts: list[int]) -> tuple[float, float]:
    """The share of all jobs that are of a group, and its error.

    Each part stands for its length. The variance is that of successive differences, which is right for one
    random window in each part: of jobs that are in order, as by age, more is known than of mixed ones.
    """
    whole = sum(part.length for part in sample.parts)
    weights = [part.length / whole for part in sample.parts]
    shares = [count / len(part.rows) for count, part in zip(counts, sample.parts, strict=True)]
    share = sum(weight * each for weight, each in zip(weights, shares, strict=True))
    rest = max(1 - sample.read / sample.total, 0.0)
    # That all windows agree does not prove that all jobs do: never less than for single jobs.
    part = (sum(counts) + 2) / (sample.read + 4)
    variance = part * (1 - part) / (sample.read + 4)
    number = len(shares)
    if number > 1:
        pairs = zip(pairwise(weights), pairwise(shares), strict=True)
        spread = sum(((one + two) / 2 * (first - last)) ** 2 for (one, two), (first, last) in pairs)
        spread *= number / (2 * (number - 1)) * (1 + _STUDENT / (number - 1)) ** 2
        variance = max(variance, spread)
    return min(share, 1.0), min(_INTERVAL * math.sqrt(variance * rest), 1.0)
