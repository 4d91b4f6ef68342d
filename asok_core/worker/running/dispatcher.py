"""The claim loop of one process: claims jobs, hands them to the threads, settles what they finish.

Everything Redis is told goes through one cycle on one connection. While nothing is pending the loop
sleeps on the waiters' sockets, the threads' wake pipe and the supervisor's control pipe.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from asok_core.backends.redis.consuming.consumer import Claim, Consumer, Outcome, Turn
from asok_core.backends.redis.consuming.idle_wait import Waiters
from asok_core.jobs.envelope import peek
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.log import log_set_aside
from asok_core.worker.running.attempts import Execution, Held
from asok_core.worker.running.crash_isolation import DubiousJobs
from asok_core.worker.running.failure_hooks import Notices
from asok_core.worker.running.max_jobs import Quota
from asok_core.worker.running.outcomes import Ledger
from asok_core.worker.running.prefetch import ENOUGH, LOOK, PATIENCE, Prefetch
from asok_core.worker.running.threads import Threads
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm

logger = safe_logger("asok.worker")

IDLE = 5.0
"""Seconds the loop sleeps at most when nothing happens."""
POLL = 0.1
"""Seconds between two looks for jobs where not all queues can be waited on (a full Redis, some ACLs)."""
NOTE_AFTER = 0.02
"""Seconds after which a job that still runs is told to Redis as running."""


class Dispatcher:
    """One process's loop: each ``turn`` settles and claims, then sleeps until something happens.

    ``turn`` raises Unreachable or Refused when Redis is away; nothing in hand is lost by it, and
    ``reconcile`` comes before the next turn. ``slots`` is how many jobs it may run at once, until an
    order changes that. ``report`` has the supervisor look at the board.
    """

    def __init__(
        self,
        config: WorkerConfig,
        consumer: Consumer,
        waiters: Waiters,
        *,
        execution: Execution,
        shared: SharedState,
        alarm: Alarm,
        notices: Notices,
        slots: int,
        report: Callable[[], None],
    ) -> None:
        self._concurrency = config.concurrency
        self._slots = slots
        self._quota = Quota(config.max_jobs)
        self._report = report
        self._retires_soon = False
        self._lease = config.settings.worker_lease
        self._reconcile_at = 0.0
        self._consumer = consumer
        self._waiters = waiters
        self._execution = execution
        self._alarm = alarm
        self._notices = notices
        self._shared = shared
        self._threads = Threads(config.concurrency, execution, shared, self._tell)
        self._prefetch = Prefetch()
        self._held: dict[int, Held] = {}
        self._ledger = Ledger(consumer, execution, shared)
        self._dubious = DubiousJobs()
        self.breaker = execution.breaker
        self.breaker.on_change = alarm.ring
        self._breaker_changes = 0
        self._reason = ""
        self._shared_claims = False
        self._last_chance = max(1, config.settings.crash_limit - 1)
        self._estranged = False
        self._wake_at = 0
        self._claimed_at = 0.0
        self.quiet = False
        self.draining = False
        self.quitting = False
        self.orphaned = False
        self.retiring = False

    @property
    def open(self) -> bool:
        """Whether it claims jobs. Not when it drains, retires or has done its ``max_jobs``."""
        return not (self.draining or self.retiring or self._quota.used_up)

    @property
    def worn(self) -> bool:
        """Whether a new process should take its place: it cannot run jobs, and holds none."""
        return self.breaker.renewable and self.idle

    @property
    def idle(self) -> bool:
        """Whether nothing is in hand: no job, no outcome to settle, no hook that is called."""
        return not (self._held or self._ledger or self._threads.finished or self._threads.closing)

    @property
    def closing(self) -> bool:
        """Whether all that is left are hooks and log lines of jobs whose outcomes are settled."""
        return self._threads.closing and not (self._held or self._ledger or self._threads.finished)

    def turn(self, patience: float = IDLE) -> None:
        """Settle, claim, arm the idle wait when nothing is pending, sleep ``patience`` at most."""
        self._threads.check()
        self._notices.look()
        self._collect()
        self._note_retiring()
        self._heed_breaker()
        self._waiters.check()
        if time.monotonic() >= self._reconcile_at or self._waiters.unread:
            self.reconcile()
        claiming = self._claiming
        slots = self._room() if claiming else 0
        if self._ledger or self._to_note() or (slots > 0 and not self._waiters.whole):
            turn = self._trip(slots)
            if turn.lease_left <= 0:
                self._lose_lease()
                self._sleep(0.2)
                return
            if self._begin([Held(claim) for claim in turn.claims], turn):
                patience = 0.0
            if self._estranged:
                self.reconcile()
            self._arm(slots, turn)
            self._next_dubious()
        if self._waiters.armed and (not claiming or self._free() <= 0):
            self._admit(self._waiters.disarm(self._consumer.connection))
            if self._ledger:
                patience = 0.0
        if self._waiters.unread:
            return
        if not self.open and self.idle:
            # The last outcome is settled: nothing is left that would end the sleep.
            return
        self._sleep(min(patience, POLL if self._waiters.partial else IDLE))

    def reconcile(self) -> None:
        """Compare the active lists with memory: after a reconnect or a lost lease, and now and then.

        Now and then for what no connection tells of, such as a claim that a network held for minutes.
        What Redis holds for us and we do not know (a lost reply, a predecessor's) goes back; what we
        know and have not begun, and Redis gave to another, is dropped. What a wait has brought and was
        too large to be read is set aside.
        """
        # A wait that has just taken a job would make it look like a stray.
        self._admit(self._waiters.disarm(self._consumer.connection), wait_on=False)
        self._collect()
        self._waiters.end_former(self._consumer.connection)
        self._waiters.unread = False
        holding = self._consumer.held()
        in_redis = holding.claims
        log_set_aside(holding.aside)
        self._ledger.forget_all_but(in_redis)
        known = [held.claim for held in self._held.values()]
        known += self._ledger.claims()
        for held in self._threads.take_back():
            if held.claim in in_redis:
                self._threads.put((held,))
            else:
                self._held.pop(id(held), None)
        for held in self._dubious.take_lost(in_redis):
            self._held.pop(id(held), None)
        for claim in in_redis:
            if claim in known:
                known.remove(claim)
                continue
            stray = Held(claim, job=peek(claim.envelope).job, noted=True)
            self._ledger.add(stray, self._execution.give_back(stray))
        self._estranged = False
        self._reconcile_at = time.monotonic() + self._lease

    def give_back_waiting(self) -> None:
        """Return every job that has not begun, in order; the next turn tells Redis."""
        self._threads.tell_all = not self.open
        self._return(self._threads.take_back() + self._dubious.take_back())

    def give_back_running(self) -> list[str]:
        """Return what still runs without charging it, as the process is about to end: the tasks."""
        begun = {id(held) for held in self._threads.running()}
        running = [held for held in self._held.values() if id(held) in begun]
        self._return(running)
        return [held.job.task if held.job else "" for held in running]

    def settle(self) -> None:
        """Tell Redis every outcome in hand, without sleeping."""
        self._collect()
        if self._ledger:
            self._trip(0)

    @property
    def leased_until(self) -> float:
        """Monotonic time at which the lease may end, as the last trip or the last heartbeat found."""
        return max(self._ledger.leased_until, self._shared.leased_until)

    def obey(self) -> None:
        """Do what the supervisor has ordered meanwhile."""
        for order in self._alarm.orders():
            if order in ("drain", "quit", "orphaned"):
                self.draining = True
                self.quitting = self.quitting or order == "quit"
                self.orphaned = self.orphaned or order == "orphaned"
            elif order == "retire":
                self.retiring = True
            elif order in ("quiet", "loud"):
                self.quiet = order == "quiet"
            elif order.startswith("slots "):
                self._take_slots(int(order.removeprefix("slots ")))
            elif order == "wake" and self._waiters.armed:
                self._admit(self._waiters.disarm(self._consumer.connection))
            elif order.startswith("avoid "):
                self._execution.avoided.obey(order.removeprefix("avoid "))
            elif order.startswith("cancel "):
                self._ask_to_stop(order.removeprefix("cancel "))

    def _take_slots(self, slots: int) -> None:
        """Run so many jobs at once: predecessors that retire run the others of this process's share."""
        self._slots = slots
        if self._execution.slots is not None:
            self._execution.slots.size = slots

    def _note_retiring(self) -> None:
        """Report that a successor is needed soon and, once no job is claimed, the slots it may have."""
        held = len(self._held)
        if self.breaker.closed and not self._threads.waiting:
            # What runs makes the number full: no need to wait for its end. What waits may be returned.
            full = self._quota.left(held) <= 0
            self.retiring = self.retiring or (full and not self._dubious)
        if self.open and not self._retires_soon and self._quota.nearly_used_up(held):
            self._retires_soon = True
            self._shared.note_retires_soon()
            self._report()
        if self.open or self.draining:
            return
        left = min(self._concurrency, held)
        if left != self._shared.retiring:
            self._shared.note_retiring(left)
            self._take_slots(left)
            self._report()

    def _ask_to_stop(self, job_id: str) -> None:
        for held in self._threads.running():
            if held.job is not None and held.job.id == job_id:
                held.stop.asked = True

    # What is in hand

    def _free(self) -> int:
        return self._slots - len(self._held) + self._dubious.without_slot - self._threads.late

    @property
    def _claiming(self) -> bool:
        return self.open and not self.quiet and self.breaker.may_claim

    @property
    def _shares_position(self) -> bool:
        """Whether other processes have some of the slots; there are threads for all of them."""
        return self._slots < self._concurrency

    def _room(self) -> int:
        # What is claimed begins at once where there are more threads than slots.
        ahead = 0 if self._shares_position else self._prefetch.size
        room = self._free() + ahead
        if not self.breaker.closed:
            room = min(1, self._free())
        return int(min(room, self._quota.left(len(self._held))))

    def _begin(self, batch: Sequence[Held], turn: Turn) -> bool:
        """Let claimed jobs begin. Returns whether some have to wait, in whose place others may run."""
        if not batch:
            return False
        self.breaker.claimed()
        self._claimed_at = time.monotonic()
        if turn.suspects:
            ids = [peek(held.claim.envelope).id for held in batch]
            for held, crashes in zip(batch, self._consumer.crashes(ids), strict=True):
                held.dubious = crashes >= self._last_chance
        ready: list[Held] = []
        for held in batch:
            if held.dubious and (self._dubious or self._dubious_begun()):
                self._dubious.put(held)
            else:
                ready.append(held)
                if held.dubious:
                    self._dubious.begin()
            self._held[id(held)] = held
        self._threads.put(ready, few=self._prefetch.few)
        return len(ready) < len(batch)

    def _collect(self) -> None:
        finished = self._threads.finished
        self._threads.in_a_hurry = False
        while finished:
            held, outcome = finished.popleft()
            known = self._held.pop(id(held), None)
            if outcome is not None and known is not None:
                self._ledger.add(held, outcome)
                # A process that ends over jobs it cannot run would never find out what is wrong.
                self._quota.done += outcome.verb != "postpone"
            elif outcome is not None:
                # It was given back, or belongs to another worker by now.
                self._ledger.close(held)
            self._estranged = self._estranged or held.gone
        self._next_dubious()

    def _next_dubious(self) -> None:
        """Let the next of the suspects begin that wait, if it is time and a thread is free."""
        self._threads.tell_all = bool(self._dubious) or not self.open
        if not self._dubious or len(self._held) - len(self._dubious) >= self._concurrency:
            return
        if self._dubious.due or not self._dubious_begun():
            self._threads.put((self._dubious.take(),))

    def _dubious_begun(self) -> bool:
        """Whether a suspect has begun of which Redis has not heard that it ended.

        Or hooks are called: of a process that dies in those, no job is charged that runs.
        """
        if self._ledger.dubious or self._threads.closing:
            return True
        return sum(each.dubious for each in self._held.values()) > len(self._dubious)

    def _note_claims(self) -> None:
        if not self._shared_claims:
            self._shared_claims = True
            self._shared.note_claims()

    def _heed_breaker(self) -> None:
        """Where the breaker has opened, return what has not begun; say in the log what changed."""
        if self.quiet:
            # It would claim, but for an operator.
            self._note_claims()
        breaker = self.breaker
        if breaker.changes == self._breaker_changes:
            return
        self._breaker_changes = breaker.changes
        if not breaker.closed:
            self._prefetch.stalled()
            self.give_back_waiting()
        if breaker.reason and not self._reason:
            logger.error("Process stopped claiming jobs", extra={"error": breaker.reason})
        elif self._reason and not breaker.reason:
            logger.info("Process claims jobs again")
        self._reason = breaker.reason
        self._shared.note_refusal(breaker.reason, proven=breaker.closed, lasting=breaker.lasting)

    def _to_note(self) -> list[Held]:
        due = self._execution.now() - NOTE_AFTER
        return [
            held
            for held in self._threads.running()
            if not held.noted and held.started_at is not None and held.started_at <= due
        ]

    def _return(self, back: Sequence[Held]) -> None:
        # The oldest goes back last: it ends nearest to the consuming end.
        for held in reversed(back):
            if self._held.pop(id(held), None) is not None:
                self._ledger.add(held, self._execution.give_back(held))

    def _lose_lease(self) -> None:
        if not self._estranged:
            logger.warning("The lease of this worker has run out; waiting for a new one")
        self._estranged = True

    # Talking to Redis

    def _trip(
        self,
        slots: int,
        asking: Sequence[Held] = (),
        meanwhile: Callable[[], object] | None = None,
    ) -> Turn:
        breaker = self.breaker
        probe = 0 if breaker.closed else breaker.probe
        turn = self._ledger.trip(slots, self._to_note(), asking, meanwhile, probe=probe)
        self._threads.runs_until = self._ledger.leased_until
        admitted = (held.claim for held in asking if not held.gone)
        self._consumer.look_up((*turn.claims, *admitted))
        if slots > 0 and turn.lease_left > 0:
            self._note_claims()
        if turn.notices:
            self._notices.exist()
        return turn

    def _admit(self, claims: list[Claim], *, wait_on: bool = True) -> None:
        """Ask whether jobs that came by the idle wait may begin, and claim more in the same trip."""
        if not claims:
            return
        claims.sort(key=lambda claim: self._consumer.queues.index(claim.queue))
        asking = self._with_room([Held(claim) for claim in claims])
        rejected: dict[int, Outcome] = {}

        def open_all() -> None:
            for held in asking:
                outcome = self._execution.open(held)
                if outcome is not None:
                    rejected[id(held)] = outcome

        slots = min(self._free(), self._room()) - len(asking) if self._claiming else 0
        turn = self._trip(slots, asking, open_all)
        admitted = [held for held in asking if not held.gone]
        for held in admitted:
            outcome = rejected.get(id(held)) or self._execution.refuse_spent(held)
            if outcome is not None:
                rejected[id(held)] = outcome
                self._ledger.add(held, outcome)
                self._execution.log_rejected(held, outcome)
        sound = [held for held in admitted if id(held) not in rejected]
        self._begin([*sound, *map(Held, turn.claims)], turn)
        if wait_on:
            self._arm(slots, turn)

    def _with_room(self, asking: list[Held]) -> list[Held]:
        """Those jobs that came by the idle wait which may run here now; the others are returned."""
        room = min(len(asking), self._quota.left(len(self._held))) if self._claiming else 0
        if self._shares_position:
            room = min(room, self._free())
        room = max(0, int(room))
        for held in reversed(asking[room:]):
            self._ledger.add(held, self._execution.give_back(held))
        return asking[:room]

    def _arm(self, slots: int, turn: Turn) -> None:
        """Wait for jobs where there was room for more than came, and there still is."""
        if slots > 0 and not turn.claims and self._free() > 0 and turn.lease_left > 0:
            if not self.breaker.may_wait:
                self.breaker.found_nothing()
                return
            closed = turn.paused | set(turn.broken)
            self._waiters.arm(q for q in self._consumer.queues if q not in closed)

    # Sleeping

    def _tell(self) -> None:
        if self._alarm.asleep and self._is_worth_a_turn:
            self._alarm.ring()

    @property
    def _is_worth_a_turn(self) -> bool:
        return self._threads.in_a_hurry or self._threads.waiting <= self._wake_at

    def _sleep(self, seconds: float) -> None:
        if not self.breaker.closed and (wait := self.breaker.wait) > 0:
            seconds = min(seconds, wait)
        waiting = self._threads.waiting
        self._wake_at = self._prefetch.size // 2
        if waiting:
            seconds = min(seconds, PATIENCE)
        elif any(not held.noted for held in self._held.values() if held not in self._dubious):
            seconds = min(seconds, NOTE_AFTER)
        ready = self._wait(seconds, waiting)
        self.obey()
        claims = [claim for claim in map(self._waiters.read, ready) if claim is not None]
        if claims and self._free() - len(claims) <= 0:
            claims += self._waiters.disarm(self._consumer.connection)
        self._admit(claims)
        if waiting:
            self._judge(waiting)

    def _wait(self, seconds: float, waiting: int) -> list[int]:
        """The files of the waits that have come; sees to it that enough threads are awake."""
        until = time.monotonic() + seconds
        while waiting and self._prefetch.few:
            ready = self._alarm.sleep(LOOK, self._waiters.files(), self._has_news)
            if ready or self._has_news() or time.monotonic() >= until:
                return ready
            if waiting - self._threads.waiting < ENOUGH:
                self._prefetch.crawled()
                self._threads.wake_all()
            waiting = self._threads.waiting
        seconds = max(until - time.monotonic(), 0.0)
        return self._alarm.sleep(seconds, self._waiters.files(), self._has_news)

    def _has_news(self) -> bool:
        return bool(self._threads.finished) and self._is_worth_a_turn

    def _judge(self, waiting: int) -> None:
        """Widen or close the window by how long claimed jobs had to wait for a thread."""
        left = self._threads.waiting
        if left >= waiting and not self._threads.finished:
            self._prefetch.stalled()
            self._return(self._threads.take_back())
        elif left <= self._wake_at:
            self._prefetch.flowed(time.monotonic() - self._claimed_at)
