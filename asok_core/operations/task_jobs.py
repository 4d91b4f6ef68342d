"""Where the jobs of a task are, and which errors its dead jobs have: all of few jobs, a sample of many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from asok_core.backends.roles import Reader
from asok_core.inspection.error_groups import error_group_of
from asok_core.inspection.filters import word
from asok_core.inspection.group_counts import CompositionLine, GroupCounts, JobGroup
from asok_core.inspection.rows import Row, running_rows
from asok_core.inspection.sample import JobSample
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location

MOST_QUEUES = 10
"""Queues whose pending jobs are read: those with most of them."""


class LocationCount(NamedTuple):
    """Jobs of a task in a location of ``total`` jobs, of which ``read`` were read.

    ``lines`` have its jobs by queue, most first: estimates where not all were read. A task that is in none
    of the jobs that were read may still have some.
    """

    location: Location
    total: int = 0
    read: int = 0
    lines: tuple[CompositionLine, ...] = ()
    unread_queues: int = 0
    """Queues with pending jobs of which none was read."""
    problem: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether all jobs of the location were read."""
        return self.read == self.total and not self.unread_queues and not self.problem


class TaskJobs(NamedTuple):
    """The jobs of a task. ``errors`` has its dead jobs by their normalised error, most first.

    ``running`` jobs have begun, ``claimed`` ones have not; of ``unlisted`` active jobs the task is not
    known.
    """

    name: str
    running: int
    claimed: int
    unlisted: int
    locations: tuple[LocationCount, ...]
    errors: tuple[CompositionLine, ...]

    def count_in(self, location: Location) -> LocationCount:
        """What is known of a location."""
        return next(each for each in self.locations if each.location is location)


def read_task_jobs(reader: Reader, name: str, snapshot: Snapshot) -> TaskJobs:
    """Read where the jobs of a task are. Its cost is bounded, however many jobs there are."""
    held = [row for row in running_rows(snapshot) if _is_of(row, name)]
    listed = sum(len(worker.jobs) for worker in snapshot.workers)
    running = sum(row.at is not None for row in held)
    dead = reader.sample(Location.DEAD)
    only = word("task", f"={name}")
    return TaskJobs(
        name,
        running=running,
        claimed=len(held) - running,
        unlisted=max(snapshot.active - listed, 0),
        locations=(
            _pending(reader, name, snapshot),
            _count(name, Location.DELAYED, reader.sample(Location.DELAYED)),
            _count(name, Location.DEAD, dead),
        ),
        errors=_lines(name, dead, lambda row: _by_error(row, only)),
    )


def _pending(reader: Reader, name: str, snapshot: Snapshot) -> LocationCount:
    queues = sorted(
        (each for each in snapshot.queues if each.pending),
        key=lambda each: (-each.pending, each.name),
    )
    found = [
        _count(name, Location.PENDING, reader.sample(Location.PENDING, each.name))
        for each in queues[:MOST_QUEUES]
    ]
    return LocationCount(
        Location.PENDING,
        total=sum(each.total for each in found),
        read=sum(each.read for each in found),
        lines=_ranked(line for each in found for line in each.lines),
        unread_queues=len(queues[MOST_QUEUES:]),
        problem=next((each.problem for each in found if each.problem), ""),
    )


def _count(name: str, location: Location, sample: JobSample) -> LocationCount:
    lines = _lines(name, sample, lambda row: JobGroup(row.queue, word("queue", row.queue)))
    return LocationCount(location, sample.total, sample.read, lines, problem=sample.problem)


def _lines(
    name: str, sample: JobSample, group: Callable[[Row], JobGroup]
) -> tuple[CompositionLine, ...]:
    counts = GroupCounts(len(sample.parts))
    for at, part in enumerate(sample.parts):
        for row in part.rows:
            if _is_of(row, name):
                counts.add(at, group(row))
    return _ranked(counts.lines(sample))


def _by_error(row: Row, only: str) -> JobGroup:
    error = error_group_of(row)
    return JobGroup(error, f"{only} {word('group', error)}")


def _ranked(lines: Iterable[CompositionLine]) -> tuple[CompositionLine, ...]:
    return tuple(sorted(lines, key=lambda line: (line.group.rank, -line.jobs, line.group.name)))


def _is_of(row: Row, name: str) -> bool:
    return row.payload.job is not None and row.payload.job.task == name
