"""The holds that a process enforces: jobs that match one are kept from starting."""

from __future__ import annotations

from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.inspection.holds import Hold, first_match
from asok_core.runtime.logs import safe_logger
from asok_core.worker.running.held_job import HeldJob
from asok_core.worker.running.outcomes import OutcomeBuilder

logger = safe_logger("asok.worker")


class Holding:
    """The holds as this process has read them last. Read by its threads, changed by its dispatcher.

    ``generation`` is that of the holds that are read; ``release`` the application's that the process runs.
    """

    def __init__(self, release: str) -> None:
        self.holds: tuple[Hold, ...] = ()
        self.generation = 0
        self.changed = False
        """Whether the supervisor has reported that there may be others."""
        self.whole = True
        """Whether this release understands all of them: else it cannot state that it enforces them."""
        self._release = release
        self._unread: tuple[str, ...] = ()

    def read(self, consumer: Consumer) -> None:
        """Read them. From then on no thread starts a job by others. Raises Unreachable or Refused."""
        found = consumer.holds()
        self.changed = False
        # The holds before the generation: a thread that sees this one must not have the former ones.
        self.holds, self.generation = found.holds, found.generation
        unread = tuple(each for each in found.unread if not each.startswith("ended:"))
        self.whole = not unread
        for each in set(unread) - set(self._unread):
            logger.error("Hold %s is not enforced: this release cannot read its rule", each)
        self._unread = unread

    def outcome(self, held: HeldJob, outcomes: OutcomeBuilder) -> Outcome | None:
        """The outcome of an opened job that a hold keeps from starting; None where none does."""
        job = held.opened
        hold = first_match(self.holds, job, self._release, outcomes.now())
        if hold is None:
            return None
        counts = (job.retries, job.retry_count)
        held_back = Outcome("hold", held.claim, job.id, job.task, *counts, job.unique or "")
        return held_back.noted(hold.id)
