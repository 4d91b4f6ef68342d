"""The line above the keys: operations and results with grave alerts, else alerts, else the server."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from asok_console.presentation.compact import span
from asok_console.presentation.fitting import fit_middle
from asok_console.presentation.numbers import share, size
from asok_console.presentation.prose import plural
from asok_console.presentation.text import safe
from asok_console.tui.data.alerts import Alert
from asok_console.tui.data.status import ConsoleStatus
from asok_core.backends.roles import Progress
from asok_core.inspection.snapshot import Snapshot
from asok_core.operations.canary import CanaryProgress

RESULT_STAYS = 12.0
"""Seconds that the outcome of an operation stays on its line."""

MOST_LINES = 4
"""Lines for operations that run at the same time."""

BAR = 12
"""Cells of a progress bar."""


class StatusLine(Static):
    """A line for each operation that runs, then for its outcome; a lost connection; else what is the case.

    It is always there, and is below the lists, so that nothing moves when any of that comes or
    goes. While a filter is typed, the filter's line takes its place.
    """

    DEFAULT_CSS = """
    StatusLine { height: auto; min-height: 1; max-height: 8; padding: 0 2; }
    StatusLine.acting { background: $panel; }
    StatusLine.failing { background: $error 12%; color: $error; text-style: bold; }
    """

    def __init__(self, status: ConsoleStatus) -> None:
        super().__init__()
        self._status = status
        self._lines: dict[int, tuple[Content, float]] = {}
        self._written = Content("")

    def on_mount(self) -> None:
        """Clear old outcomes in time, and keep the age of the data true."""
        self.set_interval(1.0, self._tick)
        self.rewrite()

    def on_resize(self) -> None:
        """Show as much as there is room for."""
        self.rewrite()

    def show(self, status: ConsoleStatus) -> None:
        """Show a new status."""
        self._status = status
        self.rewrite()

    def progress(self, run: int, title: str, progress: Progress, *, stoppable: bool = True) -> None:
        """Show how far ``run`` is; ``stoppable`` is whether it is the one that x stops."""
        name: list[tuple[str, str] | str] = [(safe(title.rstrip("?")), "bold"), "  "]
        rest: list[tuple[str, str] | str] = [_progress_text(progress), "   "]
        rest.append(("x stops it" if stoppable else "", "$tone-dim"))
        line = Content.assemble(*name, *_bar(progress), " ", *rest)
        # The words say the same as the bar.
        if line.cell_length > max(self.app.size.width - 4, 1):
            line = Content.assemble(*name, *rest)
        self._show(run, line, float("inf"))

    def working(self, run: int, title: str) -> None:
        """Show that ``run`` has begun."""
        line = Content.assemble((safe(title.rstrip("?")), "bold"), " …")
        self._show(run, line, float("inf"))

    def outcome(self, run: int, line: str, tone: str) -> None:
        """Show the result of ``run``, for a while. ``tone`` is good, warn or bad."""
        mark, style = _OUTCOMES[tone]
        stays = RESULT_STAYS if tone == "good" else 3 * RESULT_STAYS
        self._show(run, Content.assemble((f"{mark} ", style), safe(line, 400)), stays)

    def _show(self, run: int, content: Content, stays: float) -> None:
        # Of what has ended only the last is kept, until another operation begins or ends.
        if run not in self._lines or stays < float("inf"):
            for each in [n for n, (_, until) in self._lines.items() if until < float("inf")]:
                del self._lines[each]
        self._lines[run] = content, time.monotonic() + stays
        self.rewrite()

    def _tick(self) -> None:
        for run in [run for run, (_, until) in self._lines.items() if time.monotonic() > until]:
            del self._lines[run]
        self.rewrite()

    def rewrite(self) -> None:
        """Write what is the case now."""
        status = self._status
        shown = [content for content, _ in self._lines.values()]
        if len(shown) > MOST_LINES:
            more = len(shown) - MOST_LINES + 1
            shown = [Content(f"… {more} more operations run"), *shown[more:]]
        self.set_class(bool(shown), "acting")
        self.set_class(bool(status.failing), "failing")
        if status.failing:
            what = f"Data is {span(status.age)} old." if status.snapshot else "Nothing read yet."
            # The reason comes last: it may be longer than there is room.
            shown.append(Content(safe(f"⚠ {what} Reconnecting: {status.failing}")))
        elif status.unread and not shown:
            shown.append(Content(safe(f"⚠ Not all of this can be read: {status.unread}", 300)))
        elif shown and (alert := self._alert(grave=True)) is not None:
            # An operation must not hide that jobs are lost or wait.
            shown.append(alert)
        typed = status.typing_filter and self.screen is self.app.screen_stack[0]
        self.display = bool(shown) or not typed
        self._write(Content("\n").join(shown) if shown else self._calm())

    def _calm(self) -> Content:
        # Before the first layout it has no size of its own.
        room = max(self.app.size.width - 4, 1)
        if self._status.snapshot is None:
            return Content("")
        return self._alert() or of_server(self._status.snapshot, room)

    def _alert(self, *, grave: bool = False) -> Content | None:
        """The gravest alert, unless the Overview is shown, which has lines of its own for alerts."""
        if not self._status.alerts or self._status.alerts_listed:
            return None
        gravest, *others = self._status.alerts
        if grave and not gravest.grave:
            return None
        more = f"  (+{len(others)} more in Overview)" if others else ""
        return alert_line(gravest, max(self.app.size.width - 4, 1), more)

    def _write(self, content: Content) -> None:
        before, self._written = self._written, content
        if not content.is_same(before):
            self.update(content, layout=self._height(content) != self._height(before))

    def _height(self, content: Content) -> int:
        width = max(self.app.size.width - 4, 1)
        return sum(max(-(-line.cell_length // width), 1) for line in content.split("\n"))


def alert_line(alert: Alert, room: int, more: str = "") -> Content:
    """A warning in one line: too long a one is cut in its middle, since a count is at its end."""
    text = f"⚠ {safe(alert.line, 300)}"
    room -= cell_len(more)
    if cell_len(text) > room:
        text = fit_middle(text, room)
    return Content.assemble(
        (text, "$tone-bad" if alert.grave else "$tone-warn"), (more, "$tone-dim")
    )


def warning_lines(found: Sequence[Alert], most: int, room: int) -> list[Content]:
    """All that is grave, and of the rest as many lines as there is room for, but one at least."""
    if not found:
        return [Content.styled("✓ No warnings", "$tone-dim")]
    shown = max(most, sum(alert.grave for alert in found) + 1)
    more = f"  (+{len(found) - shown} more)" if len(found) > shown else ""
    *lines, last = found[:shown]
    return [*(alert_line(alert, room) for alert in lines), alert_line(last, room, more)]


def of_server(snapshot: Snapshot, room: int) -> Content:
    """What is worth knowing of the server, the most important first, as much as fits whole."""
    server = snapshot.server
    memory = size(server.used_memory)
    if server.max_memory:
        memory += f" of {size(server.max_memory)}"
    parts = [
        f"Redis {server.version}".strip(),
        memory if server.used_memory is not None else "",
        f"{server.ops_per_second:,.0f} ops/s" if server.ops_per_second is not None else "",
        f"persistence {server.persistence}" if server.persistence else "",
        server.eviction_policy or "",
        plural(server.clients, "client") if server.clients is not None else "",
    ]
    line, *rest = (safe(part) for part in parts if part)
    for part in rest:
        if cell_len(line) + cell_len(part) + 3 > room:
            break
        line += f" · {part}"
    return Content.styled(line, "$tone-dim")


def _progress_text(progress: Progress) -> str:
    """How far an operation is, in words."""
    if not isinstance(progress, CanaryProgress):
        waits = f"; {safe(progress.waits)}" if progress.waits else ""
        return f"{share(_share_done(progress)):>5}  {progress.applied:,} done{waits}"
    if progress.patience is None:
        return f"{progress.applied:,} done, the first {progress.sent:,} did not fail with the same error"
    return (
        f"{progress.completed:,} of the first {progress.sent:,} succeeded, "
        f"{progress.failed:,} failed; waiting {span(progress.patience)} longer"
    )


def _share_done(progress: Progress) -> float:
    return min(progress.scanned / progress.total, 1.0) if progress.total else 1.0


def _bar(progress: Progress) -> list[tuple[str, str] | str]:
    done = round(_share_done(progress) * BAR)
    return [("━" * done, "$primary"), ("━" * (BAR - done), "$tone-grid")]


_OUTCOMES = {
    "good": ("✓", "bold $success"),
    "warn": ("⚠", "bold $warning"),
    "bad": ("✗", "bold $error"),
}
