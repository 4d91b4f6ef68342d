"""All there is of one job, live."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from asok_console.present.numbers import age, duration
from asok_console.present.text import safe
from asok_console.tui import actions, operations
from asok_console.tui.actions import OperatorAction, Reach
from asok_console.tui.cells import STATUS, job_id
from asok_console.tui.figures import until
from asok_console.tui.operates import Operates
from asok_console.tui.plan import Plan
from asok_console.tui.screens.texts import rendered
from asok_console.tui.views.joblist import examples, needs_trust
from asok_console.tui.widgets.bars import ActionLine, Banner, Header, KeyBar
from asok_core.backends.roles import Scope
from asok_core.clock import iso
from asok_core.job import JobRecord
from asok_core.snapshot import JobDetail, Row, Snapshot
from asok_core.states import Place
from asok_core.wire import Payload, Trust


class JobScreen(Operates, Screen[None]):
    """Record, arguments, result and traceback of a job, read anew with every snapshot."""

    CSS_PATH = "job.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
        Binding("g,home", "ends(True)", show=False),
        Binding("G,end", "ends(False)", show=False),
        *actions.bindings(actions.COPIES),
        *actions.bindings(actions.EDITING),
        *(
            Binding(a.keys, f"operate('{a.name}')", a.label, show=a.footer, tooltip=a.help)
            for a in operations.OPERATIONS
            if a.reach is Reach.CHOSEN
        ),
    ]

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        self.detail: JobDetail | None = None
        self._unknown = False
        self._sections: dict[str, object] = {}

    def compose(self) -> ComposeResult:
        """Lay out the sections; those without content are hidden."""
        yield Header()
        yield Banner()
        yield Static(id="headline")
        with VerticalScroll():
            yield Static(id="facts")
            for name, title in _SECTIONS:
                section = Static(id=name, classes="section")
                section.border_title = title
                section.display = False
                yield section
        yield ActionLine()
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
        wanted = job_id(self.row)
        if self.row.payload.id or self.row.place is Place.FINISHED:
            self.console.poller.ask("job", lambda reader: reader.job(wanted), self._loaded)

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
    def record(self) -> JobRecord | None:
        """The record, as fresh as it is known."""
        return self.detail.record if self.detail else self.row.record

    @property
    def place(self) -> Place | None:
        """Where the job is now."""
        return self.detail.place if self.detail else self.row.place

    def _rewrite(self) -> None:
        self.query_one("#headline", Static).update(self._headline())
        self.query_one("#facts", Static).update(_table(self._facts()))
        for name, source in self._texts().items():
            # A text of kilobytes is coloured once, not with every snapshot.
            if self._sections.get(name) == source:
                continue
            self._sections[name] = source
            section = self.query_one(f"#{name}", Static)
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
            return "running"
        if place is Place.DEAD:
            return "failed"
        record = self.record
        return str(record.status) if record else str(place or "")

    def _facts(self) -> Iterator[tuple[str, str]]:
        now = self.console.snapshot.taken_at if self.console.snapshot else 0.0
        payload, record = self.payload, self.record
        job = payload.job if payload else None
        queue = (job.queue if job else None) or (record.queue if record else None)
        if self._unknown and self.row.place is Place.FINISHED:
            yield "Place", "nothing is known of this id; a record lives for 24 hours"
            return
        yield "Place", str(self.place or "only the record is left")
        yield "Queue", queue or ""
        if job:
            yield "Attempt", f"{job.attempt} of {job.attempts}, backoff {job.backoff:g}"
        elif record and record.retries is not None:
            yield "Attempts", f"{(record.retry_count or 0) + 1} of {record.retries + 1}"
        enqueued = (job.enqueued_at if job else None) or (record.enqueued_at if record else None)
        yield "Enqueued", _moment(enqueued, now)
        if self.detail and self.detail.due_at is not None:
            yield "Due", until(self.detail.due_at, now)
        yield from _run_of(record, now)
        if payload and payload.failed_at:
            yield "Failed", _moment(payload.failed_at, now)
        yield "Worker", (self.detail.worker if self.detail else None) or (
            record.worker if record else None
        ) or ""  # fmt: skip
        if self.detail and self.detail.crashes:
            yield "Crashes", f"a process died {self.detail.crashes} times while running it"
        if payload:
            yield "Signature", _TRUST.get(payload.trust, str(payload.trust))
        if payload and payload.problem:
            yield "Problem", payload.problem

    def _texts(self) -> dict[str, object]:
        payload, record = self.payload, self.record
        job = payload.job if payload else None
        error = (payload.traceback or payload.error if payload else None) or (
            record.error if record else None
        )
        return {
            "error": error,
            "arguments": {"args": list(job.args), "kwargs": dict(job.kwargs)} if job else None,
            "result": record.result if record and record.result not in (None, "null") else None,
            "attempts": self.detail.attempts if self.detail else None,
            "raw": payload.raw.decode(errors="replace") if payload and not job else None,
        }

    def plan(self, action: OperatorAction) -> Plan | None:
        """Act on this job where it is now."""
        if action.reach is not Reach.CHOSEN or action.place is not self.place:
            return None
        payload = self.payload
        if action.name == "requeue_trusted" and not needs_trust([self.row]):
            return None
        key = payload.id if payload and payload.id else self.row.key
        queue = payload.job.queue if payload and payload.job else self.row.queue
        scope = Scope(
            action.place,
            queue=queue if action.place is Place.PENDING else None,
            ids=frozenset((key,)),
        )
        return Plan(action, scope, 1, examples([self.row]))

    def action_edit(self) -> None:
        """Change the arguments, then requeue."""
        if self.place is Place.DEAD and self.payload is not None:
            self.console.acting.edit(self.payload)

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

    def action_copy_id(self) -> None:
        """Copy the id."""
        self.console.copy(job_id(self.row), "id")

    def action_copy_json(self) -> None:
        """Copy the job as it stands in Redis."""
        payload = self.payload
        if payload is not None:
            self.console.copy(payload.raw.decode(errors="replace"), "raw JSON")


_SECTIONS = (
    ("error", "Error"),
    ("arguments", "Arguments"),
    ("result", "Result"),
    ("attempts", "Attempts"),
    ("raw", "As it stands in Redis"),
)

_TRUST = {
    Trust.SIGNED: "✓ signed with our key",
    Trust.UNVERIFIED: "not checked",
    Trust.UNSIGNED: "⚠ unsigned: it never runs until an operator says so",
    Trust.BAD: "✗ does not match our key",
    Trust.MALFORMED: "✗ not a job",
}


def _run_of(record: JobRecord | None, now: float) -> Iterator[tuple[str, str]]:
    if record is None:
        return
    yield "Started", _moment(record.started_at, now)
    yield "Finished", _moment(record.finished_at, now)
    if record.started_at and record.finished_at:
        yield "Took", duration(record.finished_at - record.started_at)


def _moment(epoch: float | None, now: float) -> str:
    shown = iso(epoch)
    return f"{shown}  {age(epoch, now)} ago" if shown else ""


def _table(facts: Iterator[tuple[str, str]]) -> Content:
    lines = [
        Content.assemble((f"  {name:<10} ", "$tone-dim"), safe(value, 300))
        for name, value in facts
        if value
    ]
    return Content("\n").join(lines)
