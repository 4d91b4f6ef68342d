"""The footer: the keys that do something now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input

from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.keys import actions, operations

HINT = "New here? All keys"
"""The label of the key for help until a new user has pressed it once."""


@runtime_checkable
class StateLabels(Protocol):
    """What names some of its keys by its state: one that switches is named by what it would show."""

    def key_label(self, action: actions.Action) -> str:
        """The label of an action now; '' where it is the declared one."""


class KeyBar(Widget):
    """The footer: the keys that do something now, as many as fit, and where to find the rest."""

    LAST = (actions.HELP, actions.LEAVE)

    def __init__(self, status: ConsoleStatus) -> None:
        super().__init__()
        self._status = status
        self._spans: list[tuple[int, int, str]] = []
        self._following = False
        self._relabelling: Sequence[StateLabels] = ()
        self._content = Content("")

    def on_mount(self) -> None:
        """Follow what is valid."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._follow_soon())

    def show(self, status: ConsoleStatus) -> None:
        """Show a new status."""
        before, self._status = self._status, status
        if before.points_out_help != status.points_out_help:
            self._follow()

    def on_resize(self) -> None:
        """Show as many as fit."""
        self._follow()

    def render(self) -> Content:
        """The line."""
        return self._content

    def _follow_soon(self) -> None:
        # A change of the view reports several times that the keys changed.
        if not self._following:
            self._following = True
            self.call_later(self._follow)

    def _follow(self) -> None:
        self._following = False
        if self._is_covered:
            # Keys of operations are those of the page above; the line is written again when it closes.
            return
        content = self._compose_keys()
        if content != self._content:
            self._content = content
            self.refresh()

    @property
    def _is_covered(self) -> bool:
        """Whether a page is above that hides this line. Behind a dialog it is still seen."""
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else ()
        return not all(isinstance(each, ModalScreen) for each in above)

    def _compose_keys(self) -> Content:
        if isinstance(self.screen.focused, Input):
            return self._lay_out(actions.TYPING, ())
        by_binding = {
            active.binding.action: active.node
            for active in self.screen.active_bindings.values()
            if active.enabled
        }
        self._relabelling = [
            each for each in set(by_binding.values()) if isinstance(each, StateLabels)
        ]
        # Views explain some actions in words of their own: each is shown once.
        by_call: dict[str, actions.Action] = {}
        for action in _ORDER:
            if action.footer and action.command in by_binding:
                by_call.setdefault(action.command, action)
        shown = by_call.values()
        return self._lay_out(
            [a for a in shown if a not in self.LAST],
            [a for a in shown if a in self.LAST],
        )

    def _lay_out(self, first: Sequence[actions.Action], last: Sequence[actions.Action]) -> Content:
        # Before the layout it has the width of the screen: a busy machine shows that.
        width = self.size.width or self.app.size.width
        room = width - sum(_key_width(a, self._label(a)) for a in last)
        pieces: list[tuple[str, str] | str] = []
        self._spans, column, before = [], 0, ""
        for action in (*first, *last):
            # After "r requeue" the key "R" says only what it does beyond that: "all".
            label = self._label(action)
            shown = label.removeprefix(f"{before} ") if before else label
            width = _key_width(action, shown)
            if action in first:
                if width > room:
                    continue
                room -= width
            hint = action is actions.HELP and shown == HINT
            pieces += [
                (f" {action.shown_key}", "bold $primary reverse" if hint else "bold $primary"),
                (f" {shown} ", "$primary reverse" if hint else "$tone-title"),
            ]
            self._spans.append((column, column + width, action.keys.split(",")[0]))
            column, before = column + width, label
        return Content.assemble(*pieces)

    def _label(self, action: actions.Action) -> str:
        if action is actions.LEAVE and self.screen is not self.app.screen_stack[0]:
            return "back"
        for each in self._relabelling:
            if label := each.key_label(action):
                return label
        if action is actions.HELP and self._status.points_out_help:
            return HINT
        return action.label

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        for start, end, key in self._spans:
            if start <= event.x < end and key:
                self.app.simulate_key(key)


_ORDER = (
    *(
        each
        for each in operations.OPERATIONS
        if each.changes and each not in (operations.HOLD, operations.LIMIT)
    ),
    *operations.ALL,
)
"""From the left: what changes something comes first, since it is what one looks for in a hurry.

Holds and limits are for any row of almost every view: they have the room that the others leave.
"""


def _key_width(action: actions.Action, label: str) -> int:
    return cell_len(f" {action.shown_key} {label} ")
