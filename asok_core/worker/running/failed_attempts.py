"""An attempt that failed: whether the job is at fault or this worker, its outcome, log line and hooks."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from asok_core.backends.redis.consuming.outcomes import DEAD_JOB, Outcome
from asok_core.errors import BadSignature, InvalidTaskName, TaskImportFailed, TaskNotFound
from asok_core.execution import hooks
from asok_core.execution.retries import Decision, raised_text
from asok_core.execution.tasks import declared_rules
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import Job
from asok_core.runtime.deadline import LimitNotWatched
from asok_core.runtime.failures import Failure, failure_of
from asok_core.worker.import_crashes import postponed_for
from asok_core.worker.log import INTERRUPTED, log_failure, log_job, log_postponed
from asok_core.worker.running.circuit_breaker import (
    LIMIT,
    CircuitBreaker,
    JobCheck,
    exhausted,
    is_exhausted_still,
    postponement,
)
from asok_core.worker.running.claimed_job import ClaimedJob, SubmitOutcome, submit_and_wait
from asok_core.worker.running.outcomes import OutcomeBuilder


@dataclass(slots=True)
class FailedAttempts:
    """Ends attempts that failed. A job is charged only for a fault of its own; see ``CircuitBreaker``.

    Each method submits the outcome first: log lines and hooks run code of the application.
    """

    outcomes: OutcomeBuilder
    breaker: CircuitBreaker
    redaction: Redaction
    log_arguments: bool

    def bad_signature(self, claimed: ClaimedJob, error: BadSignature) -> Outcome:
        """The outcome where the signature does not fit any key of this worker."""
        job = peek(claimed.claim.envelope).job
        # Where no job can be read, the key does not matter.
        count = self.breaker.faults(JobCheck.SIGNATURE) + 1
        reason = f"SECRET_KEY does not fit the signatures of the last {count} jobs"
        if job is None or self.breaker.fails(JobCheck.SIGNATURE, reason):
            return self.outcomes.rejected(claimed, error)
        line = f"{type(error).__name__}: {error}"
        return self.outcomes.postponed_unsigned(claimed, job, line, postponement(min(count, LIMIT)))

    def not_found(self, claimed: ClaimedJob, error: TaskNotFound, submit: SubmitOutcome) -> None:
        """End an attempt whose function does not exist."""
        failure = Failure.of_line(f"{type(error).__name__}: {error}")
        self.breaker.passes(JobCheck.SIGNATURE)
        invalid = isinstance(error, InvalidTaskName)
        if not (invalid or self.breaker.fails(JobCheck.IMPORT, str(error))):
            self._postpone(claimed, error, failure, 0.0, submit)
            return
        outcome = self.outcomes.failed(failure, claimed, claimed.opened, 0.0, dead="reject")
        if outcome.verb == "reject" and not hooks.has_failure():
            # Nothing of the application may be imported here yet, so another process calls its hooks.
            outcome.notice = DEAD_JOB
        self._fail(claimed, error, failure, outcome, submit)

    def import_failed(
        self, claimed: ClaimedJob, error: TaskImportFailed, submit: SubmitOutcome
    ) -> None:
        """End an attempt whose module raised when it was imported."""
        cause = error.__cause__ or error
        line, trace = failure_of(cause, self.outcomes.settings.max_traceback)
        self.breaker.passes(JobCheck.SIGNATURE)
        found = exhausted(cause)
        if found is not None and is_exhausted_still(found):
            self.breaker.fails(JobCheck.RESOURCES, line, certain=True)
        else:
            self.breaker.fails(JobCheck.IMPORT, f"{error}: {line}")
        self._postpone(claimed, cause, Failure(f"{error}: {line}", trace), 0.0, submit)

    def import_avoided(self, claimed: ClaimedJob, why: str, submit: SubmitOutcome) -> None:
        """End an attempt whose module is not imported now: a process died of that."""
        error = TaskImportFailed(postponed_for(claimed.opened.module, why))
        self.breaker.passes(JobCheck.SIGNATURE)
        self.breaker.fails(JobCheck.IMPORT, str(error))
        failure = Failure.of_line(f"{type(error).__name__}: {error}")
        self._postpone(claimed, error, failure, 0.0, submit)

    def raised(
        self, claimed: ClaimedJob, error: BaseException, ran: float, submit: SubmitOutcome
    ) -> None:
        """End an attempt that raised."""
        job = claimed.opened
        rules, now = declared_rules(job), self.outcomes.now()
        decision = self.outcomes.decisions.raised(error, job, rules, now, advanced=claimed.advanced)
        failure = self._failure_of(error, job, decision)
        # A task that raised Retry or Fail has decided, whatever exception was the cause.
        found = None if decision.asked else exhausted(error)
        if found is not None:
            certain = is_exhausted_still(found)
            reason = failure_of(found, self.outcomes.settings.max_traceback).line
            charged = self.breaker.fails(JobCheck.RESOURCES, reason, certain=certain)
            if not charged or type(error) is LimitNotWatched:
                self._postpone(claimed, error, failure, ran, submit)
                return
        outcome = self.outcomes.failed(failure, claimed, job, ran, decision=decision)
        if outcome.interrupted:
            submit(claimed, outcome)
            self._log_interrupted(job, failure.line, ran)
            return
        self._fail(claimed, error, failure, outcome, submit, asked=decision.asked)

    def interrupted(self, claimed: ClaimedJob, ran: float, submit: SubmitOutcome) -> None:
        """End an attempt that made a checkpoint, as its process is about to end."""
        submit(claimed, self.outcomes.interrupted(claimed, ran))
        self._log_interrupted(claimed.opened, "its process is about to end", ran)

    def _log_interrupted(self, job: Job, why: str, ran: float) -> None:
        shown = self.shown_arguments
        log_job(logging.INFO, INTERRUPTED, job, arguments=shown, duration=ran, error=why)

    def cancelled(
        self, claimed: ClaimedJob, error: BaseException, ran: float, submit: SubmitOutcome
    ) -> None:
        """End an attempt that stopped as it was asked to."""
        job = claimed.opened
        submit(claimed, self.outcomes.outcome("cancel", claimed, job, ran))
        why = self._failure_of(error, job).line
        shown = self.shown_arguments
        log_job(logging.INFO, "Job cancelled", job, arguments=shown, duration=ran, error=why)

    @property
    def shown_arguments(self) -> Redaction | None:
        """How log lines show arguments; None: not at all."""
        return self.redaction if self.log_arguments else None

    def _failure_of(
        self, error: BaseException, job: Job, decision: Decision | None = None
    ) -> Failure:
        failure = raised_text(error, self.outcomes.settings.max_traceback, decision)
        return self.redaction.failure(failure, job)

    def _fail(
        self,
        claimed: ClaimedJob,
        error: BaseException,
        failure: Failure,
        outcome: Outcome,
        submit: SubmitOutcome,
        *,
        asked: bool = False,
    ) -> None:
        ran, has_hooks = outcome.run_us / 1e6, hooks.has_failure()
        if has_hooks:
            submit_and_wait(claimed, outcome, submit)
        else:
            submit(claimed, outcome)
        # Read once: from now on another thread may settle it, which sets it to what Redis settled.
        verb = outcome.verb
        if verb == "cancel":
            # It was cancelled before this process knew, and does not run again.
            return
        job = self.outcomes.as_sent(claimed) if self.log_arguments or has_hooks else claimed.opened
        retry_in = outcome.delay if verb in ("retry", "postpone") else None
        shown, note = self.shown_arguments, outcome.note or None
        log_failure(
            job, error, failure, retry_in=retry_in, asked=asked, note=note, arguments=shown,
            duration=ran,
        )  # fmt: skip
        hooks.call_failure(job, error, retry_in is not None)

    def _postpone(
        self,
        claimed: ClaimedJob,
        error: BaseException,
        failure: Failure,
        ran: float,
        submit: SubmitOutcome,
    ) -> None:
        """End an attempt that failed through no fault of the job: later again, at no charge."""
        outcome = self.outcomes.postponed(claimed, failure, ran)
        if outcome.verb != "postpone":
            if outcome.verb == "reject" and not hooks.has_failure():
                outcome.notice = DEAD_JOB
            ended = Failure(outcome.error_line, failure.traceback)
            self._fail(claimed, error, ended, outcome, submit)
            return
        submit(claimed, outcome)
        if _cancelled_already(outcome):
            return
        log_postponed(
            claimed.opened,
            failure.line,
            outcome.delay,
            duration=ran,
            raised=error,
            trace=failure.traceback,
            arguments=self.shown_arguments,
        )


def _cancelled_already(outcome: Outcome) -> bool:
    """Whether another thread has settled it since, as a cancellation, which has a line of its own."""
    return outcome.verb == "cancel"
