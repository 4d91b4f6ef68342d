"""The composition of a location as a list: a line for each task, argument, value, age or size."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Literal, TypeAlias

from textual.binding import BindingType

from asok_console.presentation import compositions
from asok_console.presentation.numbers import share
from asok_console.tui.keys import actions
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.composition import (
    TASK,
    Breakdown,
    Composition,
    Dimension,
    compose,
)
from asok_core.inspection.group_counts import CompositionLine
from asok_core.inspection.sample import JobSample

REST = 5.0
"""Least seconds between two samples."""
SHARE = 20.0
"""How many times the duration of a sample passes before the next."""
LOST = 5.0
"""Seconds after which a requested sample is treated as lost, as where Redis did not answer."""
BAR = 16
ERRORS: Final = "errors"
"""Dead jobs by error: not of a sample, but of all of them."""
Grouping: TypeAlias = Breakdown | Literal["errors"]
DIMENSIONS: Sequence[Grouping] = (
    TASK,
    Breakdown(Dimension.PATHS),
    Breakdown(Dimension.AGE),
    Breakdown(Dimension.SIZE),
)
"""What a key groups jobs by, one after another."""
RUNS: Sequence[Grouping] = (Breakdown(Dimension.WORKER), Breakdown(Dimension.RELEASE))
"""What ran them last, of jobs that have run."""


class CompositionList(RowList[CompositionLine]):
    """The lines of a composition."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        self.found: Composition | None = None
        columns: tuple[Column[CompositionLine], ...] = (
            Column("Jobs", 9, self._jobs, right=True),
            Column("Share", 6, lambda line, _: share(line.share), right=True),
            Column("Error", 7, self._error, right=True),
            Column("Of all", BAR, _bar, rank=1),
            Column("Group", 30, _group, grow=1, most=120),
        )
        super().__init__(columns, lambda line: f"{line.group.rank} {line.group.name}", empty="")

    def show_composition(self, found: Composition, now: float) -> None:
        """Show the lines."""
        self.found = found
        self.show_rows(found.lines, now)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to open what a filter finds, or a path."""
        if action == actions.OPEN.method and self.row is not None:
            return bool(self.row.group.filter) or self.row.group.path is not None
        return super().check_action(action, parameters)

    def _jobs(self, line: CompositionLine, _now: float) -> Cell:
        return compositions.jobs(line, self.found) if self.found else ""

    def _error(self, line: CompositionLine, _now: float) -> Cell:
        exact = self.found is None or self.found.is_exact
        return ("exact" if exact else compositions.error(line.error)), "dim"


class CurrentSample:
    """The sample of a location that is shown, and when the next one is due."""

    def __init__(self, queue: str | None) -> None:
        self.queue = queue
        self.sample: JobSample | None = None
        self._asked_at = self._took = 0.0
        self._under_way = self._expired = False

    def is_due(self, by: Grouping | None) -> bool:
        """Whether a sample has to be read, to group it by something."""
        passed = time.monotonic() - self._asked_at
        if self._under_way:
            return passed > LOST
        due = passed > max(REST, SHARE * self._took)
        return self.sample is None or self._expired or self.lacks(by) or due

    def lacks(self, by: Grouping | None) -> bool:
        """Whether what was read has no records, and ``by`` needs them."""
        known = self.sample
        return needs_records(by) and known is not None and not known.has_records

    def begin(self) -> None:
        """Record that one is asked for."""
        self._asked_at, self._under_way = time.monotonic(), True

    def read(self, sample: Callable[[], JobSample]) -> tuple[CurrentSample, JobSample, float]:
        """Read one, on the thread of the poller."""
        began = time.monotonic()
        return self, sample(), time.monotonic() - began

    def take(self, sample: JobSample, took: float) -> None:
        """Take in one that was read."""
        self.sample, self._took = sample, took
        self._under_way = self._expired = False

    def expire(self) -> None:
        """Read the next one at once."""
        self._expired, self._under_way = True, False

    def by(self, by: Breakdown) -> Composition | None:
        """What it holds; None where nothing was read yet."""
        return compose(self.sample, by) if self.sample is not None and not self.lacks(by) else None


def next_grouping(groupings: Sequence[Grouping], by: Grouping) -> Grouping:
    """What comes after ``by``; after the last the first."""
    of_path = isinstance(by, Breakdown) and by.path is not None
    at = groupings.index(Breakdown(Dimension.PATHS) if of_path else by)
    return groupings[(at + 1) % len(groupings)]


def needs_records(by: Grouping | None) -> bool:
    """Whether only the records of jobs have what they are grouped by."""
    return isinstance(by, Breakdown) and by.dimension.needs_records


def named(by: Breakdown) -> str:
    """What the heading says: ``by task``."""
    return f"by {by.path}" if by.path is not None else _NAMES[by.dimension]


_NAMES = {
    Dimension.TASK: "by task",
    Dimension.PATHS: "by argument",
    Dimension.AGE: "by age",
    Dimension.SIZE: "by size",
    Dimension.WORKER: "by worker",
    Dimension.RELEASE: "by release",
}


def _bar(line: CompositionLine, _now: float) -> Cell:
    # An eighth lower than the line, so that the bars of two rows never touch.
    return "▇" * max(round(line.share * BAR), 1), "calm"


def _group(line: CompositionLine, _now: float) -> Cell:
    group = line.group
    if group.path is not None:
        found = compositions.values(line)
        text = found if found == "redacted" else f"{found} value{'' if found == '1' else 's'}"
        return f"{group.name}  ({text})"
    return group.name if group.filter else (group.name, "dim")
