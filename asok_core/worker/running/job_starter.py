"""The start of jobs: of those that a cycle has claimed, and of those that the idle wait has brought."""

from __future__ import annotations

import time
from collections.abc import Sequence

from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.backends.redis.consuming.outcomes import Claim, Outcome
from asok_core.backends.redis.flags import StartFlag
from asok_core.jobs.envelope import peek
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.capacity import Capacity
from asok_core.worker.running.claim_cycle import ClaimCycle
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.idle_wait import IdleWait
from asok_core.worker.running.process_jobs import ProcessJobs


class JobStarter:
    """Starts claimed jobs, and begins the idle wait where there is room for more.

    ``started_at`` is the monotonic time of the last start. A job is dubious if one more death of its
    process reaches ``ASOK_CRASH_LIMIT``. Raises Unreachable or Refused.
    """

    def __init__(
        self,
        consumer: Consumer,
        runner: AttemptRunner,
        *,
        cycle: ClaimCycle,
        jobs: ProcessJobs,
        capacity: Capacity,
        idle_wait: IdleWait,
    ) -> None:
        self.started_at = 0.0
        self._consumer = consumer
        self._runner = runner
        self._breaker = runner.breaker
        self._cycle = cycle
        self._jobs = jobs
        self._limiting = runner.limiting
        self._capacity = capacity
        self._idle_wait = idle_wait
        self._last_chance = max(1, runner.settings.crash_limit - 1)

    def start(self, reply: CycleResult, opened: Sequence[ClaimedJob] = ()) -> bool:
        """Start ``opened`` jobs and what a cycle has claimed, where limits allow it.

        Returns whether others may be claimed in place of some: dubious ones wait, as some do for limits.
        """
        claimed_now = [*opened, *map(ClaimedJob, reply.claims)]
        if not claimed_now:
            return False
        self._breaker.claimed()
        batch = self._allowed_by_limits(claimed_now)
        if not batch:
            return True
        self.started_at = time.monotonic()
        if reply.dubious:
            ids = [peek(claimed.claim.envelope).id for claimed in batch]
            for claimed, crashes in zip(batch, self._consumer.crashes(ids), strict=True):
                claimed.dubious = crashes >= self._last_chance
        some_wait = self._jobs.start(batch, few=self._capacity.prefetch.few)
        return some_wait or len(batch) < len(claimed_now)

    def _allowed_by_limits(self, batch: list[ClaimedJob]) -> list[ClaimedJob]:
        """Those of claimed jobs that no limit keeps from starting."""
        limited = [claimed for claimed in batch if self._limiting.may_limit(claimed)]
        if not limited:
            return batch
        left: set[ClaimedJob] = set()
        for claimed in limited:
            rejected = self._runner.open(claimed) if claimed.job is None else None
            if rejected is not None:
                left.add(claimed)
                self._jobs.unsettled.add(claimed, rejected)
                self._runner.log_rejected(claimed, rejected)
        opened = [claimed for claimed in limited if claimed not in left]
        for claimed, flag in self._limiting.start(self._consumer, opened).items():
            if flag is StartFlag.MAY_START:
                continue
            left.add(claimed)
            self._breaker.untried()
            if flag is StartFlag.CANCELLED:
                by_name = self._runner.outcomes.returned_by_name(claimed)
                self._jobs.unsettled.add(claimed, by_name)
        return [claimed for claimed in batch if claimed not in left]

    def start_arrived(self, claims: list[Claim], *, wait_again: bool = True) -> None:
        """Start jobs that an idle wait has brought, once a cycle has confirmed that they may start.

        The lease may be over by now, or a queue paused. The same cycle settles, and claims more jobs.
        """
        if not claims:
            return
        claims.sort(key=lambda claim: self._consumer.queues.index(claim.queue))
        arrived = self._with_room([ClaimedJob(claim) for claim in claims])
        rejected: dict[ClaimedJob, Outcome] = {}

        def open_all() -> None:
            for claimed in arrived:
                outcome = self._runner.open(claimed)
                if outcome is not None:
                    rejected[claimed] = outcome

        slots = min(self._capacity.free, self._capacity.to_claim) - len(arrived)
        reply = self._cycle.run(slots, self._jobs.to_note(), arrived, open_all)
        sound: list[ClaimedJob] = []
        for claimed in arrived:
            if claimed.gone:
                continue
            refused = rejected.get(claimed) or self._runner.refuse_ended(claimed)
            if refused is None:
                sound.append(claimed)
            else:
                self._jobs.unsettled.add(claimed, refused)
                self._runner.log_rejected(claimed, refused)
        self.start(reply, sound)
        if wait_again:
            self.wait_for_more(reply, slots)

    def _with_room(self, arrived: list[ClaimedJob]) -> list[ClaimedJob]:
        """Those that may run here now; the others are returned to their queues."""
        room = self._capacity.of_arrivals(len(arrived))
        for claimed in reversed(arrived[room:]):
            self._jobs.return_to_queue(claimed)
        return arrived[:room]

    def wait_for_more(self, reply: CycleResult, slots: int) -> None:
        """Begin the idle wait where there was room for more jobs than came, and there still is."""
        if slots > 0 and not reply.claims and self._capacity.free > 0 and reply.lease_left > 0:
            if self._breaker.may_wait:
                self._idle_wait.begin(reply)
            else:
                self._breaker.found_nothing()
