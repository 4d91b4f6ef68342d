"""One attempt of one claimed job: from the envelope to what becomes of it."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

from asok_core.backends.redis.consuming.consumer import DEAD_JOB, Claim, Outcome, Start, Verb
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.errors import (
    AsokError,
    BadSignature,
    EnvelopeError,
    InvalidTaskName,
    JobCancelled,
    Replayed,
    TaskImportFailed,
    TaskNotFound,
    WrongQueue,
)
from asok_core.execution import attempt, cancellation, hooks
from asok_core.execution.context import restored
from asok_core.execution.task_modules import TaskModules
from asok_core.execution.tasks import resolve
from asok_core.inspection.redaction import Redaction
from asok_core.jobs.codec import NO_RESULT, decode_arguments, encode_result
from asok_core.jobs.envelope import Keyring, dead_entry, peek, seal_again, unseal
from asok_core.jobs.job import EARLIER_ERROR, Job
from asok_core.jobs.retry import RetryPolicy
from asok_core.jobs.waiting import Slot, Slots
from asok_core.runtime import forks
from asok_core.runtime.deadline import LimitNotWatched
from asok_core.runtime.failures import Failure, failure_of
from asok_core.settings.settings import Settings
from asok_core.worker.import_crashes import Avoided, postponed_for
from asok_core.worker.log import is_logged, log_failure, log_job, log_postponed, log_rejected
from asok_core.worker.running.circuit_breaker import (
    LIMIT,
    Breaker,
    Check,
    exhausted,
    is_exhausted_still,
    postponement,
)
from asok_core.worker.running.claim_checks import expect_unspent, opened
from asok_core.worker.shared_state import Phase

HandOver = Callable[["Held", Outcome], None]
"""Takes the outcome of a job, to be settled. Returns at once."""
Enter = Callable[["Held", Phase], None]
"""Called when a job enters a phase."""


@dataclass(slots=True)
class Held:
    """A claim in this process's hands, from the moment it is claimed until it is settled.

    ``gone`` is set when its lease was lost before it began: it belongs to another by now. ``noted``
    tells that Redis knows it runs. ``rejected`` is why it must not run. ``slot`` is the number of the
    thread that runs it, and ``limit`` the job's hard limit while it does. ``settled`` is for a thread
    that waits for that.
    """

    claim: Claim
    job: Job | None = None
    started_at: float | None = None
    noted: bool = False
    gone: bool = False
    dubious: bool = False
    rejected: EnvelopeError | None = None
    slot: int = -1
    shared_slot: int = -1
    limit: float | None = None
    stop: cancellation.Stop = field(default_factory=cancellation.Stop)
    settled: threading.Event | None = None


LONGEST_WAIT = 1e9
"""Seconds: a job cannot have waited longer, whatever its envelope says of when it was enqueued."""
SETTLED_WITHIN = 5.0
"""Seconds that hooks wait at most until the outcome of their job is settled; Redis may be away."""
_RUNNING = Phase.RUNNING
# Members of an enumeration are slow to look up, and this is done for every job.


def _ignore(_held: Held, _phase: Phase) -> None:
    return None


@dataclass(slots=True)
class Execution:
    """Runs claimed jobs and says how they ended. Shared by all threads of a process.

    Its state is ``clock``, which each trip to Redis sets, and ``breaker``, which knows whether a fault
    is the job's own.
    """

    settings: Settings
    keyring: Keyring
    log_arguments: bool = False
    clock: ServerClock = field(default_factory=ServerClock)
    breaker: Breaker = field(default_factory=Breaker)
    avoided: Avoided = field(default_factory=Avoided)
    slots: Slots | None = None
    policy: RetryPolicy = field(init=False)
    allowed: TaskModules = field(init=False)
    redaction: Redaction = field(init=False)

    def __post_init__(self) -> None:
        self.redaction = Redaction(self.settings.redact)
        self.allowed = TaskModules(self.settings.task_modules)
        self.policy = RetryPolicy(self.settings.retry_jitter, self.settings.retry_max_delay)

    def now(self) -> float:
        """Epoch seconds by the server's clock, in whole microseconds: as records hold them."""
        return int(self.clock.now() * 1e6) / 1e6

    def open(self, held: Held) -> Outcome | None:
        """Verify and read the envelope; an outcome at once when it must not run."""
        try:
            held.job = opened(held.claim, self.keyring, self.settings.max_job_age, self.now)
        except BadSignature as error:
            return self._bad_signature(held, error)
        except EnvelopeError as error:
            return self._rejected(held, error)
        return None

    def refuse_spent(self, held: Held) -> Outcome | None:
        """The outcome of an opened job if Redis reported afterwards that it had ended before."""
        try:
            expect_unspent(held.claim)
        except EnvelopeError as error:
            held.job = None
            return self._rejected(held, error)
        return None

    def run(self, held: Held, hand_over: HandOver, enter: Enter = _ignore) -> None:
        """Run an opened job to its end. Never raises, unless ``hand_over`` or ``enter`` does.

        ``enter`` is called with ``Phase.PREPARING`` once its module is imported, and with
        ``Phase.RUNNING`` right before the code of the task, where the time limits of the job begin.
        ``hand_over`` is called once, as soon as the outcome is known. Log lines and hooks come after
        that: they run code of the application, which may raise, exit or never return.
        """
        job = _opened(held)
        held.started_at = self.now()
        # A context of its own: what a task sets in it is not there for the next job of the thread.
        Context().run(self._run, held, job, hand_over, enter)

    def _run(self, held: Held, job: Job, hand_over: HandOver, enter: Enter) -> None:
        cancellation.running.set(held.stop)
        generation = forks.generation
        imported = job.module in sys.modules
        if not imported and (why := self.avoided.why(job.module)):
            self._avoid(held, job, why, hand_over)
            return
        try:
            function = resolve(job.module, job.function, self.allowed)
            if not imported:
                enter(held, Phase.PREPARING)
            # A context manager that does nothing is entered and left for each job, so there is none.
            request = None if job.request is None else restored(job.request)
        except TaskNotFound as error:
            self._not_found(held, job, error, hand_over)
        except TaskImportFailed as error:
            self._import_failed(held, error, hand_over)
        except BaseException as error:  # noqa: BLE001 - the application's own code, as the task is
            self._raised(held, job, error, 0.0, hand_over)
        else:
            if not self.breaker.clean:
                self.breaker.passes(Check.SIGNATURE, Check.IMPORT)
            with nullcontext() if self.slots is None else Slot(self.slots, job.id):
                if request is None:
                    self._attempt(held, job, function, hand_over, enter, generation=generation)
                else:
                    with request:
                        self._attempt(held, job, function, hand_over, enter, generation=generation)

    def _attempt(
        self,
        held: Held,
        job: Job,
        function: Callable[..., Any],
        hand_over: HandOver,
        enter: Enter,
        *,
        generation: int,
    ) -> None:
        before = time.perf_counter()
        hooks.call_before(job)
        try:
            args, kwargs = decode_arguments(function, job.args, job.kwargs, job.typed)
            enter(held, _RUNNING)
            result = attempt.run(function, args, kwargs, job.timeout, generation=generation)
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task ends the task, not us
            ran = time.perf_counter() - before
            # Not isinstance(): an exception may say of itself that it is of any class.
            if held.stop.asked and issubclass(type(error), JobCancelled):
                self._cancelled(held, job, error, ran, hand_over)
            else:
                self._raised(held, job, error, ran, hand_over)
            return
        ran = time.perf_counter() - before
        if not self.breaker.clean:
            self.breaker.passes(Check.RESOURCES)
        settings, kept = self.settings, NO_RESULT
        if job.keep_result is not False:
            kept = encode_result(function, result, settings.max_result)
        outcome = self._outcome("complete", held, job, ran)
        outcome.result, outcome.result_type, outcome.result_error = kept
        outcome.kept = job.keep_result or settings.record_ttl
        if held.dubious and hooks.has_after():
            # All jobs would wait a round trip. This one's process died often, maybe of these hooks.
            _hand_over_and_wait(held, outcome, hand_over)
        else:
            hand_over(held, outcome)
        if kept.problem:
            event = "Job completed, result not stored"
            self._log(logging.WARNING, event, job, duration=ran, error=kept.problem)
        elif is_logged(logging.DEBUG):
            self._log(logging.DEBUG, "Job completed", job, duration=ran)
        if hooks.has_after():
            hooks.call_after(self._as_sent(held), result)

    def start(self, held: Held) -> Start:
        """What Redis is told of a job that has begun."""
        job = held.job
        started = held.started_at or self.now()
        if job is None:
            return Start(held.claim, started_at=started)
        return Start(held.claim, job.id, job.task, job.retries, job.retry_count, started)

    def give_back(self, held: Held) -> Outcome:
        """Return a job that did not run, or did not finish; it costs no retry."""
        job = held.job
        if job is None or not held.noted:
            return Outcome("return", held.claim, id=job.id if job else "")
        ran = self.now() - held.started_at if held.started_at is not None else 0.0
        outcome = self._outcome("return", held, job, ran)
        outcome.finished_at = 0.0
        return outcome

    def timed_out(self, held: Held, error: TimeoutError, seconds: float) -> tuple[Outcome, Failure]:
        """The outcome of a job whose process had to be ended ``seconds`` after it had begun."""
        job = _opened(held)
        failure = failure_of(error, self.settings.max_traceback)
        outcome = self._outcome_of(failure, held, job, seconds)
        outcome.notice = dead_entry(
            held.claim.envelope, failed_at=self.now(), error=failure.line, traceback=failure.line
        )
        return outcome, failure

    def _cancelled(
        self, held: Held, job: Job, error: BaseException, ran: float, hand_over: HandOver
    ) -> None:
        hand_over(held, self._outcome("cancel", held, job, ran))
        why = self._failure_of(error, job)
        self._log(logging.INFO, "Job cancelled", job, duration=ran, error=why.line)

    def _not_found(self, held: Held, job: Job, error: TaskNotFound, hand_over: HandOver) -> None:
        failure = Failure.of_line(f"{type(error).__name__}: {error}")
        self.breaker.passes(Check.SIGNATURE)
        invalid = isinstance(error, InvalidTaskName)
        if not (invalid or self.breaker.fails(Check.IMPORT, str(error))):
            self._postpone(held, error, failure, 0.0, hand_over)
            return
        outcome = self._outcome_of(failure, held, job, 0.0, dead="reject")
        if outcome.verb == "reject" and not hooks.has_failure():
            # Nothing of the application may be imported here yet, so another process calls its hooks.
            outcome.notice = DEAD_JOB
        self._end(held, error, failure, outcome, hand_over)

    def _import_failed(self, held: Held, error: TaskImportFailed, hand_over: HandOver) -> None:
        cause = error.__cause__ or error
        line, trace = failure_of(cause, self.settings.max_traceback)
        self.breaker.passes(Check.SIGNATURE)
        found = exhausted(cause)
        if found is not None and is_exhausted_still(found):
            self.breaker.fails(Check.RESOURCES, line, certain=True)
        else:
            self.breaker.fails(Check.IMPORT, f"{error}: {line}")
        self._postpone(held, cause, Failure(f"{error}: {line}", trace), 0.0, hand_over)

    def _avoid(self, held: Held, job: Job, why: str, hand_over: HandOver) -> None:
        error = TaskImportFailed(postponed_for(job.module, why))
        self.breaker.passes(Check.SIGNATURE)
        self.breaker.fails(Check.IMPORT, str(error))
        failure = Failure.of_line(f"{type(error).__name__}: {error}")
        self._postpone(held, error, failure, 0.0, hand_over)

    def _raised(
        self, held: Held, job: Job, error: BaseException, ran: float, hand_over: HandOver
    ) -> None:
        failure = self._failure_of(error, job)
        found = exhausted(error)
        if found is not None:
            certain = is_exhausted_still(found)
            reason = failure_of(found, self.settings.max_traceback).line
            blamed = self.breaker.fails(Check.RESOURCES, reason, certain=certain)
            if not blamed or type(error) is LimitNotWatched:
                self._postpone(held, error, failure, ran, hand_over)
                return
        outcome = self._outcome_of(failure, held, job, ran)
        self._end(held, error, failure, outcome, hand_over)

    def _failure_of(self, error: BaseException, job: Job) -> Failure:
        return self.redaction.failure(failure_of(error, self.settings.max_traceback), job)

    @property
    def _arguments(self) -> Redaction | None:
        return self.redaction if self.log_arguments else None

    def _end(
        self,
        held: Held,
        error: BaseException,
        failure: Failure,
        outcome: Outcome,
        hand_over: HandOver,
    ) -> None:
        ran = outcome.run_us / 1e6
        if hooks.has_failure():
            _hand_over_and_wait(held, outcome, hand_over)
        else:
            hand_over(held, outcome)
        job = self._as_sent(held) if self.log_arguments or hooks.has_failure() else _opened(held)
        retry_in = outcome.delay if outcome.verb == "retry" else None
        arguments = self._arguments
        log_failure(job, error, failure, retry_in=retry_in, arguments=arguments, duration=ran)
        hooks.call_failure(job, error, retry_in is not None)

    def _postpone(
        self,
        held: Held,
        error: BaseException,
        failure: Failure,
        ran: float,
        hand_over: HandOver,
    ) -> None:
        """End an attempt that failed through no fault of the job: later again, at no charge."""
        outcome = self.postponed(held, failure, ran)
        hand_over(held, outcome)
        log_postponed(
            _opened(held),
            failure.line,
            outcome.delay,
            duration=ran,
            raised=error,
            trace=failure.traceback,
            arguments=self._arguments,
        )

    def postponed(self, held: Held, failure: Failure, ran: float) -> Outcome:
        """The outcome of such an attempt."""
        job = _opened(held)
        delay = postponement((job.postponements or 0) + 1)
        try:
            again = replace(self._as_sent(held).postponed(), due_at=round(self.now() + delay, 6))
            moved = seal_again(again, self.keyring, held.claim.envelope)
        except (AsokError, TypeError, ValueError, RecursionError):
            moved = held.claim.envelope
        outcome = self._outcome("postpone", held, job, ran, error=failure.traceback)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, 0.0
        outcome.error_line = failure.line
        return outcome

    def _bad_signature(self, held: Held, error: BadSignature) -> Outcome:
        held.rejected = error
        line = f"{type(error).__name__}: {error}"
        job = peek(held.claim.envelope).job
        # Where no job can be read, the key does not matter.
        count = self.breaker.faults(Check.SIGNATURE) + 1
        reason = f"SECRET_KEY does not fit the signatures of the last {count} jobs"
        if job is None or self.breaker.fails(Check.SIGNATURE, reason):
            return self._rejected(held, error)
        outcome = self._outcome("postpone", held, job, 0.0, error=line)
        outcome.error_line = line
        # Who signed it is not known: no byte of it may change, and it gets no unique key.
        outcome.moved, outcome.delay = held.claim.envelope, postponement(min(count, LIMIT))
        outcome.started_at = outcome.finished_at = 0.0
        outcome.unique = ""
        return outcome

    def _outcome_of(
        self, failure: Failure, held: Held, job: Job, ran: float, *, dead: Verb = "fail"
    ) -> Outcome:
        line, trace = failure
        if job.retry_count >= job.retries:
            return self._dead(dead, held, job, failure, ran)
        delay = self.policy.delay(job.backoff, job.retry_count + 1)
        try:
            again = replace(self._as_sent(held).retried(), due_at=round(self.now() + delay, 6))
            moved = seal_again(again, self.keyring, held.claim.envelope)
        except (AsokError, TypeError, ValueError, RecursionError) as problem:
            failure = Failure(f"{line} (and cannot be retried: {problem})", trace)
            return self._dead(dead, held, job, failure, ran)
        outcome = self._outcome("retry", held, again, ran, error=trace)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, 0.0
        outcome.error_line = line
        return outcome

    def _as_sent(self, held: Held) -> Job:
        """The job as it was sent. What was run holds lists and dicts that the task may have changed."""
        job = _opened(held)
        return unseal(held.claim.envelope, self.keyring) if job.args or job.kwargs else job

    def _dead(self, verb: Verb, held: Held, job: Job, failure: Failure, ran: float) -> Outcome:
        outcome = self._outcome(verb, held, job, ran, error=failure.traceback)
        outcome.moved = self._buried(held, failure, rejected=verb == "reject")
        outcome.error_line = failure.line
        return outcome

    def _rejected(self, held: Held, error: EnvelopeError) -> Outcome:
        held.rejected = error
        line = f"{type(error).__name__}: {error}"
        job = peek(held.claim.envelope).job
        earlier = job.extra.get(EARLIER_ERROR) if job is not None else None
        if isinstance(earlier, str):
            # It was requeued after it had failed: that error is what an operator has to know.
            line = f"{line} (it had failed before: {earlier[:300]})"
        failure = Failure.of_line(line)
        # The record is that of the job of which this is a copy.
        if job is not None and not isinstance(error, WrongQueue | Replayed):
            outcome = self._dead("reject", held, job, failure, 0.0)
        else:
            outcome = Outcome("reject", held.claim, error=line, error_line=line)
            outcome.moved = self._buried(held, failure, rejected=True)
        outcome.notice = DEAD_JOB
        return outcome

    def _buried(self, held: Held, failure: Failure, *, rejected: bool) -> bytes:
        return dead_entry(
            held.claim.envelope,
            failed_at=self.now(),
            error=failure.line,
            traceback=failure.traceback,
            rejected=rejected,
        )

    def _outcome(self, verb: Verb, held: Held, job: Job, ran: float, *, error: str = "") -> Outcome:
        now = self.now()
        started = held.started_at or now
        ready, due = job.enqueued_at or started, (held.job or job).due_at
        if due is not None and due > ready:
            ready = due
        # By position, which is faster.
        return Outcome(
            verb,
            held.claim,
            job.id,
            f"{job.module}.{job.function}",
            job.retries,
            job.retry_count,
            job.unique or "",
            started,
            now,
            int(ran * 1e6) if ran > 0 else 0,
            int(min(started - ready, LONGEST_WAIT) * 1e6) if started > ready else 0,
            error,
        )

    def log_rejected(self, held: Held, outcome: Outcome) -> None:
        """Log that a job must not run, at least not now, once its outcome was handed over."""
        error = held.rejected
        assert error is not None, "open() has set it"
        retry_in = outcome.delay if outcome.verb == "postpone" else None
        log_rejected(peek(held.claim.envelope).job, held.claim.queue, error, retry_in)

    def _log(self, level: int, event: str, job: Job, **extra: Any) -> None:
        log_job(level, event, job, arguments=self._arguments, **extra)


def _hand_over_and_wait(held: Held, outcome: Outcome, hand_over: HandOver) -> None:
    """Hand over an outcome before hooks are called that may end the process: settled, it is not lost."""
    held.settled = threading.Event()
    hand_over(held, outcome)
    held.settled.wait(SETTLED_WITHIN)


def _opened(held: Held) -> Job:
    assert held.job is not None, "open() comes first"
    return held.job
