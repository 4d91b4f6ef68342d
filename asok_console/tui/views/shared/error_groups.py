"""Dead letters grouped by cause: how many, since when, and whom they hit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from asok_console.presentation.compact import ago, spark
from asok_console.presentation.error_groups import names, trend
from asok_console.presentation.numbers import count
from asok_console.tui.catalog import actions
from asok_console.tui.data.search import End
from asok_console.tui.widgets.columns import Cell, Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.inspection.error_groups import ErrorGroup, ErrorGroups
from asok_core.inspection.snapshot import Page

TREND = 3600.0
"""Seconds that the trend of a cause shows."""
SLOTS = 12

REST = 5.0
"""Least seconds between two walks through all letters."""
SHARE = 20.0
"""How many times the length of a walk it rests before the next."""


ORDERS = ("count", "last", "first")
"""What the causes can be sorted by: most letters, newest letter, newest cause."""


def _trend(cause: ErrorGroup, now: float) -> Cell:
    return spark(trend(cause, now, TREND, SLOTS), SLOTS), "dim"


COLUMNS: Sequence[Column[ErrorGroup]] = (
    Column("Letters", 7, lambda c, _: count(c.count), right=True),
    Column("Last", 6, lambda c, now: ago(c.last_seen, now), right=True),
    Column("First", 6, lambda c, now: (ago(c.first_seen, now), "dim"), right=True),
    Column("Last hour", SLOTS, _trend, rank=2),
    Column("Cause", 44, lambda c, _: (c.cause, "bad"), grow=4),
    Column("Tasks", 26, lambda c, _: names(c.tasks, 1), grow=1, most=40, rank=1, tail=True),
    Column("Queues", 10, lambda c, _: (names(c.queues, 1), "dim"), rank=3),
)


class ErrorGroupList(RowList[ErrorGroup]):
    """The causes, the most frequent first."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self) -> None:
        super().__init__(COLUMNS, lambda cause: cause.key, empty="No dead jobs.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The rest of the causes has no list of its own."""
        if action == "open" and self.row is not None:
            return not self.row.is_rest
        return super().check_action(action, parameters)


class ErrorGroupScan:
    """One walk through all dead letters. Written by the scanning thread, read after its reports."""

    def __init__(self, now: float) -> None:
        self.causes = ErrorGroups(recent_from=now - TREND)
        self.head = self.problem = ""
        self.end = End()
        self._done_at = 0.0
        self._took = 0.0

    def take(self, page: Page) -> None:
        """Take in a window."""
        self.problem = page.problem or self.problem
        self.causes.add(page.rows)
        self.end.take(page)

    @property
    def dead_jobs(self) -> int:
        """How many were taken in."""
        return self.causes.dead_jobs

    def finish(self, took: float) -> None:
        """The walk is through."""
        self._done_at, self._took = time.monotonic(), took

    def expire(self) -> None:
        """Let it be taken again as soon as the letters changed: something was done to them."""
        if self.done:
            self._done_at = -math.inf

    @property
    def done(self) -> bool:
        """Whether the walk is through."""
        return bool(self._done_at)

    @property
    def rested(self) -> bool:
        """Whether it is time for another walk, if the letters changed."""
        return self.done and time.monotonic() - self._done_at > max(REST, SHARE * self._took)

    def ranked(self, order: str) -> list[ErrorGroup]:
        """The causes in one of the ``ORDERS``."""
        return sorted(self.causes.groups(), key=_RANKS[order])


_RANKS: dict[str, Callable[[ErrorGroup], tuple[float, str]]] = {
    "count": lambda cause: (-cause.count, cause.cause),
    "last": lambda cause: (-(cause.last_seen or 0.0), cause.cause),
    "first": lambda cause: (-(cause.first_seen or 0.0), cause.cause),
}
