"""The loop of one process: it settles outcomes, claims jobs, starts them on its threads, and waits.

All of it is one thread and one connection. One round trip, the *cycle*, settles and claims.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from asok_core.backends.redis.consuming.blocked_claims import BlockedClaims
from asok_core.backends.redis.consuming.consumer import Consumer, CycleResult
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.capacity import Capacity
from asok_core.worker.running.claim_cycle import ClaimCycle
from asok_core.worker.running.failure_hooks import FailureNotices
from asok_core.worker.running.figures import TaskFigures
from asok_core.worker.running.idle_wait import IDLE, IdleWait
from asok_core.worker.running.job_starter import JobStarter
from asok_core.worker.running.mode import ProcessMode
from asok_core.worker.running.prefetch import PATIENCE
from asok_core.worker.running.process_jobs import NOTE_AFTER, ProcessJobs
from asok_core.worker.running.state_report import StateReport
from asok_core.worker.running.threads import Threads
from asok_core.worker.running.unsettled import UnsettledOutcomes
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm

logger = safe_logger("asok.worker")

LEASE_PAUSE = 0.2
"""Seconds between two cycles while the worker has no lease."""


class Dispatcher:
    """Call ``turn`` while it is ``open``, and after that until it is ``empty``.

    ``turn`` raises Unreachable or Refused when Redis is away; no job is lost by it, and
    ``reconcile`` comes before the next turn. ``slots`` is how many jobs it may run at once, until a
    command changes that. ``notify_supervisor`` has the supervisor look at the shared state.
    """

    def __init__(
        self,
        config: WorkerConfig,
        consumer: Consumer,
        blocked: BlockedClaims,
        *,
        runner: AttemptRunner,
        shared: SharedState,
        alarm: Alarm,
        notices: FailureNotices,
        slots: int,
        notify_supervisor: Callable[[], None],
    ) -> None:
        self.mode = ProcessMode()
        self._consumer = consumer
        self._blocked = blocked
        self._runner = runner
        self._shared = shared
        self._alarm = alarm
        self._notices = notices
        self._breaker = runner.breaker
        self._breaker.on_change = alarm.ring
        self._threads = Threads(config.concurrency, runner, shared, alarm)
        self._reports = runner.reports
        self._reports.ring = alarm.ring
        self._limiting = runner.limiting
        self._unsettled = UnsettledOutcomes(consumer, runner.outcomes, shared)
        self._jobs = ProcessJobs(self._threads, self._unsettled, runner.outcomes)
        self.figures = TaskFigures(consumer, self._unsettled.counts)
        self._capacity = Capacity(
            config,
            slots,
            mode=self.mode,
            jobs=self._jobs,
            breaker=self._breaker,
            waits=runner.slots,
        )
        self._prefetch = self._capacity.prefetch
        self._idle_wait = IdleWait(blocked, consumer, alarm, self._threads, self._prefetch)
        self._report = StateReport(shared, self._breaker, notify_supervisor)
        self._cycle = ClaimCycle(
            consumer, runner, jobs=self._jobs, notices=notices, report=self._report
        )
        self._starter = JobStarter(
            consumer,
            runner,
            cycle=self._cycle,
            jobs=self._jobs,
            capacity=self._capacity,
            idle_wait=self._idle_wait,
        )
        self._lease = config.settings.worker_lease
        self._reconcile_at = 0.0
        self._confirmed = 0

    @property
    def open(self) -> bool:
        """Whether it claims jobs. Not when it drains, retires or has done its ``max_jobs``."""
        return self._capacity.open

    @property
    def worn(self) -> bool:
        """Whether a new process should replace it: it cannot run jobs, and holds none."""
        return self._breaker.renewable and self.empty

    @property
    def empty(self) -> bool:
        """Whether nothing is left: no job, no outcome to settle, no hook that is being called."""
        return self._jobs.settled and not self._threads.closing

    @property
    def only_hooks(self) -> bool:
        """Whether nothing is left but hooks and log lines of jobs whose outcomes are settled."""
        return self._jobs.settled and self._threads.closing

    @property
    def leased_until(self) -> float:
        """Monotonic time at which the lease may end, as the last cycle or the last heartbeat found."""
        return max(self._cycle.leased_until, self._shared.leased_until)

    # One turn

    def turn(self, patience: float = IDLE) -> None:
        """Settle what has ended and claim, start what was claimed, then wait ``patience`` at most."""
        self._check()
        self._reports.answer(self._consumer)
        self._collect()
        self._confirm_holds()
        self._start_next_dubious()
        self._note_retirement()
        self._note_breaker()
        self._reconcile_now_and_then()
        slots = self._capacity.to_claim
        reply = self._settle_and_claim(slots)
        if reply is not None and reply.lease_left <= 0:
            self._note_lost_lease()
            self._wait(LEASE_PAUSE)
            return
        if reply is not None and self._start(reply, slots):
            patience = 0.0
        if self._end_needless_wait():
            patience = 0.0
        if self._blocked.unread or (self.empty and not self.open):
            # To be set aside at once; or the last outcome is settled, and nothing would end the sleep.
            return
        self._wait(min(patience, self._idle_wait.longest))

    def _check(self) -> None:
        self._threads.check()
        self._notices.start_if_due()
        self._blocked.check()
        self.figures.write_if_due()

    def _confirm_holds(self) -> None:
        """Report which holds and limits are enforced, once no thread can start a job by former ones."""
        holding = self._runner.holding
        if holding.changed:
            holding.read(self._consumer)
        if self._limiting.follow(holding.limits):
            # They were not compared with these limits. What runs is counted below.
            self.return_waiting()
        if (
            self._confirmed != holding.generation
            and holding.whole
            and not self._jobs.has_undecided()
        ):
            self._limiting.start(self._consumer, self._threads.running(), running=True)
            self._confirmed = holding.generation
            self._report.enforces_holds(self._confirmed)

    # Settle and claim

    def _collect(self) -> None:
        """Take what the threads have finished; the next cycle settles it."""
        self._capacity.quota.done += self._jobs.collect()

    def _settle_and_claim(self, slots: int) -> CycleResult | None:
        """One cycle, if there is anything to settle, to note, to report or to claim."""
        noting = self._jobs.to_note()
        claims = slots > 0 and not self._blocked.whole
        if self._unsettled or noting or claims or self._reports.wait <= 0:
            return self._cycle.run(slots, noting)
        return None

    def _note_lost_lease(self) -> None:
        if not self._jobs.uncertain:
            logger.warning("Lease expired; waiting for a new one")
        self._jobs.uncertain = True

    # Start

    def _start(self, reply: CycleResult, slots: int) -> bool:
        """Start what a cycle has claimed. Returns whether others may be claimed in place of some."""
        some_wait = self._starter.start(reply)
        if self._jobs.uncertain:
            self.reconcile()
        self._starter.wait_for_more(reply, slots)
        self._start_next_dubious()
        return some_wait

    def _start_next_dubious(self) -> None:
        self._threads.notify_of_all = bool(self._jobs.dubious) or not self.open
        self._jobs.start_next_dubious()

    # Wait

    def _end_needless_wait(self) -> bool:
        """End the idle wait where no job may be claimed. Returns whether there is more to settle now."""
        if not self._blocked.armed or (self._capacity.claiming and self._capacity.free > 0):
            return False
        self._starter.start_arrived(self._idle_wait.end())
        return bool(self._unsettled)

    def _wait(self, seconds: float) -> None:
        """Sleep until something happens, and take what has come."""
        waiting = self._threads.waiting
        self._idle_wait.sleep(self._shortened(seconds, waiting))
        self.follow_commands()
        claims = self._idle_wait.arrivals()
        if claims and self._capacity.free - len(claims) <= 0:
            claims += self._idle_wait.end()
        self._starter.start_arrived(claims)
        if waiting:
            self._adjust_prefetch(waiting)

    def _shortened(self, seconds: float, waiting: int) -> float:
        """How long to sleep: not past what is due here before."""
        seconds = min(seconds, self.figures.wait, self._reports.wait)
        if not self._breaker.closed and (pause := self._breaker.wait) > 0:
            seconds = min(seconds, pause)
        if waiting:
            return min(seconds, PATIENCE)
        if self._confirmed != self._runner.holding.generation and self._runner.holding.whole:
            return min(seconds, NOTE_AFTER)
        return min(seconds, NOTE_AFTER) if self._jobs.unnoted else seconds

    def _adjust_prefetch(self, waited: int) -> None:
        """Claim more or fewer jobs ahead, by how long they had to wait for a thread."""
        left = self._threads.waiting
        if left >= waited and not self._threads.finished:
            self._prefetch.stalled()
            self._jobs.return_late()
        elif left <= self._threads.notify_at:
            self._prefetch.flowed(time.monotonic() - self._starter.started_at)

    # Retirement, and the breaker

    def _note_retirement(self) -> None:
        """Report that a successor is needed soon and, once no job is claimed, the slots it may have."""
        claimed, quota = len(self._jobs), self._capacity.quota
        if self._breaker.closed and not self._threads.waiting:
            # What runs makes the number full: no need to wait for its end. What waits may be returned.
            full = quota.left(claimed) <= 0
            self.mode.retiring = self.mode.retiring or (full and not self._jobs.dubious)
        if self.open and quota.nearly_used_up(claimed):
            self._report.retires_soon()
        if self.open or self.mode.draining:
            return
        left = min(self._capacity.threads, claimed)
        if self._report.retiring(left):
            self._capacity.resize(left)

    def _note_breaker(self) -> None:
        """Return what has not started where the breaker has opened."""
        if self.mode.quiet:
            # It would claim, but for an operator.
            self._report.claims()
        if self._report.breaker_changed() and not self._breaker.closed:
            self._prefetch.stalled()
            self.return_waiting()

    # Reconciliation, and the end

    def _reconcile_now_and_then(self) -> None:
        if time.monotonic() >= self._reconcile_at or self._blocked.unread:
            self.reconcile()

    def reconcile(self) -> None:
        """Compare the active lists with memory: after a reconnect or a lost lease, and now and then.

        Now and then because a network may hold back a claim for minutes, of which no connection knows.
        What an idle wait has brought and was too large to be read is set aside.
        """
        # A wait that has just taken a job would make it look like one that is not known.
        self._starter.start_arrived(self._idle_wait.end(), wait_again=False)
        # No dubious job starts before the comparison: another worker may have it by now.
        self._collect()
        self._blocked.end_former(self._consumer.connection)
        self._blocked.unread = False
        active = self._consumer.active()
        log_set_aside(active.aside)
        self._jobs.reconcile(active.claims)
        self._reconcile_at = time.monotonic() + self._lease

    def return_waiting(self) -> None:
        """Return every job that has not started, in order; the next turn settles that."""
        self._threads.notify_of_all = not self.open
        self._jobs.return_waiting()

    def return_running(self) -> list[str]:
        """Return what still runs without charging it, as the process is about to end: the tasks."""
        return self._jobs.return_running()

    def settle(self) -> None:
        """Settle every known outcome, without claiming or waiting."""
        self._collect()
        if self._unsettled:
            self._cycle.run(0, self._jobs.to_note())

    # Commands

    def _resize(self, slots: int) -> None:
        """Run this number of jobs at once; fewer than before: what waits may be beyond them."""
        if slots < self._capacity.slots:
            self.return_waiting()
        self._capacity.resize(slots)

    def follow_commands(self) -> None:
        """Do what the supervisor has ordered since the last call."""
        for command in self._alarm.commands():
            verb, _, value = command.partition(" ")
            if self.mode.follow(verb):
                self._reports.interrupts = self.mode.interrupts
                continue
            if verb == "slots":
                self._resize(int(value))
            elif verb == "wake" and self._blocked.armed:
                self._starter.start_arrived(self._idle_wait.end())
            elif verb == "holds":
                self._runner.holding.changed = True
            elif verb == "avoid":
                self._runner.avoided.add(value)
            elif verb == "cancel":
                self._jobs.ask_to_stop(value)
            elif verb == "stop":
                self._jobs.ask_to_stop(value, by_operator=True)
