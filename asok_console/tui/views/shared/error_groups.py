"""Dead jobs grouped by error: how many, since when, of which tasks and queues."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.compact import ago, spark
from asok_console.presentation.error_groups import names, trend
from asok_console.presentation.notes import MARK
from asok_console.presentation.numbers import count
from asok_console.tui.data.search import WalkEnd
from asok_console.tui.keys import actions
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.error_groups import ErrorGroup, ErrorGroups
from asok_core.inspection.rows import Page

TREND = 3600.0
"""Seconds that the trend of a group shows."""
SLOTS = 12

REST = 5.0
"""Least seconds between two scans of all dead jobs."""
SHARE = 20.0
"""How many times the duration of a scan passes before the next."""


ORDERS = ("count", "last", "first")
"""What the groups can be sorted by: most jobs, newest job, newest group."""


def _trend(group: ErrorGroup, now: float) -> Cell:
    return spark(trend(group, now, TREND, SLOTS), SLOTS), "dim"


def _error(group: ErrorGroup, _now: float) -> Cell:
    return f"{MARK} {group.error}" if group.noted else group.error, "bad"


COLUMNS: Sequence[Column[ErrorGroup]] = (
    Column("Jobs", 7, lambda c, _: count(c.count), right=True),
    Column("Last", 6, lambda c, now: ago(c.last_seen, now), right=True),
    Column("First", 6, lambda c, now: (ago(c.first_seen, now), "dim"), right=True),
    Column("Last hour", SLOTS, _trend, rank=2),
    Column("Error", 44, _error, grow=4),
    Column("Tasks", 26, lambda c, _: names(c.tasks, 1), grow=1, most=40, rank=1, tail=True),
    Column("Queues", 10, lambda c, _: (names(c.queues, 1), "dim"), rank=3),
)


class ErrorGroupList(RowList[ErrorGroup]):
    """The error groups, the most frequent first."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda group: group.key, empty="No dead jobs.")

    @property
    def missing(self) -> str:
        """Why nothing can be done with the group under the cursor: no filter finds the rest."""
        if self.row is None or not self.row.is_rest:
            return ""
        return "these jobs have different errors; choose another error group"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The group of all other errors has no list of its own."""
        if action == actions.OPEN.method and self.row is not None:
            return not self.row.is_rest
        return super().check_action(action, parameters)


class ErrorGroupScan:
    """One scan of all dead jobs. Written by the scanning thread, read after its reports."""

    def __init__(self, now: float) -> None:
        self.groups = ErrorGroups(recent_from=now - TREND)
        self.head = self.problem = ""
        self.error = ""
        """Why it ended before it had counted all."""
        self.end = WalkEnd()
        self._done_at = 0.0
        self._took = 0.0

    def take(self, page: Page) -> None:
        """Count the jobs of a window."""
        self.problem = page.problem or self.problem
        self.groups.add(page.rows)
        self.end.take(page)

    @property
    def dead_jobs(self) -> int:
        """How many dead jobs were counted."""
        return self.groups.dead_jobs

    def finish(self, took: float, error: str = "") -> None:
        """Record that the scan is complete, or that it ended early."""
        self._done_at, self._took, self.error = time.monotonic(), took, error

    def expire(self) -> None:
        """Allow the next scan at once if the dead jobs changed: an operation changed them."""
        if self.done:
            self._done_at = -math.inf

    @property
    def done(self) -> bool:
        """Whether the scan has ended."""
        return bool(self._done_at)

    @property
    def rested(self) -> bool:
        """Whether the next scan is due, if the dead jobs changed."""
        return self.done and time.monotonic() - self._done_at > max(REST, SHARE * self._took)

    def ranked(self, order: str) -> list[ErrorGroup]:
        """The groups in one of the ``ORDERS``."""
        return sorted(self.groups.groups(), key=_RANKS[order])


_RANKS: dict[str, Callable[[ErrorGroup], tuple[float, str]]] = {
    "count": lambda group: (-group.count, group.error),
    "last": lambda group: (-(group.last_seen or 0.0), group.error),
    "first": lambda group: (-(group.first_seen or 0.0), group.error),
}
