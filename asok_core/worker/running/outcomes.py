"""How an attempt ended, as Redis records it: each outcome is built here and settled elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from asok_core.backends.redis.consuming.outcomes import DEAD_JOB, JobStart, Outcome, Verb
from asok_core.backends.redis.server_clock import ServerClock
from asok_core.errors import AsokError, EnvelopeError, Replayed, WrongQueue
from asok_core.execution.retries import Decision, RetryDecisions
from asok_core.jobs.envelope import dead_entry, peek, seal_again, unseal
from asok_core.jobs.job import EARLIER_ERROR, Job
from asok_core.jobs.keyring import Keyring
from asok_core.runtime.failures import Failure, failure_of
from asok_core.settings.settings import Settings
from asok_core.worker.running.circuit_breaker import postponement
from asok_core.worker.running.claimed_job import ClaimedJob

RESUMES = "resumes from its checkpoint"
LONGEST_WAIT = 1e9
"""Seconds: a job cannot have waited longer, whatever its envelope says of when it was enqueued."""


@dataclass(slots=True)
class OutcomeBuilder:
    """Builds outcomes, by the server's clock. Used by all threads of a process, and by the supervisor.

    Its only state is ``clock``, which each round trip to Redis sets.
    """

    settings: Settings
    keyring: Keyring
    clock: ServerClock = field(default_factory=ServerClock)
    decisions: RetryDecisions = field(init=False)

    def __post_init__(self) -> None:
        self.decisions = RetryDecisions.of(self.settings)

    def now(self) -> float:
        """Epoch seconds by the server's clock, in whole microseconds: as records hold them."""
        return int(self.clock.now() * 1e6) / 1e6

    def start(self, claimed: ClaimedJob) -> JobStart:
        """What Redis records of a job that has started."""
        job = claimed.job
        started = claimed.started_at or self.now()
        if job is None:
            return JobStart(claimed.claim, started_at=started)
        return JobStart(claimed.claim, job.id, job.task, job.retries, job.retry_count, started)

    def outcome(
        self, verb: Verb, claimed: ClaimedJob, job: Job, ran: float, *, error: str = ""
    ) -> Outcome:
        """An outcome now, of an attempt that ran for ``ran`` seconds."""
        now = self.now()
        started = claimed.started_at or now
        if now < started:
            # The clock was set back while it ran. By the clock as it is now it began so long ago.
            started = now - ran
        ready, due = job.enqueued_at or started, (claimed.job or job).due_at
        if due is not None and due > ready:
            ready = due
        # By position, which is faster.
        return Outcome(
            verb,
            claimed.claim,
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

    def returned(self, claimed: ClaimedJob) -> Outcome:
        """Of a job that did not run, or did not finish: it is returned and costs no retry."""
        job = claimed.job
        if job is None or not claimed.noted:
            if job is None:
                # It is not read for this; see ``returned_by_name``.
                return Outcome("return", claimed.claim)
            # What is needed beside the id where an operator has cancelled it.
            unique, counts = job.unique or "", (job.retries, job.retry_count)
            return Outcome("return", claimed.claim, job.id, job.task, *counts, unique)
        ran = self.now() - claimed.started_at if claimed.started_at is not None else 0.0
        return self.interrupted(claimed, ran)

    def interrupted(self, claimed: ClaimedJob, ran: float) -> Outcome:
        """Of an attempt that was to end here and that its task did not finish: it costs no retry."""
        outcome = self.outcome("return", claimed, claimed.opened, ran)
        outcome.finished_at = 0.0
        # Of a claim that this process found and does not know, it is not known whether it ran.
        outcome.interrupted = claimed.started_at is not None
        return outcome.noted("" if claimed.checkpoint is None else RESUMES)

    def returned_by_name(self, claimed: ClaimedJob) -> Outcome:
        """Of a job that was not opened and that an operator cancelled: with what its end requires."""
        try:
            claimed.job = claimed.job or unseal(claimed.claim.envelope, self.keyring)
        except EnvelopeError as error:
            # It names a job that is cancelled, and is not that job.
            return self.rejected(claimed, error)
        return self.returned(claimed)

    def failed(
        self,
        failure: Failure,
        claimed: ClaimedJob,
        job: Job,
        ran: float,
        *,
        dead: Verb = "fail",
        decision: Decision | None = None,
    ) -> Outcome:
        """Of an attempt that failed: what ``decision`` says, or else a retry.

        ``dead`` once none is left, or if it cannot be.
        """
        line, trace = failure
        verb, delay, note, _, resumes = decision or self.decisions.counted(job)
        if verb == "postpone":
            postponed = self._run_again(claimed, failure, ran, delay, note)
            postponed.interrupted = resumes and postponed.verb == "postpone"
            return postponed
        if verb == "fail":
            return self._dead(dead, claimed, job, failure, ran).noted(note)
        try:
            again = replace(self.as_sent(claimed).retried(), due_at=round(self.now() + delay, 6))
            moved = seal_again(again, self.keyring, claimed.claim.envelope)
        except (AsokError, TypeError, ValueError, RecursionError) as problem:
            failure = Failure(f"{line} (and cannot be retried: {problem})", trace)
            return self._dead(dead, claimed, job, failure, ran).noted(note)
        outcome = self.outcome("retry", claimed, again, ran, error=trace)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, 0.0
        outcome.error_line, outcome.note = line, note
        return outcome

    def timed_out(
        self, claimed: ClaimedJob, error: TimeoutError, seconds: float, *, began: bool
    ) -> tuple[Outcome, Failure]:
        """Of a job whose process had to be ended ``seconds`` after it had started.

        ``began``: the code of its task, from which on its time limit counts.
        """
        failure = failure_of(error, self.settings.max_traceback)
        decisions, job = self.decisions, claimed.opened
        decision = decisions.counted(job)
        if began:
            decision = decisions.timed_out(job, self.now(), advanced=claimed.advanced)
        outcome = self.failed(failure, claimed, claimed.opened, seconds, decision=decision)
        if outcome.interrupted:
            # It has not failed, so that no failure hooks are called.
            return outcome, failure
        outcome.notice = dead_entry(
            claimed.claim.envelope, failed_at=self.now(), error=failure.line, traceback=failure.line
        )
        return outcome, failure

    def postponed(self, claimed: ClaimedJob, failure: Failure, ran: float) -> Outcome:
        """Of an attempt that failed through no fault of the job: it is tried again, at no charge.

        A dead job once it was for longer or more often than the settings allow; rejected if its task did
        not run.
        """
        job = claimed.opened
        over = self.decisions.limit_problem(job, self.now())
        if over and ran > 0:
            return self._dead("fail", claimed, job, failure, ran).noted(f"not retried: {over}")
        if over:
            line = f"{failure.line} (not retried: {over})"
            return self._dead("reject", claimed, job, Failure(line, failure.traceback), ran)
        return self._run_again(claimed, failure, ran, postponement((job.postponements or 0) + 1))

    def _run_again(
        self, claimed: ClaimedJob, failure: Failure, ran: float, delay: float, note: str = ""
    ) -> Outcome:
        """Of an attempt after which the job is run again without spending a retry."""
        job, now = claimed.opened, self.now()
        try:
            again = replace(self.as_sent(claimed).postponed(now), due_at=round(now + delay, 6))
            moved = seal_again(again, self.keyring, claimed.claim.envelope)
        except (AsokError, TypeError, ValueError, RecursionError) as problem:
            if note:
                # Neither its number nor its age would grow: it could be run again without end.
                line = f"{failure.line} (and cannot be retried: {problem})"
                return self._dead(
                    "fail", claimed, job, Failure(line, failure.traceback), ran
                ).noted(note)
            # A fault of this worker makes no dead job of one that only this worker cannot write.
            moved = claimed.claim.envelope
        outcome = self.outcome("postpone", claimed, job, ran, error=failure.traceback)
        outcome.moved, outcome.delay, outcome.finished_at = moved, delay, 0.0
        outcome.error_line, outcome.note = failure.line, note
        return outcome

    def postponed_unsigned(self, claimed: ClaimedJob, job: Job, line: str, delay: float) -> Outcome:
        """Of a job with another key's signature: it waits, and not a byte of it may change."""
        outcome = self.outcome("postpone", claimed, job, 0.0, error=line)
        outcome.error_line = line
        # Who signed it is not known, so it gets no unique key either.
        outcome.moved, outcome.delay = claimed.claim.envelope, delay
        outcome.started_at = outcome.finished_at = 0.0
        outcome.unique = ""
        return outcome

    def rejected(self, claimed: ClaimedJob, error: EnvelopeError) -> Outcome:
        """Of a job that must not run: a dead job with the reason."""
        line = f"{type(error).__name__}: {error}"
        job = peek(claimed.claim.envelope).job
        earlier = job.extra.get(EARLIER_ERROR) if job is not None else None
        if isinstance(earlier, str):
            # It was requeued after it had failed: that error is what an operator has to know.
            line = f"{line} (it had failed before: {earlier[:300]})"
        failure = Failure.of_line(line)
        # The record is that of the job of which this is a copy.
        if job is not None and not isinstance(error, WrongQueue | Replayed):
            outcome = self._dead("reject", claimed, job, failure, 0.0)
        else:
            outcome = Outcome("reject", claimed.claim, error=line, error_line=line)
            outcome.moved = self._dead_job(claimed, failure, rejected=True)
        outcome.notice = DEAD_JOB
        return outcome

    def as_sent(self, claimed: ClaimedJob) -> Job:
        """The job as it was sent. What was run holds lists and dicts that the task may have changed."""
        job = claimed.opened
        return unseal(claimed.claim.envelope, self.keyring) if job.args or job.kwargs else job

    def _dead(
        self, verb: Verb, claimed: ClaimedJob, job: Job, failure: Failure, ran: float
    ) -> Outcome:
        outcome = self.outcome(verb, claimed, job, ran, error=failure.traceback)
        outcome.moved = self._dead_job(claimed, failure, rejected=verb == "reject")
        outcome.error_line = failure.line
        return outcome

    def _dead_job(self, claimed: ClaimedJob, failure: Failure, *, rejected: bool) -> bytes:
        return dead_entry(
            claimed.claim.envelope,
            failed_at=self.now(),
            error=failure.line,
            traceback=failure.traceback,
            rejected=rejected,
        )
