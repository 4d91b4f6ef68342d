"""The help page: keys, from the declarations themselves, glyphs and columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from asok_console.presentation.numbers import size
from asok_console.tui.keys import actions, operations
from asok_console.tui.keys.operations import OperatorAction
from asok_console.tui.screens import help_symbols
from asok_console.tui.screens.dialog import Dialog
from asok_core.inspection.snapshot import SnapshotCost

KEYS = 16
PAGE = 68
"""Cells for the keys of a line with a gap, and for all of it, so that the page fits 80 columns."""


class HelpTopic(NamedTuple):
    """The subject of a help page. ``columns`` are titles of columns that the screen may show."""

    title: str
    actions: tuple[actions.Action, ...]
    columns: tuple[str, ...] = ()


class HelpDialog(Dialog[None]):
    """The keys of a screen, and what its glyphs and columns mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "app.pop_screen", "close"),
        Binding("j,down", "scroll(1)", show=False),
        Binding("k,up", "scroll(-1)", show=False),
    ]

    def __init__(
        self, topic: HelpTopic, *, read_only: bool, cost: SnapshotCost | None = None
    ) -> None:
        super().__init__()
        self._topic = topic
        self._read_only = read_only
        self._cost = cost

    def compose(self) -> ComposeResult:
        """One column of groups."""
        with VerticalScroll(id="page") as page:
            page.border_subtitle = "Esc closes the help"
            yield Static(help_text(self._topic, read_only=self._read_only, cost=self._cost))

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def topic_of(view: str, columns: Iterable[str]) -> HelpTopic:
    """What is explained of a view: the keys that work in it, and its columns."""
    declared = dict.fromkeys((*operations.OPERATIONS, *operations.ALL))
    return HelpTopic(
        actions.VIEW_TITLES[view],
        tuple(each for each in declared if not each.views or view in each.views),
        tuple(columns),
    )


def help_text(topic: HelpTopic, *, read_only: bool, cost: SnapshotCost | None = None) -> Content:
    """The keys of a screen in groups, what its glyphs and columns mean, the cost of a refresh."""
    groups: dict[str, list[actions.Action]] = {}
    for action in topic.actions:
        if not (read_only and _changes(action)):
            groups.setdefault(action.group, []).append(action)
    lines = [Content.styled(f"Keys in {topic.title}", "bold $primary")]
    if read_only:
        lines += [Content(""), Content.styled("This session is read-only.", "$warning")]
    for group in ("Act", "Mark", "Move", "Show", "Get around"):
        if group in groups:
            lines += [Content(""), Content.styled(group, "bold $tone-title")]
            lines += [_line(action) for action in groups[group]]
    lines += _meanings("Glyphs", help_symbols.GLYPHS)
    known = [
        (title, help_symbols.COLUMNS[title])
        for title in topic.columns
        if title in help_symbols.COLUMNS
    ]
    lines += _meanings("Columns", known)
    if cost is not None:
        lines += _meanings("Console", [("Refresh", _cost(cost))])
    return Content("\n").join(lines)


def _meanings(title: str, meanings: Sequence[tuple[str, str]]) -> list[Content]:
    if not meanings:
        return []
    return [
        Content(""),
        Content.styled(title, "bold $tone-title"),
        *(
            Content.assemble((f"  {name}".ljust(KEYS), "$primary"), _wrapped(meaning)[KEYS:])
            for name, meaning in meanings
        ),
    ]


def _wrapped(text: str) -> str:
    blank = " " * KEYS
    return textwrap.fill(text, PAGE, initial_indent=blank, subsequent_indent=blank)


def _cost(cost: SnapshotCost) -> str:
    read = f", {size(cost.reply_bytes)}" if cost.reply_bytes is not None else ""
    return f"{cost.commands:,} commands to Redis in {cost.round_trips} round trips{read}"


def _changes(action: actions.Action) -> bool:
    if isinstance(action, OperatorAction):
        return action.changes
    return action in actions.EDITING


def _line(action: actions.Action) -> Content:
    # What changes something is named as the footer and the palette name it.
    name = f"{action.label}: " if action.group == "Act" else ""
    lines = _wrapped(name + action.help)
    return Content.assemble(
        (f"  {action.all_keys}".ljust(KEYS), "$primary"),
        (name, "bold"),
        lines[KEYS + len(name) :],
    )
