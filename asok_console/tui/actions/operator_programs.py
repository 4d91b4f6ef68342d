"""The pager and the editor of the operator, while which the console reads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App

from asok_console.tui.runtime import programs
from asok_console.tui.views.host import Host


class OperatorPrograms:
    """Runs ``$PAGER`` and ``$EDITOR`` in the terminal, and warns where one fails."""

    def __init__(self, app: App[Any], host: Host) -> None:
        """``app`` and ``host`` are the same object, with the types of Textual and of the views."""
        self._app = app
        self._host = host
        self.kept: list[Path] = []
        """Files with edited arguments that were not requeued."""

    def page(self, text: str) -> None:
        """Show a text that is safe for a terminal in ``$PAGER``."""
        self._host.poller.hold()
        try:
            programs.page(self._app, text)
        except programs.ProgramFailed as error:
            self._host.warn(str(error))
        finally:
            self._host.poller.resume()

    def edit(self, text: str) -> str | None:
        """What was saved of a text in ``$EDITOR``; None where that failed."""
        # A snapshot a second would wait for the end of the program.
        self._host.poller.hold()
        try:
            return programs.edit(self._app, text)
        except programs.ProgramFailed as error:
            if error.kept is not None:
                self.kept.append(error.kept)
            self._host.warn(str(error))
            return None
        finally:
            self._host.poller.resume()

    def keep(self, text: str, line: str) -> None:
        """Write the arguments of an edit that failed to a file, and warn with its path."""
        try:
            path = programs.keep(text.rstrip("\n"))
        except programs.ProgramFailed as error:
            self._host.warn(f"{line}. The edited arguments are lost: {error}")
            return
        self.kept.append(path)
        self._host.warn(f"{line}. The edited arguments are kept in {path}")
