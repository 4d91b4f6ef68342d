"""Outcomes that came too late: another worker had taken the job over, as a lease had expired.

An outcome whose job is no longer active has either been settled, and only the reply was lost, or it is
dropped: the job runs again elsewhere, and what this run of it did is recorded nowhere. Where an outcome
was sent before, its job's record shows which.
"""

from __future__ import annotations

from collections import Counter

from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.errors import AsokError
from asok_core.runtime.logs import safe_logger
from asok_core.worker.running.claimed_job import ClaimedJob

logger = safe_logger("asok.worker")

_ENDS = frozenset({"complete", "cancel", "retry", "fail"})
"""Verbs of outcomes that end an attempt. Of the others nothing is lost: the job runs again anyway."""


class DroppedOutcomes:
    """Logs and counts them. What Redis cannot be asked now is asked with the next ``account``.

    ``counts`` gets those that were settled after all.
    """

    def __init__(self, consumer: Consumer, counts: TaskCounts) -> None:
        self._consumer = consumer
        self._counts = counts
        self._missing: list[tuple[ClaimedJob, Outcome]] = []

    def add(self, claimed: ClaimedJob, outcome: Outcome) -> None:
        """Note an outcome whose job is not active. One that is ``in_doubt`` may have arrived before."""
        if outcome.verb in _ENDS:
            self._missing.append((claimed, outcome))

    def account(self) -> None:
        """Find out which are dropped, count them in Redis and log each. Raises nothing."""
        if not self._missing:
            return
        try:
            arrived = self._consumer.arrived([each for _, each in self._missing if each.in_doubt])
            settled, dropped = [], []
            for claimed, each in self._missing:
                if each.in_doubt and each.id in arrived:
                    settled.append((claimed, each))
                else:
                    dropped.append(each)
            self._consumer.count_dropped(Counter(each.claim.queue for each in dropped))
        except AsokError:
            return
        self._missing.clear()
        self._counts.settled((each, claimed.noted) for claimed, each in settled)
        for each in dropped:
            logger.warning(
                "Outcome dropped (%s): another worker took the job over before it arrived",
                each.verb,
                extra={"task": each.task, "queue": each.claim.queue, "job_id": each.id},
            )
