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
from asok_core.codec import decode_arguments, encode_result
from asok_core.config import Settings
from asok_core.context import restored
from asok_core.errors import AsokError, EnvelopeError, JobCancelled, TaskNotFound
from asok_core.job import Job
from asok_core.retry import RetryPolicy
from asok_core.tasks import resolve
from asok_core.wire import Keyring, bury, peek, seal, unseal

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

    It holds no state but ``offset``, the seconds that the server's clock is ahead of ours.
    """

    settings: Settings
    keyring: Keyring
    log_arguments: bool = False
    offset: float = 0.0
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
            logger.error("Job %s cannot run: %s", job.id, error)
            return self._dead(held, job, f"{type(error).__name__}: {error}", "", 0.0)
        except BaseException as error:  # noqa: BLE001 - the application's own code, as the task is
            return self._failed(held, job, error, 0.0)
        with request:
            return self._attempt(held, job, function)

    def _attempt(self, held: Held, job: Job, function: Callable[..., Any]) -> Outcome:
        before = time.perf_counter()
        hooks.call_before(job)
        try:
            args, kwargs = decode_arguments(function, job.args, job.kwargs, job.typed)
            result = attempt.run(function, args, kwargs, job.timeout)
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task ends the task, not us
            ran = time.perf_counter() - before
            if isinstance(error, JobCancelled) and held.stop.asked:
                self._log(logging.INFO, "cancelled", job, ran, str(error))
                return self._outcome("cancel", held, job, ran)
            return self._failed(held, job, error, ran)
        ran = time.perf_counter() - before
        hooks.call_after(job, result)
        kept = encode_result(function, result, self.settings.max_result)
        if kept.problem:
            self._log(logging.WARNING, f"completed, {kept.problem}", job, ran)
        else:
            self._log(logging.DEBUG, "completed", job, ran)
        outcome = self._outcome("complete", held, job, ran, result=kept.text)
        outcome.result_type, outcome.result_error = kept.type, kept.problem
        return outcome

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
        trace = attempt.traceback_text(error, self.settings.max_traceback)
        if not retrying:
            self._log(logging.ERROR, "failed", job, ran, line)
            return self._dead(held, job, line, trace, ran)
        delay = self.policy.delay(job.backoff, job.retry_count + 1)
        again = replace(job.retried(), due_at=round(self.now() + delay, 6))
        self._log(logging.WARNING, f"retries in {delay:g} s", job, ran, line)
        try:
            moved = seal(again, self.keyring)
        except (AsokError, TypeError, ValueError, RecursionError) as problem:
            return self._dead(held, job, f"{line} (and cannot be retried: {problem})", trace, ran)
        outcome = self._outcome("retry", held, again, ran, error=trace)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, ""
        return outcome

    def _dead(self, held: Held, job: Job, line: str, trace: str, ran: float) -> Outcome:
        outcome = self._outcome("fail", held, job, ran, error=trace or line)
        outcome.moved = bury(
            held.claim.envelope, failed_at=self.now(), error=line, traceback=trace or line
        )
        return outcome

    def _rejected(self, held: Held, line: str) -> Outcome:
        job = peek(held.claim.envelope).job
        letter = bury(held.claim.envelope, failed_at=self.now(), error=line, traceback=line)
        if job is None:
            return Outcome("fail", held.claim, moved=letter, error=line)
        outcome = self._outcome("fail", held, job, 0.0, error=line)
        outcome.moved = letter
        return outcome

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
