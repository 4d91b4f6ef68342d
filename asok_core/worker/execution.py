"""One attempt of one claimed job: from the envelope to what becomes of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

from asok_core import attempt, cancellation, hooks
from asok_core.backends.redis.consuming.consumer import Claim, Outcome, Start, Verb
from asok_core.config import Settings
from asok_core.context import restored
from asok_core.errors import (
    AsokError,
    BadSignature,
    EnvelopeError,
    InvalidTaskName,
    JobCancelled,
    TaskImportFailed,
    TaskNotFound,
)
from asok_core.job import Job
from asok_core.retry import RetryPolicy
from asok_core.tasks import resolve
from asok_core.wire import Keyring, bury, peek, seal, unseal
from asok_core.worker.breaker import (
    LIMIT,
    Breaker,
    Check,
    exhausted,
    is_exhausted_still,
    postponement,
)

logger = logging.getLogger("asok.worker")


@dataclass(slots=True)
class Held:
    """A claim in this process's hands, from the moment it is claimed until it is settled.

    ``gone`` is set when its lease was lost before it began: it belongs to another by now. ``noted``
    tells that Redis knows it runs.
    """

    claim: Claim
    job: Job | None = None
    started_at: float | None = None
    noted: bool = False
    gone: bool = False
    suspect: bool = False
    stop: cancellation.Stop = field(default_factory=cancellation.Stop)


@dataclass(slots=True)
class Execution:
    """Runs claimed jobs and says how they ended. Shared by all threads of a process.

    Its state is ``offset``, the seconds that the server's clock is ahead of ours, and ``breaker``,
    which knows whether a fault is the job's own.
    """

    settings: Settings
    keyring: Keyring
    log_arguments: bool = False
    offset: float = 0.0
    breaker: Breaker = field(default_factory=Breaker)
    policy: RetryPolicy = field(init=False)

    def __post_init__(self) -> None:
        self.policy = RetryPolicy(self.settings.retry_jitter, self.settings.retry_max_delay)

    def now(self) -> float:
        """Epoch seconds by the server's clock."""
        return time.time() + self.offset

    def open(self, held: Held) -> Outcome | None:
        """Verify and read the envelope; an outcome at once when it must not run."""
        try:
            held.job = unseal(held.claim.envelope, self.keyring)
        except BadSignature as error:
            return self._bad_signature(held, error)
        except EnvelopeError as error:
            logger.error("Rejected a job on %s: %s", held.claim.queue, error)
            return self._rejected(held, f"{type(error).__name__}: {error}")
        return None

    def run(self, held: Held) -> Outcome:
        """Run an opened job to its end. Never raises."""
        job = held.job
        assert job is not None, "open() comes first"
        held.started_at = self.now()
        # A context of its own: what a task sets in it is not there for the next job of the thread.
        return Context().run(self._run, held, job)

    def _run(self, held: Held, job: Job) -> Outcome:
        cancellation.running.set(held.stop)
        try:
            function = resolve(job.module, job.function)
            request = restored(job.request)
        except TaskNotFound as error:
            self.breaker.passes(Check.SIGNATURE)
            invalid = isinstance(error, InvalidTaskName)
            if invalid or self.breaker.fails(Check.IMPORT, str(error)):
                return self._failed(held, job, error, 0.0)
            line = _one_line(error)
            return self._postponed(held, job, 0.0, line=line, trace=line)
        except TaskImportFailed as error:
            return self._import_failed(held, job, error)
        except BaseException as error:  # noqa: BLE001 - the application's own code, as the task is
            return self._raised(held, job, error, 0.0)
        if not self.breaker.clean:
            self.breaker.passes(Check.SIGNATURE, Check.IMPORT)
        with request:
            return self._attempt(held, job, function)

    def _attempt(self, held: Held, job: Job, function: Callable[..., Any]) -> Outcome:
        before = time.perf_counter()
        hooks.call_before(job)
        try:
            result = attempt.run(function, job.args, job.kwargs, job.timeout)
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task ends the task, not us
            ran = time.perf_counter() - before
            if isinstance(error, JobCancelled) and held.stop.asked:
                self._log(logging.INFO, "cancelled", job, ran, str(error))
                return self._outcome("cancel", held, job, ran)
            return self._raised(held, job, error, ran)
        ran = time.perf_counter() - before
        if not self.breaker.clean:
            self.breaker.passes(Check.RESOURCES)
        hooks.call_after(job, result)
        text = attempt.result_text(result, self.settings.max_result)
        self._log(logging.DEBUG, "completed", job, ran)
        return self._outcome("complete", held, job, ran, result=text)

    def start(self, held: Held) -> Start:
        """What Redis is told of a job that has begun."""
        job = held.job
        started = f"{held.started_at or self.now():.6f}"
        if job is None:
            return Start(held.claim, started_at=started)
        return Start(held.claim, job.id, job.task, job.retries, job.retry_count, started)

    def give_back(self, held: Held) -> Outcome:
        """Return a job that did not run, or did not finish; it costs no retry."""
        job = held.job
        if job is None or not held.noted:
            return Outcome("return", held.claim, id=job.id if job else "")
        outcome = self._outcome("return", held, job, 0.0)
        outcome.finished_at = ""
        return outcome

    def timed_out(self, held: Held, seconds: float) -> Outcome:
        """The outcome of a job whose process had to be ended because it ran past its hard limit."""
        job = held.job
        assert job is not None, "a job that ran was opened"
        error = TimeoutError(f"it ran longer than its hard limit of {seconds:g} s")
        return self._failed(held, job, error, seconds)

    def _failed(self, held: Held, job: Job, error: BaseException, ran: float) -> Outcome:
        retrying = job.retry_count < job.retries
        hooks.call_failure(job, error, retrying)
        line = _one_line(error)
        missing = isinstance(error, TaskNotFound)
        trace = line if missing else attempt.traceback_text(error, self.settings.max_traceback)
        if not retrying:
            self._log(logging.ERROR, "failed", job, ran, line)
            verb: Verb = "reject" if missing else "fail"
            return self._dead(held, job, ran, verb=verb, line=line, trace=trace)
        delay = self.policy.delay(job.backoff, job.retry_count + 1)
        again = replace(job.retried(), due_at=round(self.now() + delay, 6))
        self._log(logging.WARNING, f"retries in {delay:g} s", job, ran, line)
        try:
            moved = seal(again, self.keyring)
        except (AsokError, TypeError, ValueError, RecursionError) as problem:
            line = f"{line} (and cannot be retried: {problem})"
            return self._dead(held, job, ran, line=line, trace=trace)
        outcome = self._outcome("retry", held, again, ran, error=trace)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, ""
        return outcome

    def _raised(self, held: Held, job: Job, error: BaseException, ran: float) -> Outcome:
        found = exhausted(error)
        if found is None:
            return self._failed(held, job, error, ran)
        certain = is_exhausted_still(found)
        if self.breaker.fails(Check.RESOURCES, _one_line(found), certain=certain):
            return self._failed(held, job, error, ran)
        trace = attempt.traceback_text(error, self.settings.max_traceback)
        return self._postponed(held, job, ran, line=_one_line(error), trace=trace)

    def _import_failed(self, held: Held, job: Job, error: TaskImportFailed) -> Outcome:
        self.breaker.passes(Check.SIGNATURE)
        cause = error.__cause__ or error
        line = f"{error}: {_one_line(cause)}"
        found = exhausted(cause)
        if found is not None and is_exhausted_still(found):
            self.breaker.fails(Check.RESOURCES, _one_line(found), certain=True)
        else:
            self.breaker.fails(Check.IMPORT, line)
        trace = attempt.traceback_text(cause, self.settings.max_traceback)
        return self._postponed(held, job, 0.0, line=line, trace=trace)

    def _bad_signature(self, held: Held, error: BadSignature) -> Outcome:
        line = f"{type(error).__name__}: {error}"
        job = peek(held.claim.envelope).job
        if job is None:
            # Whatever key it was signed with.
            return self._rejected(held, line)
        count = self.breaker.faults(Check.SIGNATURE) + 1
        reason = f"SECRET_KEY does not fit the signatures of the last {count} jobs"
        if self.breaker.fails(Check.SIGNATURE, reason):
            logger.error("Rejected a job on %s: %s", held.claim.queue, error)
            return self._rejected(held, line)
        # Signed by somebody else: not a byte of it may change.
        moved, delay = held.claim.envelope, postponement(min(count, LIMIT))
        self._log(logging.WARNING, f"postponed for {delay:g} s", job, 0.0, line)
        outcome = self._delayed(held, job, 0.0, moved=moved, delay=delay, trace=line)
        # Nor may it take a unique key of another job.
        outcome.started_at = outcome.unique = ""
        return outcome

    def _postponed(self, held: Held, job: Job, ran: float, *, line: str, trace: str) -> Outcome:
        """The outcome of a job that is not to blame for what happened: later, at no charge."""
        again = job.postponed()
        delay = postponement(again.postponements or 1)
        again = replace(again, due_at=round(self.now() + delay, 6))
        try:
            moved = seal(again, self.keyring)
        except (AsokError, TypeError, ValueError, RecursionError):
            moved = held.claim.envelope
        self._log(logging.WARNING, f"postponed for {delay:g} s", job, ran, line)
        return self._delayed(held, job, ran, moved=moved, delay=delay, trace=trace)

    def _delayed(
        self, held: Held, job: Job, ran: float, *, moved: bytes, delay: float, trace: str
    ) -> Outcome:
        outcome = self._outcome("postpone", held, job, ran, error=trace)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, ""
        return outcome

    def _dead(
        self, held: Held, job: Job, ran: float, *, line: str, trace: str, verb: Verb = "fail"
    ) -> Outcome:
        outcome = self._outcome(verb, held, job, ran, error=trace)
        outcome.moved = bury(
            held.claim.envelope,
            failed_at=self.now(),
            error=line,
            traceback=trace,
            rejected=verb == "reject",
        )
        return outcome

    def _rejected(self, held: Held, line: str) -> Outcome:
        job = peek(held.claim.envelope).job
        if job is not None:
            return self._dead(held, job, 0.0, verb="reject", line=line, trace=line)
        dead = bury(
            held.claim.envelope, failed_at=self.now(), error=line, traceback=line, rejected=True
        )
        return Outcome("reject", held.claim, moved=dead, error=line)

    def _outcome(
        self, verb: Verb, held: Held, job: Job, ran: float, *, result: str = "", error: str = ""
    ) -> Outcome:
        now = self.now()
        started = held.started_at or now
        ready = max(job.enqueued_at or started, (held.job or job).due_at or 0.0)
        return Outcome(
            verb,
            held.claim,
            id=job.id,
            unique=job.unique or "",
            task=job.task,
            retries=job.retries,
            retry_count=job.retry_count,
            started_at=f"{started:.6f}",
            finished_at=f"{now:.6f}",
            result=result,
            error=error,
            run_ms=max(ran, 0.0) * 1000,
            wait_ms=min(max(started - ready, 0.0), 1e9) * 1000,
        )

    def _log(self, level: int, word: str, job: Job, ran: float, why: str = "") -> None:
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "%s %s%s",
                job.task,
                word,
                f": {why}" if why else "",
                extra={
                    "job_id": job.id,
                    "queue": job.queue,
                    "attempt": f"{job.attempt}/{job.attempts}",
                    "duration": ran,
                    "arguments": (job.args, dict(job.kwargs)) if self.log_arguments else None,
                },
            )


def _one_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the failure
        text = ""
    line = " ".join(text.split())[:500]
    return f"{type(error).__name__}: {line}" if line else type(error).__name__
