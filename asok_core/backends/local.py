"""The local backend: jobs run in threads of this process.

A scheduled or retrying job does not occupy a thread: it is in a heap, and an idle thread sleeps
until the first of them is due.
"""

from __future__ import annotations

import heapq
import itertools
import os
import threading
import time
import weakref
from collections.abc import Sequence
from typing import Any

from asok_core.backends.in_process import InProcessBackend, JobStore
from asok_core.backends.in_process_job import LocalJob
from asok_core.backends.in_process_runner import JobRunner
from asok_core.clock import now
from asok_core.errors import Deadlock
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import FINAL, Status
from asok_core.jobs.waiting import Slots, Wait
from asok_core.runtime import forks
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import safe_logger
from asok_core.runtime.process_exit import before_exit
from asok_core.settings.settings import Settings

logger = safe_logger("asok.background")

EXIT_TIMEOUT = 20.0
"""Seconds that an exiting process waits for its tasks: below the 30 s after which gunicorn and
Kubernetes kill it."""

WARN_AFTER = 10.0
"""Seconds that all threads must wait for other jobs before a warning is logged."""
_ADVICE = "raise BG_WORKERS, or do not wait inside tasks"


class LocalBackend(InProcessBackend):
    """A pool of at most ``bg_workers`` threads, started when they are needed.

    Queues are served in the order of ``ASOK_WORKER_QUEUES``, then all others. After ``shutdown`` it
    accepts no calls. An exiting process waits ``exit_timeout`` seconds for it.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        bg_workers: int | None = None,
        exit_timeout: float | None = None,
    ) -> None:
        self.exit_timeout = EXIT_TIMEOUT if exit_timeout is None else exit_timeout
        self._settings = settings
        self._size = bg_workers or settings.bg_workers
        self._ranks = {name: rank for rank, name in enumerate(settings.worker_queues)}
        self._closed = False
        self._warned = False
        self._warning = False
        self._begin()
        _open.add(self)
        _watch_exit()

    def _begin(self) -> None:
        self._slots = Slots(self._size, self._on_full)
        self.store = JobStore(self._settings, self._slots)
        self._runner = JobRunner(self.store, self._settings)
        self._changed = threading.Condition()
        self._ready: list[tuple[int, int, LocalJob]] = []
        self._later: list[tuple[float, int, LocalJob]] = []
        self._order = itertools.count()
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._busy = 0
        self._ended = False

    def begin_after_fork(self) -> None:
        """In a forked process: start empty. The threads of the parent process run its jobs."""
        self.store.disown()
        self._begin()

    def _enqueue(self, made: LocalJob) -> JobFuture[Any]:
        with self._changed:
            if self._closed:
                raise RuntimeError("background tasks were shut down; nothing more is accepted")
            job, new = self.store.add(made)
            if new:
                self._put(job, _wait_of(job.job))
        return job.future

    def dead_jobs(self) -> list[JobRecord]:
        """The records of the last thousand jobs that failed for good, newest first."""
        with self.store.lock:
            return [job.record() for job in self.store.dead]

    def shutdown(self, *, wait: bool = True, timeout: float | None = None) -> bool:
        """Accept no more calls and wait for unfinished jobs, for at most ``timeout`` seconds.

        Jobs that are due after that time are not waited for; with ``wait`` False no job is. Jobs
        that do not finish are logged by name. Returns whether all jobs finished.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not wait:
            deadline = time.monotonic()
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            _open.discard(self)
        left = self._await_finish(deadline)
        for job in left:
            self._abandon(job)
        with self._changed:
            self._ended = True
            self._ready.clear()
            self._later.clear()
            self._changed.notify_all()
        return not left

    def _await_finish(self, deadline: float | None) -> list[LocalJob]:
        announced = False
        while True:
            with self._changed:
                left = self.store.unfinished()
                remaining = None if deadline is None else deadline - time.monotonic()
                if not self._can_finish(left, deadline):
                    return left
                if left and remaining is not None and not announced:
                    # If the process is killed before the deadline, at least this line is logged.
                    logger.warning("Waiting up to %.0f s for %s", remaining, _names(left))
                    announced = True
                # A cancelled job does not notify this wait, so check from time to time.
                self._changed.wait(1.0 if remaining is None else min(remaining, 1.0))

    def _can_finish(self, left: Sequence[LocalJob], deadline: float | None) -> bool:
        if deadline is not None and deadline <= time.monotonic():
            return False
        if self._busy:
            # Hooks and callbacks of a finished job may still run.
            return True
        too_late = {
            id(job) for due, _, job in self._later if deadline is not None and due > deadline
        }
        return any(id(job) not in too_late for job in left)

    def _on_full(self, wait: Wait) -> None:
        """All threads wait for jobs: raise Deadlock, or warn later if the waits may end."""
        if all(each.certain for each in self._slots.full()):
            raise Deadlock(
                f"job {wait.job_id} cannot start: each of the {self._size} background threads runs a "
                f"task that waits for a job; {_ADVICE}"
            )
        if not self._warning:
            self._warning = True
            timer = threading.Timer(WARN_AFTER, self._warn)
            timer.daemon = True
            timer.start()

    def _warn(self) -> None:
        self._warning = False
        if self._slots.full() and not self._warned:
            self._warned = True
            logger.warning(
                "Each of %d background threads waits for a job, which may be a deadlock: %s",
                self._size,
                _ADVICE,
            )

    def _put(self, job: LocalJob, delay: float) -> None:
        if delay > 0:
            heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), job))
        else:
            heapq.heappush(self._ready, (self._rank(job), next(self._order), job))
        if self._idle:
            self._changed.notify()
        else:
            self._grow()

    def _grow(self) -> None:
        if len(self._threads) >= self._size:
            return
        thread = threading.Thread(
            target=self._work, name=f"asok-background-{len(self._threads) + 1}", daemon=True
        )
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is shutting down, or the thread limit is reached: existing threads run
            # the job, and without any the caller gets the error.
            self._threads.discard(thread)
            if not self._threads:
                raise

    def _work(self) -> None:
        try:
            while (job := self._take()) is not None:
                self._run(job)
                del job
        except BaseException as error:  # for example raised in this thread by another one
            with self._changed:
                self._threads.discard(threading.current_thread())
                if self._ready or self._later:
                    self._grow()
            text = failure_of(error, LONGEST_TRACEBACK).traceback
            logger.error(
                "An internal error ended a background thread", exc_info=error, exc_text=text
            )

    def _run(self, job: LocalJob) -> None:
        delay, generation = None, forks.generation
        try:
            delay = self._runner.run(job)
        finally:
            # Also if a hook or callback has forked the process.
            forks.end_if_forked(generation, job.name)
            self._ran(job, delay)

    def _ran(self, job: LocalJob, delay: float | None) -> None:
        with self._changed:
            self._busy -= 1
            if delay is not None and self._ended:
                self._abandon(job)
            elif delay is not None:
                self._put(job, delay)
            if self._closed:
                self._changed.notify_all()

    def _take(self) -> LocalJob | None:
        with self._changed:
            while True:
                self._promote()
                if self._ready:
                    job = heapq.heappop(self._ready)[2]
                    self._busy += 1
                    if not self._idle and (self._ready or self._later):
                        self._grow()
                    return job
                if self._closed and not self._later:
                    self._threads.discard(threading.current_thread())
                    return None
                self._idle += 1
                self._changed.wait(self._later[0][0] - time.monotonic() if self._later else None)
                self._idle -= 1

    def _promote(self) -> None:
        while self._later:
            due, _, job = self._later[0]
            if due > time.monotonic() and job.status not in FINAL:
                return
            heapq.heappop(self._later)
            heapq.heappush(self._ready, (self._rank(job), next(self._order), job))

    def _rank(self, job: LocalJob) -> int:
        return self._ranks.get(job.job.queue, len(self._ranks))

    def _abandon(self, job: LocalJob) -> None:
        status = job.status
        if status is not Status.RUNNING and not self.store.cancel(job.job.id):
            return
        logger.error(
            "Background task %s did not finish before the shutdown: %s (job %s)",
            job.name,
            _WHY_LEFT.get(status, status),
            job.job.id,
            extra={"job_id": job.job.id, "queue": job.job.queue},
        )


