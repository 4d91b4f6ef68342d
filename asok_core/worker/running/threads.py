"""The threads that run jobs. Plain ones: an executor's futures would cost half the throughput."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import NoReturn

from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.runtime import forks
from asok_core.runtime.bounded import call_within
from asok_core.runtime.failures import LONGEST_TRACEBACK, failure_of
from asok_core.runtime.logs import end_logging, safe_logger
from asok_core.worker.job_slots import Phase
from asok_core.worker.running.attempts import AttemptRunner
from asok_core.worker.running.claimed_job import ClaimedJob
from asok_core.worker.shared_state import SharedState
from asok_core.worker.wakeup import Alarm

logger = safe_logger("asok.worker")

BROKEN = 70
"""Exit code of a process that met a fault of ours."""
LOG_WITHIN = 5.0
"""Seconds that such a process has to log why it ends."""
LATE = 0.01
"""Seconds that hooks and log handlers may take after a job before their thread counts as busy."""
_IMPORTING, _PREPARING, _RUNNING = Phase.IMPORTING, Phase.PREPARING, Phase.RUNNING
PREPARATION = 300.0
"""Seconds for the import of its module and for ``before`` hooks that a job with a time limit has at least,
before its process is ended as at that limit: an import that hangs would keep its thread forever."""
CHECK = 1.0
"""Seconds between two looks whether every thread lives."""


def end_broken(error: BaseException, shared: SharedState) -> NoReturn:
    """Log a fault of ours and end this process at once, whatever its threads and log handlers do."""
    try:
        call_within(LOG_WITHIN, partial(_log_fault, error, shared), None)
    finally:
        os._exit(BROKEN)


def _log_fault(error: BaseException, shared: SharedState) -> None:
    line, text = failure_of(error, LONGEST_TRACEBACK)
    shared.note_fault(line)
    logger.critical("A fault in the worker ends this process", exc_info=error, exc_text=text)
    end_logging()


class ThreadDied(Exception):
    """A thread that runs jobs has ended, and the process has a slot less."""


class Threads:
    """Takes claimed jobs in order, runs them, and hands the outcomes back to the dispatcher.

    ``finished`` grows at the right while the dispatcher takes from the left. ``runs_until`` is the
    monotonic time at which the lease may be over: no job starts after it. A thread that is awake takes
    jobs while some wait, so one is enough for many short ones. ``alarm`` is that of the dispatcher.
    """

    def __init__(
        self, count: int, runner: AttemptRunner, shared: SharedState, alarm: Alarm
    ) -> None:
        self.count = count
        self.finished: deque[tuple[ClaimedJob, Outcome | None]] = deque()
        self.runs_until = 0.0
        self.notify_at = 0
        """Outcomes are news once so few jobs wait for a thread."""
        self.notify_of_all = False
        """Whether it is news that a thread has come to the end of hooks, however quickly."""
        self.in_a_hurry = False
        """Whether a thread waits until an outcome is settled that it has submitted."""
        self._runner = runner
        self._generation = forks.generation
        self._shared = shared
        self._alarm = alarm
        self._ready: deque[ClaimedJob] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()
        self._awake: set[int] = set()
        self._few = False
        self._running: dict[int, ClaimedJob] = {}
        self._closing: dict[int, float] = {}
        self._check_at = 0.0
        self._ended = False
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"asok-{slot}", daemon=True)
            for slot in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, batch: Sequence[ClaimedJob], *, few: bool = False) -> None:
        """Queue jobs behind those that wait for a free thread, and wake a thread for each.

        With ``few`` one is to be awake: for jobs so short that threads would hinder each other.
        """
        self._few = few
        self._ready.extend(batch)
        if not few:
            self._call(len(batch))
        elif not self._awake:
            self._call(1)

    def wake_all(self) -> None:
        """Wake a thread for each job that waits."""
        self._few = False
        self._call(len(self._ready))

    def end(self) -> None:
        """Let every thread end when it has nothing to do."""
        self._ended = True
        for _ in self._threads:
            self._calls.put(False)

    def _call(self, count: int) -> None:
        # A thread that is awake looks for more by itself: calls that are not needed would pile up.
        for _ in range(min(count, len(self._threads) - len(self._awake))):
            self._calls.put(True)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a free thread."""
        return len(self._ready)

    def has_news(self) -> bool:
        """Whether outcomes are worth a cycle: few jobs wait, or a thread waits for one of them."""
        return bool(self.finished) and (self.in_a_hurry or len(self._ready) <= self.notify_at)

    def running(self) -> list[ClaimedJob]:
        """Jobs that run at this moment."""
        return list(self._running.values())

    def undecided(self, jobs: Iterable[ClaimedJob]) -> bool:
        """Whether a thread has taken one of these jobs, and neither started nor ended it yet.

        It may have compared it with holds that are no longer those of the process.
        """
        # In the order in which a job moves: none is between two of them unnoticed.
        ready = set(self._ready.copy())
        running = set(self._running.copy().values())
        finished = {claimed for claimed, _ in self.finished.copy()}
        return any(
            claimed not in ready and claimed not in running and claimed not in finished
            for claimed in jobs
        )

    def ident(self, slot: int) -> int:
        """The identifier of a thread, by its number."""
        return self._threads[slot].ident or 0

    @property
    def closing(self) -> bool:
        """Whether threads still log or call hooks for jobs whose outcomes are submitted."""
        return bool(self._closing)

    @property
    def late(self) -> int:
        """Threads that have been at that for so long that they count as busy."""
        if not self._closing:
            return 0
        began = time.monotonic() - LATE
        return sum(at < began for at in list(self._closing.values()))

    def check(self) -> None:
        """Raise ThreadDied when a thread has ended that should run jobs."""
        now = time.monotonic()
        if now < self._check_at or self._ended:
            return
        self._check_at = now + CHECK
        dead = [thread.name for thread in self._threads if not thread.is_alive()]
        if dead:
            raise ThreadDied(f"{', '.join(dead)} ended")

    def take_waiting(self) -> list[ClaimedJob]:
        """Take every job that has not started, in order."""
        back: list[ClaimedJob] = []
        # From the end: what a thread takes at the same time is older than all that is taken here.
        with suppress(IndexError):
            while True:
                back.append(self._ready.pop())
        back.reverse()
        return back

    def _notify(self) -> None:
        alarm = self._alarm
        if alarm.asleep and (self.in_a_hurry or len(self._ready) <= self.notify_at):
            alarm.ring()

    def _work(self, slot: int) -> None:
        try:
            self._run_jobs(slot)
        except BaseException as error:  # noqa: BLE001 - it is logged, and ends the process
            # A thread that ends unnoticed costs a slot and a job. When the process ends, the supervisor
            # returns what it ran.
            end_broken(error, self._shared)

    def _run_jobs(self, slot: int) -> None:
        ready, calls, awake = self._ready, self._calls, self._awake
        while calls.get():
            awake.add(slot)
            while True:
                try:
                    claimed = ready.popleft()
                except IndexError:
                    awake.discard(slot)
                    # What came before that was not called for, as this thread seemed to be awake.
                    if not ready:
                        break
                    awake.add(slot)
                    continue
                self._run_job(slot, claimed)
                if self._few and len(awake) > 1:
                    awake.discard(slot)
                    # Two may do that at once: one of them sees that no other is left.
                    if awake:
                        break
                    awake.add(slot)

    def _run_job(self, slot: int, claimed: ClaimedJob) -> None:
        now = time.monotonic()
        if now >= self.runs_until:
            claimed.gone = True
            self.finished.append((claimed, None))
            self._notify()
            return
        claimed.slot = slot
        runner = self._runner
        rejected = runner.open(claimed) if claimed.job is None else None
        if rejected is not None:
            self._submit(claimed, rejected)
            runner.log_rejected(claimed, rejected)
        elif runner.holding.holds and (kept := runner.holding.outcome(claimed, runner.outcomes)):
            runner.breaker.untried()
            self._submit(claimed, kept)
        else:
            job = claimed.job
            assert job is not None, "open() sets it or returns an outcome"
            # The limits of a job begin with the code of its task; see ``_note_phase``.
            claimed.limit = limit = job.hard_limit
            deadline = now + max(limit, PREPARATION) if limit else 0.0
            phase = _PREPARING if job.module in sys.modules else _IMPORTING
            claimed.shared_slot = self._shared.begin(
                slot, job.id, now, deadline, phase=phase, module=job.module
            )
            self._running[slot] = claimed
            runner.run(claimed, self._submit, self._note_phase)
            # One that a hook has forked.
            if forks.generation != self._generation:
                forks.end_process(job.task)
        self._shared.end(slot)
        since = self._closing.pop(slot)
        if self.notify_of_all or time.monotonic() - since > LATE:
            self._notify()

    def _note_phase(self, claimed: ClaimedJob, phase: Phase) -> None:
        if forks.generation != self._generation:
            # One that a module which the job imported has forked: the shared state is its parent's.
            forks.end_process(claimed.job.task if claimed.job else "")
        times = None
        if phase is _RUNNING and claimed.limit:
            now = time.monotonic()
            times = (now, now + claimed.limit)
        self._shared.note_phase(claimed.shared_slot, phase, times)

    def _submit(self, claimed: ClaimedJob, outcome: Outcome) -> None:
        # One that a module which the job imported has forked: the shared state is its parent's.
        if forks.generation != self._generation:
            forks.end_process(claimed.job.task if claimed.job else "")
        slot = claimed.slot
        self._running.pop(slot, None)
        self._closing[slot] = now = time.monotonic()
        self._shared.call_hooks(slot, claimed.shared_slot, now)
        self.finished.append((claimed, outcome))
        self.in_a_hurry = self.in_a_hurry or claimed.settled is not None
        self._notify()
