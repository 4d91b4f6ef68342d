"""An app that ends in order: on signals, without its terminal, and after an internal error."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

from rich.console import RenderableType
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import WorkerFailed

from asok_console.presentation.text import safe
from asok_console.tui.compat import CompatApp, drop_cached_lines, pump_of
from asok_console.tui.runtime import terminal, tuning

INTERNAL_ERROR = 70
"""Exit code after an error that nothing handled."""


class OrderlyApp(CompatApp):
    """Restores the terminal however it ends, and reports an internal error in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._is_exiting = False

    def watch_terminal(self) -> None:
        """End on SIGTERM and SIGHUP, and when the terminal is gone. Tune the process for the screen."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(signum, self._end, 128 + signum)
        terminal.watch(lambda code: loop.call_soon_threadsafe(self._end, code))
        self.call_after_refresh(tuning.sharpen)
        self.set_interval(tuning.NOW_AND_THEN, drop_cached_lines)

    def _end(self, code: int) -> None:
        terminal.leave_within(terminal.PATIENCE, code)
        self.exit(None, code)

    @property
    def exit_code(self) -> int:
        """The exit code of the program, once the app has ended."""
        return INTERNAL_ERROR if self._has_failed else self.return_code or 0

    def last_lines(self) -> Iterator[str]:
        """What is printed once the terminal is restored."""
        if self._has_failed:
            error = self.failure
            line = f"{type(error).__name__}: {error}" if error else "unknown"
            yield f"asok: internal error: {safe(line, 500)}"

    @property
    def _has_failed(self) -> bool:
        return self.failure is not None or self.return_code == 1

    def exit(
        self,
        result: None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        """End the app."""
        self._is_exiting = True
        super().exit(result, return_code, message)

    def is_harmless(self, error: Exception) -> bool:
        """Whether an error only means that a screen is closing, or the app.

        Textual mounts a screen also where a key has closed it before, or has ended the app. None of its
        widgets exist then.
        """
        return isinstance(error, NoMatches | LookupError | WorkerFailed) and self._is_closed(error)

    def _is_closed(self, error: Exception) -> bool:
        pump = pump_of(error)
        if self._is_exiting or not isinstance(pump, Widget):
            return self._is_exiting
        screens = (each for each in pump.ancestors_with_self if isinstance(each, Screen))
        return next(screens, None) not in self.screen_stack
