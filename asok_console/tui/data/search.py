"""A search through a location: what matched so far, and the scope of exactly these jobs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from asok_core.backends.roles import Scope
from asok_core.inspection.filters import Filter
from asok_core.inspection.rows import Page, Row, digest
from asok_core.jobs.states import Location
from asok_core.operations.search import matching

KEPT = 5000
"""Matches that are kept to be shown; more of them are only counted."""


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is searched for. ``now`` is when it was asked."""

    filter: Filter
    now: float

    @property
    def words(self) -> str:
        """As it is shown, audited and typed on the command line."""
        return self.filter.text

    @property
    def is_dated(self) -> bool:
        """Whether the time is known: before the first snapshot it is not."""
        return not math.isnan(self.now)

    def matches(self, row: Row) -> bool:
        """Whether a row answers it."""
        return self.filter.matches(row, self.now)


class Search:
    """Collects what matches. Written by the scanning thread, read by the screen after its reports."""

    def __init__(self, query: SearchQuery, *, newest_first: bool) -> None:
        self.query = query
        self.count = self.seen = 0
        self.complete = False
        self.problem = ""
        """Why nothing could be searched."""
        self.missed = False
        """Whether jobs left the location before they were read."""
        self._rows: list[Row] = []
        self._newest_first = newest_first
        self._end = WalkEnd()

    def take(self, page: Page) -> None:
        """Take in a window."""
        found = list(matching(page.rows, self.query.filter, self.query.now))
        self.count += len(found)
        self.seen += len(page.rows)
        self.problem = page.problem or self.problem
        self.missed = self.missed or page.missed
        self._rows.extend(found)
        # The newest are the ones worth keeping, except where the oldest come first.
        if self._newest_first:
            del self._rows[:-KEPT]
        else:
            del self._rows[KEPT:]
        self._end.take(page)

    @property
    def rows(self) -> list[Row]:
        """What was found, in the order of the list."""
        found = list(self._rows)
        return found[::-1] if self._newest_first else found

    def scope(self, location: Location, queue: str | None, before: float) -> Scope:
        """All that was found, and nothing that came later."""
        return self._end.scope(location, queue, self.query, before, self.count)


class WalkEnd:
    """Where a walk ended, by which an action leaves out what came later."""

    def __init__(self) -> None:
        self._length = 0
        self._newest: Row | None = None

    def take(self, page: Page) -> None:
        """Take in a window."""
        if page.rows:
            self._length = page.start + len(page.rows)
            self._newest = page.rows[-1]

    def scope(
        self,
        location: Location,
        queue: str | None,
        query: SearchQuery,
        before: float,
        expected: int,
    ) -> Scope:
        """The matching jobs up to here, of which ``expected`` were found."""
        newest = self._newest
        whole = newest is not None and not newest.partial and location is not Location.DELAYED
        match: Callable[[Row], bool] = query.matches
        return Scope(
            location,
            queue=queue,
            match=match,
            words=query.words,
            before=before,
            limit=self._length,
            expected=expected,
            boundary=digest(newest.payload.raw) if newest is not None and whole else "",
        )
