"""The jobs of this process: claimed ones with and without a thread, and outcomes that are not settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from asok_core.backends.redis.consuming.outcomes import Claim
from asok_core.inspection.stacks import encode_kept
from asok_core.jobs.envelope import peek
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.running.crash_isolation import DubiousJobs
from asok_core.worker.running.outcomes import OutcomeBuilder
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.stacks import stack_of_thread

NOTE_AFTER = 0.02
"""Seconds after which Redis records that a job runs, where it has not ended by then."""


class ProcessJobs:
    """Every job from its claim until its outcome is settled. ``len``: those without an outcome.

    ``uncertain`` is whether Redis may have given some to another worker, as a lease ran out: they are to
    be compared with the active lists.
    """

    def __init__(
        self, threads: Threads, unsettled: UnsettledOutcomes, outcomes: OutcomeBuilder
    ) -> None:
        self.threads = threads
        self.unsettled = unsettled
        self.dubious = DubiousJobs()
        self.uncertain = False
        self._outcomes = outcomes
        # A set that keeps the order of the claims.
        self._claimed: dict[ClaimedJob, None] = {}

    def __len__(self) -> int:
        return len(self._claimed)

    @property
    def settled(self) -> bool:
        """Whether the outcome of every job is settled; hooks of some may still be called."""
        return not (self._claimed or self.unsettled or self.threads.finished)

    # Start and end

    def start(self, batch: Sequence[ClaimedJob], *, few: bool) -> bool:
        """Start claimed jobs, in order. Returns whether dubious ones have to wait for each other."""
        ready: list[ClaimedJob] = []
        for claimed in batch:
            if claimed.dubious and (self.dubious or self._dubious_started()):
                self.dubious.put(claimed)
            else:
                ready.append(claimed)
                if claimed.dubious:
                    self.dubious.start()
            self._claimed[claimed] = None
        self.threads.put(ready, few=few)
        return len(ready) < len(batch)

    def collect(self) -> int:
        """Take what threads have finished, for the next cycle to settle. Returns how many ended."""
        finished, jobs, ended = self.threads.finished, self._claimed, 0
        self.threads.in_a_hurry = False
        while finished:
            claimed, outcome = finished.popleft()
            if outcome is not None and claimed in jobs:
                del jobs[claimed]
                self.unsettled.add(claimed, outcome)
                # A process that ends over jobs it cannot run would never find out what is wrong. A note is
                # that of a task that ran, as with Retry(counted=False). One that is held has not begun.
                verb = outcome.verb
                ended += verb != "hold" and (verb != "postpone" or bool(outcome.note))
            elif outcome is not None:
                # It was returned, or another worker has it by now.
                self.unsettled.close(claimed)
            else:
                self._drop(claimed)
            if claimed.gone:
                self.uncertain = True
        return ended

    def start_next_dubious(self) -> None:
        """Start the next of the dubious jobs that wait, if it is time and a thread is free.

        None while another worker may have it by now.
        """
        if (
            self.uncertain
            or not self.dubious
            or len(self) - len(self.dubious) >= self.threads.count
        ):
            return
        if self.dubious.due or not self._dubious_started():
            self.threads.put((self.dubious.take(),))

    def _dubious_started(self) -> bool:
        """Whether a dubious job has started whose outcome is not settled.

        Or hooks are called: of a process that dies in those, no job is charged that runs.
        """
        if self.unsettled.dubious or self.threads.closing:
            return True
        return sum(each.dubious for each in self._claimed) > len(self.dubious)

    # What runs

    def to_note(self) -> list[ClaimedJob]:
        """Jobs of which Redis is to record that they run."""
        due = self._outcomes.now() - NOTE_AFTER
        return [
            claimed
            for claimed in self.threads.running()
            if not claimed.noted and claimed.started_at is not None and claimed.started_at <= due
        ]

    def has_undecided(self) -> bool:
        """Whether a thread is about to start a job that it has compared with the holds, or not yet."""
        return self.threads.undecided(
            claimed for claimed in self._claimed if claimed not in self.dubious
        )

    @property
    def unnoted(self) -> bool:
        """Whether there are jobs that may have to be noted soon."""
        return any(not claimed.noted for claimed in self._claimed if claimed not in self.dubious)

    def ask_to_stop(self, job_id: str, *, by_operator: bool = False) -> None:
        """Ask a job to stop, if it runs here; for an operator, with an exception in its task."""
        for claimed in self.threads.running():
            if claimed.job is not None and claimed.job.id == job_id:
                claimed.stop.asked = True
                if by_operator:
                    claimed.stop.insist()

    # Returning to queues

    def return_late(self) -> None:
        """Return jobs that wait for a thread to their queues, in order; the next cycle settles that."""
        self._return_all(self.threads.take_waiting())

    def return_waiting(self) -> None:
        """Return every job that has not started to its queue."""
        self._return_all(self.threads.take_waiting() + self.dubious.take_waiting())

    def return_running(self) -> list[str]:
        """Return what still runs to its queue, as the process is about to end: the tasks."""
        started = set(self.threads.running())
        running = [claimed for claimed in self._claimed if claimed in started]
        stacks = {claimed: self._kept_stack(claimed) for claimed in running}
        self._return_all(running, stacks)
        return [claimed.job.task if claimed.job else "" for claimed in running]

    def return_to_queue(self, claimed: ClaimedJob, stack: str = "") -> None:
        """Return a claim to its queue that these jobs do not count. ``stack`` is what its record keeps."""
        outcome = self._outcomes.returned(claimed)
        outcome.stack = stack
        self.unsettled.add(claimed, outcome)

    def _kept_stack(self, claimed: ClaimedJob) -> str:
        job = claimed.job
        if job is None:
            return ""
        stack = stack_of_thread(self.threads.ident(claimed.slot))
        return encode_kept("worker stopped", job.attempt, self._outcomes.now(), "", stack)

    def _return_all(
        self, back: Sequence[ClaimedJob], stacks: Mapping[ClaimedJob, str] | None = None
    ) -> None:
        # The oldest is returned last: it ends nearest to the consuming end.
        for claimed in reversed(back):
            if self._drop(claimed):
                self.return_to_queue(claimed, (stacks or {}).get(claimed, ""))

    def reconcile(self, active: Sequence[Claim]) -> None:
        """Compare with the claims in the active lists of this process.

        What Redis holds and is not known here (a lost reply, a predecessor's) is returned. What has not
        started and Redis gave to another is dropped.
        """
        self.unsettled.keep_only(active)
        known = [claimed.claim for claimed in self._claimed]
        known += self.unsettled.claims()
        for claimed in self.threads.take_waiting():
            if claimed.claim in active:
                self.threads.put((claimed,))
            else:
                self._drop(claimed)
        for claimed in self.dubious.take_lost(active):
            self._drop(claimed)
        for claim in active:
            if claim in known:
                known.remove(claim)
            else:
                self.return_to_queue(ClaimedJob(claim, job=peek(claim.envelope).job, noted=True))
        self.uncertain = False

    def _drop(self, claimed: ClaimedJob) -> bool:
        """Drop a job. Returns whether it was one of these."""
        known = claimed in self._claimed
        if known:
            del self._claimed[claimed]
        return known
