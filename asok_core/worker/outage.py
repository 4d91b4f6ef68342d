"""The reasons of one outage of Redis, each of which is logged once."""

from __future__ import annotations

from asok_core.errors import AsokError
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

MOST = 5
"""Reasons that are logged in one outage."""


class Reasons:
    """What was logged of an outage.

    A connection is closed first, and only the attempt to open another tells why it cannot be: an expired
    certificate, a changed password, a name that nobody knows.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()

    def begin(self, error: AsokError) -> None:
        """An outage begins, and ``error`` was logged."""
        self._known = {str(error)}

    def add(self, error: AsokError) -> None:
        """Log what went wrong in the same outage, if that is new."""
        reason = str(error)
        if reason not in self._known and len(self._known) < MOST:
            self._known.add(reason)
            logger.warning("%s; still waiting", reason)
