"""Jobs of a location that were read to find out what it holds: all of them, or a sample of windows."""

from __future__ import annotations

from typing import NamedTuple

from asok_core.inspection.rows import Row


class SampledRange(NamedTuple):
    """A range of ``length`` neighbouring jobs, and the window of it that was read."""

    length: int
    rows: tuple[Row, ...]


class JobSample(NamedTuple):
    """What was read of a location with ``total`` jobs, at ``taken_at`` (epoch seconds, Redis clock).

    The parts are together all of the location. Where windows take Redis long, or jobs are large, the list
    has fewer and larger parts.
    """

    total: int
    parts: tuple[SampledRange, ...]
    taken_at: float
    problem: str = ""
    """Why nothing is known although there may be jobs: the key is of another type."""
    has_records: bool = False
    """Whether the records of the jobs were read, as far as there are any."""

    @property
    def read(self) -> int:
        """How many jobs were read."""
        return sum(len(part.rows) for part in self.parts)

    @property
    def is_exact(self) -> bool:
        """Whether all jobs were read."""
        return self.read == self.total
