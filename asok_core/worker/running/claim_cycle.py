"""The round trip of a process: it settles outcomes, notes what runs, and claims jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.outcomes import JobStart
from asok_core.backends.redis.flags import MAY_START, EndedFlag, StartFlag
from asok_core.clock import steady
from asok_core.runtime.logs import safe_logger
from asok_core.worker.log import log_set_aside, warn_of_dropped
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.process_jobs import ProcessJobs
from asok_core.worker.running.state_report import StateReport

logger = safe_logger("asok.worker")

NEARLY_FULL = 0.9
"""Part of ASOK_DLQ_MAX from which the log warns."""


class ClaimCycle:
    """Reports all outcomes and starts of a process, claims jobs, and applies the reply: one request.

    ``leased_until`` is the monotonic time at which the lease may be over, by the reply to the last cycle.
    """

    def __init__(
        self,
        consumer: Consumer,
        runner: AttemptRunner,
        *,
        jobs: ProcessJobs,
        notices: FailureNotices,
        report: StateReport,
    ) -> None:
        self.leased_until = 0.0
        self._consumer = consumer
        self._holding = runner.holding
        self._limiting = runner.limiting
        self._breaker = runner.breaker
        self._outcomes = runner.outcomes
        self._reports = runner.reports
        self._jobs = jobs
        self._unsettled = jobs.unsettled
        self._notices = notices
        self._report = report
        self._broken: frozenset[str] = frozenset()
        self._warned_of_full = False

    def run(
        self,
        slots: int,
        noting: Sequence[ClaimedJob] = (),
        arrived: Sequence[ClaimedJob] = (),
        during: Callable[[], object] | None = None,
    ) -> CycleResult:
        """Settle every outcome, note what runs, and claim up to ``slots`` jobs: one round trip.

        What jobs reported is written with it; see ``TaskReports``.

        ``arrived`` are jobs that an idle wait has brought: those that may not start are ``gone`` after
        it. ``during`` is called while Redis works. Raises Unreachable or Refused, and keeps every outcome
        then.
        """
        starts = [self._outcomes.start(claimed) for claimed in noting]
        starts += [JobStart(claimed.claim, returnable=True) for claimed in arrived]
        sent_at, asked_at = time.monotonic(), steady()
        sent = self._unsettled.mark_sent()
        reported = self._reports.take(claimed for claimed, _ in sent.pairs)
        try:
            reply = self._consumer.cycle(
                *(sent.outcomes, starts, slots, during),
                probe=0 if self._breaker.closed else self._breaker.probe,
                reports=self._reports.rows(reported),
            )
        except BaseException:
            self._reports.keep(reported)
            raise
        self._outcomes.clock.learn(reply.server_time, asked_at)
        # Counted from before the request was sent: never later than the server's own end of it.
        # And never later than it can be: the server's clock may have been set back.
        lease = self._outcomes.settings.worker_lease
        self.leased_until = sent_at + min(reply.lease_left, lease)
        self._unsettled.settle(sent, reply.settled)
        if limited := self._unsettled.limited:
            self._unsettled.limited = []
            self._limiting.leave(self._consumer, limited)
        self._note_started(noting)
        self._confirm(arrived, reply.started[len(noting) :])
        self._log(reply)
        self._prepare_starts(reply, arrived)
        if slots > 0 and reply.lease_left > 0:
            self._report.claims()
        if reply.notices:
            self._notices.exist()
        return reply

    def _note_started(self, noted: Sequence[ClaimedJob]) -> None:
        for claimed in noted:
            claimed.noted = True
            if claimed.job is not None:
                self._unsettled.counts.began(claimed.job.task)

    def _confirm(self, arrived: Sequence[ClaimedJob], flags: Sequence[int]) -> None:
        for claimed, flag in zip(arrived, flags, strict=True):
            claimed.gone = flag not in MAY_START
            claimed.claim.ended_before = MAY_START.get(flag, EndedFlag.NO)
            if flag == StartFlag.CANCELLED:
                self._unsettled.add(claimed, self._outcomes.returned_by_name(claimed))

    def _prepare_starts(self, reply: CycleResult, arrived: Sequence[ClaimedJob]) -> None:
        """Read what must be known before a job of this reply starts, then let the threads start jobs."""
        confirmed = (claimed.claim for claimed in arrived if not claimed.gone)
        self._consumer.look_up((*reply.claims, *confirmed))
        if self._holding.is_due(reply.holds):
            self._holding.read(self._consumer)
        # After that, as jobs that were claimed before may wait: a process without a lease is not asked
        # whether it enforces a hold.
        self._jobs.threads.runs_until = self.leased_until

    def _log(self, reply: CycleResult) -> None:
        self._warn_of_full_dlq(reply.dead)
        warn_of_dropped(reply.dropped)
        log_set_aside(reply.aside)
        self._log_broken(reply)

    def _warn_of_full_dlq(self, dead: int) -> None:
        most = self._outcomes.settings.dlq_max
        if dead < NEARLY_FULL * most:
            # None was added, or there is room again.
            self._warned_of_full = self._warned_of_full and not dead
        elif not self._warned_of_full:
            self._warned_of_full = True
            logger.warning(
                "Dead-letter queue holds %d of %d jobs (ASOK_DLQ_MAX); when it is full, each job that "
                "fails drops the oldest one for good: requeue, export or purge some",
                dead,
                most,
            )

    def _log_broken(self, reply: CycleResult) -> None:
        for queue in set(reply.broken) - self._broken:
            logger.error("Queue %s is skipped: its key in Redis is not a list", queue)
        # Logged once, until jobs come from it again: not every cycle gets as far as to each queue.
        self._broken = (self._broken | set(reply.broken)) - {claim.queue for claim in reply.claims}
