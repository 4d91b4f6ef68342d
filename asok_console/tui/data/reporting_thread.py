"""Work beside the screen, whose reports and whose failure reach the screen as messages."""

from __future__ import annotations

import threading
from collections.abc import Callable

from textual.message import Message

from asok_console.presentation.text import error_text


class ReportingThread(threading.Thread):
    """Does ``work`` on a daemon thread. It ends with the console, and a closed console receives nothing.

    Args:
        name: Of the thread, in the log.
        post: Takes a message from any thread, such as ``App.post_message``.
        work: What is done; it ends soon once it is ``given_up``, and returns its last report.
        failed: The message that shows why the work failed, from a reason in one line.
    """

    def __init__(
        self,
        name: str,
        post: Callable[[Message], object],
        work: Callable[[], Message | None],
        failed: Callable[[str], Message],
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._post = post
        self._work = work
        self._failed = failed
        self._given_up = threading.Event()

    def run(self) -> None:
        """Do the work."""
        try:
            last = self._work()
        except Exception as error:  # noqa: BLE001 - shown on the screen, whatever it is
            last = self._failed(error_text(error))
        if last is not None:
            self.report(last)

    @property
    def given_up(self) -> bool:
        """Whether no screen waits for the work."""
        return self._given_up.is_set()

    def give_up(self) -> None:
        """Stop soon, without further reports."""
        self._given_up.set()

    def pause(self, seconds: float) -> None:
        """Wait, until it is given up at the latest."""
        self._given_up.wait(seconds)

    def report(self, message: Message) -> None:
        """Post a message, unless the work was given up."""
        if self.given_up:
            return
        try:
            self._post(message)
        except RuntimeError:
            # The event loop is gone: the console has just been closed.
            self._given_up.set()
