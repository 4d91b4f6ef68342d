"""The page of an operation or an event: what happened, who did it, and what can be undone of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content

from asok_console.presentation.events import WARNINGS, sentence
from asok_console.presentation.fitting import wrap_cells
from asok_console.presentation.prose import ago, plural
from asok_console.presentation.text import plain_json, safe
from asok_console.tui.data.activities import ActivityEntry
from asok_console.tui.keys import actions
from asok_console.tui.screens.scrolled_page import ScrolledPage
from asok_console.tui.views.activity import is_of_jobs, state_of
from asok_console.tui.widgets.bars import Header
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.key_bar import KeyBar
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.inspection.audit import Activity
from asok_core.inspection.events import EventKind, SystemEvent
from asok_core.inspection.pauses import moment
from asok_core.jobs.numbers import number

LABEL = 13
"""Cells for the name of a fact."""
LONGEST = 2_000
"""Characters of a value that are shown; the JSON has all."""


class Fact(NamedTuple):
    """A line of the page."""

    name: str
    value: str
    tone: str = ""


class EntryScreen(ScrolledPage):
    """Its facts, one below the other. ``y`` copies it as JSON.

    ``current`` returns an entry as last read: an operation continues, or is undone by another operator.
    """

    ACTIONS: ClassVar[tuple[actions.Action, ...]] = (
        *actions.OF_ENTRY,
        *actions.READING,
        *actions.GLOBAL,
    )
    """What its help explains."""
    BINDINGS: ClassVar[list[BindingType]] = [
        *actions.bindings(actions.OF_ENTRY),
        *actions.bindings(actions.READING),
    ]

    def __init__(
        self, entry: ActivityEntry, current: Callable[[ActivityEntry], ActivityEntry]
    ) -> None:
        super().__init__()
        self._entry, self._current = entry, current

    def compose(self) -> ComposeResult:
        """What happened, then the facts."""
        yield Header(self.console.status)
        yield Caption(id="title")
        with VerticalScroll():
            yield Caption(id="facts")
        yield StatusLine(self.console.status)
        yield KeyBar(self.console.status)

    def on_mount(self) -> None:
        """Keep the ages true."""
        self.query_one(VerticalScroll).focus()
        self.set_interval(1.0, self._rewrite)
        self._rewrite()

    def on_resize(self) -> None:
        """Break the lines at the width that there is."""
        self._rewrite()

    def _rewrite(self) -> None:
        if not self.is_mounted:
            return
        self._entry = self._current(self._entry)
        room = max(self.app.size.width - 6, 20)
        state, tone = state_of(self._entry)
        title = Content.assemble(
            (f" {state} ", f"bold $tone-{tone} reverse"), "  ", (_title(self._entry), "bold")
        )
        self.query_one("#title", Caption).write(title)
        lines = [
            line
            for fact in facts(
                self._entry, self.console.now, read_only=self.console.session.only_reads
            )
            if fact.value
            for line in _lines(fact, room)
        ]
        self.query_one("#facts", Caption).write(Content("\n").join(lines))

    def action_copy_entry(self) -> None:
        """Copy all that is known as JSON."""
        self.console.copy(plain_json(self._entry.document, indent=2), "JSON")


def facts(entry: ActivityEntry, now: float, *, read_only: bool) -> Iterator[Fact]:
    """What is known of an operation or an event, in the order in which it is read."""
    # The title has one line, which cuts a long filter or note.
    yield Fact("What", sentence(entry.event) if entry.event else entry.what)
    if entry.at is not None:
        yield Fact("When", f"{moment(entry.at, now)}, {ago(entry.at, now)}")
    if entry.operation is not None:
        yield from _of_operation(entry.operation, now, read_only=read_only)
    elif entry.event is not None:
        yield from _of_event(entry.event, now)


def _of_operation(each: Activity, now: float, *, read_only: bool) -> Iterator[Fact]:
    yield Fact("By", each.who)
    yield Fact("Redis", each.where)
    yield Fact("Queue", each.queue)
    yield Fact("Reason", each.reason)
    if each.until is not None:
        yield Fact("Until", f"{moment(each.until, now)}, {ago(each.until, now)}")
    if is_of_jobs(each):
        none = not each.applied and each.state != "running"
        yield Fact("Jobs", f"{each.applied:,}", "warn" if none else "")
    yield Fact("Skipped", _counts(each.skipped), "warn")
    yield Fact("Refused", _counts(each.refused), "warn")
    yield Fact("Trash", each.trash_problem, "warn")
    if each.in_trash:
        end = "" if each.trash_until is None else f" until {moment(each.trash_until, now)}"
        yield Fact("In trash", f"{plural(each.in_trash, 'job')}{end}")
    if each.undo_left(now):
        key = "" if read_only else "z in Activity, or "
        yield Fact("Undo", f"{key}asok trash restore {each.operation}", "info")
    yield Fact("Operation", each.operation, "dim")


def _of_event(event: SystemEvent, now: float) -> Iterator[Fact]:
    names = {**_NAMES, **(_OF_RELEASES if event.kind == EventKind.RELEASE_CHANGED else {})}
    for name, text in event.fields.items():
        at = number(text) if name == "until" else None
        shown = _TEXTS[name](text) if name in _TEXTS else text
        yield Fact(
            names.get(name, name.replace("_", " ").capitalize()),
            shown if at is None else f"{moment(at, now)}, {ago(at, now)}",
        )
    yield Fact("Kind", event.kind, "dim")
    yield Fact("Event", event.id, "dim")


def _slots(text: str) -> str:
    """The slots of each process, from ``1:6,2:6``."""
    pairs = [each.partition(":") for each in text.split(",")]
    if not all(process.isdigit() and slots.isdigit() for process, _, slots in pairs):
        return text
    return ", ".join(f"{slots} in process {process}" for process, _, slots in pairs)


_TEXTS: Mapping[str, Callable[[str], str]] = {
    "slots": _slots,
    "warning": lambda text: WARNINGS.get(text, text),
}
"""What is shown for the text of a field."""
_OF_RELEASES: Mapping[str, str] = {"from": "From release", "to": "To release"}
_NAMES: Mapping[str, str] = {
    "exit": "Ended by",
    "returned": "Returned jobs",
    "dead": "Dead jobs",
}
"""Fields of events whose names say too little."""


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{counted:,} {reason}" for reason, counted in numbers.items() if counted)


def _title(entry: ActivityEntry) -> str:
    text = sentence(entry.event) if entry.event else f"{entry.action}   {entry.what}"
    return safe(text, 400)


def _lines(fact: Fact, room: int) -> Iterator[Content]:
    name, width = safe(fact.name, LABEL), max(room - LABEL - 1, 10)
    tone = f"$tone-{fact.tone}" if fact.tone else ""
    for at, line in enumerate(wrap_cells(safe(fact.value, LONGEST), width)):
        label = name if at == 0 else ""
        yield Content.assemble((f"{label:<{LABEL}} ", "$tone-dim"), (line, tone))
