"""Find jobs wherever they are: by id or its beginning, task, error, argument or traceback."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from asok_console.presentation.text import safe
from asok_console.tui.data.reporting_thread import ReportingThread
from asok_console.tui.data.scanner import EVERY
from asok_console.tui.keys import actions
from asok_console.tui.screens.dialog import Dialog
from asok_console.tui.views.shared.job_columns import (
    LONG_ID,
    SHORT_ID,
    id_cell,
    queue_cell,
    task_cell,
)
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.search import SearchProgress, find

MOST = 500
"""Jobs that are listed; a search that finds more ends there."""

WHERE = {
    Location.PENDING: "pending",
    Location.DELAYED: "delayed",
    Location.HELD: "held",
    Location.ACTIVE: "running",
    Location.DEAD: "dead",
    Location.FINISHED: "finished",
    Location.TRASH: "trash",
}


COLUMNS: Sequence[Column[Row]] = (
    Column("Id", SHORT_ID, id_cell, wide=LONG_ID),
    Column("State", 9, lambda row, _: WHERE.get(row.location, str(row.location))),
    Column("Task", 20, task_cell, grow=1, tail=True),
    Column("Queue", 10, queue_cell, rank=1),
)


@dataclass
class SearchUpdate(Message):
    """What a search has found so far; ``error`` is why it ended early."""

    search: JobSearch
    rows: tuple[Row, ...]
    progress: SearchProgress
    done: bool
    error: str = ""


class JobSearch(ReportingThread):
    """Looks for jobs on its own thread, until it is cancelled."""

    def __init__(
        self, reader: Reader, post: Callable[[Message], object], words: str, snapshot: Snapshot
    ) -> None:
        super().__init__("asok-find", post, self._find, self._update)
        self.words = words
        self._reader = reader
        self._snapshot = snapshot
        self._rows: list[Row] = []
        self._step = SearchProgress(0)

    @property
    def now(self) -> float:
        """The time of the snapshot that is searched."""
        return self._snapshot.taken_at

    def _find(self) -> SearchUpdate | None:
        reported_at = 0.0
        for step in find(self._reader, self.words, self._snapshot):
            self._step = step
            if self.given_up:
                return None
            first = bool(step.rows) and not self._rows
            self._rows += step.rows
            if len(self._rows) >= MOST:
                break
            if first or time.monotonic() - reported_at > EVERY:
                reported_at = time.monotonic()
                self.report(self._update())
        return self._update(done=True)

    def _update(self, error: str = "", *, done: bool = False) -> SearchUpdate:
        return SearchUpdate(self, tuple(self._rows[:MOST]), self._step, done, error)


class FoundList(RowList[Row]):
    """The jobs that were found."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]


class FindJobDialog(Dialog[Row]):
    """Asks what to look for, and lists jobs as they are found. A single one is opened at once.

    ``open_job`` shows the page of one of several, from which the way back leads to the list.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back"),
        Binding("down", "to_list", show=False),
    ]

    def __init__(
        self,
        reader: Reader,
        snapshot: Callable[[], Snapshot | None],
        open_job: Callable[[Row, RowList[Row]], None],
    ) -> None:
        super().__init__()
        self._reader = reader
        self._open_job = open_job
        self._snapshot = snapshot
        self._search: JobSearch | None = None
        self._latest: SearchUpdate | None = None

    def compose(self) -> ComposeResult:
        """A line to type in, the result in words, and the list."""
        with Vertical(id="question") as question:
            question.border_subtitle = "Enter searches and opens, Esc stops and goes back"
            yield Static("Find a job", id="title")
            yield Input(
                id="words", compact=True, placeholder="id or its beginning, task, error, argument"
            )
            yield Static(id="said")
            yield FoundList(COLUMNS, lambda row: f"{row.location} {row.key}", empty="")

    def on_mount(self) -> None:
        """Begin with the line alone."""
        self.query_one(FoundList).display = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search."""
        event.stop()
        words, snapshot = event.value.strip(), self._snapshot()
        self._give_up()
        if not words:
            self._say("Type an id, its beginning, a task or a part of an argument.")
        elif snapshot is None:
            self._say("Cannot search: nothing has been read from Redis yet.", "warn")
        else:
            self._latest = None
            self._say("Searching …")
            self._search = JobSearch(self._reader, self.post_message, words, snapshot)
            self._search.start()

    @on(SearchUpdate)
    def _show_found(self, event: SearchUpdate) -> None:
        if event.search is not self._search:
            return
        rows = event.rows
        found = self.query_one(FoundList)
        found.display = bool(rows)
        found.show_rows(rows, event.search.now)
        if event.done and len(rows) == 1:
            self.dismiss(rows[0])
            return
        self._latest = event
        if event.done or event.error:
            self._search = None
        if event.error:
            self._say(f"Not searched to the end: {event.error}", "warn")
        elif not event.done:
            self._say(_progress(event))
        elif not rows:
            self._say(
                f"None of {event.progress.looked:,} pending, delayed, running, dead and trashed jobs "
                "has this id, task or argument, and none of those that ended last. Earlier ones are "
                f"found by their whole id for 24 h.{_gaps(event)}",
                "warn",
            )
        else:
            more = "+" if len(rows) >= MOST else ""
            self._say(f"{len(rows):,}{more} jobs match. Enter opens one.{_gaps(event)}")
            found.focus()

    def action_to_list(self) -> None:
        """Go to what was found so far."""
        found = self.query_one(FoundList)
        if found.display:
            found.focus()

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        event.stop()
        found = self.query_one(FoundList)
        if found.row is not None:
            self._stop()
            self._open_job(found.row, found)

    def action_leave(self) -> None:
        """Stop the search; where none is under way, go back."""
        if not self._stop():
            self.dismiss()

    def _stop(self) -> bool:
        """Stop the search and keep what it has found. False: none is under way."""
        if self._search is None:
            return False
        self._give_up()
        latest = self._latest
        self._say(f"Stopped. {_progress(latest)}" if latest else "Stopped.", "warn")
        return True

    def _say(self, text: str, tone: str = "dim") -> None:
        said = self.query_one("#said", Static)
        said.set_classes(tone)
        said.update(safe(text, 400))

    def _give_up(self) -> None:
        if self._search is not None:
            self._search.give_up()
            self._search = None


def _gaps(event: SearchUpdate) -> str:
    """What may be missing, as a sentence."""
    gaps = "; ".join(event.progress.gaps)
    return f" Not complete: {gaps}." if gaps else ""


def _progress(event: SearchUpdate) -> str:
    step = event.progress
    what = "arguments and tracebacks: scanned" if step.whole else "scanned"
    return f"{what} {step.looked:,} of {step.total:,}, {len(event.rows):,} found".capitalize()
