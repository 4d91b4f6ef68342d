"""The lines around the view: header, tabs, banner, action line and footer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from asok_console.present.numbers import count, milliseconds, share
from asok_console.present.text import safe
from asok_console.tui import actions, operations
from asok_console.tui.figures import span
from asok_console.tui.widgets.caption import Caption
from asok_core.backends.roles import Progress
from asok_core.canary import CanaryProgress
from asok_core.snapshot import Snapshot

if TYPE_CHECKING:
    from asok_console.tui.app import ConsoleApp

WIDE = 120
SHORT_TITLES = {"dead": "Dead"}
RESULT_STAYS = 12.0
"""Seconds that the outcome of an action stays on its line."""


BAR = 12
"""Cells of a progress bar."""


class Header(Caption):
    """One line: where, in what mode, how old the data is, how often it is read and how fast."""

    def on_mount(self) -> None:
        """Tell the age anew each second, also when nothing arrives."""
        self.set_interval(1.0, self.rewrite)
        self.rewrite()

    def on_resize(self) -> None:
        """Spread over the new width."""
        self.rewrite()

    def rewrite(self) -> None:
        """Write the line."""
        app = cast("ConsoleApp", self.app)
        left = Content.assemble(
            ("◆ Asok", "bold $primary"),
            "  ",
            *((f" {mode} ", f"bold {color} reverse") for mode, color in app.modes),
            "  " if app.modes else "",
            (safe(app.session.target), "$foreground"),
        )
        right = self._right(app)
        room = self.size.width - left.cell_length - right.cell_length
        if room < 2:
            left = left.truncate(max(self.size.width - right.cell_length - 2, 0), ellipsis=True)
            room = max(self.size.width - left.cell_length - right.cell_length, 1)
        self.write(Content.assemble(left, " " * room, right))

    def _right(self, app: ConsoleApp) -> Content:
        parts: list[tuple[str, str]] = []
        if app.frozen:
            parts.append(("❙❙ frozen", "bold $warning"))
        if app.failing:
            parts.append(("● not connected", "bold $error"))
        elif app.snapshot is not None:
            trip = app.snapshot.server.round_trip_ms
            parts.append(("● live" if app.age < 2 * app.interval + 1 else "● late", "$success"))
            if self.size.width >= WIDE:
                parts.append((f"round trip {milliseconds(trip)}", "$tone-dim"))
        if app.snapshot is not None:
            parts.append((f"{span(app.age)} old", "$tone-dim" if app.age < 5 else "$warning"))
        parts.append((f"every {app.interval:g} s", "$tone-dim"))
        pieces: list[tuple[str, str] | str] = []
        for part in parts:
            pieces += ["  ", part]
        return Content.assemble(*pieces[1:])


class Tabs(Caption):
    """The views by number, each with how much is in it where there is room. A click turns to one."""

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []

    def on_resize(self) -> None:
        """Show more or less."""
        self.rewrite()

    def rewrite(self) -> None:
        """Write the line."""
        app = cast("ConsoleApp", self.app)
        wide = self.size.width >= WIDE
        pieces: list[tuple[str, str] | str] = []
        self._spans, column = [], 0
        for number, (name, title) in enumerate(actions.VIEW_TITLES.items(), 1):
            amount = _amount(app.snapshot, name)
            text = f" {number} {title if wide else SHORT_TITLES.get(name, title)}"
            text += f" {count(amount)} " if wide and amount is not None else " "
            active = name == app.view_name
            style = "bold $primary reverse" if active else "$tone-title"
            if name == "dead" and amount and not active:
                style = "$error"
            pieces.append((text, style))
            self._spans.append((column, column + cell_len(text), name))
            column += cell_len(text)
        self.write(Content.assemble(*pieces))

    async def on_click(self, event: events.Click) -> None:
        """Turn to the view under the pointer."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                await self.app.run_action(f"show_view('{name}')")


def _amount(snapshot: Snapshot | None, name: str) -> int | None:
    if snapshot is None:
        return None
    return {
        "pending": snapshot.pending,
        "delayed": snapshot.delayed,
        "jobs": snapshot.active,
        "workers": len(snapshot.workers),
        "dead": snapshot.dead,
    }.get(name)


class Banner(Static):
    """Says that Redis is out of reach and how old the picture is; hidden while all is well."""

    def on_mount(self) -> None:
        """Keep the age true."""
        self.set_interval(1.0, self.rewrite)

    def rewrite(self) -> None:
        """Write the line, or hide."""
        app = cast("ConsoleApp", self.app)
        self.display = bool(app.failing)
        if app.failing:
            what = f"This picture is {span(app.age)} old." if app.snapshot else "Nothing read yet."
            # The reason comes last: it may be longer than there is room.
            self.update(Content(safe(f"⚠ {what} Trying again: {app.failing}")))


