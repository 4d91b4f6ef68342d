"""Every key, from the declarations themselves."""

from __future__ import annotations

import textwrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from asok_console.tui import actions, operations

KEYS = 14
PAGE = 68
"""Cells for the keys of a line, and for all of it, so that the page fits 80 columns."""


class Help(ModalScreen[None]):
    """The keys of a view first, then those that work everywhere."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "app.pop_screen", "close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(self, view: str, *, read_only: bool) -> None:
        super().__init__()
        self._view = view
        self._read_only = read_only

    def compose(self) -> ComposeResult:
        """One column of groups."""
        with VerticalScroll(id="page") as page:
            page.border_subtitle = "Esc closes it"
            yield Static(help_text(self._view, read_only=self._read_only))

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def help_text(view: str, *, read_only: bool) -> Content:
    """What can be done in a view, grouped."""
    groups: dict[str, list[actions.Action]] = {}
    for action in dict.fromkeys((*operations.OPERATIONS, *operations.ALL)):
        if (action.views and view not in action.views) or (read_only and _changes(action)):
            continue
        groups.setdefault(action.group, []).append(action)
    lines = [Content.styled(f"Keys in {actions.VIEW_TITLES[view]}", "bold $primary")]
    if read_only:
        lines += [Content(""), Content.styled("This session only reads.", "$warning")]
    for group in ("Act", "Mark", "Move", "Show", "Get around"):
        if group in groups:
            lines += [Content(""), Content.styled(group, "bold $tone-title")]
            lines += [_line(action) for action in groups[group]]
    return Content("\n").join(lines)


def _changes(action: actions.Action) -> bool:
    if isinstance(action, actions.OperatorAction):
        return action.changes
    return action in actions.EDITING


def _line(action: actions.Action) -> Content:
    blank = " " * KEYS
    # What changes something is named as the footer and the palette name it.
    name = f"{action.label}: " if action.group == "Act" else ""
    told = textwrap.fill(name + action.help, PAGE, initial_indent=blank, subsequent_indent=blank)
    return Content.assemble(
        (f"  {action.all_keys}".ljust(KEYS), "$primary"),
        (name, "bold"),
        told[KEYS + len(name) :],
    )
