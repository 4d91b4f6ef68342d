"""Functions that are called at the exit of a process while threads can still be started.

``atexit`` is too late for code that may use executors (``asyncio.to_thread``, name look-ups), which
accept no more work then. Functions registered with :func:`before_exit` run before that.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from types import CodeType, FrameType

from asok_core.compat import call_before_exit

REFUSES_THREADS = (3, 12) <= sys.version_info[:2] < (3, 13) and sys.version_info < (3, 12, 3)
"""Python 3.12.0 to 3.12.2 start no thread after the end of the main module (gh-113964)."""


def before_exit(finish: Callable[[], None]) -> None:
    """Call ``finish`` at a normal exit of this process, while threads can still be started.

    ``finish`` may be called twice, and must do nothing the second time. If Python lacks the private
    function that this uses, ``finish`` is called by ``atexit``, when tasks can no longer start
    threads.
    """
    with contextlib.suppress(RuntimeError):  # the process is already exiting
        call_before_exit(finish)
    if REFUSES_THREADS:
        _call_when_main_ends(finish)


def _call_when_main_ends(finish: Callable[[], None]) -> None:
    """Call ``finish`` at the end of the main module, by ``sys.monitoring`` (Python 3.12)."""
    code = _main_code()
    monitoring = getattr(sys, "monitoring", None)
    if code is None or monitoring is None:
        return
    # The other tool ids are those of debuggers, coverage and profilers.
    tool = next((n for n in (4, 3) if monitoring.get_tool(n) is None), None)
    if tool is None:
        return
    events = monitoring.events

    def ended(found: CodeType, *_details: object) -> None:
        if found is code:
            monitoring.set_events(tool, events.NO_EVENTS)
            monitoring.set_local_events(tool, code, events.NO_EVENTS)
            finish()

    monitoring.use_tool_id(tool, "asok process exit")
    monitoring.register_callback(tool, events.PY_RETURN, ended)
    monitoring.register_callback(tool, events.PY_UNWIND, ended)
    # An end by an exception (sys.exit) cannot be monitored for one code object only.
    monitoring.set_events(tool, events.PY_UNWIND)
    monitoring.set_local_events(tool, code, events.PY_RETURN)


def _main_code() -> CodeType | None:
    """The code object of the main module; None if its end is not known.

    An interactive session has one code object for each line, and a server that embeds Python one
    for each call.
    """
    if sys.flags.interactive or sys.flags.inspect or hasattr(sys, "ps1"):
        return None
    frame: FrameType | None = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001
    while frame is not None and frame.f_back is not None:
        frame = frame.f_back
    if frame is None:
        return None
    is_main = frame.f_globals.get("__name__") == "__main__" and frame.f_code.co_name == "<module>"
    is_runpy = frame.f_code.co_name == "_run_module_as_main"
    return frame.f_code if is_main or is_runpy else None
