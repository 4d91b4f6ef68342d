"""Outcomes that Redis does not have yet, and what a reply reports of those that were sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from asok_core.backends.redis.consuming.consumer import Consumer
from asok_core.backends.redis.consuming.outcomes import (
    Claim,
    Outcome,
    is_settled,
)
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.backends.redis.flags import OutcomeFlag
from asok_core.runtime.logs import safe_logger
from asok_core.worker.log import NOT_BEGUN, log_cancelled
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.dropped_outcomes import DroppedOutcomes
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.shared_state import SharedState

logger = safe_logger("asok.worker")


class SentOutcomes(NamedTuple):
    """Outcomes that a round trip settles. ``sent_before`` is which of them were sent without a reply."""

    pairs: list[tuple[ClaimedJob, Outcome]]
    sent_before: list[bool]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes alone."""
        return [outcome for _, outcome in self.pairs]


class UnsettledOutcomes:
    """Outcomes in order, until a round trip has settled each. ``len`` is how many there are.

    ``counts`` is what was settled, by task.
    """

    def __init__(self, consumer: Consumer, outcomes: OutcomeBuilder, shared: SharedState) -> None:
        self.counts = TaskCounts()
        self.limited: list[tuple[ClaimedJob, Outcome]] = []
        """What is settled of jobs that limits count, until these count them no longer."""
        self._shared = shared
        self._outcomes = outcomes
        self._open: list[tuple[ClaimedJob, Outcome]] = []
        self._dropped = DroppedOutcomes(consumer, self.counts)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def dubious(self) -> bool:
        """Whether one of the outcomes is of a job whose process died often."""
        return any(claimed.dubious for claimed, _ in self._open)

    def add(self, claimed: ClaimedJob, outcome: Outcome) -> None:
        """Take an outcome that the next round trip settles."""
        self._open.append((claimed, outcome))

    def close(self, claimed: ClaimedJob) -> None:
        """Note that nothing is left to settle of a job."""
        self._shared.settle(claimed.shared_slot)
        if claimed.settled is not None:
            claimed.settled.set()

    def claims(self) -> Iterator[Claim]:
        """The claims that they are of."""
        return (claimed.claim for claimed, _ in self._open)

    def keep_only(self, active: Sequence[Claim]) -> None:
        """Drop outcomes whose jobs are no longer active: settled before, or another worker's now."""
        former, self._open = self._open, []
        for claimed, outcome in former:
            if claimed.claim in active:
                self._open.append((claimed, outcome))
            else:
                self.close(claimed)
                self._dropped.add(claimed, outcome)
        self._dropped.account()

    def mark_sent(self) -> SentOutcomes:
        """Mark every outcome as sent, and return them. Each is kept, and ``in_doubt`` until the reply."""
        pairs = list(self._open)
        sent_before = [outcome.in_doubt for _, outcome in pairs]
        for _, outcome in pairs:
            outcome.in_doubt = True
        return SentOutcomes(pairs, sent_before)

    def settle(self, sent: SentOutcomes, flags: Sequence[int]) -> None:
        """Close what is settled by the reply to the round trip. ``flags``: one for each."""
        unmoved, settled = [], []
        for pair, flag, before in zip(sent.pairs, flags, sent.sent_before, strict=True):
            claimed, outcome = pair
            if is_settled(outcome, flag):
                if flag == OutcomeFlag.CANCELLED and claimed.job is not None:
                    if outcome.started_at:
                        error = outcome.error_line or "its worker stopped"
                        log_cancelled(claimed.job, error, duration=outcome.run_us / 1e6)
                    else:
                        log_cancelled(claimed.job, outcome.error_line or NOT_BEGUN)
                if claimed.limits:
                    self.limited.append((claimed, outcome))
                self.close(claimed)
                # What an envelope names whose signature is not good says nothing about a task.
                if claimed.job is not None and claimed.rejected is None:
                    settled.append((outcome, claimed.noted))
                continue
            outcome.in_doubt = before
            if flag == OutcomeFlag.NOT_ACTIVE:
                self.close(claimed)
                self._dropped.add(claimed, outcome)
            elif flag == OutcomeFlag.TO_RETURN:
                unmoved.append((claimed, self._outcomes.returned_by_name(claimed)))
            else:
                unmoved.append(pair)
                logger.error(
                    "Job %s stays active: its destination in Redis is not a list", outcome.id
                )
        self.counts.settled(settled)
        # Outcomes that were added during the round trip are behind those that were sent.
        self._open[: len(sent.pairs)] = unmoved
        self._dropped.account()
