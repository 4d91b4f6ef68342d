"""All there is of one job, live."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from asok_console.present.text import safe
from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import CLAIMED, STATUS, job_id
from asok_console.tui.operates import Operates
from asok_console.tui.plan import Plan
from asok_console.tui.screens.facts import facts, table
from asok_console.tui.screens.offers import offers
from asok_console.tui.screens.texts import rendered
from asok_console.tui.screens.timeline import timeline
from asok_console.tui.screens.whole import WholeTexts
from asok_console.tui.views.joblist import examples, needs_trust
from asok_console.tui.views.queues import queue_names
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.keybar import KeyBar
from asok_console.tui.widgets.statusline import StatusLine
from asok_core.backends.roles import Scope
from asok_core.job import JobRecord
from asok_core.redaction import shown_raw
from asok_core.snapshot import JobDetail, Row, Snapshot
from asok_core.states import Place
from asok_core.wire import Payload


class JobScreen(Operates, Screen[None]):
    """Record, arguments, result and traceback of a job, read anew with every snapshot."""

    CSS_PATH = "job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.READING),
        *actions.bindings(actions.COPIES),
        *actions.bindings(actions.WHOLE),
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
        *actions.COPIES,
        *actions.READING,
        *actions.WHOLE,
        *actions.GLOBAL,
    )
    """What its help explains."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        self.detail: JobDetail | None = None
        self._unknown = False
        self._sections: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        """Lay out the sections; those without content are hidden."""
        yield Header()
        yield Static(id="headline")
        with VerticalScroll():
            for name, title in _SECTIONS:
                section = Caption(id=name, classes="section" if title else "")
                section.border_title = title
                section.display = not title
                yield section
        yield StatusLine()
        yield KeyBar()

    def on_mount(self) -> None:
        """Show what the list knew already, then read the rest."""
        self.query_one(VerticalScroll).focus()
        self._rewrite()
        self._ask()

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002 - the job is read by itself
        """Read the job again."""
        # A snapshot may arrive before the sections are there.
        if self.is_mounted:
            self._rewrite()
            self._ask()

    def _ask(self) -> None:
        wanted, row = job_id(self.row), self.row
        if row.payload.id or row.place is Place.FINISHED:
            self.console.poller.ask(
                "job", lambda reader: reader.job(wanted, near=row), self._loaded
            )

    def _loaded(self, answer: object) -> None:
        self.detail = cast("JobDetail | None", answer)
        self._unknown = answer is None
        if self.is_attached and self.is_mounted:
            self._rewrite()

    @property
    def payload(self) -> Payload | None:
        """The envelope, as fresh as it is known; None where only the record is left."""
        if self.detail and self.detail.payload:
            return self.detail.payload
        return None if self.row.place is Place.FINISHED else self.row.payload

    @property
    def _fresh(self) -> Row:
        payload = self.payload
        return self.row if payload is None else replace(self.row, payload=payload)

    @property
    def record(self) -> JobRecord | None:
        """The record, as fresh as it is known."""
        return self.detail.record if self.detail else self.row.record

    @property
    def place(self) -> Place | None:
        """Where the job is now."""
        return self.detail.place if self.detail else self.row.place

    def _rewrite(self) -> None:
        self.query_one("#headline", Static).update(self._headline())
        self._live()
        for name, source in self._texts().items():
            # A text of kilobytes is coloured once, not with every snapshot.
            if self._sections.get(name) == source:
                continue
            self._sections[name] = source
            section = self.query_one(f"#{name}", Caption)
            section.display = bool(source)
            section.update(rendered(name, source))
        self.refresh_bindings()

    def _headline(self) -> Content:
        payload, record = self.payload, self.record
        task = payload.job.task if payload and payload.job else record.function if record else ""
        status = self._status()
        glyph, tone = STATUS.get(status, ("?", "warn"))
        return Content.assemble(
            (f" {glyph} {safe(status or 'unknown')} ", f"bold $tone-{tone} reverse"),
            "  ",
            (safe(task or "(unreadable job)", 200), "bold"),
            "  ",
            (safe(job_id(self.row), 80), "$tone-dim"),
        )

    def _status(self) -> str:
        place = self.place
        if place is Place.ACTIVE:
            # A worker may hold it without a free thread.
            begun = self.row.at is not None or (self.record and self.record.status == "running")
            return "running" if begun else CLAIMED
        if place is Place.DEAD:
            return "failed"
        record = self.record
        return str(record.status) if record else str(place or "")

    def _facts(self) -> Iterator[tuple[str, str]]:
        if self._unknown and self.row.place is Place.FINISHED:
            return iter(
                (("Place", "unknown id; a record is kept for 24 h after its job has ended"),)
            )
        return facts(self.payload, self.record, self.place, self.detail, self._now)

    @property
    def _now(self) -> float:
        return self.console.snapshot.taken_at if self.console.snapshot else 0.0

    def _live(self) -> None:
        """Write what changes by the second, too."""
        self.query_one("#facts", Caption).write(table(self._facts()))
        way = self.query_one("#way", Caption)
        way.display = self.detail is not None
        if self.detail is not None:
            way.write(timeline(self.detail, self._now))
        can = self.query_one("#offers", Caption)
        can.display = not self._unknown
        can.write(offers(self._possible, self.place, only_reads=self.console.only_reads))

    def _possible(self, action: OperatorAction) -> bool:
        if action is operations.EDIT:
            return self.place is Place.DEAD and bool(self.payload and self.payload.job)
        return self.plan(action) is not None

    def _texts(self) -> dict[str, object]:
        payload, record = self.payload, self.record
        job = payload.job if payload else None
        error = (payload.traceback or payload.error if payload else None) or (
            record.error if record else None
        )
        return {
            "error": error,
            "traceback": error if error and "\n" in error.strip() else None,
            "arguments": _arguments(payload),
            "result": _result(record),
            "result_error": record.result_error if record else None,
            "raw": shown_raw(payload) if payload and not job else None,
        }

    def operations(self) -> Sequence[OperatorAction]:
        """What may concern a single job."""
        return [each for each in operations.OPERATIONS if each.reach is Reach.CHOSEN]

    def plan(self, action: OperatorAction) -> Plan | None:
        """Act on this job where it is now."""
        if action.reach is not Reach.CHOSEN or action.place is not self.place:
            return None
        payload = self.payload
        if action.name == "requeue_trusted" and not needs_trust([self._fresh]):
            return None
        key = payload.id if payload and payload.id else self.row.key
        queue = payload.job.queue if payload and payload.job else self.row.queue
        scope = Scope(
            action.place,
            queue=queue if action.place is Place.PENDING else None,
            ids=frozenset((key,)),
        )
        choices = queue_names(self.console.snapshot) if action.name == "move" else ()
        return Plan(action, scope, 1, examples([self._fresh]), choices=choices, queues={queue: 1})

    def action_edit(self) -> None:
        """Change the arguments, then requeue."""
        if self.place is Place.DEAD and self.payload is not None:
            self.console.with_whole(self._fresh, self.console.acting.edit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only a dead letter can be edited."""
        if action == "edit":
            return not self.console.only_reads and self.place is Place.DEAD
        return super().check_action(action, parameters)

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_ends(self, top: bool) -> None:
        """Go to the top or the end."""
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_to(y=0 if top else scroll.max_scroll_y, animate=False)

    def action_show_all(self) -> None:
        """Show all of the texts."""
        texts = self._texts()
        # The error is the last line of the traceback.
        shown = [each for each in _SECTIONS if each[0] != "error" and texts.get(each[0])]
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


def _arguments(payload: Payload | None) -> object:
    if payload is None or payload.job is None:
        return None
    if payload.size is not None:
        # A list has not read them; a moment later they are here.
        return f"reading … {payload.size:,} bytes"
    return {"args": list(payload.job.args), "kwargs": dict(payload.job.kwargs)}


def _result(record: JobRecord | None) -> str | None:
    return record.result if record and record.result not in (None, "null") else None


_SECTIONS = (
    ("error", "Error"),
    ("facts", ""),
    ("way", "History"),
    ("offers", "Actions"),
    ("arguments", "Arguments"),
    ("result", "Result"),
    ("result_error", "Result"),
    ("traceback", "Traceback"),
    ("raw", "As it stands in Redis"),
)
"""From the top: what an operator at three in the morning wants first."""
