"""Soft time limits: an exception raised inside the thread that runs a task.

The exception is raised between two Python instructions. A task that waits in C code (a socket read,
``time.sleep``) receives it when that returns, which is why workers have a hard limit as well.
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
    """No thread for time limits could be started: a job that has a limit must not run."""


def call_limited(seconds: float, function: Callable[[], T]) -> T:
    """Call ``function`` and return its result; JobTimeout is raised in it after ``seconds``.

    It runs in this thread, or, if no exception can be raised in this thread, in another one in a
    copy of this context. A function that makes its own thread unreachable (see ``_is_reached``) is
    not ended.

    Raises:
        LimitNotWatched: No thread could be started; ``function`` was not called.
    """
    if _is_reached():
        with soft_deadline(seconds):
            return function()
    # This thread waits for the other one, so their ids differ.
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
        del result  # Its traceback refers to this frame.


@contextmanager
def soft_deadline(seconds: float) -> Iterator[None]:
    """Raise JobTimeout in the body once it has run for ``seconds``.

    Raises LimitNotWatched before the body if that is impossible.
    """
    guard = _Guard(seconds)
    # The exception may be raised anywhere between arm and disarm. Shared locks are acquired outside
    # of that range: if it were raised between the acquisition and the body, the lock would never be
    # released.
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
    """One running body: its thread and its deadline. It fires at most once."""

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
                self._raise()

    def fire(self) -> None:
        with self._lock:
            self._expired = True
            if self._armed:
                self._raise()

    def disarm(self) -> None:
        with self._lock:
            self._armed = False
        if self.fired:
            withdraw(self._thread)

    def _raise(self) -> None:
        self.fired = True
        raise_in(self._thread, JobTimeout)


def raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Raise ``kind`` in a thread at its next Python instruction; None withdraws a pending exception."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), None if kind is None else ctypes.py_object(kind)
    )


def withdraw(thread: int) -> None:
    """Withdraw an exception that is pending in this thread: it would be raised in later code."""
    # Python 3.11 never stops checking for one that was withdrawn, which is slow, and under a tracer (a
    # debugger, coverage) makes no progress. There another exception replaces it.
    if sys.version_info >= (3, 12) or not _is_reached():
        raise_in(thread, None)


class _Probe(BaseException):
    """Raised by a thread in itself."""


def _is_reached() -> bool:
    """Whether an exception can be raised in this thread.

    On Python 3.11 it cannot after this thread failed to start another one: the state of that one
    remains with the id of this thread, is found first, and receives every exception.
    """
    if sys.version_info >= (3, 12):
        return True
    try:
        raise_in(threading.get_ident(), _Probe)
        for _ in range(3):
            pass  # Python checks for exceptions in calls and loops.
    except _Probe:
        return True
    return False


def _start(thread: threading.Thread) -> None:
    try:
        thread.start()
    except RuntimeError as error:
        raise LimitNotWatched(f"its time limit cannot be enforced: {error}") from error


class _Timer:
    """One daemon thread for all guards; each busy thread has at most one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._guards: set[_Guard] = set()
        self._thread: threading.Thread | None = None
        self._next = float("inf")

    def add(self, guard: _Guard) -> None:
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                # At first use, and again if an exception ended it, as no limit works without it.
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