class ActionLine(Static):
    """How far an action is, then what came of it."""

    def __init__(self) -> None:
        super().__init__()
        self._until = 0.0
        self.display = False

    def on_mount(self) -> None:
        """Clear an old outcome in time."""
        self.set_interval(1.0, self._expire)

    def progress(self, title: str, progress: Progress) -> None:
        """Show how far it is."""
        done = f"{progress.applied:,} done"
        pieces: list[tuple[str, str] | str] = [(safe(title.rstrip("?")), "bold"), "  "]
        pieces += _bar(progress)
        if not isinstance(progress, CanaryProgress):
            pieces.append(f" {share(_part(progress)):>5}  {done}   ")
        elif progress.patience is None:
            pieces.append(f"  {done}, the first {progress.sent:,} did not fail as before   ")
        else:
            pieces.append(
                f"  {progress.completed:,} of the first {progress.sent:,} went well, "
                f"{progress.failed:,} failed; waits {span(progress.patience)} more   "
            )
        self._show(Content.assemble(*pieces, ("x stops it", "$tone-dim")), float("inf"))

    def working(self, title: str) -> None:
        """Say that it has begun."""
        self._show(Content.assemble((safe(title.rstrip("?")), "bold"), " …"), float("inf"))

    def outcome(self, line: str, tone: str) -> None:
        """Show what came of it, for a while. ``tone`` is good, warn or bad."""
        mark, style = _OUTCOMES[tone]
        stays = RESULT_STAYS if tone == "good" else 3 * RESULT_STAYS
        self._show(Content.assemble((f"{mark} ", style), safe(line, 400)), stays)

    def _show(self, content: Content, stays: float) -> None:
        self._until = time.monotonic() + stays
        self.display = True
        self.update(content)

    def _expire(self) -> None:
        if self.display and time.monotonic() > self._until:
            self.display = False


def _part(progress: Progress) -> float:
    return min(progress.scanned / progress.total, 1.0) if progress.total else 1.0


def _bar(progress: Progress) -> list[tuple[str, str] | str]:
    done = round(_part(progress) * BAR)
    return [("━" * done, "$primary"), ("━" * (BAR - done), "$tone-grid")]


_OUTCOMES = {
    "good": ("✓", "bold $success"),
    "warn": ("⚠", "bold $warning"),
    "bad": ("✗", "bold $error"),
}


class KeyBar(Widget):
    """The footer: the keys that do something now, as many as fit, and where to find the rest."""

    LAST = ("help", "leave")

    def __init__(self) -> None:
        super().__init__()
        self._spans: list[tuple[int, int, str]] = []
        self._following = False
        self._content = Content("")

    def on_mount(self) -> None:
        """Follow what is valid."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._follow_soon())

    def on_resize(self) -> None:
        """Show as many as fit."""
        self._follow()

    def render(self) -> Content:
        """The line."""
        return self._content

    def _follow_soon(self) -> None:
        # Turning to another view tells several times that the keys changed.
        if not self._following:
            self._following = True
            self.call_later(self._follow)

    def _follow(self) -> None:
        self._following = False
        content = self._compose_keys()
        if content != self._content:
            self._content = content
            self.refresh()

    def _compose_keys(self) -> Content:
        if isinstance(self.screen.focused, Input):
            return self._lay_out(actions.TYPING, ())
        by_binding = {
            active.binding.action: active.binding
            for active in self.screen.active_bindings.values()
            if active.enabled
        }
        shown: list[actions.Action] = []
        for action in _ORDER:
            call = action.call or action.name
            if isinstance(action, actions.OperatorAction):
                call = f"operate('{action.name}')"
            if action.footer and call in by_binding and action not in shown:
                shown.append(action)
        return self._lay_out(
            [a for a in shown if a.name not in self.LAST],
            [a for a in shown if a.name in self.LAST],
        )

    def _lay_out(self, first: Sequence[actions.Action], last: Sequence[actions.Action]) -> Content:
        room = self.size.width - sum(_key_width(a, self._label(a)) for a in last)
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
            pieces += [(f" {action.shown_key}", "bold $primary"), (f" {shown} ", "$tone-title")]
            self._spans.append((column, column + width, action.keys.split(",")[0]))
            column, before = column + width, label
        return Content.assemble(*pieces)

    def _label(self, action: actions.Action) -> str:
        if action.name == "leave" and self.screen is not self.app.screen_stack[0]:
            return "back"
        return action.label

    def on_click(self, event: events.Click) -> None:
        """A click on a key presses it."""
        for start, end, key in self._spans:
            if start <= event.x < end and key:
                self.app.simulate_key(key)


_ORDER = (*(action for action in operations.OPERATIONS if action.changes), *operations.ALL)
"""From the left: what changes something comes first, since it is what one looks for in a hurry."""


def _key_width(action: actions.Action, label: str) -> int:
    return cell_len(f" {action.shown_key} {label} ")
