"""A list that can be narrowed by a filter, and the state of the search in its heading."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from asok_console.presentation.compact import span
from asok_console.tui.data.scanner import LocationScan, ScanProgress
from asok_console.tui.data.search import Search, SearchQuery
from asok_console.tui.views.shared.base import JobList
from asok_console.tui.views.shared.filtered import FilteredView
from asok_console.tui.widgets.row_cursor import ListPosition
from asok_core.inspection.filters import Filter
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location

SHARE = 10.0
"""How many times the length of a search passes before it is repeated."""
LOST = 10.0
"""Seconds after which a search that is not a walk of its own is taken for lost."""
HELD = 5.0
"""Age in seconds from which the heading says that what was found is no longer new."""


class SearchingView(FilteredView):
    """A list of jobs with a filter. What it finds is searched for again with the snapshots.

    What is shown is the last search that reached its end: a search through a million jobs takes long,
    and is repeated after ``SHARE`` times that. ``F5`` repeats it at once.
    """

    EMPTY: ClassVar[str] = "No jobs."
    LOCATION: ClassVar[Location] = Location.FINISHED
    NEWEST_FIRST: ClassVar[bool] = False

    rows: JobList
    search: Search | None = None
    """What is shown; ``complete`` once it has reached its end."""
    _filling: Search | None = None
    """The search that is under way: the first is shown while it is."""
    _scan: LocationScan | None = None
    _trouble = ""
    _problem = ""
    _began = _ended = 0.0
    _before: ListPosition | None = None
    """Where the list stood without a filter."""

    def searched_location(self) -> str:
        """Where a filter searches, in the plural: ``dead jobs``."""
        raise NotImplementedError

    def scope_queue(self) -> str | None:
        """The queue that an action is limited to."""
        return None

    def narrow(self, to: Filter | None) -> None:
        """Show only what matches: at once what is loaded, then what a walk through all finds."""
        self._give_up()
        if to is None:
            if self.search is not None:
                self.search = None
                self.return_to(self._before)
            self.refresh_heading()
            return
        if self.search is None:
            self._before = self.rows.position
        now = self.now
        query = SearchQuery(to, now)
        self.rows.pin()
        self.rows.show_rows([row for row in self.rows.window.loaded if query.matches(row)], now)
        self.search = self._begin(query)
        self.refresh_heading()

    @property
    def filter_text(self) -> str:
        """The filter that is in use, as it is typed."""
        return self.search.query.words if self.search else ""

    @property
    def listed(self) -> JobList:
        """The list that the filter narrows."""
        return self.rows

    def seek(self, key: str | None) -> None:
        """Put the cursor on a row as soon as it is found; without a filter the list is where it was."""
        if self.search is not None:
            self.rows.pin(key)

    def return_to(self, before: ListPosition | None) -> None:
        """Show the list without a filter where it stood ``before``; None: from its first row."""
        if before is None:
            self.rows.clear()
            self.rows.reload()
        else:
            self.rows.return_to(before)

    @property
    def is_narrowed(self) -> bool:
        """Whether a filter is in use."""
        return self.search is not None

    @property
    def now(self) -> float:
        """When the data that is shown was read, by Redis's clock."""
        return self.console.now

    def keep_up(self, snapshot: Snapshot) -> None:
        """Repeat the search after ``SHARE`` times its duration."""
        if self.search is None:
            return
        passed = time.monotonic() - self._began
        if self._filling is None:
            self.rows.set_now(snapshot.taken_at)
            if passed > (SHARE + 1) * (self._ended - self._began):
                self.search_again()
        elif not self._filling.query.is_dated:
            self.search = self._begin(SearchQuery(self.search.query.filter, self.now))
        elif self._scan is None and passed > LOST:
            # The poller drops what it was asked when Redis does not answer.
            self._begin(SearchQuery(self.search.query.filter, self.now))

    def search_again(self) -> None:
        """Repeat the search, and show the former result until the new one is complete."""
        if self.search is not None and self._filling is not self.search:
            self._give_up()
            self._begin(SearchQuery(self.search.query.filter, self.now))
            self.refresh_heading()

    def walk(self, search: Search) -> None:
        """Begin to walk through all there is."""
        self._scan = self.console.scan(
            search.take,
            location=self.LOCATION,
            queue=self.scope_queue(),
            whole=search.query.filter.reads_arguments,
        )

    def scanned(self, event: ScanProgress) -> None:
        """Take in how far a walk got."""
        search = self._filling
        if event.scan is not self._scan or search is None:
            return
        if event.done or event.error:
            self.walked(search, event.error)
        elif search is self.search and len(search.rows) >= self.rows.total:
            self.rows.show_rows(search.rows, search.query.now)
        self.refresh_heading()

    def walked(self, search: Search, error: str = "") -> None:
        """Show what a search found that has reached its end, or say why it did not."""
        self._filling, self._ended, self._trouble = None, time.monotonic(), error
        if error and search is not self.search:
            return
        search.complete = not error
        self.search = search
        self.rows.show_rows(search.rows, search.query.now)
        self.rows.cursor.unpin()

    def searched(self) -> Sequence[tuple[str, str]]:
        """What is searched for, how far, and what was found."""
        search, scan = self.search, self._scan
        if search is None:
            return ()
        parts = [(f"⌕ {self.shown_filter}", "info")]
        if self._trouble:
            parts.append((f"⚠ {self._trouble}", "warn"))
        elif not search.complete and scan is not None:
            parts.append((f"scanned {scan.scanned:,} of {scan.total:,}", "dim"))
        if search.problem:
            parts.append((f"⚠ {search.problem}", "warn"))
        if search.count or not search.problem:
            parts.append((f"{search.count:,} found", ""))
        if search.missed:
            parts.append(("jobs that left meanwhile may be missing", "warn"))
        age = self.now - search.query.now
        if search.complete and age >= HELD:
            parts.append((f"held since {span(age)}, press F5", "warn"))
        if self.came_from:
            parts.append((self.way_out, "dim"))
        return parts

    def nothing(self) -> str:
        """What an empty list says: that there is nothing, or that nothing was found, and where."""
        search, location = self.search, self.searched_location()
        if search is None:
            return self._problem or self.EMPTY
        if self._trouble:
            return f"The {location} could not all be searched. F5 searches again."
        if search.problem:
            return search.problem
        if not search.complete:
            return f"None found yet among the {location}."
        found = f"None found among {search.seen:,}" if search.seen else "There are no"
        return f"{found} {location}. {self.way_out}."

    def refresh_heading(self) -> None:
        """Write the heading and what an empty list says."""
        self.rows.set_empty_text(self.nothing())
        super().refresh_heading()

    def _begin(self, query: SearchQuery) -> Search:
        search = Search(query, newest_first=self.NEWEST_FIRST)
        self._filling, self._began = search, time.monotonic()
        # Before the first snapshot no job has an age. The search begins with that snapshot.
        if query.is_dated:
            self.walk(search)
        return search

    def _give_up(self) -> None:
        if self._scan is not None:
            self._scan.give_up()
            self._scan = None
        self._filling = None
        self._trouble = ""
