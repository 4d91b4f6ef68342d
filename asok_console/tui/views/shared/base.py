"""What all views have in common: a heading, a list, and plans for the operator's actions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content

from asok_console.presentation.fitting import fit
from asok_console.presentation.notes import note_text
from asok_console.presentation.text import safe
from asok_console.tui.keys import actions
from asok_console.tui.keys.operations import OPERATIONS, OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.host import Host
from asok_console.tui.views.shared.notes import note_on, with_marks
from asok_console.tui.views.shared.operator_keys import KeySubject
from asok_console.tui.widgets.backdrop import Backdrop
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.notes import NoteSubject
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.task_figures import TaskRange

LEAST_OF_NOTE = 20
"""Cells that a note in a heading has at least."""
FEW_ROWS = 20
"""Rows that are loaded above and below the visible ones where some of the jobs are large."""


class ViewOrigin(NamedTuple):
    """What led to a view: another view, or the page of a task above it, with the range that it showed."""

    view: str
    task: tuple[str, TaskRange] | None = None


class View(KeySubject, Backdrop, Vertical):
    """One of the views. ``NAME`` is its id and the word for ``--view``."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.WHY)]
    NAME: ClassVar[str] = ""
    OF_FIGURES: ClassVar[bool] = False
    """Whether its heading has figures. Those that do not fit are left out: one that is cut is another."""
    SHOWS_RUNNING: ClassVar[bool] = False
    """Whether it names running jobs, so that each snapshot has to read them."""

    came_from: ViewOrigin | None = None
    """What led here by a queue or a task, to which the way back leads."""

    def __init__(self) -> None:
        super().__init__(id=self.NAME)

    def compose(self) -> ComposeResult:
        """A heading over whatever the view shows."""
        yield Caption(classes="heading")
        yield from self.compose_body()

    def on_mount(self) -> None:
        """Let the heading follow the cursor."""
        for rows in self.query(RowList):
            rows.follow(self.refresh_heading)

    def compose_body(self) -> ComposeResult:
        """The widgets under the heading."""
        raise NotImplementedError

    def page(self, reader: Reader, snapshot: Snapshot) -> object:  # noqa: ARG002 - for lists
        """Read what the view shows beside the snapshot. Runs on the poller's thread."""
        return None

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show a new snapshot, and the page that was read with it, if there was one.

        Called only while the view is on the screen.
        """
        raise NotImplementedError

    def describe(self) -> Sequence[tuple[str, str]]:
        """The parts of the heading: text and tone."""
        raise NotImplementedError

    def begin_with(self, text: str) -> None:
        """Show what a filter lets through, as if it had been typed."""
        raise NotImplementedError

    def visit(self, text: str) -> None:
        """Show what a filter lets through, until ``end_visit``."""
        raise NotImplementedError

    def operated(self, plan: OperationPlan) -> None:
        """Follow an operation that has ended: its jobs are elsewhere now."""

    def end_visit(self) -> None:
        """Show what was shown before the visit."""
        raise NotImplementedError

    @property
    def is_asking(self) -> bool:
        """Whether a line is open in which a filter is typed."""
        return False

    def clear_filter(self) -> bool:
        """Show everything again. False: that was so already."""
        return False

    def operations(self) -> Sequence[OperatorAction]:
        """The operator's actions of the view."""
        return [each for each in OPERATIONS if self.NAME in each.views]

    def go_back(self) -> bool:
        """Close one level inside the view; False when there is none."""
        return False

    def focus_list(self) -> None:
        """Put the focus where the keys of the view work."""
        self.query_one(RowList).focus()

    def refresh_heading(self) -> None:
        """Write the heading again, and update the footer."""
        if not self.query(RowList):
            # The console is closing, and its lists went first.
            return
        parts = [
            Content.styled(safe(text), f"$tone-{tone}" if tone else "")
            for text, tone in self._heading()
            if text
        ]
        for heading in self.query(".heading").results(Caption):
            line, room = Content("   ").join(parts), self._room
            if line.cell_length > room:
                line = Content("  ").join(parts)
            while self.OF_FIGURES and len(parts) > 1 and line.cell_length > room:
                line = Content("  ").join(parts := parts[:-1])
            heading.write(line)
        self.screen.refresh_bindings()

    @property
    def _room(self) -> int:
        """Cells of the heading."""
        return self.app.size.width - 4

    def has_room(self, parts: Sequence[tuple[str, str]]) -> bool:
        """Whether the heading has room for all of its parts."""
        widths = [cell_len(safe(text)) + 2 for text, _ in parts if text]
        return sum(widths) - 2 <= self._room

    def shown_notes(self) -> Sequence[NoteSubject | None]:
        """What the notes in the heading are on."""
        return (self.noted(),)

    def _heading(self) -> Sequence[tuple[str, str]]:
        """The parts of the heading, with notes after the title in the room that the others leave."""
        parts = list(self.describe())
        notes = [note for each in self.shown_notes() if (note := note_on(self.console, each))]
        if not notes:
            return parts
        taken = sum(cell_len(safe(text)) + 3 for text, _ in parts if text)
        room = max((self._room - taken) // len(notes), LEAST_OF_NOTE)
        at = 1 if parts and parts[0][1] == "title" else 0
        parts[at:at] = [(fit(note_text(note), room).rstrip(), "info") for note in notes]
        return parts


class JobList(RowList[Row]):
    """A list of jobs."""

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.MOVES)]

    def __init__(self, columns: Sequence[Column[Row]], *, empty: str) -> None:
        super().__init__(columns, lambda row: row.key, empty=empty)

    def show_page(self, start: int, total: int, rows: Sequence[Row], now: float) -> None:
        """Show a window, with the marks of jobs that have notes."""
        super().show_page(start, total, with_marks(cast(Host, self.app), rows), now)

    @property
    def margin(self) -> int:
        """Rows to load around the visible ones: few of large jobs, since Redis touches all their bytes."""
        large = any(row.partial for row in self.window.loaded)
        return FEW_ROWS if large else super().margin
