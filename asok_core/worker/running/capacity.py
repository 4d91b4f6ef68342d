"""How many jobs a process may claim: by its mode, its slots, what it has claimed, and ``--max-jobs``."""

from __future__ import annotations

from asok_core.jobs.waiting import Slots
from asok_core.worker.config import WorkerConfig
from asok_core.worker.running.circuit_breaker import CircuitBreaker
from asok_core.worker.running.max_jobs import JobQuota
from asok_core.worker.running.mode import ProcessMode
from asok_core.worker.running.prefetch import Prefetch
from asok_core.worker.running.process_jobs import ProcessJobs


class Capacity:
    """Slots of a process, and how many of them are free.

    ``slots`` is how many jobs it may run at once. It has ``threads`` for more where the process before or
    after it has the other slots.
    """

    def __init__(
        self,
        config: WorkerConfig,
        slots: int,
        *,
        mode: ProcessMode,
        jobs: ProcessJobs,
        breaker: CircuitBreaker,
        waits: Slots | None,
    ) -> None:
        self.slots = slots
        self.threads = config.concurrency
        self.quota = JobQuota(config.max_jobs)
        self.prefetch = Prefetch()
        self._mode = mode
        self._jobs = jobs
        self._breaker = breaker
        self._waits = waits

    def resize(self, slots: int) -> None:
        """Run this number of jobs at once from now on."""
        self.slots = slots
        if self._waits is not None:
            self._waits.size = slots

    @property
    def open(self) -> bool:
        """Whether jobs are claimed at all. Not when it drains, retires or has done its ``max_jobs``."""
        return not (self._mode.draining or self._mode.retiring or self.quota.used_up)

    @property
    def claiming(self) -> bool:
        """Whether jobs may be claimed now."""
        return self.open and not self._mode.quiet and self._breaker.may_claim

    @property
    def free(self) -> int:
        """Slots in which a job could start now."""
        jobs = self._jobs
        claimed = len(jobs) - jobs.dubious.without_slot
        return self.slots - claimed - jobs.threads.late

    @property
    def to_claim(self) -> int:
        """How many jobs to claim: for the free slots, and some that wait for a moment only."""
        if not self.claiming:
            return 0
        free = self.free
        if not self._breaker.closed:
            room = min(1, free)
        else:
            # What is claimed starts at once where there are more threads than slots.
            room = free if self._shares_slots else free + self.prefetch.size
        return int(min(room, self.quota.left(len(self._jobs))))

    def of_arrivals(self, count: int) -> int:
        """How many of the jobs that an idle wait has brought may run here."""
        if not self.claiming:
            return 0
        room = min(count, self.quota.left(len(self._jobs)))
        if self._shares_slots:
            room = min(room, self.free)
        return max(0, int(room))

    @property
    def _shares_slots(self) -> bool:
        """Whether another process has some of the slots; there are threads for all of them."""
        return self.slots < self.threads
