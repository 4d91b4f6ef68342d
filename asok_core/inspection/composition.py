"""What the jobs of a location are: how many of each task, argument, age, ... (``group_counts.py``)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from asok_core.errors import UsageError
from asok_core.inspection import argument_paths
from asok_core.inspection.argument_paths import ArgumentPath, BelowText, value_text
from asok_core.inspection.filters import word
from asok_core.inspection.group_counts import MOST_VALUES, CompositionLine, GroupCounts, JobGroup
from asok_core.inspection.row_texts import time_of
from asok_core.inspection.rows import Row
from asok_core.inspection.sample import JobSample
from asok_core.jobs.envelope import Trust
from asok_core.settings.secret_names import MASK


class Dimension(StrEnum):
    """By what jobs are counted."""

    TASK = "task"
    PATHS = "arg"
    """The paths that arguments have; a job counts for each of its paths."""
    ARGUMENT = "arg:"
    """The values of one argument."""
    AGE = "age"
    SIZE = "size"
    WORKER = "worker"
    """The worker whose process ran it last, by its record."""
    RELEASE = "release"
    """The release of the application that ran it last, by its record."""

    @property
    def needs_records(self) -> bool:
        """Whether only the records of jobs have it."""
        return self in (Dimension.WORKER, Dimension.RELEASE)


class Breakdown(NamedTuple):
    """By what jobs are counted; ``path`` of ``Dimension.ARGUMENT``."""

    dimension: Dimension
    path: ArgumentPath | None = None

    def __str__(self) -> str:
        return f"arg:{self.path}" if self.path is not None else self.dimension.value


TASK = Breakdown(Dimension.TASK)
NOT_READ = "not read: large"
UNREADABLE = "unreadable"
OVERSIZED = "too large to be read"
ABSENT = "no such argument"
REDACTED = "redacted"
LISTS, OBJECTS = "a list", "an object"
UNKNOWN = "not known"
ELSEWHERE = "jobs of other queues"
LONGEST_VALUE = 200
"""Characters of a value up to which a filter asks for it."""
AGES = ("1m", "5m", "15m", "1h", "6h", "1d", "7d")
_AGE_SECONDS = (60, 300, 900, 3600, 21_600, 86_400, 604_800)
SIZES = ("512B", "1KiB", "4KiB", "16KiB", "64KiB", "256KiB", "1MiB", "16MiB")
_SIZE_BYTES = (512, 1024, 4096, 16_384, 65_536, 262_144, 1 << 20, 16 << 20)


class Composition(NamedTuple):
    """The lines, the largest first (ages and sizes in their order), and how many jobs were read."""

    by: Breakdown
    lines: tuple[CompositionLine, ...]
    total: int
    read: int
    problem: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether all jobs were counted."""
        return self.read == self.total

    @property
    def error(self) -> float:
        """The largest error of a line."""
        return max((line.error for line in self.lines), default=0.0)


def parse_by(text: str) -> Breakdown:
    """Read what ``str(By)`` gives, such as ``task`` or ``arg:PATH``. Raises UsageError."""
    name, colon, rest = text.partition(":")
    if name == "arg" and colon:
        return Breakdown(Dimension.ARGUMENT, argument_paths.parse(rest))
    if name in set(map(str, Dimension)) and not colon:
        return Breakdown(Dimension(name))
    raise UsageError(
        f"--by {text!r} is invalid; it must be task, arg, arg:PATH, age, size, worker or release, as in "
        "arg:kwargs.tenant"
    )


def compose(sample: JobSample, by: Breakdown = TASK, *, queue: str | None = None) -> Composition:
    """Count the jobs of a sample. ``queue``: only those of a queue, beside all the others."""
    groups_of = _GROUPS[by.dimension]
    counts = GroupCounts(len(sample.parts))
    for at, part in enumerate(sample.parts):
        for row in part.rows:
            if queue is not None and row.queue != queue:
                counts.add(at, JobGroup(ELSEWHERE, rank=2.0))
                continue
            for group, value in groups_of(row, by.path, sample.taken_at):
                counts.add(at, group, value)
    only = word("queue", queue) + " " if queue is not None else ""
    lines = counts.lines(sample, only)
    lines.sort(key=lambda line: (line.group.rank, -line.share, line.group.name))
    return Composition(by, tuple(lines), sample.total, sample.read, sample.problem)


