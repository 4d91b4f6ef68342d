"""What the console knows now: the snapshot that is shown, what the ones before it said, and its alerts."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from asok_console.tui.data.alerts import Alert, Severity, alerts
from asok_console.tui.data.backlog import SnapshotHistory
from asok_console.tui.data.incidents import Incidents
from asok_core.inspection.snapshot import KeyCheck, Snapshot

KEY_INTERVAL = 30.0
"""Seconds between two checks whether SECRET_KEY fits."""


class ConsoleState:
    """The last snapshot, and what follows from it and from those before. Independent of Textual.

    ``dead_cap``: how many dead jobs are kept.
    """

    def __init__(self, dead_cap: int) -> None:
        self._dead_cap = dead_cap
        self.snapshot: Snapshot | None = None
        self.taken = time.monotonic()
        """When the snapshot that is shown arrived (``time.monotonic``)."""
        self.failing = ""
        """Why Redis cannot be read; empty: it can."""
        self.unread: dict[str, str] = {}
        """Why a request of the screen could not be answered, by its slot; '': a page of a snapshot."""
        self.display_paused = False
        """Whether the display stays as it is while snapshots arrive."""
        self.history = SnapshotHistory()
        self.key_check = KeyCheck()
        self._incidents = Incidents()
        self._key_due = 0.0
        self._alerts: tuple[Snapshot, list[Alert]] | None = None

    @property
    def now(self) -> float:
        """The time of the snapshot that is shown, by Redis's clock; NaN before the first.

        Ages that are calculated from NaN are shown as unknown.
        """
        return self.snapshot.taken_at if self.snapshot else math.nan

    def take(self, snapshot: Snapshot, unread: str = "") -> bool:
        """Take in a new snapshot, and why a page with it could not be read ('': all were).

        Returns whether it is shown.
        """
        self.failing = ""
        self.unread.pop("", None)
        if unread:
            self.unread[""] = unread
        self._incidents.see(snapshot)
        self.history.see(snapshot)
        if not self.display_paused:
            self.snapshot, self.taken = snapshot, time.monotonic()
        return not self.display_paused

    def fail(self, line: str, slot: str = "") -> None:
        """Take in that nothing could be read, or not what a slot requested, and why."""
        if slot:
            self.unread[slot] = line
        else:
            self.failing = line

    def is_key_check_due(self) -> bool:
        """Whether SECRET_KEY has to be checked again; the next check is due an interval later."""
        due = time.monotonic() >= self._key_due
        if due:
            self._key_due = time.monotonic() + KEY_INTERVAL
        return due

    def take_key_check(self, checked: KeyCheck) -> None:
        """Take in whether SECRET_KEY fits: the alerts of the present snapshot follow."""
        if checked.wrong != self.key_check.wrong:
            self._alerts = None
        self.key_check = checked

    @property
    def alerts(self) -> Sequence[Alert]:
        """What is wrong by the snapshot, and what happened to its server lately."""
        if self.snapshot is None:
            return []
        if self._alerts is None or self._alerts[0] is not self.snapshot:
            known = self._incidents.alerts(self.snapshot.taken_at)
            if self.key_check.wrong:
                known.append(Alert(Severity.UNREADABLE, self.key_check.line))
            self._alerts = self.snapshot, alerts(self.snapshot, self._dead_cap, known)
        return self._alerts[1]
