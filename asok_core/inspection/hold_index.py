"""Holds so that a job is compared only with those that may match it: a worker does so for each job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from asok_core.inspection.argument_paths import ArgumentPath
from asok_core.inspection.holds import Hold
from asok_core.jobs.job import Job

_Placed: TypeAlias = tuple[int, Hold]
"""A hold with its number among all of them, from the oldest on."""


class _Group(NamedTuple):
    """The holds that name one task, or none: by the value that an argument must have, and the others."""

    by_value: dict[ArgumentPath, dict[object, list[_Placed]]]
    others: list[_Placed]

    def add(self, placed: _Placed) -> None:
        """Add a hold."""
        equal = next((each for each in placed[1].conditions if each.operator == "=="), None)
        if equal is None:
            self.others.append(placed)
        else:
            # Values that are equal have one hash: 7 and 7.0. A hold that is found is compared as a whole.
            self.by_value.setdefault(equal.path, {}).setdefault(equal.value, []).append(placed)

    def candidates(self, job: Job) -> Iterator[_Placed]:
        """Those that may match a job."""
        yield from self.others
        for path, by_value in self.by_value.items():
            try:
                yield from by_value.get(path.value(job), ())
            except (LookupError, TypeError):
                # The argument is not there, or is a list or an object, which equals no plain value.
                continue


class HoldIndex:
    """Some holds, oldest first. Immutable: read by threads."""

    def __init__(self, holds: Sequence[Hold] = ()) -> None:
        groups = dict[str, _Group]()
        for at, hold in enumerate(holds):
            groups.setdefault(hold.task, _Group({}, [])).add((at, hold))
        self._groups: Mapping[str, _Group] = groups

    def __bool__(self) -> bool:
        return bool(self._groups)

    def first_match(self, job: Job, release: str, now: float) -> Hold | None:
        """The oldest hold that keeps a job from starting on this release of the application."""
        found = [
            placed
            for task in (job.task, "")
            if (group := self._groups.get(task)) is not None
            for placed in group.candidates(job)
            if placed[1].matches(job, release, now)
        ]
        return min(found, key=lambda placed: placed[0])[1] if found else None
