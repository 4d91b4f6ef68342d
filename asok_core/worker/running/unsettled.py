"""Outcomes that Redis does not have yet, and the round trips that settle them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.outcomes import (
    CANCELLED_INSTEAD,
    Claim,
    JobStart,
    Outcome,
    is_settled,
)
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.clock import steady
from asok_core.runtime.logs import safe_logger
from asok_core.worker.log import NOT_BEGUN, log_cancelled, log_set_aside, warn_of_dropped
from asok_core.worker.running.dropped_outcomes import DroppedOutcomes
from asok_core.worker.running.held_job import HeldJob
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.running.progress_reports import ProgressReports
from asok_core.worker.shared_state import SharedState

logger = safe_logger("asok.worker")

MAY_START = {1: 0, 3: 1, 4: 2, 5: 3}
"""Flags of ``cycle.lua`` for a job that may start, each with what ``Claim.spent`` is then."""
CANCELLED, CANCELLED_UNOPENED = 6, 4
"""Flags of ``cycle.lua`` for a start, and of ``settle.lua``: the job is cancelled, and is to be named."""
NEARLY_FULL = 0.9
"""Part of ASOK_DLQ_MAX from which the log warns."""


class UnsettledOutcomes:
    """Outcomes in order, until a cycle has settled each. ``len`` is how many there are.

    ``leased_until`` is the monotonic time at which the lease may be over, by the reply to the last cycle.
    ``counts`` is what was settled, by task.
    """

    def __init__(
        self,
        consumer: Consumer,
        outcomes: OutcomeBuilder,
        shared: SharedState,
        reports: ProgressReports,
    ) -> None:
        self.leased_until = 0.0
        self.counts = TaskCounts()
        self._shared = shared
        self._consumer = consumer
        self._outcomes = outcomes
        self._reports = reports
        self._open: list[tuple[HeldJob, Outcome]] = []
        self._broken: frozenset[str] = frozenset()
        self._warned_of_full = False
        self._dropped = DroppedOutcomes(consumer, self.counts)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def dubious(self) -> bool:
        """Whether one of the outcomes is of a job whose process died often."""
        return any(held.dubious for held, _ in self._open)

    def add(self, held: HeldJob, outcome: Outcome) -> None:
        """Take an outcome that the next cycle settles."""
        self._open.append((held, outcome))

    def close(self, held: HeldJob) -> None:
        """Note that nothing is left to settle of a job."""
        self._shared.settle(held.shared_slot)
        if held.settled is not None:
            held.settled.set()

    def claims(self) -> Iterator[Claim]:
        """The claims that they are of."""
        return (held.claim for held, _ in self._open)

    def keep_only(self, active: Sequence[Claim]) -> None:
        """Drop outcomes whose jobs are no longer active: settled before, or another worker's now."""
        former, self._open = self._open, []
        for held, outcome in former:
            if held.claim in active:
                self._open.append((held, outcome))
            else:
                self.close(held)
                self._dropped.add(held, outcome)
        self._dropped.account()

    def cycle(
        self,
        slots: int,
        noting: Sequence[HeldJob] = (),
        arrived: Sequence[HeldJob] = (),
        during: Callable[[], object] | None = None,
        *,
        probe: int = 0,
    ) -> CycleResult:
        """Settle every outcome, note what runs, and claim up to ``slots`` jobs: one round trip.

        What jobs reported of their progress is written with it; see ``ProgressReports``.

        ``arrived`` are jobs that an idle wait has brought: those that may not start are ``gone`` after
        it. ``during`` is called while Redis works. Raises Unreachable or Refused, and keeps every outcome
        then.
        """
        settling = list(self._open)
        starts = [self._outcomes.start(held) for held in noting]
        starts += [JobStart(held.claim, returnable=True) for held in arrived]
        sent, asked_at = time.monotonic(), steady()
        outcomes = [outcome for _, outcome in settling]
        sent_before = [outcome.in_doubt for outcome in outcomes]
        for outcome in outcomes:
            outcome.in_doubt = True
        reported = self._reports.take(held for held, _ in settling)
        try:
            turn = self._consumer.cycle(
                *(outcomes, starts, slots, during),
                probe=probe,
                progress=self._reports.rows(reported),
            )
        except BaseException:
            self._reports.keep(reported)
            raise
        self._outcomes.clock.learn(turn.server_time, asked_at)
        # Counted from before the request was sent: never later than the server's own end of it.
        # And never later than it can be: the server's clock may have been set back.
        lease = self._outcomes.settings.worker_lease
        self.leased_until = sent + min(turn.lease_left, lease)
        self._close_settled(settling, turn.settled, sent_before)
        for held in noting:
            held.noted = True
            if held.job is not None:
                self.counts.began(held.job.task)
        for held, flag in zip(arrived, turn.started[len(noting) :], strict=True):
            held.gone = flag not in MAY_START
            held.claim.spent = MAY_START.get(flag, 0)
            if flag == CANCELLED:
                self.add(held, self._outcomes.returned_by_name(held))
        self._warn_of_full_dlq(turn.dead)
        warn_of_dropped(turn.dropped)
        log_set_aside(turn.aside)
        self._log_broken(turn)
        self._dropped.account()
        return turn

    def _close_settled(
        self,
        sent: Sequence[tuple[HeldJob, Outcome]],
        flags: Sequence[int],
        sent_before: Sequence[bool],
    ) -> None:
        unmoved, settled = [], []
        for pair, flag, before in zip(sent, flags, sent_before, strict=True):
            held, outcome = pair
            if is_settled(outcome, flag):
                if flag == CANCELLED_INSTEAD and held.job is not None:
                    if outcome.started_at:
                        error = outcome.error_line or "its worker stopped"
                        log_cancelled(held.job, error, duration=outcome.run_us / 1e6)
                    else:
                        log_cancelled(held.job, outcome.error_line or NOT_BEGUN)
                self.close(held)
                # What an envelope names whose signature is not good says nothing about a task.
                if held.job is not None and held.rejected is None:
                    settled.append((outcome, held.noted))
                continue
            outcome.in_doubt = before
            if flag == 0:
                self.close(held)
                self._dropped.add(held, outcome)
            elif flag == CANCELLED_UNOPENED:
                unmoved.append((held, self._outcomes.returned_by_name(held)))
            else:
                unmoved.append(pair)
                logger.error(
                    "Job %s stays active: its destination in Redis is not a list", outcome.id
                )
        self.counts.settled(settled)
        # Outcomes that were added during the cycle are behind those that were sent.
        self._open[: len(sent)] = unmoved

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

    def _log_broken(self, turn: CycleResult) -> None:
        for queue in set(turn.broken) - self._broken:
            logger.error("Queue %s is skipped: its key in Redis is not a list", queue)
        # Logged once, until jobs come from it again: not every cycle gets as far as to each queue.
        self._broken = (self._broken | set(turn.broken)) - {claim.queue for claim in turn.claims}
