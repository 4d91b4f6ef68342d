"""The thread that reads what the console shows.

Textual's own thread workers can neither be cancelled nor left behind at quit, so the console has a
single daemon thread. Every interval it reads a snapshot and what is on the screen, and posts both as
one message; between two of them it reads what views request. Only the newest request of a slot counts.
Screens get immutable values by message and never wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from textual.message import Message

from asok_console.presentation.text import error_text
from asok_core.backends.roles import Reader
from asok_core.errors import Unreachable
from asok_core.inspection.snapshot import Snapshot

SLOWEST = 60.0
FASTEST = 0.2
"""Limits of the interval, seconds."""

JOBS_EVERY = 5.0
"""Seconds between two snapshots with the running jobs while no view shows them."""

SHOWN_EVERY = 1.5
"""The same while a view does: every other snapshot, at an interval of a second."""

OVERDUE = 0.5
"""Seconds by which requests may delay a snapshot: one of them may ask for the next, without end."""

PATIENCE = 5.0
"""Longest pause between two attempts to reach Redis, seconds."""


class PageSource(Protocol):
    """Something on the screen that shows more than the snapshot."""

    def page(self, reader: Reader, snapshot: Snapshot) -> object:
        """Read it, on the poller's thread."""


@dataclass
class SnapshotTaken(Message):
    """A new snapshot, and the pages that were read with it.

    ``unread``: why one of them could not be read, such as by a user without the right; '': all were.
    """

    snapshot: Snapshot
    pages: Mapping[PageSource, object] = field(default_factory=dict)
    unread: str = ""

    def can_replace(self, message: Message) -> bool:
        """A newer snapshot replaces all that wait, so that a slow screen skips some."""
        return isinstance(message, SnapshotTaken)


@dataclass
class ReadFailed(Message):
    """Redis could not be read; ``line`` says why. The thread tries again by itself.

    ``slot``: that of a request which could not be answered, such as to a user without the right, while
    others are; '': it could not be read at all.
    """

    line: str
    slot: str = ""

    def can_replace(self, message: Message) -> bool:
        """The newest reason is enough."""
        return isinstance(message, ReadFailed) and message.slot == self.slot


@dataclass
class Answered(Message):
    """The answer to a ``Poller.ask`` in a slot, delivered on the thread of the screen."""

    deliver: Callable[[], None]
    slot: str = ""


@dataclass(frozen=True)
class _Request:
    slot: str
    read: Callable[[Reader], object]
    then: Callable[[object], None]


class Poller(threading.Thread):
    """Reads on its own thread and posts the results. ``interval`` is in seconds.

    Args:
        reader: Where to read from.
        post: Takes a message from any thread, such as ``App.post_message``.
        interval: Time between two snapshots, seconds.
        at_once: Whether the first is taken at once, and not after the interval.
    """

    def __init__(
        self,
        reader: Reader,
        post: Callable[[Message], object],
        *,
        interval: float,
        at_once: bool = True,
    ) -> None:
        super().__init__(name="asok-poller", daemon=True)
        self._reader = reader
        self._post = post
        self.sources: tuple[PageSource, ...] = ()
        """What is on the screen: its pages are read with each snapshot."""
        self._interval = interval
        self._requests: dict[str, _Request] = {}
        self._wake = threading.Condition()
        self._stopped = False
        self._held = False
        self._hurried = at_once
        self._reads_jobs = False
        self._jobs_due = 0.0

    @property
    def interval(self) -> float:
        """Seconds between two snapshots."""
        return self._interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        with self._wake:
            self._interval = min(max(seconds, FASTEST), SLOWEST)
            self._wake.notify()

    def can_change(self, factor: float) -> bool:
        """Whether a longer interval (a factor above 1), or a shorter one, is within the limits."""
        return self._interval < SLOWEST if factor > 1 else self._interval > FASTEST

    @property
    def reads_jobs(self) -> bool:
        """Whether running jobs are shown. If not, they are read less often."""
        return self._reads_jobs

    @reads_jobs.setter
    def reads_jobs(self, shown: bool) -> None:
        with self._wake:
            if shown and not self._reads_jobs:
                self._hurried, self._jobs_due = True, 0.0
            self._reads_jobs = shown
            self._wake.notify()

    def ask(
        self, slot: str, read: Callable[[Reader], object], then: Callable[[object], None]
    ) -> None:
        """Read something soon and give the answer to ``then`` on the screen's thread.

        An earlier request in the same ``slot`` that has not been read yet is dropped.
        """
        with self._wake:
            self._requests.pop(slot, None)
            self._requests[slot] = _Request(slot, read, then)
            self._wake.notify()

    def hurry(self) -> None:
        """Take a snapshot now: something was just changed."""
        with self._wake:
            self._hurried, self._jobs_due = True, 0.0
            self._wake.notify()

    def hold(self) -> None:
        """Read nothing until ``resume``: another program has the terminal, and messages would queue up."""
        with self._wake:
            self._held = True

    def resume(self) -> None:
        """Read again, a snapshot first."""
        with self._wake:
            self._held = False
            self._hurried, self._jobs_due = True, 0.0
            self._wake.notify()

    def stop(self) -> None:
        """End the thread after what it is doing. Does not wait for it."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def run(self) -> None:
        """Read until stopped."""
        failures = 0
        due = time.monotonic() + self._interval
        while True:
            request = self._next(due)
            if self._stopped:
                break
            try:
                if request is not None:
                    self._answer(request)
                else:
                    self._hurried = False
                    self._send(self._refresh())
                failures = 0
            except Exception as error:  # noqa: BLE001 - one bad reply must not end the refresh
                failures += 1
                self._send(ReadFailed(error_text(error)))
            if request is None or failures:
                pause = min(self._interval * max(failures, 1), PATIENCE if failures else SLOWEST)
                due = time.monotonic() + pause
        self._reader.close()

    def _next(self, due: float) -> _Request | None:
        with self._wake:
            while self._held and not self._stopped:
                self._wake.wait()
            while not self._stopped and not self._hurried:
                wait = due - time.monotonic()
                if self._requests and wait > -OVERDUE:
                    return self._requests.pop(next(iter(self._requests)))
                if wait <= 0:
                    break
                self._wake.wait(wait)
            return None

    def _jobs_are_due(self) -> bool:
        # There may be thousands, which cost more than the rest of a snapshot.
        now = time.monotonic()
        due = now >= self._jobs_due
        if due:
            self._jobs_due = now + (SHOWN_EVERY if self._reads_jobs else JOBS_EVERY)
        return due

    def _refresh(self) -> SnapshotTaken:
        snapshot = self._reader.snapshot(jobs=self._jobs_are_due())
        pages: dict[PageSource, object] = {}
        unread = ""
        for each in self.sources:
            try:
                pages[each] = each.page(self._reader, snapshot)
            except Exception as error:  # noqa: BLE001 - one bad page must not cost the others
                unread = unread or error_text(error)
        return SnapshotTaken(snapshot, pages, unread)

    def _answer(self, request: _Request) -> None:
        try:
            answer = request.read(self._reader)
        except Unreachable:
            raise
        except Exception as error:  # noqa: BLE001 - one bad answer says nothing of the others
            self._send(ReadFailed(error_text(error), request.slot))
            return
        self._send(Answered(lambda: request.then(answer), request.slot))

    def _send(self, message: Message) -> None:
        try:
            self._post(message)
        except RuntimeError:
            # The event loop is gone: the console has just been closed.
            self._stopped = True