_Groups = Callable[[Row, ArgumentPath | None, float], Iterator[tuple[JobGroup, str | None]]]


def _tasks(
    row: Row, _path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    job = row.payload.job
    if job is None:
        yield _unreadable(row), None
    else:
        yield JobGroup(job.task, word("task", f"={job.task}")), None


def _paths(
    row: Row, _path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    job = row.payload.job
    if job is None or row.partial:
        yield _unreadable(row), None
        return
    for path, value in argument_paths.paths_of(job):
        text = None if value == MASK else value_text(value)[:LONGEST_VALUE]
        yield JobGroup(str(path), path=path), text


def _values(
    row: Row, path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    job = row.payload.job
    if job is None or path is None or row.partial:
        yield _unreadable(row), None
        return
    try:
        value = path.value(job)
    except BelowText as reached:
        yield JobGroup(REDACTED if reached.text == MASK else ABSENT, rank=1.0), None
        return
    except LookupError:
        yield JobGroup(ABSENT, rank=1.0), None
        return
    if value == MASK:
        yield JobGroup(REDACTED, rank=1.0), None
    elif isinstance(value, dict | list | tuple):
        yield JobGroup(OBJECTS if isinstance(value, dict) else LISTS, rank=1.0), None
    else:
        text = value_text(value)
        asked = word("arg", f"{path}={text}") if len(text) <= LONGEST_VALUE else ""
        yield JobGroup(text[:MOST_VALUES], asked), None


def _ages(
    row: Row, _path: ArgumentPath | None, now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    since = time_of(row)
    if since is None:
        yield JobGroup(UNKNOWN, rank=len(AGES) + 1.0), None
    else:
        yield _AGE_GROUPS[bisect_right(_AGE_SECONDS, now - since)], None


def _workers(
    row: Row, _path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    # No filter finds jobs by what only their records have, except where lists are read with these.
    yield JobGroup(row.ran_on) if row.ran_on else JobGroup(UNKNOWN, rank=1.0), None


def _releases(
    row: Row, _path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    yield JobGroup(row.ran_release) if row.ran_release else JobGroup(UNKNOWN, rank=1.0), None


def _sizes(
    row: Row, _path: ArgumentPath | None, _now: float
) -> Iterator[tuple[JobGroup, str | None]]:
    size = row.payload.size if row.payload.size is not None else len(row.payload.raw)
    yield _SIZE_GROUPS[bisect_right(_SIZE_BYTES, size)], None


def _unreadable(row: Row) -> JobGroup:
    if row.payload.job is not None:
        return JobGroup(NOT_READ, rank=1.0)
    if row.payload.trust is Trust.MALFORMED:
        return JobGroup(UNREADABLE, "status:malformed", rank=1.0)
    return JobGroup(OVERSIZED, rank=1.0)


def _shown(bound: str) -> str:
    """``15m`` as ``15 min``, ``4KiB`` as ``4 KiB``."""
    unit = bound.lstrip("0123456789")
    return f"{bound.removesuffix(unit)} {'min' if unit == 'm' else unit}"


def _ranges(name: str, bounds: tuple[str, ...], below: str, above: str) -> tuple[JobGroup, ...]:
    """The groups that bounds make, each from its lower bound on, and without its upper one."""
    shown = [*map(_shown, bounds)]
    first = JobGroup(f"{below} {shown[0]}", f"{name}:<{bounds[0]}")
    last = JobGroup(f"{shown[-1]} {above}", f"!{name}:<{bounds[-1]}", rank=float(len(bounds)))
    between = (
        JobGroup(f"{shown[at]} to {shown[at + 1]}", f"!{name}:<{low} {name}:<{high}", rank=at + 1.0)
        for at, (low, high) in enumerate(pairwise(bounds))
    )
    return (first, *between, last)


_AGE_GROUPS = _ranges("age", AGES, "under", "and older")
_SIZE_GROUPS = _ranges("size", SIZES, "under", "and larger")

_GROUPS: dict[Dimension, _Groups] = {
    Dimension.TASK: _tasks,
    Dimension.PATHS: _paths,
    Dimension.ARGUMENT: _values,
    Dimension.AGE: _ages,
    Dimension.SIZE: _sizes,
    Dimension.WORKER: _workers,
    Dimension.RELEASE: _releases,
}
