"""What Redis has yet to hear from a process: outcomes, until a trip has told it of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from asok_core.backends.redis.consuming.consumer import Claim, Consumer, Outcome, Start, Turn
from asok_core.clock import steady
from asok_core.runtime.logs import safe_logger
from asok_core.worker.log import log_set_aside, warn_of_dropped
from asok_core.worker.running.attempts import Execution, Held
from asok_core.worker.running.dropped_outcomes import DroppedOutcomes
from asok_core.worker.shared_state import SharedState

logger = safe_logger("asok.worker")

ADMITTED = {1: 0, 3: 1, 4: 2, 5: 3}
"""Flags of ``cycle.lua`` for a job that may begin, each with what ``Claim.spent`` is then."""
NEARLY_FULL = 0.9
"""Part of ASOK_DLQ_MAX from which the log warns."""


class Ledger:
    """Outcomes in hand, and the trips that settle them. ``len`` is how many Redis has not heard.

    ``leased_until`` is the monotonic time at which the lease may be over, by what the last trip said.
    """

    def __init__(self, consumer: Consumer, execution: Execution, shared: SharedState) -> None:
        self.leased_until = 0.0
        self._shared = shared
        self._consumer = consumer
        self._execution = execution
        self._open: list[tuple[Held, Outcome]] = []
        self._broken: frozenset[str] = frozenset()
        self._warned_of_full = False
        self._dropped = DroppedOutcomes(consumer)

    def __len__(self) -> int:
        return len(self._open)

    @property
    def dubious(self) -> bool:
        """Whether one of the outcomes is of a job whose process died often."""
        return any(held.dubious for held, _ in self._open)

    def add(self, held: Held, outcome: Outcome) -> None:
        """Take an outcome that Redis is to hear with the next trip."""
        self._open.append((held, outcome))

    def close(self, held: Held) -> None:
        """Note that nothing is left to settle of a job."""
        self._shared.settle(held.shared_slot)
        if held.settled is not None:
            held.settled.set()

    def claims(self) -> Iterator[Claim]:
        """What the outcomes in hand are of."""
        return (held.claim for held, _ in self._open)

    def forget_all_but(self, active: Sequence[Claim]) -> None:
        """Drop outcomes whose jobs are active no more: they had arrived, or another has the job."""
        former, self._open = self._open, []
        for held, outcome in former:
            if held.claim in active:
                self._open.append((held, outcome))
            else:
                self.close(held)
                self._dropped.add(outcome)
        self._dropped.account()

    def trip(
        self,
        slots: int,
        noting: Sequence[Held] = (),
        asking: Sequence[Held] = (),
        meanwhile: Callable[[], object] | None = None,
        *,
        probe: int = 0,
    ) -> Turn:
        """Tell Redis every outcome, note what runs, and claim up to ``slots`` jobs: one round trip.

        ``asking`` are jobs that came by the idle wait: those that may not begin are ``gone`` after it.
        ``meanwhile`` is called while Redis works. Raises Unreachable or Refused; every outcome is in
        hand still.
        """
        settling = list(self._open)
        starts = [self._execution.start(held) for held in noting]
        starts += [Start(held.claim, returnable=True) for held in asking]
        sent, asked_at = time.monotonic(), steady()
        outcomes = [outcome for _, outcome in settling]
        sent_before = [outcome.in_doubt for outcome in outcomes]
        for outcome in outcomes:
            outcome.in_doubt = True
        turn = self._consumer.cycle(outcomes, starts, slots, meanwhile, probe=probe)
        self._execution.clock.learn(turn.server_time, asked_at)
        # Counted from before the request was sent: never later than the server's own end of it.
        # And never later than it can be: the server's clock may have been set back.
        lease = self._execution.settings.worker_lease
        self.leased_until = sent + min(turn.lease_left, lease)
        # What came meanwhile stands behind what was sent.
        unmoved = []
        for pair, flag, before in zip(settling, turn.settled, sent_before, strict=True):
            held, outcome = pair
            if flag == 1:
                self.close(held)
                continue
            outcome.in_doubt = before
            if flag == 0:
                self.close(held)
                self._dropped.add(outcome)
            else:
                unmoved.append(pair)
                logger.error(
                    "Job %s stays active: the place it goes to is no list in Redis", outcome.id
                )
        self._open[: len(settling)] = unmoved
        for held in noting:
            held.noted = True
        for held, flag in zip(asking, turn.admitted[len(noting) :], strict=True):
            held.gone = flag not in ADMITTED
            held.claim.spent = ADMITTED.get(flag, 0)
        self._warn_of_full_dlq(turn.dead)
        warn_of_dropped(turn.dropped)
        log_set_aside(turn.aside)
        self._tell_of_broken(turn)
        self._dropped.account()
        return turn

    def _warn_of_full_dlq(self, dead: int) -> None:
        most = self._execution.settings.dlq_max
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

    def _tell_of_broken(self, turn: Turn) -> None:
        for queue in set(turn.broken) - self._broken:
            logger.error("Queue %s is skipped: its key in Redis is not a list", queue)
        # Told once, until jobs come from it again: not every trip gets as far as to each queue.
        self._broken = (self._broken | set(turn.broken)) - {claim.queue for claim in turn.claims}
