"""What all views have in common: a heading, a list, and plans for the operator's actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from asok_console.present.text import call_text, safe
from asok_console.tui import actions
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import job_id
from asok_console.tui.operates import Operates
from asok_console.tui.plan import Plan
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.rowlist import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.snapshot import Page, Row, Snapshot

EXAMPLES = 3
"""Rows that a confirmation shows."""


class View(Operates, Vertical):
    """One of the views. ``NAME`` is its id and the word for ``--view``."""

    NAME: ClassVar[str] = ""

    def __init__(self) -> None:
        super().__init__(id=self.NAME)

    def compose(self) -> ComposeResult:
        """A heading over whatever the view shows."""
        yield Static(classes="heading")
        yield from self.compose_body()

    def compose_body(self) -> ComposeResult:
        """What stands under the heading."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Take in a new snapshot. Called only while the view is on the screen."""
        raise NotImplementedError

    def describe(self) -> Sequence[tuple[str, str]]:
        """The parts of the heading: text and tone."""
        raise NotImplementedError

    def go_back(self) -> bool:
        """Close one level inside the view; False when there is none."""
        return False

    def focus_list(self) -> None:
        """Put the focus where the keys of the view work."""
        self.query_one(RowList).focus()

    def refresh_heading(self) -> None:
        """Write the heading anew, and let the footer follow."""
        parts = [
            Content.styled(safe(text), f"$tone-{tone}" if tone else "")
            for text, tone in self.describe()
            if text
        ]
        # While the console closes, the heading may be gone already.
        for heading in self.query(".heading").results(Static):
            heading.update(Content("   ").join(parts))
        self.screen.refresh_bindings()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self.refresh_heading()


class JobList(RowList[Row]):
    """A list of jobs."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self, columns: Sequence[Column[Row]], *, empty: str) -> None:
        super().__init__(columns, lambda row: row.key, empty=empty)


class JobListView(View):
    """A windowed list of jobs, read as it scrolls into view."""

    COLUMNS: ClassVar[Sequence[Column[Row]]] = ()
    EMPTY: ClassVar[str] = "No jobs here."
    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.COPIES)]

    def compose_body(self) -> ComposeResult:
        """The list."""
        yield JobList(self.COLUMNS, empty=self.EMPTY)

    @property
    def rows(self) -> JobList:
        """The list."""
        return self.query_one(JobList)

    def read(self, reader: Reader, start: int, count: int) -> Page:
        """Read a window. Runs on the poller's thread."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - the list reads its own window
        """Read the window again."""
        self.rows.reload()
        self.refresh_heading()

    @on(RowList.WindowNeeded)
    def _load(self, event: RowList.WindowNeeded) -> None:
        event.stop()
        start, count = event.start, event.count
        self.console.poller.ask(
            self.NAME, lambda reader: self.read(reader, start, count), self._loaded
        )

    def _loaded(self, answer: object) -> None:
        page = cast("Page", answer)
        snapshot = self.console.snapshot
        now = snapshot.taken_at if snapshot else 0.0
        self.rows.show_page(page.start, page.total, page.rows, now)
        self.refresh_heading()

    @on(RowList.Opened)
    def _open(self) -> None:
        if self.rows.row is not None:
            self.console.open_job(self.rows.row)

    def position(self) -> str:
        """``12 of 1,204``."""
        rows = self.rows
        return f"{rows.cursor + 1:,} of {rows.total:,}" if rows.total else ""

    def marked(self) -> str:
        """``● 3 marked``, with those that are out of sight counted aloud."""
        marks = self.rows.marks
        return f"● {len(marks):,} marked" if marks else ""

    def go_back(self) -> bool:
        """Clear the marks, if there are any."""
        if self.rows.marks:
            self.rows.clear_marks()
            return True
        return False

    def action_mark(self) -> None:
        """Mark the row."""
        self.rows.toggle_mark()

    def action_mark_visible(self) -> None:
        """Mark what is on the screen."""
        self.rows.mark(self.rows.visible_rows)

    def action_copy_id(self) -> None:
        """Copy the id of the cursor's job."""
        if self.rows.row is not None:
            self.console.copy(job_id(self.rows.row), "id")

    def action_copy_json(self) -> None:
        """Copy the cursor's job as it stands in Redis."""
        if self.rows.row is not None:
            self.console.copy(self.rows.row.payload.raw.decode(errors="replace"), "raw JSON")

    def chosen(self) -> list[Row]:
        """The marked rows, or the one under the cursor."""
        marked = list(self.rows.marks.values())
        return marked or ([self.rows.row] if self.rows.row is not None else [])

    def plan(self, action: OperatorAction) -> Plan | None:
        """A plan for the chosen rows; what else can be reached is for the subclasses."""
        if action.reach is not Reach.CHOSEN:
            return None
        rows = self.chosen()
        if not rows:
            return None
        return Plan(
            action,
            Scope(
                action.place,
                queue=self.scope_queue(),
                ids=frozenset(row.key for row in rows),
            ),
            len(rows),
            examples(rows),
        )

    def scope_queue(self) -> str | None:
        """The queue that an action is limited to."""
        return None


def examples(rows: Sequence[Row]) -> tuple[str, ...]:
    """A few rows as lines of a confirmation."""
    lines = [
        f"{call_text(row.payload.job.task, row.payload.job.args, row.payload.job.kwargs, 120)}"
        f"  {row.payload.id[:8]}"
        if row.payload.job
        else f"(unreadable)  {row.key[:8]}"
        for row in rows[:EXAMPLES]
    ]
    if len(rows) > EXAMPLES:
        lines.append(f"… and {len(rows) - EXAMPLES:,} more")
    return tuple(lines)
