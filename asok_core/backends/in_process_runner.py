"""Runs jobs in this process: one attempt at a time, and what comes of each."""

from __future__ import annotations

import logging
from concurrent.futures import InvalidStateError
from contextlib import nullcontext, suppress
from contextvars import Context
from typing import Any

from asok_core.backends.in_process import JobStore
from asok_core.backends.in_process_job import LocalAttempt, LocalJob, LocalReports
from asok_core.clock import now
from asok_core.errors import JobCancelled, JobFailed
from asok_core.execution import attempt, cancellation, current_job, hooks
from asok_core.execution.retries import Decision, RetryDecisions, raised_text, stopped_by
from asok_core.jobs.calls import Call, function_of
from asok_core.jobs.codec import Result, decode_arguments, encode_result
from asok_core.jobs.futures import settle_result
from asok_core.jobs.job import NOT_KEPT, Job
from asok_core.jobs.job_text import from_text
from asok_core.jobs.retry_requests import Retry
from asok_core.jobs.states import FINAL, Status
from asok_core.jobs.waiting import Slot, Slots
from asok_core.runtime import forks
from asok_core.runtime.ctrl_c import is_ctrl_c
from asok_core.runtime.failures import Failure, shown
from asok_core.runtime.logs import safe_logger
from asok_core.settings.settings import Settings

logger = safe_logger("asok.background")


_REPORTS = LocalReports()


def _failed_with(failure: Failure, error: BaseException) -> JobFailed:
    failed = JobFailed(failure.line, failure.traceback)
    failed.__cause__ = error
    return failed


class JobRunner:
    """Runs the jobs of a store, in the threads that call it."""

    def __init__(self, store: JobStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._redaction = store.redaction
        self._decisions = RetryDecisions.of(settings)

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
        with self._store.lock:
            if job.status in FINAL or job.call is None or job.context is None:
                return None
            self._store.mark(job, Status.RUNNING)
            job.started_at, job.progress = job.ts, None
            # A request to stop is for one attempt.
            job.stop = cancellation.StopRequest()
            call, context = job.call, job.context.copy()
        context.run(cancellation.running.set, job.stop)
        begun = LocalAttempt(job)
        context.run(current_job.running.set, (job.job, _REPORTS, begun))
        try:
            result = context.run(self._attempt, job, call, self._store.slots)
        except BaseException as error:  # noqa: BLE001 - a task must not end the thread that ran it
            if job.stop.asked and stopped_by(error):
                self._stopped(job, error)
                return None
            return self._failed(begun, call, context, error)
        self._completed(job, call, context, result)
        return None

    def _stopped(self, job: LocalJob, error: BaseException) -> None:
        with self._store.lock:
            self._store.finish(job, Status.CANCELLED)
        # Not isinstance(): an exception may say of itself that it is of any class.
        if not issubclass(type(error), JobCancelled):
            what = "requested a retry" if issubclass(type(error), Retry) else "stopped"
            cancelled = JobCancelled(f"job {job.job.id} was cancelled and {what}")
            cancelled.__cause__ = error
            error = cancelled
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
        with self._store.lock:
            held.result, held.failure, held.checkpoint = kept, None, None
            self._store.finish(held, Status.COMPLETED)
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

    def _failed(
        self, begun: LocalAttempt, call: Call, context: Context, error: BaseException
    ) -> float | None:
        job, spent, moment = begun.job, begun.spent, now()
        rules, advanced = call.options.rules, begun.advanced
        decision = self._decisions.raised(error, spent, rules, moment, advanced=advanced)
        delay = None if decision.verb == "fail" else decision.delay
        failure = self._failure_of(error, spent, decision)
        with self._store.lock:
            job.failure = failure
            job.interruptions += decision.resumes
            if delay is None:
                self._store.dead.appendleft(job)
                self._store.finish(job, Status.FAILED)
            else:
                counted = decision.verb == "retry"
                job.job = spent.retried() if counted else spent.postponed(moment)
                self._store.mark(job, Status.RETRYING)
        if delay is None:
            job.future.set_exception(_failed_with(failure, error))
        self._log_failure(job.name, spent, error, failure, decision)
        if not decision.resumes:
            context.run(hooks.call_failure, spent, error, delay is not None)
        return delay

    def _end_broken(self, job: LocalJob, error: BaseException) -> None:
        """Fail a job after an internal error, or an exception that was raised between two steps."""
        failure = self._failure_of(error, job.job)
        with self._store.lock:
            if job.status not in FINAL:
                job.failure = failure
                self._store.dead.appendleft(job)
                self._store.finish(job, Status.FAILED)
        with suppress(InvalidStateError):
            job.future.set_exception(_failed_with(failure, error))
        self._log_failure(job.name, job.job, error, failure, Decision("fail"))

    def _failure_of(
        self, error: BaseException, job: Job, decision: Decision | None = None
    ) -> Failure:
        text = raised_text(error, self._settings.max_traceback, decision)
        return self._redaction.failure(text, job)

    def _log_failure(
        self, name: str, job: Job, error: BaseException, failure: Failure, decision: Decision
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
        level, verb, delay, note, asked, resumes = logging.ERROR, *decision
        if verb != "fail" and (asked or resumes):
            # What a task requests is not an error, nor is an interruption.
            logger.info("Background task %s: %s", name, note, extra=extra)
            return
        if note:
            event, args = f"{event} (%s)", (*args, note)
        if verb != "fail":
            level = logging.WARNING
            event += "; retry %d of %d in %g s"
            args += (job.attempt, job.retries, delay)
        logger.log(level, event, *args, exc_info=error, exc_text=failure.traceback, extra=extra)
