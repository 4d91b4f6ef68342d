"""The lines above the view: header and tabs."""

from __future__ import annotations

from rich.cells import cell_len
from textual import events
from textual.content import Content

from asok_console.presentation.compact import span
from asok_console.presentation.fitting import fit_middle
from asok_console.presentation.numbers import count, milliseconds
from asok_console.presentation.text import safe
from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.keys import actions
from asok_console.tui.widgets.caption import Caption
from asok_core.inspection.snapshot import Snapshot

WIDE, NARROW = 120, 90


class Header(Caption):
    """One line: where, in what mode, how old the data is, how often it is read and how fast."""

    def __init__(self, status: ConsoleStatus) -> None:
        super().__init__()
        self._status = status

    def show(self, status: ConsoleStatus) -> None:
        """Show a new status."""
        self._status = status
        self.rewrite()

    def on_mount(self) -> None:
        """Write the age each second, also when nothing arrives."""
        self.set_interval(1.0, self.rewrite)
        self.rewrite()

    def on_resize(self) -> None:
        """Spread over the new width."""
        self.rewrite()

    def rewrite(self) -> None:
        """Write the line."""
        status = self._status
        marks: list[tuple[str, str]] = [("◆ Asok", "bold $primary"), ("  ", "")]
        marks += [(f" {mode} ", f"bold {color} reverse") for mode, color in status.modes]
        if status.read_write:
            marks.append((f"{' ' if status.modes else ''}read-write", "$tone-dim"))
        mode = Content.assemble(*marks, "  ")
        right = self._right_side(status)
        # Both ends identify the Redis: the host, and port and database.
        target = safe(status.target)
        room = max(self.room - mode.cell_length - right.cell_length - 2, 0)
        if cell_len(target) > room:
            target = fit_middle(target, room)
        left = Content.assemble(mode, (target, "$foreground"))
        blank = max(self.room - left.cell_length - right.cell_length, 1)
        self.write(Content.assemble(left, " " * blank, right))

    def _right_side(self, status: ConsoleStatus) -> Content:
        parts: list[tuple[str, str]] = []
        if status.display_paused:
            parts.append(("❙❙ display paused", "bold $warning"))
        if status.failing:
            parts.append(("● not connected", "bold $error"))
        elif status.snapshot is not None:
            latency = status.snapshot.server.round_trip_ms
            late = status.age >= 2 * status.interval + 1
            parts.append(("◌ late", "bold $warning") if late else ("● live", "$success"))
            if self.room >= WIDE:
                parts.append((f"round trip {milliseconds(latency)}", "$tone-dim"))
        if status.snapshot is not None:
            parts.append((f"{span(status.age)} old", "$tone-dim" if status.age < 5 else "$warning"))
        parts.append((f"refresh {status.interval:g} s", "$tone-dim"))
        pieces: list[tuple[str, str] | str] = []
        for part in parts:
            pieces += ["  ", part]
        return Content.assemble(*pieces[1:])


class Tabs(Caption):
    """The views by number, each with how much is in it where there is room. A click turns to one."""

    def __init__(self, status: ConsoleStatus) -> None:
        super().__init__()
        self._status = status
        self._spans: list[tuple[int, int, str]] = []

    def show(self, status: ConsoleStatus) -> None:
        """Show a new status."""
        self._status = status
        self.rewrite()

    def on_resize(self) -> None:
        """Show more or less."""
        self.rewrite()

    def rewrite(self) -> None:
        """Write the line."""
        status = self._status
        wide, lead = self.room >= WIDE, " " if self.room > NARROW else ""
        pieces: list[tuple[str, str] | str] = []
        self._spans, column = [], 0
        for number, (name, title) in enumerate(actions.VIEW_TITLES.items(), 1):
            amount = amount_of(status.snapshot, name)
            # At 80 cells there is no room for blanks: the number is known by its colour.
            head = f"{lead}{number}{' ' if lead else ''}"
            text = f"{head}{title}"
            text += f" {count(amount)}" if wide and amount is not None else ""
            alerts = status.alerts if name == "overview" else ()
            text += f" ⚠{len(alerts)} " if alerts else " "
            active = name == status.view
            style = "bold $primary reverse" if active else "$tone-title"
            if alerts and not active:
                style = "$warning"
            if ((name == "dead" and amount) or any(each.grave for each in alerts)) and not active:
                style = "$error"
            if active or lead:
                pieces.append((text, style))
            else:
                pieces += [(head, "bold $primary"), (text.removeprefix(head), style)]
            self._spans.append((column, column + cell_len(text), name))
            column += cell_len(text)
        self.write(Content.assemble(*pieces))

    async def on_click(self, event: events.Click) -> None:
        """Turn to the view under the pointer."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                await self.app.run_action(f"show_view('{name}')")


def amount_of(snapshot: Snapshot | None, name: str) -> int | None:
    """The number beside the name of a view; None where it has none, or it is not known."""
    if snapshot is None:
        return None
    return {
        "pending": snapshot.pending,
        "delayed": snapshot.delayed,
        "jobs": snapshot.running,
        "workers": snapshot.alive,
        "dead": snapshot.dead,
        "held": snapshot.held + snapshot.limited,
    }.get(name)
