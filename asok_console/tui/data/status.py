"""What the lines around the views show, as one value."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from asok_console.tui.data.alerts import Alert
from asok_core.inspection.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ConsoleStatus:
    """The state of the console that every screen shows.

    ``modes`` are words for the kind of session, with their colours. ``taken`` is when the snapshot was
    taken (``time.monotonic``), ``interval`` the seconds between two snapshots.
    """

    target: str
    modes: Sequence[tuple[str, str]]
    read_write: bool
    interval: float
    view: str
    snapshot: Snapshot | None = None
    taken: float = 0.0
    failing: str = ""
    """Why Redis cannot be read; empty: it can."""
    unread: str = ""
    """Why Redis refuses a part of what the screen shows; empty: it refuses none."""
    display_paused: bool = False
    alerts: Sequence[Alert] = ()
    alerts_listed: bool = False
    """Whether the screen lists the alerts itself."""
    typing_filter: bool = False
    """Whether a line for a filter is open, which takes the place of the status line."""
    points_out_help: bool = False
    """Whether the footer points out the help: until it was opened once."""

    @property
    def age(self) -> float:
        """Seconds since the snapshot was taken."""
        return time.monotonic() - self.taken
