"""Calls of code that may never return: they get a thread of their own and a time limit."""

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
"""Threads that may be left behind in calls that did not return. Then no more are started."""

SLICES = 30
"""Waits in which a time limit passes. A machine that stands still (a suspended process or virtual machine,
no processor for seconds) spends one of them and not the whole limit: the call has stood still too."""

ENDS = 5
END_PAUSE = 0.05
"""How often a call that takes too long is ended, and seconds between, before it is left behind."""

_abandoned: list[threading.Thread] = []


def call_within(seconds: float, function: Callable[[], T], otherwise: T) -> T:
    """The result of ``function``; ``otherwise`` when it raises, or takes longer than ``seconds``.

    It runs in a copy of the caller's context. A call that takes longer is ended by SystemExit at its
    next Python instruction. Where no thread can be started it runs in the calling thread.
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
        # The interpreter is on its way out, or the system has no thread to give.
        call.run()
    for _ in range(SLICES):
        with suppress(Empty):
            return call.results.get(timeout=seconds / SLICES)
    # What it calls may catch SystemExit and go on, as whoever describes an error whose text fails.
    for _ in range(ENDS):
        call.end(thread)
        thread.join(END_PAUSE)
        if not thread.is_alive():
            return otherwise
    _abandoned.append(thread)
    return otherwise


class _Call(Generic[T]):
    """One call. ``end`` never reaches a thread that is past it: the system reuses thread numbers."""

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
