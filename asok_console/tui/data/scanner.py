"""A scan of all jobs of a location on its own thread, which can be cancelled at any time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from asok_console.tui.data.reporting_thread import ReportingThread
from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Page
from asok_core.jobs.states import Location

EVERY = 0.15
"""Seconds between two reports of progress."""

PAUSE = 0.002
"""Seconds between two windows, so that Redis and the screen get their turn."""


@dataclass
class ScanProgress(Message):
    """The progress of a scan. ``error`` is why it ended early."""

    scan: LocationScan
    scanned: int
    total: int
    done: bool
    error: str = ""


class LocationScan(ReportingThread):
    """Reads all of a location, oldest first, and passes every page to ``take`` on its own thread.

    ``take`` must change only what nothing else writes; the screen reads it after a report.
    """

    def __init__(
        self,
        reader: Reader,
        post: Callable[[Message], object],
        take: Callable[[Page], None],
        *,
        location: Location,
        queue: str | None = None,
        whole: bool = False,
    ) -> None:
        super().__init__("asok-scan", post, self._scan, self._progress)
        self._reader = reader
        self._take = take
        self._location = location
        self._queue = queue
        self._whole = whole
        self.scanned = 0
        self.total = 0
        self.done = False
        self.began = time.monotonic()
        self.took = 0.0

    def _scan(self) -> ScanProgress | None:
        reported_at = 0.0
        for page in self._reader.scan(self._location, self._queue, whole=self._whole):
            if self.given_up:
                return None
            self._take(page)
            self.scanned += len(page.rows)
            self.total = max(page.total, self.scanned)
            if time.monotonic() - reported_at > EVERY:
                reported_at = time.monotonic()
                self.report(self._progress())
            self.pause(PAUSE)
        self.done, self.took = True, time.monotonic() - self.began
        return self._progress()

    def _progress(self, error: str = "") -> ScanProgress:
        return ScanProgress(self, self.scanned, self.total, self.done, error)
