"""Every private part of Textual that the console uses, and what takes its place where a release lacks it.

``tests/tui/test_compat.py`` fails when a part is missing, and runs the console without each.
"""

from __future__ import annotations

import io
import traceback
from typing import Any

from rich.console import Console
from textual.app import App
from textual.message_pump import MessagePump
from textual.worker import Worker, WorkerFailed


class CompatApp(App[None]):
    """An app that keeps errors to itself: Textual's report prints the local variables of every frame.

    Secrets are among those. What Textual prints at its end is dropped in any case; ``failure`` is the
    first error that nothing handled. Where a release of Textual calls other methods than the private ones
    below, the error is not known and ``return_code`` is still 1, and an error of a screen that is
    closed ends the console.
    """

    failure: Exception | None = None

    def __init__(self) -> None:
        super().__init__()
        self.error_console = Console(file=io.StringIO())

    def is_harmless(self, error: Exception) -> bool:  # noqa: ARG002 - for those that know
        """Whether an error that nothing handled is ignored."""
        return False

    def _handle_exception(self, error: Exception) -> None:
        if self.is_harmless(error):
            return
        self.failure = self.failure or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # Not only is the report dropped: to make it, every local variable would be represented.
        self.panic()


def pump_of(error: Exception) -> MessagePump | None:
    """The widget, screen or app that handled a message when an error was raised."""
    raised = error.error if isinstance(error, WorkerFailed) else error
    for frame, _ in traceback.walk_tb(raised.__traceback__):
        owner: Any = frame.f_locals.get("self")
        if isinstance(owner, Worker):
            return owner.node
        if isinstance(owner, MessagePump):
            return owner
    return None


def drop_cached_lines() -> bool:
    """Let Textual drop the lines of widgets that are gone; False where it keeps none, or hides them.

    It caches the results of a method by the object, a thousand of them: every screen that was opened
    would stay in memory with all that it drew.
    """
    try:
        from textual._styles_cache import StylesCache
    except ImportError:
        return False
    clear = getattr(getattr(StylesCache, "get_inner_outer", None), "cache_clear", None)
    if clear is None:
        return False
    clear()
    return True
