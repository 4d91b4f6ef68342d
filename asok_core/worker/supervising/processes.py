"""All processes of a worker: one that ends is replaced, once what it held is returned."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import count

from asok_core.errors import AsokError
from asok_core.inspection.events import EventKind
from asok_core.inspection.worker_shape import WorkerShape
from asok_core.jobs.job import HARD_GRACE
from asok_core.runtime.exhaustion import failed_start
from asok_core.runtime.logs import safe_logger
from asok_core.worker.config import WorkerConfig
from asok_core.worker.import_crashes import ImportDeaths
from asok_core.worker.presence import WorkerPresence
from asok_core.worker.signals import SignalRequests
from asok_core.worker.stall_detection import LoopHang
from asok_core.worker.supervising.event_report import EventReport
from asok_core.worker.supervising.process_handle import ProcessHandle
from asok_core.worker.supervising.process_health import (
    HealthReport,
    ProcessHealth,
    WorkerHealth,
    exit_reason,
)
from asok_core.worker.supervising.reaping import reap_orphans

logger = safe_logger("asok.worker")

SUSPENDED = 5.0
"""Seconds between two looks at limits after which the supervisor may have been suspended."""
RETRY = 1.0
"""Seconds between two attempts to return what a dead process held."""
STANDBY_PAUSE = 5.0
"""Seconds after the end of a standby of the ordered shape before another is started."""


class Processes:
    """Iterates over every process, dead or alive. While ``quiet``, those that start are quieted as well.

    A process that retires (``--max-jobs``, ``--max-memory``) has a successor while it drains: another
    process of the same position, with a number of its own, as each has its own active lists in Redis. The
    successor gets the slots that its predecessors no longer take, so that no more jobs run at once than
    were configured. It starts when a heartbeat has published its number: a worker that recovers this one
    finds its lists by that.

    A process that expects to retire soon has a *standby*: a successor that is started before it is
    needed, and has no slot. It replaces its predecessor when that retires or dies. Where it dies
    first, the predecessor has its next successor when it retires.

    Another shape (``reshape``) comes by the same way: each process has a standby of that shape and retires
    once this runs. What it has claimed ahead is returned, and what it runs continues.
    """

    def __init__(
        self, config: WorkerConfig, presence: WorkerPresence, bell: int, events: EventReport
    ) -> None:
        self._events = events
        self.quiet = False
        self._config = config
        self.in_force = config.shape
        """The shape by which jobs are claimed: the ordered one once no process claims by another."""
        self._shaped_by = ""
        self._standby_from: dict[int, float] = {}
        self._presence = presence
        self._bell = bell
        self._all = [
            ProcessHandle(config, position + 1, presence, bell, position)
            for position in range(config.processes)
        ]
        self._newest = list(self._all)
        self._standbys: dict[int, ProcessHandle] = {}
        self._lives = WorkerHealth([ProcessHealth(process.shared) for process in self._all])
        self._published: set[int] = set()
        self._news = False
        self._unrecovered: set[int] = set()
        self._start_at: dict[int, float] = {}
        self._import_deaths = ImportDeaths()
        self._begun = False
        self.failed_import = ""
        """Why no process has begun: a module of ``--import`` cannot be imported; else ''."""
        self._looked_at = time.monotonic()
        self._spared, self._ends_from = False, 0.0
        self.ends: dict[str, float] = {}
        """Running jobs that are cancelled, and from when (monotonic) their processes may be ended."""

    def __iter__(self) -> Iterator[ProcessHandle]:
        return iter(self._all)

    def start(self) -> None:
        """Start each of them."""
        for process in self._all:
            self._start(process)

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that are served, then others of which its processes may still hold jobs."""
        held = (queue for process in self._all for queue in process.shape.queues)
        return tuple(dict.fromkeys((*self.in_force.queues, *held)))

    @property
    def ordered(self) -> WorkerShape:
        """The shape that each process is to have."""
        return self._config.shape

    def reshape(self, shape: WorkerShape, by: str) -> None:
        """Have all processes replaced by ones of this shape. Fewer slots are granted at once."""
        self._config, self._shaped_by = self._config.reshaped(shape), by
        self._standby_from.clear()

    def send(self, command: str) -> None:
        """Send a command to each of them; see ``wakeup.Command``."""
        for process in self._all:
            process.commands.send(command)

    @property
    def next_start(self) -> float:
        """Monotonic time at which one is to be replaced; infinite when none is."""
        return min(self._start_at.values(), default=float("inf"))

    @property
    def slots(self) -> dict[int, int]:
        """Numbers of the processes that hold jobs or may, and how many jobs each may run at once."""
        return {
            process.number: process.slots
            if self._is_newest(process) and not process.alive
            else process.taken
            for process in self._all
        }

    def has_news(self) -> bool:
        """Whether a heartbeat is due, since the last call: a process has died, or has a successor."""
        news, self._news = self._news, False
        return news

    def publish(self, numbers: Iterable[int]) -> None:
        """Note that a heartbeat has published which processes there are."""
        before, self._published = self._published, set(numbers)
        for number in self._published - before:
            if number in self._start_at:
                self._start_at[number] = 0.0

    def note_deaths(self) -> bool:
        """Note which have ended. Returns whether jobs of one are to be returned."""
        ended = False
        for process in self._all:
            code = process.exit_code()
            if code is not None and process.number not in self._start_at:
                self._note_death(process, code)
                ended = True
        return ended

    def note_ended(self) -> bool:
        """Note which have ended and have successors. Returns whether jobs of one are to be returned."""
        ended = self.note_deaths()
        for position in range(len(self._newest)):
            self._succeed(position)
        self._note_shape()
        return ended

    def _note_shape(self) -> None:
        """Note that the ordered shape is in force, once all processes that claim have it."""
        before, ordered = self.in_force, self.ordered
        if before == ordered or any(process.shape != ordered for process in self._newest):
            return
        self.in_force, self._news = ordered, True
        logger.info("Worker has another shape: %s (before: %s)", ordered.words, before.words)
        change = {"by": self._shaped_by, "from": before.words, "to": ordered.words}
        self._events.note(EventKind.WORKER_RESHAPED, **change)

    def unrecovered(self) -> list[ProcessHandle]:
        """Those that have ended and whose jobs are not returned yet."""
        return [process for process in self._all if process.number in self._unrecovered]

    def note_recovered(self, process: ProcessHandle) -> None:
        """Note that what a process held is returned, so that another may replace it."""
        self._unrecovered.discard(process.number)

    def start_due(self) -> None:
        """Start another in place of each that has ended, if it is time and its jobs are returned."""
        for process in list(self._all):
            due = self._start_at.get(process.number)
            if due is None or due > time.monotonic():
                continue
            if process.number in self._unrecovered or process.number not in self._published:
                self._start_at[process.number] = time.monotonic() + RETRY
            elif self._is_newest(process) or self._is_standby(process):
                del self._start_at[process.number]
                self._start(process)
            else:
                self._remove(process)

    def active_lists(self) -> list[tuple[str, str]]:
        """``(process, queue)`` of every active list of this worker."""
        return [
            (process.process_id, queue) for process in self._all for queue in process.shape.queues
        ]

    def _is_newest(self, process: ProcessHandle) -> bool:
        return self._newest[process.position] is process

    def _is_standby(self, process: ProcessHandle) -> bool:
        return self._standbys.get(process.position) is process

    def _succeed(self, position: int) -> None:
        """See to it that a process which retires (soon) has a successor, and that this gets its slots."""
        newest = self._newest[position]
        self._replace_former(position)
        if newest.retires_soon and not newest.prepared and position not in self._standbys:
            newest.prepared = True
            self._prepare(newest)
        # One that has died is started again under its own number where it has no standby.
        gone = newest.exit_code() is not None and position in self._standbys
        if newest.retiring is not None or gone:
            if position not in self._standbys:
                self._prepare(newest)
            successor = self._standbys.pop(position, None)
            if successor is None:
                return
            self._newest[position] = newest = successor
            self._lives.succeed(position, successor.shared)
            if successor.alive:
                self._lives.start(position)
        if newest.alive:
            newest.grant(self._granted(newest))

    def _replace_former(self, position: int) -> None:
        """Have a process of a former shape retire, once a standby of the ordered one runs."""
        newest, standby = self._newest[position], self._standbys.get(position)
        ordered = self._config.shape
        if standby is not None and standby.shape != ordered:
            # It runs nothing, and another one is created in its place.
            if standby.pid is None:
                del self._standbys[position]
                self._remove(standby)
            else:
                standby.retire("has a former shape")
        elif newest.shape == ordered or not newest.alive or newest.retiring is not None:
            return
        elif standby is None:
            if time.monotonic() >= self._standby_from.get(position, 0.0):
                self._prepare(newest)
        elif standby.alive and standby.shared.turns:
            newest.retire("has a former shape")

    def _prepare(self, newest: ProcessHandle) -> None:
        """Create the standby of a process, which is started when its number is published."""
        numbers = {process.number for process in self._all}
        number = next(each for each in count(1) if each not in numbers)
        try:
            standby = ProcessHandle(
                self._config, number, self._presence, self._bell, newest.position
            )
        except AsokError as error:
            logger.error("Process %s has no successor yet: %s", newest.process_id, error)
            self._standby_from[newest.position] = time.monotonic() + STANDBY_PAUSE
            return
        standby.slots = 0
        self._all.append(standby)
        self._standbys[newest.position] = standby
        self._start_at[number] = time.monotonic() + RETRY
        # Also the number of an earlier process: it may no longer be published.
        self._published.discard(number)
        self._news = True

    def _granted(self, process: ProcessHandle) -> int:
        """The slots of its position that no other process takes."""
        others = (
            each for each in self._all if each.position == process.position and each is not process
        )
        left = self._config.concurrency - sum(each.taken for each in others)
        return max(0, min(left, process.shape.concurrency))

    def _remove(self, process: ProcessHandle) -> None:
        self._start_at.pop(process.number, None)
        self._all.remove(process)
        process.close()

    def attend(self, requests: SignalRequests) -> None:
        """Reap orphans, and do what signals ask for beside stopping."""
        reap_orphans({process.pid for process in self._all if process.alive})
        if requests.stack:
            words = "Stack of the supervisor; those of its processes follow"
            logger.warning(words, exc_text=requests.stack)
            requests.stack = ""
            for process in self._all:
                process.request_stacks()
        if requests.unknown:
            requests.unknown = 0
            logger.warning("Ignored SIGUSR2: a worker has no use for it")
        for process in self._all:
            # A process may have been sent SIGUSR1 by any user.
            if stacks := process.stacks():
                logger.warning("Stacks of %s", process.description(), exc_text=stacks)

    def end_for_jobs(self, *, limits: bool = True) -> None:
        """End those whose jobs ran past their hard limits, or are cancelled and did not stop.

        Without ``limits`` only the second, as while the worker stops: no job is charged then.
        """
        now = time.monotonic()
        before, self._looked_at = self._looked_at, now
        if now - before > SUSPENDED and not self._spared:
            # This process was suspended, and the others may have been: they had no time to end jobs by
            # their soft limits. Once only: this may be the pace of a Redis that does not answer.
            self._spared, self._ends_from = True, now + HARD_GRACE
        if now < self._ends_from:
            return
        self._spared = False
        for process in self._all:
            process.watch.end_for_jobs(self.ends, limits=limits)

    def check(self, limit: float | None, *, in_outage: bool) -> None:
        """See whether the loop and the threads of each serve; see ``ProcessWatch.check``."""
        for process in self._all:
            # What it did not read before.
            process.commands.flush()
            process.watch.check(limit, in_outage=in_outage)

    def end_importing(self) -> None:
        """End at once those that still import the modules of ``--import``: they hold no jobs."""
        for process in self._all:
            if process.shared.importing:
                process.watch.end_for_stop("")

    def end_for_stop(self, why: str) -> None:
        """End those that live as the worker stops; see ``ProcessWatch.end_for_stop``."""
        for process in self._all:
            process.watch.end_for_stop(why)

    @property
    def stuck(self) -> bool:
        """Whether one hangs, and no job of it may be the reason."""
        hangs = (process.watch.hang for process in self._all)
        return any(hang is not None and hang.replaceable for hang in hangs)

    def report(self) -> HealthReport:
        """How the processes are."""
        hangs: list[LoopHang | None] = [None] * len(self._newest)
        for process in self._all:
            hangs[process.position] = hangs[process.position] or process.watch.hang
        newest = self._newest
        alive, kept = zip(*((each.alive, each.watch.kept) for each in newest), strict=True)
        return self._lives.assess(alive, hangs, kept)

    def _start(self, process: ProcessHandle) -> None:
        try:
            process.start(0 if self._is_standby(process) else self._granted(process))
        except OSError as error:
            # The other processes live, and so does their lease: it is tried again.
            why = failed_start(error)
            if self._is_standby(process):
                logger.warning("Process %s cannot be started yet: %s", process.process_id, why)
                del self._standbys[process.position]
                self._standby_from[process.position] = time.monotonic() + STANDBY_PAUSE
                self._remove(process)
                return
            wait = self._lives.fail_start(process.position, why, process.process_id)
            self._start_at[process.number] = time.monotonic() + wait
            return
        if self._is_newest(process):
            self._lives.start(process.position)
        if self.quiet:
            process.commands.send("quiet")
        for command in self._import_deaths.commands():
            process.commands.send(command)

    def _note_death(self, process: ProcessHandle, code: int) -> None:
        # One that was ended because of a job, or hung, did not die.
        ended = process.watch.ended
        died = not (ended or self._lives.is_planned(process.shared, code))
        why, wait = exit_reason(code), 0.0
        failed = "" if ended else process.failed_start_import()
        self._begun = self._begun or any(each.shared.turns for each in self._all)
        if failed and not self._begun:
            self.failed_import, wait = self.failed_import or failed, float("inf")
        elif self._is_standby(process):
            # Another process runs the jobs of the position. The next start is when that retires.
            del self._standbys[process.position]
            self._standby_from[process.position] = time.monotonic() + STANDBY_PAUSE
            if died or failed:
                name = process.process_id
                logger.warning("Process %s ended before it was needed (%s)", name, failed or why)
        elif not ended:
            wait = self._lives.end(process.position, code, process.process_id, process.shared)
            why = self._lives.lives[process.position].reason
        if died:
            self._report_crash(process, code, why)
        elif process.watch.end_reason:
            self._report(EventKind.PROCESS_ENDED, process, reason=process.watch.end_reason)
        for module, why in {*process.failed_imports().values()}:
            self.send(self._import_deaths.note(module, why))
        self._unrecovered.add(process.number)
        self._start_at[process.number] = time.monotonic() + wait

    def _report_crash(self, process: ProcessHandle, code: int, why: str) -> None:
        line, written = process.fatal_error()
        if line:
            what = f"{process.process_id} (pid {process.pid})"
            logger.error("Fatal error of process %s", what, exc_text=written)
        self._report(
            EventKind.PROCESS_CRASHED, process, reason=why, exit=exit_reason(code), last_line=line
        )

    def _report(self, kind: EventKind, process: ProcessHandle, **fields: str) -> None:
        self._events.note(kind, process=process.process_id, pid=process.pid or "", **fields)
        self._news = True
