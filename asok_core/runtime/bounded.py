"""Calls of code that may never return, in a separate thread with a time limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from asok_core.runtime.deadline import raise_in

T = TypeVar("T")

MOST_ABANDONED = 8
"""Threads that may remain in calls that did not return. Beyond this no more are started."""

SLICES = 30
"""Waits into which a time limit is divided. If the process is suspended (or gets no CPU time for
seconds), one of them passes and not the whole limit, as the call was suspended too."""

ENDS = 5
END_PAUSE = 0.05
"""Attempts to end a call that takes too long, and seconds between them, before its thread is abandoned."""

_abandoned: list[threading.Thread] = []


def call_within(seconds: float, function: Callable[[], T], otherwise: T) -> T:
    """The result of ``function``; ``otherwise`` if it raises or takes longer than ``seconds``.

    It runs in a copy of the caller's context. A call that takes longer is ended by SystemExit at
    its next Python instruction. If no thread can be started it runs in the calling thread.
    """
    _abandoned[:] = [thread for thread in _abandoned if thread.is_alive()]
    if len(_abandoned) >= MOST_ABANDONED:
        return otherwise
    call = _Call(function, otherwise)
    thread = threading.Thread(
        target=copy_context().run, args=(call.run,), name="asok-bounded", daemon=True
    )
    try:
        thread.start()
    except RuntimeError:
        # The interpreter is shutting down, or the thread limit is reached.
        call.run()
    for _ in range(SLICES):
        with suppress(Empty):
            return call.results.get(timeout=seconds / SLICES)
    # The called code may catch SystemExit and continue, as traceback does for a failing __str__.
    for _ in range(ENDS):
        call.end(thread)
        thread.join(END_PAUSE)
        if not thread.is_alive():
            return otherwise
    _abandoned.append(thread)
    return otherwise


class _Call(Generic[T]):
    """One call. ``end`` only affects the thread during the call: thread ids are reused."""

    def __init__(self, function: Callable[[], T], otherwise: T) -> None:
        self.results: SimpleQueue[T] = SimpleQueue()
        self._function = function
        self._otherwise = otherwise
        self._lock = threading.Lock()
        self._over = False

    def run(self) -> None:
        try:
            result = self._function()
        except BaseException:  # noqa: BLE001 - whatever it raises must not end the calling thread
            result = self._otherwise
        with self._lock:
            self._over = True
        self.results.put(result)

    def end(self, thread: threading.Thread) -> None:
        with self._lock:
            if not self._over and thread.ident is not None:
                raise_in(thread.ident, SystemExit)
