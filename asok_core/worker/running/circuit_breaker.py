"""Circuit breaker of a process: whether a job failed through its own fault or that of this worker.

A wrong SECRET_KEY, a wrong working directory, a module that cannot be imported now and a process out
of file descriptors fail every job that comes. No job may be lost through that. So a fault of such a
kind is held against a job only if this process has passed the same check with another job since its
last ``LIMIT`` faults. After ``LIMIT`` faults in a row the process stops claiming and tries one job at
a time, at growing intervals, until one passes.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum

LIMIT = 5
"""Faults of one kind in a row after which a process stops claiming."""
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two jobs that are tried while it does not claim; each pause is twice as long, but
the first job is tried at once."""
RENEW = 3
"""Stops in a row after which a new process is tried, if that may help."""
PROBE_LASTS = 5.0
"""Seconds after which another job is tried when the last one has neither passed nor failed."""
LONGEST_DELAY = 60.0
"""Seconds that a postponed job waits at most."""
_LONGEST_REASON = 200
_DEEPEST = 10
_NO_THREAD = ("can't start new thread",)
_FEW = 8
"""File descriptors that a job may expect to get."""


class JobCheck(StrEnum):
    """What a job must pass, and what may be wrong with the worker if it does not."""

    SIGNATURE = "signature"
    IMPORT = "import"
    RESOURCES = "resources"


_REQUIRED = frozenset({JobCheck.SIGNATURE, JobCheck.IMPORT})
"""Passed once, they show that this process runs jobs. Before, it takes one at a time."""
_EXHAUSTED = frozenset(
    {
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
    }
)
_NO_FILES = (errno.EMFILE, errno.ENFILE)


