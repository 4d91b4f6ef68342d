"""A list of jobs that a key turns to its composition: how many are of each task, argument, age or size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from asok_console.presentation.compositions import basis
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.views.shared.composition_list import (
    DIMENSIONS,
    CompositionList,
    CurrentSample,
    Grouping,
    named,
    needs_records,
    next_grouping,
)
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.composition import Breakdown, Dimension
from asok_core.inspection.filters import Filter, parse
from asok_core.inspection.sample import JobSample
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.samples import read_sample

READING = "The jobs are being counted …"
_OF_JOBS = actions.methods((*actions.MARKS, *actions.NARROWING, *actions.COPIES))


OF_GROUPS: dict[actions.Action, str] = {
    **dict.fromkeys((actions.COMPOSE, actions.GROUP), "jobs"),
    operations.REQUEUE_ALL: "requeue group",
    operations.PURGE_ALL: "purge group",
}
"""The labels of keys where groups are listed and not jobs."""


class ComposedView(JobListView):
    """A list of jobs, or what they are. Enter on a line lists the jobs of the line.

    Operations are about the jobs that are listed, so they are offered there, for the filter of the line.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*actions.bindings(actions.COMPOSING)]

    GROUPINGS: ClassVar[Sequence[Grouping]] = DIMENSIONS

    by: Grouping | None = None
    """By what the jobs are counted; None: they are listed."""
    _opened: tuple[Filter, Grouping] | None = None
    """The filter of a line that was opened, and where it was."""
    _before_visit: tuple[Grouping | None, Grouping | None] = (None, None)
    """By what the jobs were counted, and from which composition those of a line were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.composition = CompositionList()
        self.composition.display = False
        self._current = CurrentSample(None)

    def compose_body(self) -> ComposeResult:
        """The composition, hidden at first, and the jobs."""
        yield self.composition
        yield from super().compose_body()

    @property
    def shown_list(self) -> RowList[Any]:
        """The list that is shown of those that the view has."""
        return self.rows if self.by is None else self.composition

    @property
    def shows_some(self) -> bool:
        """Whether the jobs of a filter are listed, or lines that stand for some: not all there are."""
        return self.search is not None or self.by is not None

    def key_label(self, action: actions.Action) -> str:
        """Where the jobs are not listed, a key leads back to them, and those for all are about a group."""
        return "" if self.shown_list is self.rows else OF_GROUPS.get(action, "")

    def turn(self) -> None:
        """Show the list that is chosen now."""
        shown = self.shown_list
        for rows in self.query(RowList):
            rows.display = rows is shown
        self.focus_list()
        self.screen.refresh_bindings()
        if self.console.snapshot is not None:
            self.show(self.console.snapshot)
        self.refresh_heading()

    def focus_list(self) -> None:
        """The list that is shown."""
        self.shown_list.focus()

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read the window, unless the composition is shown."""
        return super().page(reader, snapshot) if self.by is None else None

    def show(self, snapshot: Snapshot, page: object = None) -> None:
        """Show the window, or the composition, for which a sample is read now and then."""
        if self.by is None:
            super().show(snapshot, page)
            return
        if self._current.queue != self.scope_queue():
            self._current = CurrentSample(self.scope_queue())
            self.composition.clear()
        if self._current.is_due(self.by):
            self._read(self._current)
        self._show_composition()
        self.refresh_heading()

    def _read(self, current: CurrentSample) -> None:
        location, queue = self.LOCATION, current.queue
        records = needs_records(self.by)
        current.begin()
        self.console.poller.ask(
            f"composition of {location}",
            lambda reader: current.read(
                lambda: read_sample(reader, location, queue, records=records)
            ),
            self._sampled,
        )

    def _sampled(self, answer: object) -> None:
        current, sample, took = cast("tuple[CurrentSample, JobSample, float]", answer)
        current.take(sample, took)
        if current is self._current and isinstance(self.by, Breakdown) and self.is_attached:
            self._show_composition()
            self.refresh_heading()

    def _show_composition(self) -> None:
        found = self._current.by(self.by) if isinstance(self.by, Breakdown) else None
        if found is None:
            self.composition.set_empty_text(READING)
            return
        self.composition.set_empty_text(found.problem or self.EMPTY)
        self.composition.show_composition(found, self.now)

    def describe_composition(self, title: str) -> Sequence[tuple[str, str]]:
        """By what, from how many jobs, and with which error."""
        known = self._current.sample is not None and not self._current.lacks(self.by)
        found = self.composition.found if known else None
        by = named(self.by) if isinstance(self.by, Breakdown) else ""
        parts = [(f"{title} {by}", "title")]
        if found is None:
            parts.append(("counting …", "dim"))
        elif found.problem:
            parts.append((f"⚠ {found.problem}", "warn"))
        else:
            parts.append((basis(found), "" if found.is_exact else "info"))
        return parts

    def action_compose(self) -> None:
        """Show what the jobs are, or list them."""
        self.compose_by(self.GROUPINGS[0] if self.by is None else None)

    def action_dimension(self) -> None:
        """Count by something else."""
        if self.by is not None:
            self.compose_by(next_grouping(self.GROUPINGS, self.by))

    def compose_by(self, by: Grouping | None) -> None:
        """Show the composition by something, from its first line; None: the list."""
        if by is not None and self.search is not None:
            # With the line for it: a filter that is typed later begins empty.
            self.clear_filter()
        self.by = by
        self.composition.clear()
        self.turn()

    def visit(self, text: str) -> None:
        """Show the jobs also where the composition is shown."""
        self._before_visit = self.by, self._opened[1] if self._opened else None
        self.by = None
        self.turn()
        super().visit(text)

    def end_visit(self) -> None:
        """Show what was shown before the visit."""
        super().end_visit()
        self.by, opened_from = self._before_visit
        self._opened = None
        if opened_from is not None and self.search is not None:
            self._opened = self.search.query.filter, opened_from
        self.turn()

    def go_back(self) -> bool:
        """From the jobs of a line to the composition, from a path to all paths, from there to the jobs."""
        if self.by is not None:
            of_path = isinstance(self.by, Breakdown) and self.by.path is not None
            self.compose_by(Breakdown(Dimension.PATHS) if of_path else None)
            return True
        opened = self._opened
        came = self.search is not None and opened is not None
        closed = super().go_back()
        if came and opened is not None and self.search is None:
            self.by, self._opened = opened[1], None
            self.turn()
        return closed

    def narrow(self, to: Filter | None) -> None:
        """Show only what matches. A filter that was typed does not lead back to the composition."""
        if self._opened is not None and to is not None and to is not self._opened[0]:
            self._opened = None
        super().narrow(to)

    @on(RowList.Opened)
    def _open_line(self, event: RowList.Opened) -> None:
        line, by = self.composition.row, self.by
        if event.rows is not self.composition or line is None or by is None:
            return
        if line.group.path is not None:
            self.compose_by(Breakdown(Dimension.ARGUMENT, line.group.path))
        elif line.group.filter:
            self.list_jobs(parse(line.group.filter), by)

    def list_jobs(self, of_line: Filter, by: Grouping) -> None:
        """List the jobs of a line; the way back leads to the line."""
        self.by, self._opened = None, (of_line, by)
        self.narrow(of_line)
        self.turn()

    def search_again(self) -> None:
        """Repeat the search, and read another sample."""
        super().search_again()
        self._current.expire()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A composition is not marked, copied or filtered, and only it is counted by something else."""
        if action == actions.COUNT_BY.method:
            return self.by is not None
        if action == actions.COMPOSE.method:
            return self.by is not None or self.rows.total > 0
        if self.by is not None and action in _OF_JOBS:
            return False
        return super().check_action(action, parameters)

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Nothing for the jobs of a composition: they are not listed, and maybe only estimated."""
        if self.by is not None and action.key_scope in (
            KeyScope.CHOSEN,
            KeyScope.MATCHING,
            KeyScope.SHOWN,
        ):
            return None
        return super().plan(action)
