"""The modules that a process imports before it claims jobs: ``--import`` and ASOK_IMPORTS.

This is where an application sets up what its tasks need (Django, Sentry, hooks). A module that cannot be
imported ends the process. The supervisor, which imports none of them, learns why from the shared state.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable

from asok_core.execution.import_path import about_hidden
from asok_core.runtime import forks
from asok_core.runtime.failures import CALLERS, LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger
from asok_core.worker.shared_state import SharedState

CALLERS.add(__file__)
logger = safe_logger("asok.worker")


def import_modules(modules: Iterable[str], shared: SharedState, *, debug: bool) -> bool:
    """Import each of them. Returns whether that was possible; otherwise the shared state has the reason.

    With ``debug`` the traceback is logged.
    """
    generation = forks.generation
    for module in modules:
        shared.note_importing(module)
        try:
            __import__(module)
        except BaseException as error:
            forks.end_if_forked(generation, module, error)
            line, text = failure_of(error, LONGEST_TRACEBACK)
            if debug:
                logger.error("Import failed module=%s", module, exc_info=error, exc_text=text)
            why = (
                f"module {module!r} cannot be imported: {line}{_where(error)}{about_hidden(module)}"
            )
            shared.note_refusal(why, proven=False)
            return False
        # The shared state of a process that the module has forked is that of its parent.
        forks.end_if_forked(generation, module)
    shared.note_importing("")
    return True


def _where(error: BaseException) -> str:
    """The last line that ran of the modules themselves, '' where none did."""
    where = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if file not in CALLERS and not file.startswith("<"):
            where = f" ({file}:{line})"
    return where
