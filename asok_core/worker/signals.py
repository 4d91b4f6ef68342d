"""Signals: what they request of a supervisor and of its processes, and what tasks inherit of that.

Every signal has a handler and none is ignored or blocked: a program that a task executes starts with
the default of each, and so does a process that a task forks, by ``keep_from_forks``.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from signal import Signals
from types import FrameType

STOP = (Signals.SIGTERM, Signals.SIGINT, Signals.SIGHUP)
HANDLED = (*STOP, Signals.SIGQUIT, Signals.SIGUSR1, Signals.SIGUSR2)


class SignalRequests:
    """What signals have requested of a supervisor. Each of them calls ``ring``.

    ``stop`` names the signal or command that it stops on, '' while it works. ``at_once`` is set by
    SIGQUIT, and by a second SIGTERM or SIGINT: SIGHUP may come twice from one closed terminal.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self.stop = ""
        self.at_once = False
        self.stack = ""
        """Where the supervisor was at the last SIGUSR1, until it is taken."""
        self.unknown = 0
        """How many SIGUSR2 have come, to be logged."""
        self._ring = ring
        self._insisted = 0

    def listen(self) -> None:
        """Handle the signals. A SIGHUP that is ignored (nohup) stays so."""
        hangup_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        for number in HANDLED:
            if not (number == signal.SIGHUP and hangup_ignored):
                signal.signal(number, self._handle)
        signal.signal(signal.SIGCHLD, self._handle)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [*HANDLED, signal.SIGCHLD])

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Nothing is logged here: it may have interrupted a log line.
        if number in STOP:
            self.stop = self.stop or Signals(number).name
            self._insisted += number != signal.SIGHUP
            self.at_once = self.at_once or self._insisted > 1
        elif number == signal.SIGQUIT:
            self.stop, self.at_once = self.stop or "SIGQUIT", True
        elif number == signal.SIGUSR1:
            self.stack = "".join(traceback.format_stack(frame))
        elif number == signal.SIGUSR2:
            self.unknown += 1
        self._ring()


def handle(handlers: Mapping[Signals, Callable[[], None]]) -> None:
    """In a process of a worker: handle signals, and let none be blocked from here on."""

    def caller(call: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
        return lambda _number, _frame: call()

    for number, call in handlers.items():
        signal.signal(number, caller(call))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


class _Forks:
    """Gives forks what Python starts with, once: what a fork sets, its own forks inherit.

    A signal that came to a fork before that would be lost, so signals wait while a thread forks.
    """

    def __init__(self) -> None:
        self._masks: dict[int, set[int]] | None = {}

    def before(self) -> None:
        if self._masks is not None:
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
            self._masks[threading.get_ident()] = mask

    def in_parent(self) -> None:
        if self._masks is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop(threading.get_ident()))

    def in_fork(self) -> None:
        if self._masks is None:
            return
        mask, self._masks = self._masks[threading.get_ident()], None
        faulthandler.unregister(signal.SIGUSR1)
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def keep_from_forks() -> None:
    """In a process of a worker: let what its tasks fork start with the default of each signal."""
    forks = _Forks()
    os.register_at_fork(
        before=forks.before, after_in_parent=forks.in_parent, after_in_child=forks.in_fork
    )


@contextmanager
def held_back() -> Iterator[None]:
    """Block signals for a process that is started in the body, until it calls ``handle``."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
