"""What a supervisor watches of one process: hard limits of its jobs, its loop, and its hooks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from asok_core.inspection.phrases import counted
from asok_core.inspection.stacks import Stack
from asok_core.runtime.logs import safe_logger
from asok_core.worker.job_slots import SlotJob
from asok_core.worker.shared_state import SharedState
from asok_core.worker.stall_detection import KEPT, SHOWN_AFTER, LoopHang, LoopWatch, StallReason
from asok_core.worker.supervising.hard_timeout import JobOverrun, reason
from asok_core.worker.supervising.stack_sampling import (
    HELD_BEFORE_END,
    SampledProcess,
    StackSampling,
)

logger = safe_logger("asok.worker")

SLOW_IMPORT = 30.0
"""Seconds of a process without its first turn after which the module that it imports is logged."""
LONGEST_SAMPLING = 1.0
"""Seconds that the end of a process waits at most for the stacks of its jobs."""


class WatchedProcess(SampledProcess, Protocol):
    """A process, as far as its watch uses it."""

    @property
    def process_id(self) -> str:
        """Its name."""

    @property
    def pid(self) -> int | None:
        """Its process id in the system."""

    def kill(self) -> None:
        """End it at once."""

    def request_stacks(self) -> None:
        """Have the stacks of its threads logged."""


class _LastStacks:
    """Takes the stacks of jobs before their process is ended."""

    def __init__(self, process: WatchedProcess) -> None:
        self._process = process
        self._jobs: Sequence[SlotJob] = ()
        self._sampling: StackSampling | None = None

    def take(self, jobs: Sequence[SlotJob]) -> dict[str, Stack] | None:
        """The stacks by the ids of the jobs, as far as there are any; None as long as some may come.

        The jobs are those of the first call.
        """
        if self._sampling is None:
            self._jobs = jobs
            self._sampling = StackSampling(
                self._process, jobs, patience=LONGEST_SAMPLING, held_after=HELD_BEFORE_END
            )
        if not self._sampling.collect():
            return None
        found = self._sampling.stacks
        return {each.job_id: found[each.slot] for each in self._jobs if each.slot in found}

    def drop(self) -> None:
        """Begin again with the next call: the process is not to be ended now."""
        self._sampling = None


class ProcessWatch:
    """From the start of a process to its end."""

    def __init__(self, process: WatchedProcess, shared: SharedState) -> None:
        self._process = process
        self._shared = shared
        self._watch = LoopWatch(shared)
        self._left_hanging = False
        self._started_at, self._slow_import = time.monotonic(), False
        self.hang: LoopHang | None = None
        """Of its loop, as it was at the last look."""
        self.hung = False
        """Whether it was ended because its loop stood still, and through no fault of its jobs."""
        self.stopped = False
        """Whether it was ended because its worker stops."""
        self.kept = False
        """Whether hooks and log handlers of jobs that have ended keep all its threads."""
        self.overruns: dict[str, JobOverrun] = {}
        """The jobs past their hard limit for which it was ended, by id."""
        self.cancelled: dict[str, float] = {}
        """The cancelled jobs for which it was ended, by id, and for how many seconds they had run."""
        self.stacks: dict[str, Stack] = {}
        """Where the code of all these was before that, or of all its jobs."""
        self.end_reason = ""
        """Why it was ended; '' where it was not, or its worker was stopped at once."""
        self._before_jobs_end = _LastStacks(process)
        self._before_hang_ends = _LastStacks(process)
        self._before_stop = _LastStacks(process)

    @property
    def ended(self) -> bool:
        """Whether its worker ended it, for the first of these reasons that applied: it did not die."""
        return bool(self.overruns or self.cancelled or self.hung or self.stopped)

    def end_for_jobs(self, ends: Mapping[str, float], *, limits: bool = True) -> None:
        """End the process if jobs ran past their hard limits, or past ``ends`` as they are cancelled.

        ``ends``: job -> monotonic time. Stacks of these jobs are taken first, for a second at most.
        Without ``limits`` only the second.
        """
        if self.ended or not self._process.alive:
            return
        now = time.monotonic()
        running = self._shared.running()
        past = [each for each in running if limits and 0 < each.deadline <= now]
        late = [each for each in running if now >= ends.get(each.job_id, now + 1)]
        if not past and not late:
            self._before_jobs_end.drop()
            return
        stacks = self._before_jobs_end.take([*past, *late])
        if stacks is None:
            return
        self.stacks = stacks
        self.overruns = {each.job_id: JobOverrun(each.phase, now - each.started) for each in past}
        self.cancelled = {
            each.job_id: now - each.started for each in late if each.job_id not in self.overruns
        }
        parts = [reason(self.overruns.values())] if self.overruns else []
        if self.cancelled:
            parts.append(f"{counted(len(self.cancelled), 'cancelled job')} did not stop")
        self._end(", ".join(parts))

    def end_for_stop(self, why: str) -> None:
        """End the process as its worker stops; ``why`` is '' where that is to happen at once.

        Else the stacks of its jobs are taken first, for a second at most.
        """
        if self.ended or not self._process.alive:
            return
        stacks = self._before_stop.take(self._shared.running()) if why else {}
        if stacks is not None:
            self.stacks, self.stopped = stacks, True
            self._end(why)

    def _end(self, reason: str) -> None:
        self.end_reason = reason
        self._process.kill()
        if reason:
            self._error("Process %s is ended: %s", reason)

    def check(self, limit: float | None, *, in_outage: bool) -> None:
        """See whether its loop turns and its threads are free; see ``_check_loop``."""
        self._check_loop(limit, in_outage=in_outage)
        self._check_hooks()
        self._check_import()

    def _check_import(self) -> None:
        """Log once that a module of ``--import`` takes long: nothing limits that."""
        module, seconds = self._shared.importing, time.monotonic() - self._started_at
        if module and not self._slow_import and seconds >= SLOW_IMPORT and self._process.alive:
            self._slow_import = True
            self._warn("Process %s claims no jobs yet: it imports %s for %.0f s", module, seconds)
            self._process.request_stacks()

    def _check_loop(self, limit: float | None, *, in_outage: bool) -> None:
        """See whether its loop turns, and log when that changes.

        End it when it has hung for ``limit`` seconds and no job may be the reason. In an outage of Redis
        a loop that does not advance waits for Redis, as far as is known, and does not hang.
        """
        before, alive = self.hang, self._process.alive
        hang = self._watch.find_hang(self._process.pid) if alive else None
        if in_outage and hang is not None and hang.cause is StallReason.LOOP:
            hang = None
        self.hang = hang
        if hang is None:
            self._left_hanging = False
            self._before_hang_ends.drop()
            if before is not None and alive and not in_outage:
                self._warn("Process %s works again, after it hung for %.0f s", before.seconds)
            return
        if before is None:
            self._error("Process %s hangs: %s", hang.why)
            self._process.request_stacks()
        if limit is None or hang.seconds < limit or self.ended:
            return
        if hang.replaceable:
            # Of a process that does not run at all, no stack can be taken.
            jobs = () if hang.cause is StallReason.STOPPED else self._shared.running()
            stacks = self._before_hang_ends.take(jobs)
            if stacks is not None:
                self.stacks, self.hung = stacks, True
                self._end(f"it hung for {hang.seconds:.0f} s ({hang.why})")
        elif not self._left_hanging:
            self._left_hanging = True
            why = "; ".join(filter(None, (hang.why, hang.advice)))
            self._error(
                "Process %s hangs for %.0f s and is not ended for it: %s", hang.seconds, why
            )

    def _check_hooks(self) -> None:
        """See whether hooks and log handlers keep all its threads, and log when that changes.

        It claims no job then, and runs none. Nothing limits hooks, and what they do may be of use.
        """
        before, alive = self.kept, self._process.alive
        self.kept = alive and self._shared.kept_since <= time.monotonic() - SHOWN_AFTER
        if self.kept and not before:
            self._error("Process %s claims no jobs: %s", KEPT)
            self._process.request_stacks()
        elif before and alive and not self.kept:
            name = self._process.process_id
            logger.info("Process %s claims jobs again: hooks have returned", name)

    def _warn(self, event: str, *values: object) -> None:
        logger.warning(event, self._process.process_id, *values)

    def _error(self, event: str, *values: object) -> None:
        logger.error(event, self._process.process_id, *values)
