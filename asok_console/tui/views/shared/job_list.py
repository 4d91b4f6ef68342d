"""What the lists of jobs have in common: windows, marks, filters, and plans for what is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys import actions
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.base import JobList
from asok_console.tui.views.shared.job_columns import job_id, names_a_job
from asok_console.tui.views.shared.searching import SearchingView
from asok_console.tui.widgets.columns import Column
from asok_console.tui.widgets.filter_bar import FilterBar
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.redaction import shown_raw
from asok_core.inspection.rows import Page, Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.envelope import UNTRUSTED

_OF_ROWS = actions.methods((*actions.MARKS, *actions.COPIES))


class JobPage(NamedTuple):
    """A window of a list of jobs, and what was needed when it was read."""

    needed: tuple[int, int]
    queue: str | None
    page: Page

    def is_of(self, needed: tuple[int, int] | None, queue: str | None) -> bool:
        """Whether the same is still needed."""
        return (self.needed, self.queue) == (needed, queue)


class JobListView(SearchingView):
    """A windowed list of jobs, read as it scrolls into view."""

    COLUMNS: ClassVar[Sequence[Column[Row]]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.COPIES),
        *actions.bindings(actions.NARROWING),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows = JobList(self.COLUMNS, empty=self.EMPTY)

    def compose_body(self) -> ComposeResult:
        """The list, and the line for a filter."""
        yield self.rows
        yield FilterBar()

    def read(self, reader: Reader, snapshot: Snapshot, start: int, count: int) -> Page:
        """Read a window. Runs on the poller's thread."""
        raise NotImplementedError

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the window that is shown, unless a search is."""
        needed, queue = self.rows.requests.needed, self.scope_queue()
        if needed is None or self.search is not None:
            return None
        return JobPage(needed, queue, self.read(reader, snapshot, *needed))

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show the window that was read, or search again for what is shown."""
        if self.search is None:
            if isinstance(page, JobPage) and page.is_of(
                self.rows.requests.needed, self.scope_queue()
            ):
                self._loaded(page.page)
            else:
                # Nothing was read, or the list was scrolled or turned to another queue since then.
                self.rows.reload()
        self.keep_up(snapshot)
        self.refresh_heading()

    @on(RowList.WindowNeeded)
    def _load(self, event: RowList.WindowNeeded) -> None:
        event.stop()
        snapshot = self.console.snapshot
        if snapshot is None:
            # What runs and how old anything is are not known yet; the first snapshot asks again.
            return
        start, count = event.start, event.count
        self.console.poller.ask(
            self.NAME, lambda reader: self.read(reader, snapshot, start, count), self._loaded
        )

    def _loaded(self, answer: object) -> None:
        if self.search is not None or not self.is_attached:
            return
        page = cast("Page", answer)
        self._problem = page.problem
        self.rows.show_page(page.start, page.total, page.rows, self.now)
        self.refresh_heading()

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        if event.rows is self.rows and self.rows.row is not None:
            self.console.open_job(self.rows.row, self.rows)

    def operated(self, plan: OperationPlan) -> None:
        """Clear the marks that the operation was about, and search again."""
        if plan.scope.ids:
            self.rows.clear_marks()
        self.search_again()

    def position(self) -> str:
        """``12 of 1,204``."""
        rows = self.rows
        return f"{rows.cursor.position + 1:,} of {rows.total:,}" if rows.total else ""

    def marked(self) -> str:
        """``● 3 marked``, with the number of those that the filter hides."""
        marks, hidden = self.rows.cursor.marks, self._hidden()
        beside = f" ({hidden:,} hidden)" if hidden else ""
        return f"● {len(marks):,} marked{beside}" if marks else ""

    def _hidden(self) -> int:
        if self.search is None or not self.rows.cursor.marks:
            return 0
        shown = {row.key for row in self.rows.window.loaded}
        return sum(key not in shown for key in self.rows.cursor.marks)

    def action_mark_all(self) -> None:
        """Mark all that the filter found."""
        if self.search is not None:
            self.rows.mark(self.rows.window.loaded)

    def go_back(self) -> bool:
        """Clear the filter, then the marks, if there are any."""
        if self.clear_filter():
            return True
        if self.rows.cursor.marks:
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
        """Copy the cursor's job as Redis holds it."""
        if self.rows.row is not None:
            self.console.with_whole(
                self.rows.row,
                lambda payload: self.console.copy(shown_raw(payload), "raw JSON"),
            )

    def chosen(self) -> list[Row]:
        """The marked rows, or the one under the cursor."""
        marked = list(self.rows.cursor.marks.values())
        return marked or ([self.rows.row] if self.rows.row is not None else [])

    def subject(self) -> ExplainedSubject | None:
        """The job under the cursor."""
        row = self.rows.row
        if row is None or not self.rows.display or not names_a_job(row):
            return None
        return ExplainedSubject("job", job_id(row), row)

    def key_scope_of(self, action: OperatorAction) -> KeyScope:
        """What an action is about here: of what is shown, the marked rows, if there are any."""
        if action.key_scope is KeyScope.SHOWN:
            return KeyScope.CHOSEN if self.rows.cursor.marks else KeyScope.MATCHING
        return action.key_scope

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """A plan for the chosen rows, or for all that a search found."""
        key_scope = self.key_scope_of(action)
        if key_scope is KeyScope.MATCHING:
            return self._plan_for_found(action)
        if key_scope is not KeyScope.CHOSEN:
            return None
        rows = self.chosen()
        if not rows or (action.operation.reviews and not needs_trust(rows)):
            return None
        return OperationPlan(
            action.operation(),
            Scope(
                action.location,
                queue=self.scope_queue(),
                ids=frozenset(row.key for row in rows),
            ),
            len(rows),
            warning=f"The filter hides {hidden:,} of them." if (hidden := self._hidden()) else "",
            rows=rows,
        )

    def _plan_for_found(self, action: OperatorAction) -> OperationPlan | None:
        # Until the walk is through, the count would not be exact.
        search, snapshot = self.search, self.console.snapshot
        if search is None or snapshot is None or not search.complete or not search.count:
            return None
        scope = search.scope(action.location, self.scope_queue(), snapshot.taken_at)
        return OperationPlan(action.operation(), scope, search.count, rows=search.rows)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to mark all only where a filter says what all is, and the rest where there is a row."""
        if action == actions.MARK_ALL.method:
            return bool(self.search and self.rows.total)
        if action in _OF_ROWS:
            return self.rows.row is not None
        return super().check_action(action, parameters)


def needs_trust(rows: Sequence[Row]) -> bool:
    """Whether any of the rows may be refused until an operator says that it is to be trusted.

    The signature of a large job is not known from a list.
    """
    return any(row.partial or row.payload.trust in UNTRUSTED for row in rows)
