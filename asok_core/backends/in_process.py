"""Jobs in this process: the shared part of the local and the eager backend.

Arguments and results are encoded as on Redis, so that programs work the same on both: each attempt
gets its own copy of the arguments, and the future has the result of the record. With
``ASOK_STRICT=0`` the objects themselves are passed.
"""

from __future__ import annotations

import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import InvalidStateError
from contextlib import nullcontext, suppress
from contextvars import Context, copy_context
from dataclasses import replace
from functools import partial
from typing import Any

from asok_core.clock import now
from asok_core.errors import JobCancelled, JobFailed
from asok_core.execution import attempt, cancellation, current_job, hooks
from asok_core.execution.tasks import check_runs
from asok_core.inspection.redaction import Redaction, mark
from asok_core.jobs.calls import Call, function_of
from asok_core.jobs.codec import Result, decode_arguments, encode_arguments, encode_result
from asok_core.jobs.futures import JobFuture, settle_result
from asok_core.jobs.job import NOT_KEPT, RECORD_TTL, Job, JobRecord, new_id
from asok_core.jobs.job_text import from_text
from asok_core.jobs.outgoing import sendable_text
from asok_core.jobs.plain import is_plain
from asok_core.jobs.progress import JobProgress, as_kept, checked
from asok_core.jobs.retry import RetryPolicy
from asok_core.jobs.states import FINAL, Status
from asok_core.jobs.waiting import Slot, Slots
from asok_core.runtime import forks
from asok_core.runtime.ctrl_c import is_ctrl_c
from asok_core.runtime.failures import Failure, failure_of, shown
from asok_core.runtime.logs import safe_logger
from asok_core.settings.settings import Settings

logger = safe_logger("asok.background")

RECORDS_KEPT = 10_000
DEAD_JOBS_KEPT = 1_000


class LocalJob:
    """One job: its call, context and state.

    ``status`` and the times are changed only under the lock of its store. ``text`` is the encoded
    job, from which each attempt decodes its arguments; None if the objects are passed.
    """

    __slots__ = (
        "call", "context", "failure", "finished_at", "future", "job", "name", "progress", "result",
        "started_at", "status", "stop", "text", "ts",
    )  # fmt: skip

    def __init__(self, call: Call, job: Job, future: JobFuture[Any], text: str | None) -> None:
        self.call: Call | None = call
        self.context: Context | None = copy_context()
        self.future = future
        self.name = job.function
        self.job = job
        self.text = text
        self.status = Status.PENDING if self.job.due_at is None else Status.SCHEDULED
        self.ts = self.job.enqueued_at
        self.started_at: float | None = None
        self.finished_at: float | None = None
        self.stop = cancellation.Stop()
        self.result = Result()
        self.failure: Failure | None = None
        self.progress: JobProgress | None = None

    def report(self, done: object, total: object, note: object) -> None:
        """Keep what its task reports. Raises TypeError or ValueError."""
        self.progress = checked(done, total, note, now())

    def record(self) -> JobRecord:
        """The record of the job, as a worker would write it."""
        return JobRecord(
            id=self.job.id,
            status=self.status,
            function=self.job.task,
            queue=self.job.queue,
            result=self.result.text or None,
            result_type=self.result.type or None,
            result_error=self.result.problem or None,
            error=self.failure.traceback if self.failure else None,
            error_line=self.failure.line if self.failure else None,
            ts=self.ts,
            retry_count=self.job.retry_count,
            retries=self.job.retries,
            enqueued_at=self.job.enqueued_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            worker=f"local.{os.getpid()}" if self.started_at else None,
        )


def _failed_with(failure: Failure, error: BaseException) -> JobFailed:
    failed = JobFailed(failure.line, failure.traceback)
    failed.__cause__ = error
    return failed


def _name(function: object) -> str:
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


