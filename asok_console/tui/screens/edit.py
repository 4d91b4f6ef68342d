"""Change the arguments of a dead job, with JSON checked as it is typed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static, TextArea

from asok_console.presentation.text import safe
from asok_console.tui.screens.dialog import QuestionDialog
from asok_core.inspection.edits import editable, same, typed
from asok_core.jobs.codec import check_arguments
from asok_core.jobs.job import Job

Arguments = tuple[list[Any], dict[str, Any]]


class ArgumentsDialog(QuestionDialog[Arguments]):
    """An editor on ``args`` and ``kwargs``. Nothing is sent before the confirmation that follows.

    ``text``: what was typed elsewhere so far.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "back", priority=True),
        Binding("ctrl+s", "continue", "continue", priority=True),
        Binding("ctrl+o", "open_editor", "open in $EDITOR", priority=True),
    ]

    def __init__(self, job: Job, text: str | None = None) -> None:
        super().__init__()
        self._job = job
        self._text = text
        self._changed: Arguments | None = None

    def compose(self) -> ComposeResult:
        """Title, editor, verdict and buttons."""
        text = editable(self._before) if self._text is None else typed(self._text)
        with Vertical(id="question") as question:
            question.border_subtitle = "Ctrl+O opens $EDITOR"
            yield Static(Content(safe(f"Arguments of {self._job.task}", 200)), id="title")
            yield TextArea(text, soft_wrap=False, tab_behavior="focus")
            yield Static(id="verdict")
            with Horizontal(id="buttons"):
                yield Button("Back", id="no", compact=True)
                yield Button("Continue  (Ctrl+S)", id="yes", compact=True)

    @property
    def _before(self) -> tuple[Sequence[Any], Mapping[str, Any]]:
        return self._job.args, self._job.kwargs

    def on_mount(self) -> None:
        """Begin to edit."""
        self.query_one(TextArea).focus()
        self._check()

    def on_text_area_changed(self) -> None:
        """Check as it is typed."""
        self._check()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Continue, or close."""
        event.stop()
        if event.button.id == "yes":
            self.action_continue()
        else:
            self.dismiss(None)

    def action_open_editor(self) -> None:
        """Continue in ``$EDITOR``, and take over what was saved there."""
        area = self.query_one(TextArea)
        saved = self.console.programs.edit(area.text)
        if saved is not None:
            area.text = typed(saved)

    def action_continue(self) -> None:
        """Return what was typed, if it is valid."""
        if self._changed is not None:
            self.dismiss(self._changed)

    def _check(self) -> None:
        self._changed, problem = read_arguments(self.query_one(TextArea).text)
        unchanged = self._changed is not None and same(self._before, self._changed)
        good = "✓ the same as before" if unchanged else "✓ valid, changed"
        line = f"✗ {problem}" if problem else good
        self.query_one("#verdict", Static).update(Content(safe(line, 200)))
        self.query_one("#yes", Button).disabled = bool(problem)


def read_arguments(text: str) -> tuple[Arguments | None, str]:
    """The arguments of a typed text, or None and what is wrong with it."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"line {error.lineno}, column {error.colno}: {error.msg}"
    except (ValueError, RecursionError) as error:
        return None, str(error)
    if not isinstance(value, dict) or value.keys() - {"args", "kwargs"}:
        return None, 'it must be {"args": [...], "kwargs": {...}}'
    return _checked(value.get("args", []), value.get("kwargs", {}))


def _checked(args: Any, kwargs: Any) -> tuple[Arguments | None, str]:
    if not isinstance(args, list):
        return None, '"args" must be a list'
    if not isinstance(kwargs, dict):
        return None, '"kwargs" must be an object'
    try:
        check_arguments(args, kwargs)
    except TypeError as error:
        return None, str(error)
    return (args, kwargs), ""
