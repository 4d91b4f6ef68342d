"""The lines around the view: header, tabs, banner and action line."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widgets import Static

from asok_console.present.numbers import count, milliseconds, share
from asok_console.present.text import safe
from asok_console.tui import actions
from asok_console.tui.figures import span
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.columns import fit_middle
from asok_core.backends.roles import Progress
from asok_core.canary import CanaryProgress
from asok_core.snapshot import Snapshot

if TYPE_CHECKING:
    from asok_console.tui.app import ConsoleApp

WIDE = 120
SHORT_TITLES = {"dead": "Dead"}
RESULT_STAYS = 12.0
"""Seconds that the outcome of an action stays on its line."""

MOST_LINES = 4
"""Lines for actions that run at the same time."""

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
        marks: list[tuple[str, str]] = [("◆ Asok", "bold $primary"), ("  ", "")]
        marks += [(f" {mode} ", f"bold {color} reverse") for mode, color in app.modes]
        if not (app.only_reads or app.session.protected):
            marks.append((f"{' ' if app.modes else ''}read-write", "$tone-dim"))
        mode = Content.assemble(*marks, "  ")
        right = self._right(app)
        # Which Redis it is can be told by both ends: the host, and port and database.
        target = safe(app.session.target)
        room = max(self.size.width - mode.cell_length - right.cell_length - 2, 0)
        if cell_len(target) > room:
            target = fit_middle(target, room)
        left = Content.assemble(mode, (target, "$foreground"))
        blank = max(self.size.width - left.cell_length - right.cell_length, 1)
        self.write(Content.assemble(left, " " * blank, right))

    def _right(self, app: ConsoleApp) -> Content:
        parts: list[tuple[str, str]] = []
        if app.frozen:
            parts.append(("❙❙ frozen", "bold $warning"))
        if app.failing:
            parts.append(("● not connected", "bold $error"))
        elif app.snapshot is not None:
            trip = app.snapshot.server.round_trip_ms
            late = app.age >= 2 * app.interval + 1
            parts.append(("◌ late", "bold $warning") if late else ("● live", "$success"))
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
            text += f" {count(amount)}" if wide and amount is not None else ""
            grave = sum(alert.grave for alert in app.alerts) if name == "overview" else 0
            text += f" ⚠{grave} " if grave else " "
            active = name == app.view_name
            style = "bold $primary reverse" if active else "$tone-title"
            if ((name == "dead" and amount) or grave) and not active:
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
        "jobs": snapshot.running,
        "workers": snapshot.alive,
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
    """A line for each action that runs, then for what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, tuple[Content, float]] = {}
        self.display = False

    def on_mount(self) -> None:
        """Clear old outcomes in time."""
        self.set_interval(1.0, self._expire)

    def progress(self, run: int, title: str, progress: Progress, *, stoppable: bool = True) -> None:
        """Show how far ``run`` is; ``stoppable`` is whether it is the one that x stops."""
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
        pieces.append(("x stops it" if stoppable else "", "$tone-dim"))
        self._show(run, Content.assemble(*pieces), float("inf"))

    def working(self, run: int, title: str) -> None:
        """Say that ``run`` has begun."""
        line = Content.assemble((safe(title.rstrip("?")), "bold"), " …")
        self._show(run, line, float("inf"))

    def outcome(self, run: int, line: str, tone: str) -> None:
        """Show what became of ``run``, for a while. ``tone`` is good, warn or bad."""
        mark, style = _OUTCOMES[tone]
        stays = RESULT_STAYS if tone == "good" else 3 * RESULT_STAYS
        self._show(run, Content.assemble((f"{mark} ", style), safe(line, 400)), stays)

    def _show(self, run: int, content: Content, stays: float) -> None:
        # Of what has ended only the last is kept, until another action begins or ends.
        if run not in self._lines or stays < float("inf"):
            for each in [n for n, (_, until) in self._lines.items() if until < float("inf")]:
                del self._lines[each]
        self._lines[run] = content, time.monotonic() + stays
        self._write()

    def _expire(self) -> None:
        old = [run for run, (_, until) in self._lines.items() if time.monotonic() > until]
        for run in old:
            del self._lines[run]
        if old:
            self._write()

    def _write(self) -> None:
        shown = [content for content, _ in self._lines.values()]
        if len(shown) > MOST_LINES:
            more = len(shown) - MOST_LINES + 1
            shown = [Content(f"… {more} more actions run"), *shown[more:]]
        self.display = bool(shown)
        self.update(Content("\n").join(shown))


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