class CircuitBreaker:
    """Faults in, whether to claim out. Safe to use from several threads.

    ``closed`` while jobs are claimed as usual; until the first job has passed, and after too many
    faults, they are tried one at a time. ``clean`` while every check was passed since its last fault,
    so that the common case costs one look. ``changes`` grows with every stop and its end.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clean = False
        self.closed = False
        self.changes = 0
        self.probe = 0
        """Number of the job that is tried next, from 0: where to look for it."""
        self.on_change: Callable[[], object] = bool
        """Called in the thread that met a fault or passed, when ``changes`` has grown."""
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: set[JobCheck] = set()
        self._faults: Counter[JobCheck] = Counter()
        self._reason = ""
        self._stops = 0
        self._next_at = 0.0
        self._probing = False

    @property
    def reason(self) -> str:
        """Why the process does not claim; '' while it does, or may be about to."""
        return self._reason if self._stops > 1 else ""

    @property
    def may_claim(self) -> bool:
        """Whether jobs may be claimed now: one unless ``closed``."""
        return self.closed or self.wait <= 0

    @property
    def may_wait(self) -> bool:
        """Whether to wait for jobs, in competition with others who wait.

        Not after a stop: there may be workers that can run the next job, and they come first.
        """
        return not self._stops

    @property
    def wait(self) -> float:
        """Seconds until the next job may be tried."""
        return self._next_at - self._clock()

    @property
    def renewable(self) -> bool:
        """Whether a new process is the next thing to try.

        It imports everything from the start, and has what this one has used up.
        """
        return self._stops >= RENEW and any(map(self._open, (JobCheck.IMPORT, JobCheck.RESOURCES)))

    @property
    def lasting(self) -> bool:
        """Whether a new process may meet the same: what this one has used up, the next one has."""
        return any(self._open(check) for check in JobCheck if check is not JobCheck.RESOURCES)

    def claimed(self) -> None:
        """Note that a job was claimed: unless ``closed``, it is the one that is tried."""
        if not self.closed:
            self._next_at = self._clock() + PROBE_LASTS
            self._probing = True

    def untried(self) -> None:
        """Note that the job that was to be tried did not start, by no fault: the next is tried."""
        with self._lock:
            # Not one that was claimed before a stop: the pause after it lasts.
            if not self.closed and self._probing:
                self._next_at = 0.0
                self._probing = False

    def found_nothing(self) -> None:
        """Note that there was no job to claim."""
        if not self.closed and self._stops:
            self._next_at = self._clock() + max(self._pause(), SHORTEST_PAUSE)

    def passes(self, *checks: JobCheck) -> None:
        """Note that a job passed ``checks``."""
        with self._lock:
            self._passed.update(checks)
            for check in checks:
                del self._faults[check]
            if not self.closed and self._passed >= _REQUIRED and not any(map(self._open, JobCheck)):
                self.closed = True
                self._reason, self._stops = "", 0
                self._has_changed()
            self.clean = self._passed.issuperset(JobCheck) and not self._faults

    def fails(self, check: JobCheck, reason: str, *, certain: bool = False) -> bool:
        """Note that a job failed ``check``; return whether that is the job's own fault.

        ``certain`` when it is known to be the worker's.
        """
        with self._lock:
            self.clean = False
            self._faults[check] = LIMIT if certain else self._faults[check] + 1
            if self._open(check):
                self._passed.discard(check)
                self._stop(reason, RENEW if certain else self._stops + 1)
            elif not self.closed:
                self._next_at = 0.0
                self.probe += 1
            self._probing = False
            return check in self._passed

    def faults(self, check: JobCheck) -> int:
        """Faults of this kind since the last job that passed."""
        return self._faults[check]

    def _open(self, check: JobCheck) -> bool:
        return self._faults[check] >= LIMIT

    def _stop(self, reason: str, stops: int) -> None:
        self._reason = reason[:_LONGEST_REASON]
        if not (self.closed or self._probing):
            # Claimed before the stop: it says nothing new.
            return
        # Those who enqueue now may have what this worker has: the newest job is tried first.
        self.probe = 1 if self.closed else self.probe + 1
        self.closed = False
        self._stops = max(stops, self._stops + 1)
        self._next_at = self._clock() + self._pause()
        self._has_changed()

    def _pause(self) -> float:
        if self._stops < 2:
            return 0.0
        return min(SHORTEST_PAUSE * 2.0 ** min(self._stops - 2, 10), LONGEST_PAUSE)

    def _has_changed(self) -> None:
        self.changes += 1
        self.on_change()


def postponement(times: int) -> float:
    """Seconds that a job waits which is postponed for the ``times``-th time, from 1."""
    return min(2.0 ** min(times - 1, 10), LONGEST_DELAY)


def exhausted(error: BaseException) -> BaseException | None:
    """The error in the chain of ``error`` that says that process or host has run out of something.

    That is file descriptors, memory, threads or disk space, or a file system that became read-only.
    No code of the application's exceptions runs for that.
    """
    each: BaseException | None = error
    for _ in range(_DEEPEST):
        if each is None or _says_exhausted(each):
            return each
        cause, context = _CAUSE(each), _CONTEXT(each)
        each = cause or (None if _SUPPRESSED(each) else context)
    return None


_CAUSE, _CONTEXT, _SUPPRESSED, _ARGS = (
    BaseException.__dict__[name].__get__
    for name in ("__cause__", "__context__", "__suppress_context__", "args")
)
_ERRNO = OSError.__dict__["errno"].__get__


def _says_exhausted(error: BaseException) -> bool:
    kind = type(error)
    if issubclass(kind, OSError):
        number = _ERRNO(error)
        return type(number) is int and number in _EXHAUSTED
    if kind is ImportError:
        return _is_not_loaded(error, _EXHAUSTED)
    # For threads the interpreter has no error number.
    return issubclass(kind, MemoryError) or (kind is RuntimeError and _ARGS(error) == _NO_THREAD)


def _is_not_loaded(error: BaseException, numbers: Iterable[int]) -> bool:
    """Whether the message is that of a module in C whose file cannot be opened or mapped.

    It has no error number, only its text at the end, in the language that the application has chosen.
    """
    first = next(iter(_ARGS(error)), "")
    return type(first) is str and first.endswith(
        tuple(f": {os.strerror(each)}" for each in numbers)
    )


def is_exhausted_still(error: BaseException) -> bool:
    """Whether this process itself meets what a job met (see ``exhausted``), so the job is not to blame.

    False also where that cannot be tried without harm: memory and disk space.
    """
    if issubclass(type(error), OSError):
        return _ERRNO(error) in _NO_FILES and not _can_open_files()
    if type(error) is ImportError:
        return _is_not_loaded(error, _NO_FILES) and not _can_open_files()
    return type(error) is RuntimeError and not _can_start_thread()


def _can_open_files() -> bool:
    opened: list[int] = []
    try:
        for _ in range(_FEW):
            opened.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - what is open is closed
    except OSError:
        return False
    finally:
        for file in opened:
            os.close(file)
    return True


def _can_start_thread() -> bool:
    thread = threading.Thread(target=bool, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return False
    thread.join()
    return True
