"""Futures of jobs."""

from __future__ import annotations

import asyncio
import math
import threading
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from asok_core import compat
from asok_core.errors import AsokError, JobCancelled, JobFailed, JobNotFound, ResultNotStored
from asok_core.jobs.codec import Result, decode_result
from asok_core.jobs.job import JobRecord
from asok_core.jobs.plain import described
from asok_core.jobs.progress import JobProgress
from asok_core.jobs.states import Status
from asok_core.jobs.waiting import Slots, Wait, current
from asok_core.runtime.ctrl_c import is_ctrl_c
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.background")

R = TypeVar("R")
T = TypeVar("T")

SLICE = 1.0
"""Seconds between two deadlock checks of a wait in a task."""


class FutureBackend(Protocol):
    """What a future asks of the backend of its job."""

    @property
    def slots(self) -> Slots | None:
        """The slots that run its jobs; None if their waits are not counted here."""

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not started. True if it will not run."""

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""


class JobFuture(Future[R], Generic[R]):
    """A ``concurrent.futures.Future`` of a job, with its ``job_id``.

    ``result(timeout)`` returns what the task returned. It raises JobFailed if the job failed for
    good (its text is the error, and its ``__cause__`` the exception itself if the job ran in this
    process), JobCancelled if it was cancelled before it finished, ResultNotStored if it completed
    and its result was not stored, and TimeoutError if it is not finished in time. ``await future``
    does the same in a coroutine. Inside a task it raises Deadlock if all slots that could run the
    job are waiting for jobs.

    Examples:
        >>> from math import factorial
        >>> future = background(factorial, 5)
        >>> future.result(timeout=30)
        120
        >>> str(get_job(future.job_id).status)
        'completed'
    """

    def __init__(
        self, job_id: str, backend: FutureBackend, *, task: str = "", queue: str = "default"
    ) -> None:
        super().__init__()
        self.job_id = job_id
        self._backend = backend
        self._task = task
        self._queue = queue
        self._is_observed = compat.replace_waiters(self, _Waiters(self))

    def cancel(self) -> bool:
        """Cancel the job if it has not started. True if it will not run.

        Only this method cancels the job: if an ``await`` for it ends, for example by a timeout of
        ``asyncio.wait_for``, the job is not affected.
        """
        if compat.is_called_by_asyncio():
            return False
        # A job without a record may still be pending.
        if self.done() and not isinstance(super().exception(), JobNotFound):
            return self.cancelled()
        return self._backend.cancel(self.job_id)

    def cancelled(self) -> bool:
        """Whether the job was cancelled before it finished."""
        return self.done() and isinstance(super().exception(), JobCancelled)

    def running(self) -> bool:
        """Whether the job is running. On Redis this is a request, which may raise Unreachable."""
        if super().done():
            return False
        record = self._backend.record(self.job_id)
        return record is not None and record.status == Status.RUNNING

    def progress(self) -> JobProgress | None:
        """The last report of the last attempt; None where it has reported nothing.

        On Redis this is a request, which may raise Unreachable, and the report of a running job may be
        missing for up to a second.
        """
        record = self._backend.record(self.job_id)
        return None if record is None else record.progress

    def result(self, timeout: float | None = None) -> R:
        """Wait for the job and return its result; see above for what is raised."""
        return self._waited(super().result, timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the job and return what ``result`` would raise, or None."""
        return self._waited(super().exception, timeout)

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call ``fn`` with this future when the job is finished. Its exceptions are logged."""
        if compat.is_asyncio_callback(fn):
            self._begin_wait(certain=False)
        super().add_done_callback(partial(_call, fn))

    def _waited(self, ask: Callable[[float | None], T], timeout: float | None) -> T:
        """Return what ``ask`` returns; in a task and without a time limit, count a wait of its slot."""
        timeout = _limit(timeout)
        wait = None if timeout is not None else self._begin_wait(certain=True)
        if wait is None:
            try:
                return ask(timeout)
            except TimeoutError:
                if super().done():
                    return ask(0)
                raise TimeoutError(self._late(timeout or 0.0)) from None
        try:
            while True:
                # In slices: a thread that waits for a lock receives no JobTimeout, for example.
                try:
                    return ask(SLICE)
                except TimeoutError:
                    if wait.done():
                        return ask(0)
                    if wait.error is not None:
                        raise wait.error from None
        finally:
            wait.slot.slots.end(wait)

    def _late(self, seconds: float) -> str:
        name = f"{self.job_id} ({self._task})" if self._task else self.job_id
        after = f" after {seconds:g} s" if seconds > 0 else ""
        return f"job {name} is not finished{after}"

    def _begin_wait(self, *, certain: bool) -> Wait | None:
        """Count a wait for this job if a task of the same pool begins it."""
        slot = current.get()
        if slot is None or slot.slots is not self._backend.slots or super().done():
            return None
        if certain and slot.thread != threading.get_ident():
            # Another thread of the task: the task itself may continue.
            certain = False
        wait = Wait(slot, self.job_id, self._queue, super().done, certain)
        slot.slots.begin(wait)
        return wait

    def _begin_watching(self) -> None:
        """Called before each request for the state of the job."""

    def __await__(self) -> Generator[Any, None, R]:
        return _outcome_of(self).__await__()

    def orphan(self, reason: str) -> None:
        """In a forked process: fail at once, as this process will not finish the job."""
        self._drop_waiters()
        self.set_exception(JobFailed(reason))

    def _drop_waiters(self) -> None:
        # Lock, waiters and callbacks belong to threads of the parent process: create new ones.
        Future.__init__(self)
        self._is_observed = compat.replace_waiters(self, _Waiters(self))

    def __repr__(self) -> str:
        return f"<JobFuture of job {self.job_id}>"


def checked_id(job_id: object) -> str:
    """Return the id of a job. Raises TypeError for any other value."""
    if isinstance(job_id, str):
        return job_id
    hint = "; pass its job_id" if isinstance(job_id, JobFuture) else ""
    raise TypeError(f"the id of a job is a string, not {described(job_id)}{hint}")


def _limit(timeout: object) -> float | None:
    """A time limit in the range of a lock. Raises TypeError or ValueError if it is invalid."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {described(timeout)}, not a number of seconds or None")
    if math.isnan(timeout):
        raise ValueError("timeout is nan, not a number of seconds or None")
    return min(timeout, threading.TIMEOUT_MAX)


