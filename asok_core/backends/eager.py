"""The eager backend: every job runs at once, in the thread that dispatches it.

For tests of applications: when ``background()`` returns, the task has run. Retries follow without a
pause, delays are not waited for, and a failure is in the future and the log, never raised.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from asok_core.backends.in_process import JobStore, LocalJob
from asok_core.jobs.calls import Call
from asok_core.jobs.futures import JobFuture
from asok_core.jobs.job import JobRecord
from asok_core.settings.settings import Settings


class EagerBackend:
    """Runs calls as they come."""

    def __init__(self, settings: Settings) -> None:
        self.store = JobStore(settings)

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Run the call, with all its retries. The future is finished."""
        return self._enqueue(self.store.make(call))

    def _enqueue(self, made: LocalJob) -> JobFuture[Any]:
        job, new = self.store.add(made)
        if new:
            if _inside_event_loop():
                # A coroutine task needs a loop of its own, and a thread has one at a time.
                thread = threading.Thread(target=self._run, args=(job,), name="asok-eager")
                thread.start()
                thread.join()
            else:
                self._run(job)
            _pass_on_interrupt(job)
        return job.future

    def _run(self, job: LocalJob) -> None:
        while self.store.run(job) is not None:
            pass

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Run the calls one after the other, or none of them where one of them is at fault."""
        return [self._enqueue(job) for job in [self.store.make(call) for call in calls]]

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        return self.store.record(job_id)

    def cancel(self, job_id: str) -> bool:
        """Whether the job will not run: every job has run already, so False."""
        return self.store.cancel(job_id)

    def shutdown(self, *, wait: bool, timeout: float | None) -> bool:  # noqa: ARG002 - the role's
        """Nothing is ever left to wait for."""
        return True


def _inside_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _pass_on_interrupt(job: LocalJob) -> None:
    # Ctrl+C is meant for the program, which happens to be inside a task.
    failure = job.future.exception()
    cause = None if failure is None else failure.__cause__
    # Not isinstance(): an exception may say of itself that it is of any class.
    if cause is not None and issubclass(type(cause), KeyboardInterrupt):
        raise cause
