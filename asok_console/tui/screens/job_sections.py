"""The sections of the job page: their order, their titles, and moving from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from asok_console.presentation.numbers import size
from asok_console.presentation.stack import kept_heading, stack_lines
from asok_console.tui.widgets.caption import Caption
from asok_core.inspection.notes import OperatorNote
from asok_core.inspection.stacks import decode_kept
from asok_core.jobs.envelope import Payload
from asok_core.jobs.job import JobRecord

SECTIONS = (
    ("facts", ""),
    ("note", "Note"),
    ("error", "Error"),
    ("traceback", "Traceback"),
    ("stack", "Stack before its process was ended"),
    ("arguments", "Arguments"),
    ("result", "Result"),
    ("result_error", "Result"),
    ("raw", "Stored in Redis as"),
    ("history", "History"),
    ("offers", "Actions"),
)
"""In the order in which a job is read: state, error, arguments, history, actions."""


class Sections(VerticalScroll):
    """The sections, one below the other. Those without content are hidden."""

    def __init__(self) -> None:
        super().__init__()
        self._here = ""

    def compose(self) -> ComposeResult:
        """One caption a section."""
        for name, title in SECTIONS:
            section = Caption(id=name, classes="section" if title else "")
            section.border_title = title
            section.display = not title
            yield section

    def jump(self, by: int) -> None:
        """Go to the next section or the one before; it stops at the ends."""
        shown = list(self._shown())
        if not shown:
            return
        names = [str(each.id) for each in shown]
        at = names.index(self._here) + by if self._here in names else self._first_below(shown, by)
        if at < 0:
            self.leave()
            self.scroll_home(animate=False)
            return
        target = shown[min(at, len(shown) - 1)]
        self._here = str(target.id)
        for each in shown:
            each.set_class(each is target, "here")
        self.scroll_to_widget(target, top=True, animate=False, force=True)

    def leave(self) -> None:
        """Deselect the section: the page was scrolled by hand, or shows another job."""
        self._here = ""
        for each in self._shown():
            each.remove_class("here")

    def _shown(self) -> Iterator[Caption]:
        return (each for each in self.query(".section").results(Caption) if each.display)

    def _first_below(self, shown: list[Caption], by: int) -> int:
        # From where one has scrolled to.
        top = round(self.scroll_y)
        above = [at for at, each in enumerate(shown) if each.virtual_region.y < top]
        if by < 0:
            return above[-1] if above else -1
        return above[-1] + 1 if above else 0


def texts_of(
    payload: Payload | None, record: JobRecord | None, note: OperatorNote | None
) -> dict[str, object]:
    """The texts of a job by the names of their sections; without content: nothing."""
    job = payload.job if payload else None
    error = (payload.traceback or payload.error if payload else None) or (
        record.error if record else None
    )
    return {
        "note": note.text if note is not None else None,
        "error": error,
        "traceback": error if error and "\n" in error.strip() else None,
        "stack": _kept_stack(record),
        "arguments": _arguments(payload),
        "result": _result(record),
        "result_error": record.result_error if record else None,
        "raw": payload.raw.decode(errors="replace") if payload and not job else None,
    }


def whole_texts(texts: Mapping[str, object]) -> dict[str, object]:
    """The texts that have content by their titles, each once."""
    # The error is in the traceback.
    shown = [each for each in SECTIONS if each[0] != "error" and texts.get(each[0])]
    if not texts["traceback"] and texts["error"]:
        shown.insert(0, ("error", "Error"))
    return {title: texts[name] for name, title in shown}


def _kept_stack(record: JobRecord | None) -> str | None:
    kept = decode_kept(record.stack if record else None)
    return None if kept is None else "\n".join([kept_heading(kept), *stack_lines(kept.stack)])


def _arguments(payload: Payload | None) -> object:
    if payload is None or payload.job is None:
        return None
    if payload.size is not None:
        # A list has not read them; a moment later they are here.
        return f"reading … {size(payload.size)}"
    return {"args": list(payload.job.args), "kwargs": dict(payload.job.kwargs)}


def _result(record: JobRecord | None) -> str | None:
    return record.result if record and record.result not in (None, "null") else None
