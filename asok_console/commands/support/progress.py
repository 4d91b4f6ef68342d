"""A progress bar on a terminal, and Ctrl+C that stops between batches instead of within one."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Self

from asok_console.presentation.text import safe
from asok_core.backends.roles import Progress

_WIDTH = 24
LONGEST = 60
"""Characters of what an operation waits for."""


class ProgressMeter:
    """A watch for an operator's action. Draws on stderr, and only where that is a terminal.

    The first Ctrl+C stops the action before its next batch; the second interrupts at once.
    """

    def __init__(self, done: str) -> None:
        self._done = done
        self._shown = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._said = set[str]()
        self._before: object = None
        self.interrupted = False

    def __call__(self, progress: Progress) -> bool:
        """Draw, and return whether to continue."""
        if self._shown and time.monotonic() - self._drawn_at > 0.1:
            self._drawn_at = time.monotonic()
            sys.stderr.write(f"\r{self._line(progress)}  (Ctrl+C stops)\x1b[K")
            sys.stderr.flush()
        elif progress.waits and not self._shown and progress.waits not in self._said:
            # Without a bar nothing else shows that it is not hung.
            self._said.add(progress.waits)
            sys.stderr.write(f"{self._line(progress)}\n")
            sys.stderr.flush()
        return not self.interrupted

    def _line(self, progress: Progress) -> str:
        if progress.waits:
            # In place of the bar, so that it fits a terminal of 80 columns.
            waits = safe(progress.waits, LONGEST)
            return f"{progress.applied:,} of {progress.total:,} {self._done}; {waits}"
        share = progress.scanned / progress.total if progress.total else 1.0
        filled = round(min(share, 1.0) * _WIDTH)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        done = f"{progress.applied:,} {self._done}"
        return f"[{bar}] {progress.scanned:,} of {progress.total:,}, {done}"

    def clear(self) -> None:
        """Remove the bar, so that something else can be printed."""
        if self._shown and self._drawn_at:
            sys.stderr.write("\r\x1b[K")
            self._drawn_at = 0.0

    def __enter__(self) -> Self:
        """Take over Ctrl+C."""
        self._before = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give Ctrl+C back, and leave a clean line."""
        signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]
        self.clear()

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
