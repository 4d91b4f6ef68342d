"""What happened to the server between two snapshots: a restart, a failover, emptied databases."""

from __future__ import annotations

from typing import NamedTuple

from asok_console.presentation.prose import ago, plural
from asok_console.tui.data.alerts import Alert, Severity
from asok_core.inspection.snapshot import Snapshot

KEPT = 1800.0
"""Seconds for which an incident is shown."""
EMPTIED = 10
"""A database that holds a tenth of its keys of a moment ago was emptied."""
SLACK = 2.0
"""Seconds by which an uptime of whole seconds and the time of a snapshot may differ."""


class Incident(NamedTuple):
    """Something that happened ``at`` a time (epoch seconds, Redis's clock)."""

    at: float
    what: str
    lost: int = 0
    """Jobs that are gone."""

    def alert(self, now: float) -> Alert:
        """The line for it."""
        gone = f"; {plural(self.lost, 'job is', 'jobs are')} gone" if self.lost else ""
        cost = Severity.JOBS_LOST if self.lost else Severity.LOSS_POSSIBLE
        return Alert(cost, f"{self.what} {ago(self.at, now)}{gone}")


class Incidents:
    """Compares each snapshot with the one before, and remembers what it finds."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None
        self._known: list[Incident] = []

    def see(self, snapshot: Snapshot) -> None:
        """Take in a new snapshot."""
        before, self._before = self._before, snapshot
        if before is not None:
            self._known += _incidents_between(before, snapshot)

    def alerts(self, now: float) -> list[Alert]:
        """A line for each that is not long ago, the newest first."""
        self._known = [each for each in self._known if now - each.at < KEPT]
        return [each.alert(now) for each in reversed(self._known)]


def _incidents_between(before: Snapshot, after: Snapshot) -> list[Incident]:
    old, new = before.server, after.server
    fewer_keys = (old.keys or 0) - (new.keys or 0) if None not in (old.keys, new.keys) else 0
    # A job that finished has left its record. Only where keys went as well, jobs are gone.
    lost = max(_jobs(before) - _jobs(after), 0) if fewer_keys > 0 else 0
    if old.run_id and new.run_id and old.run_id != new.run_id:
        started = after.taken_at - (new.uptime or 0.0)
        if started > before.taken_at - SLACK:
            return [Incident(started, "Redis restarted", lost)]
        return [Incident(after.taken_at, "another Redis server took over (failover)", lost)]
    found = []
    if old.role and new.role and old.role != new.role:
        became = "a replica" if new.role == "slave" else f"a {new.role}"
        found.append(Incident(after.taken_at, f"this Redis became {became}"))
    if old.keys and (new.keys or 0) * EMPTIED <= old.keys and (lost or fewer_keys >= EMPTIED):
        found.append(Incident(after.taken_at, "Redis was emptied", lost))
    return found


def _jobs(snapshot: Snapshot) -> int:
    return snapshot.pending + snapshot.delayed + snapshot.active + snapshot.dead
