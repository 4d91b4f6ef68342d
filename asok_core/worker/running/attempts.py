"""One attempt of one claimed job: its envelope is opened, its task called, and its outcome submitted."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.errors import (
    BadSignature,
    EnvelopeError,
    JobCancelled,
    TaskImportFailed,
    TaskNotFound,
)
from asok_core.execution import attempt, cancellation, current_job, hooks
from asok_core.execution.context import restored
from asok_core.execution.retries import interrupted_by, stopped_by
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import resolve
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.codec import NO_RESULT, decode_arguments, encode_result
from asok_core.jobs.envelope import peek
from asok_core.jobs.job import Job
from asok_core.jobs.keyring import Keyring
from asok_core.jobs.waiting import Slot, Slots
from asok_core.runtime import forks
from asok_core.settings.settings import Settings
from asok_core.worker.import_crashes import AvoidedModules
from asok_core.worker.job_slots import Phase
from asok_core.worker.log import is_logged, log_job, log_rejected
from asok_core.worker.running.circuit_breaker import CircuitBreaker, JobCheck
from asok_core.worker.running.claim_checks import expect_not_ended, verified
from asok_core.worker.running.claimed_job import (
    ClaimedJob,
    EnterPhase,
    SubmitOutcome,
    submit_and_wait,
)
from asok_core.worker.running.failed_attempts import FailedAttempts
from asok_core.worker.running.holding import Holding
from asok_core.worker.running.limiting import Limiting
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.running.task_reports import TaskReports

_NOTHING: Any = object()
"""The result of a task that has not returned."""
_RUNNING = Phase.RUNNING
# Members of an enumeration are slow to look up, and this is done for every job.


def _ignore(_claimed: ClaimedJob, _phase: Phase) -> None:
    return None


@dataclass(slots=True)
class AttemptRunner:
    """Runs claimed jobs and submits the outcome of each. Shared by all threads of a process.

    ``breaker`` knows whether a fault is the job's own, ``avoided`` which modules are not imported now.
    """

    settings: Settings
    keyring: Keyring
    log_arguments: bool = False
    slots: Slots | None = None
    release: str = ""
    """The application's that this process runs."""
    breaker: CircuitBreaker = field(init=False, default_factory=CircuitBreaker)
    avoided: AvoidedModules = field(init=False, default_factory=AvoidedModules)
    allowed: TaskModules = field(init=False)
    outcomes: OutcomeBuilder = field(init=False)
    failed: FailedAttempts = field(init=False)
    reports: TaskReports = field(init=False)
    holding: Holding = field(init=False)
    limiting: Limiting = field(init=False)

    def __post_init__(self) -> None:
        self.allowed = TaskModules(self.settings.task_modules)
        self.outcomes = OutcomeBuilder(self.settings, self.keyring)
        redaction = Redaction(self.settings.redact)
        self.failed = FailedAttempts(self.outcomes, self.breaker, redaction, self.log_arguments)
        self.reports = TaskReports(self.outcomes.now, redaction, self.keyring)
        self.holding = Holding(self.release)
        self.limiting = Limiting(redaction)

    def open(self, claimed: ClaimedJob) -> Outcome | None:
        """Verify and read the envelope; an outcome at once when it must not run."""
        max_age, now = self.settings.max_job_age, self.outcomes.now
        try:
            claimed.job = verified(claimed.claim, self.keyring, max_age, now)
        except BadSignature as error:
            claimed.rejected = error
            return self.failed.bad_signature(claimed, error)
        except EnvelopeError as error:
            claimed.rejected = error
            return self.outcomes.rejected(claimed, error)
        return None

    def refuse_ended(self, claimed: ClaimedJob) -> Outcome | None:
        """The outcome of an opened job if Redis reported afterwards that it had ended before."""
        try:
            expect_not_ended(claimed.claim)
        except EnvelopeError as error:
            claimed.job, claimed.rejected = None, error
            return self.outcomes.rejected(claimed, error)
        return None

    def run(self, claimed: ClaimedJob, submit: SubmitOutcome, enter: EnterPhase = _ignore) -> None:
        """Run an opened job to its end. Never raises, unless ``submit`` or ``enter`` does.

        ``enter`` is called with ``Phase.PREPARING`` once its module is imported, and with
        ``Phase.RUNNING`` right before the code of the task, where the time limits of the job begin.
        ``submit`` is called once, as soon as the outcome is known. Log lines and hooks come after
        that: they run code of the application, which may raise, exit or never return.
        """
        job = claimed.job
        assert job is not None, "its envelope is opened first"
        claimed.started_at = self.outcomes.now()
        # A context of its own: what a task sets in it is not there for the next job of the thread.
        Context().run(self._run, claimed, job, submit, enter)

    def _run(self, claimed: ClaimedJob, job: Job, submit: SubmitOutcome, enter: EnterPhase) -> None:
        cancellation.running.set(claimed.stop)
        current_job.running.set((job, self.reports, claimed))
        generation = forks.generation
        imported = job.module in sys.modules
        if not imported and (why := self.avoided.why(job.module)):
            self.failed.import_avoided(claimed, why, submit)
            return
        try:
            function = resolve(job.module, job.function, self.allowed)
            if not imported:
                enter(claimed, Phase.PREPARING)
            # A context manager that does nothing is entered and left for each job, so there is none.
            request = None if job.request is None else restored(job.request)
        except TaskNotFound as error:
            self.failed.not_found(claimed, error, submit)
        except TaskImportFailed as error:
            self.failed.import_failed(claimed, error, submit)
        except BaseException as error:  # noqa: BLE001 - the application's own code, as the task is
            self.failed.raised(claimed, error, 0.0, submit)
        else:
            if not self.breaker.clean:
                self.breaker.passes(JobCheck.SIGNATURE, JobCheck.IMPORT)
            with nullcontext() if self.slots is None else Slot(self.slots, job.id):
                if request is None:
                    self._call(claimed, job, function, submit, enter, generation=generation)
                else:
                    with request:
                        self._call(claimed, job, function, submit, enter, generation=generation)

    def _call(
        self,
        claimed: ClaimedJob,
        job: Job,
        function: Callable[..., Any],
        submit: SubmitOutcome,
        enter: EnterPhase,
        *,
        generation: int,
    ) -> None:
        before, result = time.perf_counter(), _NOTHING
        hooks.call_before(job)
        try:
            args, kwargs = decode_arguments(function, job.args, job.kwargs, job.typed)
            enter(claimed, _RUNNING)
            try:
                claimed.stop.enter()
                result = attempt.run(function, args, kwargs, job.timeout, generation=generation)
            finally:
                claimed.stop.leave()
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task ends the task, not us
            ran = time.perf_counter() - before
            stop = claimed.stop
            if stop.insisted and not error.args and type(error) is JobCancelled:
                error.args = (cancellation.BY_OPERATOR,)
            if result is not _NOTHING and stop.insisted and type(error) is JobCancelled:
                # The task had returned when the exception was raised.
                self._complete(claimed, function, result, ran, submit)
            elif stop.insisted or (stop.asked and stopped_by(error)):
                self.failed.cancelled(claimed, error, ran, submit)
            elif (
                self.reports.interrupts and claimed.checkpoint is not None and interrupted_by(error)
            ):
                self.failed.interrupted(claimed, ran, submit)
            else:
                self.failed.raised(claimed, error, ran, submit)
            return
        ran = time.perf_counter() - before
        self._complete(claimed, function, result, ran, submit)

    def _complete(
        self,
        claimed: ClaimedJob,
        function: Callable[..., Any],
        result: Any,
        ran: float,
        submit: SubmitOutcome,
    ) -> None:
        job = claimed.job
        assert job is not None, "it ran"
        if not self.breaker.clean:
            self.breaker.passes(JobCheck.RESOURCES)
        settings, kept = self.settings, NO_RESULT
        if job.keep_result is not False:
            kept = encode_result(function, result, settings.max_result)
        outcome = self.outcomes.outcome("complete", claimed, job, ran)
        outcome.result, outcome.result_type, outcome.result_error = kept
        outcome.kept = job.keep_result or settings.record_ttl
        if claimed.dubious and hooks.has_after():
            # All jobs would wait a round trip. This one's process died often, maybe of these hooks.
            submit_and_wait(claimed, outcome, submit)
        else:
            submit(claimed, outcome)
        if kept.problem:
            event = "Job completed, result not stored"
            self._log(logging.WARNING, event, job, duration=ran, error=kept.problem)
        elif is_logged(logging.DEBUG):
            self._log(logging.DEBUG, "Job completed", job, duration=ran)
        if hooks.has_after():
            hooks.call_after(self.outcomes.as_sent(claimed), result)

    def log_rejected(self, claimed: ClaimedJob, outcome: Outcome) -> None:
        """Log that a job must not run, at least not now, once its outcome was submitted."""
        error, verb = claimed.rejected, outcome.verb
        assert error is not None, "open() has set it"
        if verb == "cancel":
            # Settled already, as an operator had cancelled it; that has a line of its own.
            return
        retry_in = outcome.delay if verb == "postpone" else None
        log_rejected(peek(claimed.claim.envelope).job, claimed.claim.queue, error, retry_in)

    def _log(self, level: int, event: str, job: Job, **extra: Any) -> None:
        log_job(level, event, job, arguments=self.failed.shown_arguments, **extra)