_WHY_LEFT = {
    Status.RUNNING: "it was still running",
    Status.RETRYING: "it waited for a retry",
    Status.SCHEDULED: "it waited for its start",
    Status.PENDING: "it had not started",
}


def _wait_of(job: Job) -> float:
    # A delay is measured by the monotonic clock, a start time by the clock of this machine.
    if job.delay is not None:
        return job.delay
    return 0.0 if job.due_at is None else job.due_at - now()


def _names(jobs: Sequence[LocalJob]) -> str:
    counts: dict[str, int] = {}
    for job in jobs:
        counts[job.name] = counts.get(job.name, 0) + 1
    return ", ".join(f"{name} ({n})" if n > 1 else name for name, n in counts.items())


_open: weakref.WeakSet[LocalBackend] = weakref.WeakSet()
_watched = False


def _watch_exit() -> None:
    global _watched  # noqa: PLW0603 - once a process
    if not _watched:
        _watched = True
        before_exit(_finish_at_exit)


def _finish_at_exit() -> None:
    began = time.monotonic()
    for backend in list(_open):
        try:
            backend.shutdown(timeout=max(began + backend.exit_timeout - time.monotonic(), 0.0))
        except KeyboardInterrupt:
            backend.shutdown(wait=False)


def _begin_after_fork() -> None:
    for backend in list(_open):
        backend.begin_after_fork()


os.register_at_fork(after_in_child=_begin_after_fork)
