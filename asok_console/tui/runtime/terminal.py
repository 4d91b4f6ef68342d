"""The terminal that the console is drawn on, and the end of the program when it is gone.

When a connection breaks, Textual's writing thread dies, and the next draw waits for it without end:
the console would remain and continue to read from Redis. So this check depends neither on Textual's
loop nor on a signal.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

LOOK = 2.0
"""Seconds between two looks whether the terminal is still there."""
PATIENCE = 3.0
"""Seconds that an orderly end may take. Every action is done in atomic batches, so none is cut."""
HUNG_UP = 128 + signal.SIGHUP
"""Exit code of a console whose terminal is gone."""


def watch(leave: Callable[[int], object]) -> None:
    """Call ``leave(code)``, from a thread, when the terminal is gone; end the process if that hangs."""
    threading.Thread(target=_watch, args=(leave,), name="asok-terminal", daemon=True).start()


def leave_within(seconds: float, code: int) -> None:
    """End the process with ``code`` unless it has ended by itself until then."""
    last_resort = threading.Timer(seconds, os._exit, (code,))
    last_resort.daemon = True
    last_resort.start()


def _watch(leave: Callable[[int], object]) -> None:
    while os.isatty(2):
        time.sleep(LOOK)
    leave_within(PATIENCE, HUNG_UP)
    leave(HUNG_UP)
