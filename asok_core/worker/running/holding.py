"""The holds that a process enforces: jobs that match one are kept from starting."""

from __future__ import annotations

import time

from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.errors import Refused
from asok_core.inspection.hold_index import HoldIndex
from asok_core.inspection.holds import Holds
from asok_core.inspection.limits import LimitRule
from asok_core.runtime.logs import safe_logger
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.outcomes import OutcomeBuilder

logger = safe_logger("asok.worker")

RETRY = 5.0
"""Seconds between two attempts to read holds that Redis refuses to the worker's user."""


class Holding:
    """The holds as this process has read them last. Read by its threads, changed by its dispatcher.

    ``generation`` is that of the holds that are read, 0 where Redis refuses to have them read: then jobs
    start as without holds. ``release`` is the application's that the process runs.
    """

    def __init__(self, release: str) -> None:
        self.holds = HoldIndex()
        self.limits: tuple[LimitRule, ...] = ()
        """The limits that operators set, which are read with the holds."""
        self.generation = 0
        self.changed = False
        """Whether the supervisor has reported that there may be others."""
        self.whole = True
        """Whether this release understands all of them: else it cannot state that it enforces them."""
        self._release = release
        self._unread: tuple[str, ...] = ()
        self._refused = False
        self._retry_at = 0.0

    def is_due(self, generation: int) -> bool:
        """Whether to read them, as Redis has this generation of them."""
        if self._refused and time.monotonic() < self._retry_at:
            return False
        return generation != self.generation

    def read(self, consumer: Consumer) -> None:
        """Read them. From then on no thread starts a job by others. Raises Unreachable."""
        try:
            found = consumer.holds()
        except Refused as error:
            # A user with the rights that an earlier release needed: a hold must not stop every job.
            if not self._refused:
                logger.error(
                    "Holds are not enforced, as this process may not read them",
                    extra={"error": str(error)},
                )
            found = Holds()
            self._refused, self._retry_at = True, time.monotonic() + RETRY
        else:
            self._refused = False
        self.changed = False
        self.limits = found.limits
        # The holds before the generation: a thread that sees this one must not have the former ones.
        self.holds, self.generation = HoldIndex(found.holds), found.generation
        unread = tuple(each for each in found.unread if not each.startswith("ended:"))
        self.whole = not (unread or found.problem)
        for each in set(unread) - set(self._unread):
            logger.error("Hold %s is not enforced: this release cannot read its rule", each)
        self._unread = unread

    def outcome(self, claimed: ClaimedJob, outcomes: OutcomeBuilder) -> Outcome | None:
        """The outcome of an opened job that a hold keeps from starting; None where none does."""
        job = claimed.opened
        hold = self.holds.first_match(job, self._release, outcomes.now())
        if hold is None:
            return None
        counts = (job.retries, job.retry_count)
        held_back = Outcome("hold", claimed.claim, job.id, job.task, *counts, job.unique or "")
        return held_back.noted(hold.id)
