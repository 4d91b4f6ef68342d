"""A scan of all jobs of a location on its own thread, which can be cancelled at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from textual.message import Message

from asok_console.presentation.text import error_text
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


class LocationScan(threading.Thread):
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
        super().__init__(name="asok-scan", daemon=True)
        self._reader = reader
        self._post = post
        self._take = take
        self._location = location
        self._queue = queue
        self._whole = whole
        self._given_up = threading.Event()
        self.scanned = 0
        self.total = 0
        self.done = False
        self.began = time.monotonic()
        self.took = 0.0

    def give_up(self) -> None:
        """Stop soon, without further reports."""
        self._given_up.set()

    def run(self) -> None:
        """Scan."""
        reported_at = 0.0
        try:
            for page in self._reader.scan(self._location, self._queue, whole=self._whole):
                if self._given_up.is_set():
                    return
                self._take(page)
                self.scanned += len(page.rows)
                self.total = max(page.total, self.scanned)
                if time.monotonic() - reported_at > EVERY:
                    reported_at = time.monotonic()
                    self._report()
                self._given_up.wait(PAUSE)
        except Exception as error:  # noqa: BLE001 - shown on the screen, whatever it is
            self._report(error=error_text(error))
            return
        self.done, self.took = True, time.monotonic() - self.began
        self._report()

    def _report(self, error: str = "") -> None:
        if self._given_up.is_set():
            return
        try:
            self._post(ScanProgress(self, self.scanned, self.total, self.done, error))
        except RuntimeError:
            self._given_up.set()
