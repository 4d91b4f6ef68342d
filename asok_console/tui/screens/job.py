"""All there is of one job, live, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from asok_console.tui.data.why import ExplainedSubject
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.actions import KeyScope
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.plans.plan import OperationPlan
from asok_console.tui.runtime import programs
from asok_console.tui.screens.full_text import FullTextDialog
from asok_console.tui.screens.job_actions import OPERATIONS, offers
from asok_console.tui.screens.job_facts import facts, packed
from asok_console.tui.screens.job_headline import headline
from asok_console.tui.screens.job_history import timeline
from asok_console.tui.screens.job_sections import Sections, whole_texts
from asok_console.tui.screens.job_texts import rendered
from asok_console.tui.screens.known_job import KnownJob
from asok_console.tui.views.shared.job_list import needs_trust
from asok_console.tui.views.shared.operator_keys import KeySubject
from asok_console.tui.views.shared.queue_actions import queue_names
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.row_list import RowList
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Reader, Scope
from asok_core.inspection.redaction import shown_raw
from asok_core.inspection.rows import Row
from asok_core.inspection.snapshot import Snapshot
from asok_core.jobs.states import Location
from asok_core.operations.catalog.running_jobs import StopRunningJobs
from asok_core.operations.catalog.waiting_jobs import MovePending
from asok_core.operations.explain import RecentOperations

SOON = 0.05
"""Seconds between two checks whether the next row of the list has been read."""


class JobScreen(KeySubject, Screen[None]):
    """State, error, traceback, arguments, history and actions of a job, read with every snapshot.

    ``among``: the list from which it was opened, whose cursor follows to the next job and back.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.READING),
        *actions.bindings(actions.PAGE),
        *actions.bindings(actions.COPIES),
        *actions.bindings(actions.EDITING),
        *actions.bindings(actions.WHY),
        *actions.bindings(actions.STACK),
        *actions.bindings(OPERATIONS),
    ]

    ACTIONS: ClassVar[tuple[actions.Action, ...]] = (
        *OPERATIONS,
        *actions.EDITING,
        *actions.WHY,
        *actions.STACK,
        *actions.PAGE,
        *actions.COPIES,
        *actions.READING,
        *actions.GLOBAL,
    )
    """What its help explains."""

    def __init__(self, row: Row, among: RowList[Row] | None = None) -> None:
        super().__init__()
        self.job = KnownJob(row)
        self.among = among
        self._operations = RecentOperations()
        self._shown: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        """Headline, state and why, then the sections."""
        yield Header(self.console.status)
        yield Static(id="headline")
        yield Static(id="why")
        yield Sections()
        yield StatusLine(self.console.status)
        yield KeyBar(self.console.status)

    def on_mount(self) -> None:
        """Show what the list knew already, then read the rest."""
        self._sections.focus()
        self._rewrite()
        self._ask()

    def on_resize(self) -> None:
        """Put as many facts on a line as fit."""
        if self.is_mounted:
            self._rewrite()

    def page(self, reader: Reader, snapshot: Snapshot | None) -> object:
        """Read the job again. Runs on the poller's thread."""
        job = self.job
        return job.read(reader, snapshot, self._operations) if job.can_be_read else None

    def show(self, snapshot: Snapshot, page: object = None) -> None:  # noqa: ARG002 - as of lists
        """Show what was read of the job with the snapshot, or request it where nothing was."""
        # A snapshot may arrive before the sections are there.
        if not self.is_mounted:
            return
        if isinstance(page, KnownJob) and page.row is self.job.row:
            self._take(page)
        else:
            # Nothing was read, or it was read of the job that the page showed before.
            self._rewrite()
            self._ask()

    def _ask(self) -> None:
        if self.job.can_be_read:
            snapshot = self.console.snapshot
            self.console.poller.ask("job", lambda reader: self.page(reader, snapshot), self._take)

    def _take(self, answer: object) -> None:
        # By now the page may be about another job.
        if isinstance(answer, KnownJob) and answer.row is self.job.row:
            self.job = answer
            if self.is_attached and self.is_mounted:
                self._rewrite()

    @property
    def _sections(self) -> Sections:
        return self.query_one(Sections)

    def _rewrite(self) -> None:
        job, width = self.job, max(self.size.width - 8, 20)
        line = headline(job, self._position(), self.size.width - 2)
        self.query_one("#headline", Static).update(line)
        why, tone = job.why(self.console.now)
        self.query_one("#why", Static).update(Content.styled(why, f"$tone-{tone}" if tone else ""))
        self._rewrite_ages()
        for name, source in job.texts.items():
            # A text of kilobytes is coloured once, not with every snapshot.
            if self._shown.get(name) == (source, width):
                continue
            self._shown[name] = source, width
            section = self.query_one(f"#{name}", Caption)
            section.display = bool(source)
            section.update(rendered(name, source, width))
        self.refresh_bindings()

    def _position(self) -> str:
        rows = self.among
        if rows is None or not rows.total:
            return ""
        if not self._in_list:
            return "not in the list now"
        return f"{rows.cursor.position + 1:,} of {rows.total:,}"

    def _rewrite_ages(self) -> None:
        """Write what changes by the second, too."""
        job = self.job
        known = facts(job.payload, job.record, job.detail, self.console.now)
        self.query_one("#facts", Caption).write(packed(known, max(self.size.width - 6, 20)))
        history = self.query_one("#history", Caption)
        history.display = job.detail is not None
        if job.detail is not None:
            history.write(timeline(job.detail, self.console.now, self.size.width))
        can = self.query_one("#offers", Caption)
        can.display = not job.is_missing
        can.write(offers(job, self._possible, only_reads=self.console.session.only_reads))

    def _possible(self, action: OperatorAction) -> bool:
        if action is operations.EDIT:
            return self.editable() is not None
        if action.key_scope is KeyScope.RULE:
            return self.rule_subject() is not None
        if action.key_scope is KeyScope.LIMIT:
            return self.limit_subject() is not None
        about = self.noted() if action.key_scope is KeyScope.SUBJECT else self.plan(action)
        return about is not None

    def subject(self) -> ExplainedSubject | None:
        """This job."""
        return ExplainedSubject("job", self.job.id, self.job.row) if self.job.can_be_read else None

    def operations(self) -> Sequence[OperatorAction]:
        """What may concern a single job."""
        return OPERATIONS

    def plan(self, action: OperatorAction) -> OperationPlan | None:
        """Act on this job where it is now."""
        row, payload = self.job.fresh_row, self.job.payload
        if action.key_scope is not KeyScope.CHOSEN or action.location is not self.job.location:
            return None
        if action.operation.reviews and not needs_trust([row]):
            return None
        key = payload.id if payload and payload.id else row.key
        queue = payload.job.queue if payload and payload.job else row.queue
        hold = self.job.detail.hold if self.job.detail is not None else ""
        if action.location is Location.HELD and not hold:
            return None
        queued = action.location in (Location.PENDING, Location.HELD)
        scope = Scope(action.location, queue if queued else None, ids=frozenset((key,)), hold=hold)
        choices = queue_names(self.console.snapshot) if action.operation is MovePending else ()
        operation = (
            StopRunningJobs(self.console.session.cancel_wait)
            if action.operation is StopRunningJobs
            else action.operation()
        )
        return OperationPlan(operation, scope, 1, choices=choices, queues={queue: 1}, rows=(row,))

    def editable(self) -> Row | None:
        """This job, while it is dead."""
        return self.readable() if self.job.location is Location.DEAD else None

    def readable(self) -> Row | None:
        """This job, where its envelope is there."""
        return self.job.fresh_row if self.job.is_readable else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible for this job."""
        possible: dict[str, Callable[[], bool]] = {
            actions.NEXT_JOB.method: lambda: (
                self.among is not None and self.among.total > self._in_list
            ),
            actions.PAGE_TRACEBACK.method: lambda: bool(self.job.texts["error"]),
            actions.COPY_TRACEBACK.method: lambda: bool(self.job.texts["error"]),
            actions.SHOW_STACK.method: lambda: (
                self.job.location is Location.ACTIVE and not self.console.session.only_reads
            ),
            actions.COPY_JSON.method: lambda: self.job.payload is not None,
            actions.SHOW_ALL.method: lambda: any(self.job.texts.values()),
        }
        if action in possible:
            return possible[action]()
        return super().check_action(action, parameters)

    def action_page_traceback(self) -> None:
        """Show the traceback in ``$PAGER``."""
        if not programs.has_pager():
            self.action_show_all()
            return
        self.console.programs.page(self.job.traceback)

    def action_stack(self) -> None:
        """Show where the code of the running job is."""
        self.console.show_stack(self.job.fresh_row)

    def action_copy_traceback(self) -> None:
        """Copy the traceback, or the error where there is none."""
        self.console.copy(self.job.traceback, "traceback")

    def action_turn_page(self, by: int) -> None:
        """Show the next job of the list from which this one was opened."""
        rows = self.among
        if rows is None:
            return
        # If this job is no longer in the list, the next one is at its position.
        position = rows.cursor.position + (by if self._in_list or by < 0 else 0)
        if not 0 <= position < rows.total:
            end = "last" if by > 0 else "first"
            self.notify(f"This is the {end} job of the list.", timeout=2, markup=False)
            return
        rows.move_to(position)
        self._follow()

    @property
    def _in_list(self) -> bool:
        """Whether the cursor of the list is on this job, as far as the list has been read."""
        rows = self.among
        return rows is not None and rows.cursor.key in (None, rows.window.key_of(self.job.row))

    def _follow(self) -> None:
        row = self.among.row if self.among is not None else None
        if row is None:
            if self.among is not None and self.among.total:
                # The list reads it.
                self.set_timer(SOON, self._follow)
        elif self.is_attached and row is not self.job.row:
            self.job = KnownJob(row)
            self._sections.leave()
            self._sections.scroll_home(animate=False)
            self._rewrite()
            self._ask()

    def action_section(self, by: int) -> None:
        """Go to the next section, or the one before."""
        self._sections.jump(by)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self._sections.leave()
        self._sections.scroll_relative(y=by, animate=False)

    def action_ends(self, top: bool) -> None:
        """Go to the top or the end."""
        self._sections.leave()
        self._sections.scroll_to(y=0 if top else self._sections.max_scroll_y, animate=False)

    def action_show_all(self) -> None:
        """Show all of the texts."""
        self.app.push_screen(FullTextDialog(whole_texts(self.job.texts)))

    def action_copy_id(self) -> None:
        """Copy the id."""
        self.console.copy(self.job.id, "id")

    def action_copy_json(self) -> None:
        """Copy the job as Redis holds it."""
        if self.job.payload is not None:
            self.console.with_whole(
                self.job.fresh_row,
                lambda whole: self.console.copy(shown_raw(whole), "raw JSON"),
            )