class JobStore:
    """The jobs of this process by id. A bounded number of finished ones is kept, as long as on Redis."""

    def __init__(self, settings: Settings, slots: Slots | None = None) -> None:
        self.lock = threading.RLock()
        self.slots = slots
        self.dead: deque[LocalJob] = deque(maxlen=DEAD_JOBS_KEPT)
        self._settings = settings
        self._redaction = Redaction(settings.redact)
        self._policy = RetryPolicy(settings.retry_jitter, settings.retry_max_delay)
        self._unfinished: dict[str, LocalJob] = {}
        self._finished: OrderedDict[str, LocalJob] = OrderedDict()
        self._unique: dict[str, LocalJob] = {}

    def make(self, call: Call) -> LocalJob:
        """Create the job of a call, without adding it.

        Raises ValueError for a function whose code a call would not run; TypeError and
        PayloadTooLarge for arguments that cannot be encoded.
        """
        check_runs(call.function)
        function, text = function_of(call.function), None
        names = (str(getattr(function, "__module__", "")), _name(function))
        redact = call.options.redact
        marks = mark(function, len(call.args), redact, always=self._redaction.has_patterns)
        job = call.job(new_id(), names, now(), redact=marks)
        if self._settings.strict:
            job.args, job.kwargs, job.typed = encode_arguments(function, call.args, call.kwargs)
            text = sendable_text(job, self._settings.max_payload)
            if not all(map(is_plain, (*job.args, *job.kwargs.values()))):
                # Later changes by the caller must not affect the job.
                sent = from_text(text)
                job.args, job.kwargs = sent.args, sent.kwargs
            call = Call(call.function, (), {}, call.options)
        future: JobFuture[Any] = JobFuture(job.id, self, task=job.task, queue=job.queue)
        return LocalJob(call, job, future, text)

    def add(self, job: LocalJob) -> tuple[LocalJob, bool]:
        """Add a job; return it and True, or the unfinished job with its ``unique`` key and False."""
        with self.lock:
            key = job.job.unique
            if key is not None and key in self._unique:
                return self._unique[key], False
            self._unfinished[job.job.id] = job
            if key is not None:
                self._unique[key] = job
            return job, True

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        with self.lock:
            self._drop_old()
            found = self._unfinished.get(job_id) or self._finished.get(job_id)
            return self._shown(found) if found and not self._expired(found) else None

    def _shown(self, found: LocalJob) -> JobRecord:
        record, progress = found.record(), found.progress
        if progress is None:
            return record
        hide = partial(self._redaction.text, job=found.job)
        return replace(record, progress=as_kept(progress, hide))

    def unfinished(self) -> list[LocalJob]:
        """All unfinished jobs, oldest first."""
        with self.lock:
            return list(self._unfinished.values())

    def disown(self) -> None:
        """In a forked process: let the futures of the parent's jobs fail, as they would wait forever.

        The lock is not acquired: a thread of the parent may have held it.
        """
        for job in list(self._unfinished.values()):
            job.future.orphan("the job belongs to the process that this one was forked from")

    def cancel(self, job_id: str) -> bool:
        """Cancel a job. True if it was not running; a running job is only notified: False."""
        with self.lock:
            job = self._unfinished.get(job_id)
            if job is None:
                return False
            if job.status is Status.RUNNING:
                job.stop.asked = True
                return False
            self._finish(job, Status.CANCELLED)
        job.future.set_exception(JobCancelled(f"job {job_id} was cancelled before it started"))
        return True

    def run(self, job: LocalJob) -> float | None:
        """Run one attempt in this thread. Returns the seconds until its retry, or None.

        Any exception of the task, including SystemExit, is a failure of the job. Its future has the
        outcome before anything is logged or a hook is called. Only raises KeyboardInterrupt of
        Ctrl+C.
        """
        try:
            return self._run(job)
        except BaseException as error:
            self._end_broken(job, error)
            if is_ctrl_c(error):
                raise
            return None

    def _run(self, job: LocalJob) -> float | None:
        with self.lock:
            if job.status in FINAL or job.call is None or job.context is None:
                return None
            self._mark(job, Status.RUNNING)
            job.started_at, job.progress = job.ts, None
            call, context = job.call, job.context.copy()
        context.run(cancellation.running.set, job.stop)
        context.run(current_job.running.set, (job.job, LocalJob.report, job))
        try:
            result = context.run(self._attempt, job, call, self.slots)
        except BaseException as error:  # noqa: BLE001 - a task must not end the thread that ran it
            # Not isinstance(): an exception may say of itself that it is of any class.
            if job.stop.asked and issubclass(type(error), JobCancelled):
                self._stopped(job, error)
                return None
            return self._failed(job, context, error)
        self._completed(job, call, context, result)
        return None

    def _stopped(self, job: LocalJob, error: BaseException) -> None:
        with self.lock:
            self._finish(job, Status.CANCELLED)
        job.future.set_exception(error)

    @staticmethod
    def _attempt(held: LocalJob, call: Call, slots: Slots | None) -> Any:
        job, generation, function = held.job, forks.generation, function_of(call.function)
        with nullcontext() if slots is None else Slot(slots, job.id):
            hooks.call_before(job)
            args, kwargs = call.args, call.kwargs
            if held.text is not None:
                sent = from_text(held.text)
                args, kwargs = decode_arguments(function, sent.args, sent.kwargs, sent.typed)
            return attempt.run(function, args, kwargs, job.timeout, generation=generation)

    def _completed(self, held: LocalJob, call: Call, context: Context, result: object) -> None:
        job, function = held.job, function_of(call.function)
        kept = Result(problem=NOT_KEPT)
        if job.keep_result is not False:
            kept = encode_result(function, result, self._settings.max_result)
        with self.lock:
            held.result, held.failure = kept, None
            self._finish(held, Status.COMPLETED)
        if not self._settings.strict:
            held.future.set_result(result)
        else:
            settle_result(held.future, function, job.task, kept)
            if kept.problem and job.keep_result is not False:
                extra = {"job_id": job.id, "task": job.task, "queue": job.queue}
                extra["error"] = kept.problem
                event = "Background task %s completed, %s"
                logger.warning(event, held.name, kept.problem, extra=extra)
        context.run(hooks.call_after, job, result)

    def _failed(self, job: LocalJob, context: Context, error: BaseException) -> float | None:
        spent = job.job
        delay = None
        if spent.retry_count < spent.retries:
            delay = self._policy.delay(spent.backoff, spent.retry_count + 1)
        failure = self._failure_of(error, spent)
        with self.lock:
            job.failure = failure
            if delay is None:
                self.dead.appendleft(job)
                self._finish(job, Status.FAILED)
            else:
                job.job = spent.retried()
                self._mark(job, Status.RETRYING)
        if delay is None:
            job.future.set_exception(_failed_with(failure, error))
        self._log_failure(job.name, spent, error, failure, delay)
        context.run(hooks.call_failure, spent, error, delay is not None)
        return delay

    def _end_broken(self, job: LocalJob, error: BaseException) -> None:
        """Fail a job after an internal error, or an exception that was raised between two steps."""
        failure = self._failure_of(error, job.job)
        with self.lock:
            if job.status not in FINAL:
                job.failure = failure
                self.dead.appendleft(job)
                self._finish(job, Status.FAILED)
        with suppress(InvalidStateError):
            job.future.set_exception(_failed_with(failure, error))
        self._log_failure(job.name, job.job, error, failure, None)

    def _failure_of(self, error: BaseException, job: Job) -> Failure:
        return self._redaction.failure(failure_of(error, self._settings.max_traceback), job)

    def _log_failure(
        self, name: str, job: Job, error: BaseException, failure: Failure, delay: float | None
    ) -> None:
        event = "Background task %s failed: %s"
        args: tuple[object, ...] = (name, self._redaction.text(shown(error), job))
        extra = {
            "job_id": job.id,
            "task": job.task,
            "queue": job.queue,
            "attempt": f"{job.attempt}/{job.attempts}",
            "error": failure.line,
        }
        level = logging.ERROR
        if delay is not None:
            level = logging.WARNING
            event += "; retry %d of %d in %g s"
            args += (job.attempt, job.retries, delay)
        logger.log(level, event, *args, exc_info=error, exc_text=failure.traceback, extra=extra)

    @staticmethod
    def _mark(job: LocalJob, status: Status) -> None:
        job.status, job.ts = status, now()

    def _finish(self, job: LocalJob, status: Status) -> None:
        self._mark(job, status)
        job.finished_at = job.ts
        # The arguments may be large, and a record does not need them.
        job.call = job.context = job.text = None
        job.job = replace(job.job, args=(), kwargs={})
        if job.job.unique is not None:
            self._unique.pop(job.job.unique, None)
        self._unfinished.pop(job.job.id, None)
        self._finished[job.job.id] = job
        self._drop_old()

    def _drop_old(self) -> None:
        while self._finished:
            first = next(iter(self._finished.values()))
            if len(self._finished) <= RECORDS_KEPT and not self._expired(first):
                return
            self._finished.popitem(last=False)

    def _expired(self, job: LocalJob) -> bool:
        kept: float = RECORD_TTL
        if job.status is Status.COMPLETED:
            kept = job.job.keep_result or self._settings.record_ttl
        return job.finished_at is not None and job.finished_at + kept <= now()


class InProcessBackend(ABC):
    """The shared part of the local and the eager backend; ``store`` has their jobs."""

    store: JobStore

    def enqueue(self, call: Call) -> JobFuture[Any]:
        """Enqueue a call. Raises what ``JobStore.make`` raises."""
        return self._enqueue(self.store.make(call))

    def enqueue_many(self, calls: Sequence[Call]) -> list[JobFuture[Any]]:
        """Enqueue the calls, or none of them if one is invalid."""
        return [self._enqueue(job) for job in [self.store.make(call) for call in calls]]

    @abstractmethod
    def _enqueue(self, made: LocalJob) -> JobFuture[Any]: ...

    def record(self, job_id: str) -> JobRecord | None:
        """The record of a job, or None."""
        return self.store.record(job_id)

    def cancel(self, job_id: str) -> bool:
        """Cancel a job that has not started, or is retrying. True if it will not run."""
        return self.store.cancel(job_id)