def settle_result(
    future: JobFuture[Any], function: Callable[..., Any] | None, task: str, kept: Result
) -> None:
    """Set the stored result of a completed job on its future, or ResultNotStored."""
    if kept.problem:
        message = f"job {future.job_id} ({task}) completed; {kept.problem}"
        future.set_exception(ResultNotStored(message))
        return
    try:
        result = decode_result(function, kept.text, kept.type)
    except AsokError as error:
        future.set_exception(error)
    else:
        future.set_result(result)


async def _outcome_of(future: JobFuture[R]) -> R:
    """The result of a job. Cancelling this does not cancel the job."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def wake() -> None:
        if not done.done():
            done.set_result(None)

    def notify(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake)

    future.add_done_callback(notify)
    wait = future._begin_wait(certain=False)  # noqa: SLF001 - a part of the class
    try:
        await done
    finally:
        if wait is not None:
            wait.slot.slots.end(wait)
    return future.result()


def _call(callback: Callable[[Future[R]], object], future: Future[R]) -> None:
    """Call a callback of a future; an exception does not prevent the following ones."""
    try:
        callback(future)
    except BaseException as error:  # also SystemExit of sys.exit()
        if is_ctrl_c(error):
            raise
        text = failure_of(error, LONGEST_TRACEBACK).traceback
        logger.error("Callback of %r failed", future, exc_info=error, exc_text=text)


class _Waiters(list[Any]):
    """The list of waiters, which ``concurrent.futures.wait`` and ``as_completed`` append to."""

    __slots__ = ("_counted", "_future")

    def __init__(self, future: JobFuture[Any]) -> None:
        # Weak, so that a future that is dropped is freed at once, without the garbage collector.
        self._future = weakref.ref(future)
        self._counted: dict[int, Wait] | None = None

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        future = self._future()
        assert future is not None, "the caller that appends a waiter holds the future"
        future._begin_watching()  # noqa: SLF001 - a part of the class
        wait = future._begin_wait(certain=False)  # noqa: SLF001
        if wait is not None:
            self._counted = self._counted or {}
            self._counted[id(waiter)] = wait

    def remove(self, waiter: Any) -> None:
        super().remove(waiter)
        wait = self._counted.pop(id(waiter), None) if self._counted else None
        if wait is not None:
            wait.slot.slots.end(wait)
