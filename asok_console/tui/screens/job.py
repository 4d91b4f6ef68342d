"""All there is of one job, live, in the order in which it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from asok_console.presentation.state import why
from asok_console.presentation.text import safe, safe_block
from asok_console.tui.catalog import actions, operations
from asok_console.tui.catalog.actions import Reach
from asok_console.tui.catalog.plan import OperatorAction, Plan
from asok_console.tui.runtime import programs
from asok_console.tui.screens.full_text import WholeTexts
from asok_console.tui.screens.job_actions import offers
from asok_console.tui.screens.job_facts import facts, packed
from asok_console.tui.screens.job_history import timeline
from asok_console.tui.screens.job_sections import SECTIONS, Sections, texts_of
from asok_console.tui.screens.job_texts import rendered
from asok_console.tui.views.shared.job_columns import CLAIMED, SHORT_ID, STATUS, job_id
from asok_console.tui.views.shared.job_list import examples, needs_trust
from asok_console.tui.views.shared.operator_keys import Operates
from asok_console.tui.views.shared.queue_actions import queue_names
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.row_list import RowList
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.backends.roles import Scope
from asok_core.inspection.redaction import shown_raw
from asok_core.inspection.snapshot import JobDetail, Row, Snapshot
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Location

SOON = 0.05
"""Seconds between two checks whether the next row of the list has been read."""


class JobScreen(Operates, Screen[None]):
    """State, error, traceback, arguments, history and actions of a job, read with every snapshot.

    ``among``: the list from which it was opened, whose cursor follows to the next job and back.
    """

    CSS_PATH = "job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.READING),
        *actions.bindings(actions.PAGE),
        *actions.bindings(actions.COPIES),
        *actions.bindings(actions.EDITING),
        *(
            Binding(a.keys, f"operate('{a.name}')", a.label, show=a.footer, tooltip=a.help)
            for a in operations.OPERATIONS
            if a.reach is Reach.CHOSEN
        ),
    ]

    ACTIONS: ClassVar[tuple[actions.Action, ...]] = (
        *(each for each in operations.OPERATIONS if each.reach is Reach.CHOSEN),
        *actions.EDITING,
        *actions.PAGE,
        *actions.COPIES,
        *actions.READING,
        *actions.GLOBAL,
    )
    """What its help explains."""

    def __init__(self, row: Row, among: RowList[Row] | None = None) -> None:
        super().__init__()
        self.row = row
        self.among = among
        self.detail: JobDetail | None = None
        self._unknown = False
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

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - the job is read by itself
        """Read the job again."""
        # A snapshot may arrive before the sections are there.
        if self.is_mounted:
            self._rewrite()
            self._ask()

    def _ask(self) -> None:
        wanted, row = job_id(self.row), self.row

        def loaded(answer: object) -> None:
            # By now the page may be about another job.
            if row is self.row:
                self._loaded(cast("JobDetail | None", answer))

        if row.payload.id or row.location is Location.FINISHED:
            self.console.poller.ask("job", lambda reader: reader.job(wanted, near=row), loaded)

    def _loaded(self, detail: JobDetail | None) -> None:
        self.detail = detail
        self._unknown = detail is None
        if self.is_attached and self.is_mounted:
            self._rewrite()

    @property
    def _sections(self) -> Sections:
        return self.query_one(Sections)

    @property
    def payload(self) -> Payload | None:
        """The envelope, as fresh as it is known; None where only the record is left."""
        if self.detail and self.detail.payload:
            return self.detail.payload
        return None if self.row.location is Location.FINISHED else self.row.payload

    @property
    def _fresh(self) -> Row:
        payload = self.payload
        return self.row if payload is None else replace(self.row, payload=payload)

    @property
    def record(self) -> JobRecord | None:
        """The record, as fresh as it is known."""
        return self.detail.record if self.detail else self.row.record

    @property
    def location(self) -> Location | None:
        """Where the job is now."""
        return self.detail.location if self.detail else self.row.location

    def _rewrite(self) -> None:
        self.query_one("#headline", Static).update(self._headline())
        self.query_one("#why", Static).update(Content(safe(self._why(), 400)))
        self._live()
        width = max(self.size.width - 8, 20)
        for name, source in texts_of(self.payload, self.record).items():
            # A text of kilobytes is coloured once, not with every snapshot.
            if self._shown.get(name) == (source, width):
                continue
            self._shown[name] = source, width
            section = self.query_one(f"#{name}", Caption)
            section.display = bool(source)
            section.update(rendered(name, source, width))
        self.refresh_bindings()

    def _headline(self) -> Content:
        payload, record = self.payload, self.record
        task = payload.job.task if payload and payload.job else record.function if record else ""
        status = self._status()
        glyph, tone = STATUS.get(status, ("?", "warn"))
        left = Content.assemble(
            (f" {glyph} {safe(status or 'unknown')} ", f"bold $tone-{tone} reverse"),
            "  ",
            (safe(task or "(unreadable job)", 200), "bold"),
        )
        rows = self.among
        where = ""
        if rows is not None and rows.total:
            position = f"{rows.cursor.position + 1:,} of {rows.total:,}"
            where = position if self._in_list else "not in the list now"
        name = safe(job_id(self.row), 80)
        room = self.size.width - 2 - left.cell_length - 2 - (len(where) + 2 if where else 0)
        # Where there is no room for all of the id, its beginning distinguishes jobs.
        name = name if len(name) <= room else name[:SHORT_ID]
        left = Content.assemble(left, "  ", (name, "$tone-dim"))
        blank = self.size.width - 2 - left.cell_length - len(where)
        return Content.assemble(left, " " * max(blank, 2), (where, "$tone-dim")) if where else left

    @property
    def _has_error(self) -> bool:
        return bool(texts_of(self.payload, self.record)["error"])

    def _status(self) -> str:
        location = self.location
        if location is Location.ACTIVE:
            # A worker may hold it without a free thread.
            begun = self.row.at is not None or (self.record and self.record.status == "running")
            return "running" if begun else CLAIMED
        if location is Location.DEAD:
            return "failed"
        record = self.record
        return str(record.status) if record else str(location or "")

    def _why(self) -> str:
        if self._unknown:
            gone = "unknown id; records expire, by default 24 h after the job has ended"
            return gone if self.row.location is Location.FINISHED else "it is no longer there"
        known = self.detail or JobDetail(job_id(self.row), self.record, self.location, self.payload)
        return why(known, self._now, self.console.snapshot) if self.detail or self.location else ""

    @property
    def _now(self) -> float:
        return self.console.snapshot.taken_at if self.console.snapshot else 0.0

    def _live(self) -> None:
        """Write what changes by the second, too."""
        known = facts(self.payload, self.record, self.detail, self._now)
        self.query_one("#facts", Caption).write(packed(known, max(self.size.width - 6, 20)))
        way = self.query_one("#way", Caption)
        way.display = self.detail is not None
        if self.detail is not None:
            way.write(timeline(self.detail, self._now, self.size.width))
        can = self.query_one("#offers", Caption)
        can.display = not self._unknown
        readable = bool(self.payload and self.payload.job)
        only_reads = self.console.only_reads
        can.write(offers(self._possible, self.location, only_reads=only_reads, readable=readable))

    def _possible(self, action: OperatorAction) -> bool:
        if action is operations.EDIT:
            return self.location is Location.DEAD and bool(self.payload and self.payload.job)
        return self.plan(action) is not None

    def operations(self) -> Sequence[OperatorAction]:
        """What may concern a single job."""
        return [each for each in operations.OPERATIONS if each.reach is Reach.CHOSEN]

    def plan(self, action: OperatorAction) -> Plan | None:
        """Act on this job where it is now."""
        if action.reach is not Reach.CHOSEN or action.location is not self.location:
            return None
        payload = self.payload
        if action.name == "requeue_trusted" and not needs_trust([self._fresh]):
            return None
        key = payload.id if payload and payload.id else self.row.key
        queue = payload.job.queue if payload and payload.job else self.row.queue
        scope = Scope(
            action.location,
            queue=queue if action.location is Location.PENDING else None,
            ids=frozenset((key,)),
        )
        choices = queue_names(self.console.snapshot) if action.name == "move" else ()
        return Plan(action, scope, 1, examples([self._fresh]), choices=choices, queues={queue: 1})

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what is possible for this job: only a dead job can be edited."""
        possible: dict[str, Callable[[], bool]] = {
            "edit": lambda: not self.console.only_reads and self._possible(operations.EDIT),
            "turn_page": lambda: self.among is not None and self.among.total > self._in_list,
            "page_traceback": lambda: self._has_error,
            "copy_traceback": lambda: self._has_error,
            "open_arguments": lambda: bool(self.payload and self.payload.job),
            "copy_json": lambda: self.payload is not None,
            "show_all": lambda: any(texts_of(self.payload, self.record).values()),
        }
        if action in possible:
            return possible[action]()
        return super().check_action(action, parameters)

    def action_edit(self) -> None:
        """Change the arguments, then requeue."""
        if self.location is Location.DEAD and self.payload is not None:
            self.console.with_whole(self._fresh, self.console.acting.edit)

    def action_open_arguments(self) -> None:
        """Open the arguments in ``$EDITOR``; those of a dead job may be changed there."""
        changes = self.location is Location.DEAD and not self.console.only_reads
        self.console.with_whole(
            self._fresh, lambda whole: self.console.acting.open_editor(whole, changes=changes)
        )

    def action_page_traceback(self) -> None:
        """Show the traceback in ``$PAGER``."""
        if not programs.has_pager():
            self.action_show_all()
            return
        self.console.acting.in_pager(self._traceback())

    def action_copy_traceback(self) -> None:
        """Copy the traceback, or the error where there is none."""
        self.console.copy(self._traceback(), "traceback")

    def _traceback(self) -> str:
        return safe_block(str(texts_of(self.payload, self.record)["error"] or ""))

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
        return rows is not None and rows.cursor.key in (None, rows.window.key_of(self.row))

    def _follow(self) -> None:
        row = self.among.row if self.among is not None else None
        if row is None:
            if self.among is not None and self.among.total:
                # The list reads it.
                self.set_timer(SOON, self._follow)
        elif self.is_attached and row is not self.row:
            self.row, self.detail, self._unknown = row, None, False
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
        texts = texts_of(self.payload, self.record)
        # The error is in the traceback.
        shown = [each for each in SECTIONS if each[0] != "error" and texts.get(each[0])]
        if not texts["traceback"] and texts["error"]:
            shown.insert(0, ("error", "Error"))
        self.app.push_screen(WholeTexts({title: texts[name] for name, title in shown}))

    def action_copy_id(self) -> None:
        """Copy the id."""
        self.console.copy(job_id(self.row), "id")

    def action_copy_json(self) -> None:
        """Copy the job as it stands in Redis."""
        payload = self.payload
        if payload is not None:
            self.console.with_whole(
                self._fresh,
                lambda whole: self.console.copy(shown_raw(whole), "raw JSON"),
            )
