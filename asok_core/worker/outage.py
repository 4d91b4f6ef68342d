"""An outage of Redis, as one process of a worker meets it: start, reasons and end of it are logged."""

from __future__ import annotations

import time

from asok_core.errors import AsokError, NoResources, Refused
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

MOST = 5
"""Reasons that are logged in one outage."""


class Outage:
    """The time in which Redis cannot be used. Each reason is logged once.

    A connection is closed first, and only the attempt to open another shows why it cannot be: an expired
    certificate, a changed password, a name that cannot be resolved.
    """

    def __init__(self) -> None:
        self._since: float | None = None
        self._refused = False
        self._away = True
        self._known: set[str] = set()

    @property
    def active(self) -> bool:
        """Whether there is one."""
        return self._since is not None

    def note(self, error: AsokError) -> bool:
        """Log an error. Returns whether an outage begins with it: a refusal after silence is another."""
        reason, refused = str(error), isinstance(error, Refused)
        if self._since is None or refused != self._refused:
            self._since, self._refused = time.monotonic(), refused
            # What was missing is not known to be Redis.
            self._away = not isinstance(error, NoResources)
            self._known = {reason}
            logger.warning("%s; %s", error, "waiting for it" if self._away else "trying again")
            return True
        if reason not in self._known and len(self._known) < MOST:
            self._known.add(reason)
            logger.warning("%s; still waiting", reason)
        return False

    def end(self, at: float | None = None) -> None:
        """Log that it is over, ``at`` a monotonic time (None: now), if there is one."""
        if self._since is None:
            return
        event = "Redis no longer refuses" if self._refused else "Redis is back"
        if not self._away:
            event = "Connected to Redis"
        logger.info("%s after %.1f s", event, (at or time.monotonic()) - self._since)
        self._since = None

    def drop(self) -> None:
        """Note that it is over where the log reports more than that."""
        self._since = None
