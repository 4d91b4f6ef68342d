"""Soft time limits: an exception raised inside the thread that runs a task.

The exception arrives between two Python instructions. A task that waits inside C code (a socket
read, ``time.sleep``) gets it when that returns, which is why workers have a hard limit as well.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

from asok_core.errors import JobTimeout

T = TypeVar("T")


class LimitNotWatched(RuntimeError):
    """The system has no thread for the watch of time limits: a job that has one must not run."""


def call_limited(seconds: float, function: Callable[[], T]) -> T:
    """Call ``function`` and return its result; JobTimeout is raised in it after ``seconds``.

    It runs in this thread. Where no exception can be raised in this one it runs in another, in a copy of
    this context. A function that makes its own thread unreachable (see ``_is_reached``) is not ended.

    Raises:
        LimitNotWatched: No thread could be started for that; ``function`` was not called.
    """
    if _is_reached():
        with soft_deadline(seconds):
            return function()
    # This thread waits until then, so the other one cannot have its number.
    results: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()

    def run() -> None:
        try:
            results.put((call_limited(seconds, function),))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            results.put(error)

    _start(
        threading.Thread(target=copy_context().run, args=(run,), name="asok-limited", daemon=True)
    )
    result = results.get()
    try:
        if isinstance(result, tuple):
            return result[0]
        raise result
    finally:
        del result  # It holds this frame by its traceback.


@contextmanager
def soft_deadline(seconds: float) -> Iterator[None]:
    """Raise JobTimeout in the body once it has run for ``seconds``.

    Raises LimitNotWatched before the body where that is impossible.
    """
    guard = _Guard(seconds)
    # The exception may strike anywhere between arm and disarm. Shared locks are taken outside of
    # that: struck between taking one and entering its body, the thread would never let go of it.
    _timer.add(guard)
    try:
        guard.arm()
        try:
            yield
        finally:
            guard.disarm()
    except JobTimeout as timeout:
        if guard.fired and not timeout.args:
            timeout.args = (f"it ran longer than its timeout of {seconds:g} s",)
        raise
    finally:
        _timer.remove(guard)


class _Guard:
    """One running body: its thread and when its time is up. It fires once at most."""

    def __init__(self, seconds: float) -> None:
        self.at = time.monotonic() + seconds
        self.fired = False
        self._thread = threading.get_ident()
        self._armed = False
        self._expired = False
        self._lock = threading.Lock()

    def arm(self) -> None:
        with self._lock:
            self._armed = True
            if self._expired:
                self._strike()

    def fire(self) -> None:
        with self._lock:
            self._expired = True
            if self._armed:
                self._strike()

    def disarm(self) -> None:
        with self._lock:
            self._armed = False
        # It may be on its way still, and would strike whatever the thread does next.
        # Python 3.11 looks for ever for one that was taken back, which costs time, and under a tracer
        # (a debugger, coverage) nothing else happens. There another one is raised in its place.
        if self.fired and (sys.version_info >= (3, 12) or not _is_reached()):
            raise_in(self._thread, None)

    def _strike(self) -> None:
        self.fired = True
        raise_in(self._thread, JobTimeout)


def raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Raise ``kind`` in a thread at its next Python instruction; None takes back what is to come."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if kind is None else ctypes.py_object(kind)
    )


class _Probe(BaseException):
    """Raised by a thread in itself."""


def _is_reached() -> bool:
    """Whether an exception that is raised in this thread arrives there.

    On Python 3.11 it does not after this thread failed to start another one: what remains of that one
    has the number of this thread, is found first, and gets every exception.
    """
    if sys.version_info >= (3, 12):
        return True
    try:
        raise_in(threading.get_ident(), _Probe)
        for _ in range(3):
            pass  # Python looks for exceptions when it calls and when it loops.
    except _Probe:
        return True
    return False


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise LimitNotWatched(f"its time limit cannot be watched: {error}") from error


class _Timer:
    """One daemon thread for all guards, of which each busy thread has one at most."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._guards: set[_Guard] = set()
        self._thread: threading.Thread | None = None
        self._next = float("inf")

    def add(self, guard: _Guard) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                # The first time; again where an exception was raised in it: without it no limit holds.
                thread = threading.Thread(target=self._run, name="asok-deadlines", daemon=True)
                _start(thread)
                self._thread = thread
            self._guards.add(guard)
            if guard.at < self._next:
                self._changed.notify()

    def remove(self, guard: _Guard) -> None:
        with self._changed:
            self._guards.discard(guard)

    def _run(self) -> None:
        while True:
            with self._changed:
                now = time.monotonic()
                due = [guard for guard in self._guards if guard.at <= now]
                self._guards.difference_update(due)
                self._next = min((guard.at for guard in self._guards), default=float("inf"))
            for guard in due:
                guard.fire()
            with self._changed:
                self._next = min((guard.at for guard in self._guards), default=float("inf"))
                wait = None if self._next == float("inf") else self._next - time.monotonic()
                if wait is None or wait > 0:
                    self._changed.wait(wait)


_timer = _Timer()


def _renew_after_fork() -> None:
    global _timer  # noqa: PLW0603 - the parent's thread does not exist in the child
    _timer = _Timer()


os.register_at_fork(after_in_child=_renew_after_fork)
