"""How the processes of a worker are: which run jobs, which do not claim any, which keep dying.

The supervisor asks how long to wait before it replaces one, and reports the whole in its heartbeat.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from asok_core.runtime.logs import safe_logger
from asok_core.worker.job_slots import Phase
from asok_core.worker.shared_state import SharedState
from asok_core.worker.stall_detection import KEPT, LoopHang
from asok_core.worker.start import WORN

logger = safe_logger("asok.worker")

LONG_ENOUGH = 30.0
"""Seconds after which the deaths before are over for a process that still lives."""
LOOPING = 3
"""Deaths in a row from which a process counts as crash-looping."""
LONGEST_WAIT = 10.0
"""Seconds at most before a process that died is replaced."""
LONGEST_REST = 30.0
"""The same for one that ended because it could not run jobs."""


@dataclass(slots=True)
class ProcessHealth:
    """One process after the other under one number.

    ``claims`` also between two of them, where one ended as planned.
    """

    shared: SharedState
    started_at: float = 0.0
    claims: bool = False
    refusal: str = ""
    """Why it does not claim jobs. Kept over the starts of new processes until one has run a job, unless
    a new process has what the last one had used up."""
    renewed: bool = False
    """Whether the next process is such a one."""
    deaths: int = 0
    """In a row: none of these processes lived long enough."""
    since: float = 0.0
    """When the first of them died."""
    reason: str = ""
    hangs: bool = False
    """Whether its loop does not turn."""
    kept: bool = False
    """Whether hooks keep all its threads. No reason to end a worker: that may be over soon."""
    unimported: bool = False
    """Whether the last process ended as it could not import what is to be imported before it claims jobs.
    ``refusal`` is the reason then, until another process has imported all."""
    rests: int = 0
    """Processes in a row that ended because they could not run jobs."""
    failed_starts: int = 0
    """Attempts in a row to start a process that the system refused."""
    unstarted: str = ""
    """Why none could be started; '' once one is."""

    @property
    def looping(self) -> bool:
        """Whether it is crash-looping."""
        return self.deaths >= LOOPING

    @property
    def able(self) -> bool:
        """Whether it runs the jobs that it gets, as far as is known."""
        return self.claims and not (self.why_not or self.looping or self.hangs or self.kept)

    @property
    def why_not(self) -> str:
        """Why no process under this number claims jobs."""
        return self.unstarted or self.refusal


@dataclass(frozen=True, slots=True)
class HealthReport:
    """How a worker is. ``deaths`` of processes that are crash-looping, in ``seconds``."""

    able: int
    """Processes that run jobs."""
    deaths: int = 0
    seconds: float = 0.0
    death: str = ""
    """Why the last of them died."""
    refusal: str = ""
    """Why processes do not claim jobs; the first of these."""
    unable: bool = False
    """Whether each of them is crash-looping or does not claim jobs."""
    hanging: int = 0
    """Processes whose loops do not turn."""
    hang_seconds: float = 0.0
    """How long the one that has hung longest has not turned."""
    hang: str = ""
    """What is known of the reason of that."""

    @property
    def state(self) -> tuple[int, int, str, int]:
        """What of it is worth a heartbeat of its own when it changes."""
        return self.able, self.deaths, self.refusal, self.hanging

    def warnings(self) -> dict[str, str]:
        """What is wrong, by its stable name, and what is known of the reason."""
        found = {
            "crash_looping": self.death if self.deaths else "",
            "not_claiming": self.refusal,
            "hanging": (self.hang or "not known") if self.hanging else "",
        }
        return {name: why for name, why in found.items() if why}

    def fields(self) -> dict[str, str | int]:
        """The fields of the heartbeat that show it."""
        return {
            "able": self.able,
            "deaths": self.deaths,
            "deaths_seconds": f"{self.seconds:.1f}",
            "death": self.death,
            "refusal": self.refusal,
            "hanging": self.hanging,
            "hang_seconds": f"{self.hang_seconds:.1f}",
            "hang": self.hang,
        }


@dataclass(slots=True)
class WorkerHealth:
    """The lives of all processes. Times are those of ``clock``, which is never set."""

    lives: Sequence[ProcessHealth]
    clock: Callable[[], float] = time.monotonic

    def start(self, index: int) -> None:
        """Note that a process is started."""
        life = self.lives[index]
        if life.failed_starts:
            logger.info("A process is started again, after %d attempts", life.failed_starts)
        life.started_at, life.failed_starts, life.unstarted = self.clock(), 0, ""
        if life.renewed:
            # Whether it claims is known when it does.
            life.refusal, life.claims, life.renewed = "", False, False

    def fail_start(self, index: int, why: str, name: str) -> float:
        """Note that process ``name`` cannot be started; returns the seconds to the next attempt."""
        life = self.lives[index]
        wait = min(2.0 ** min(life.failed_starts, 10), LONGEST_WAIT)
        life.failed_starts += 1
        life.claims, life.unstarted = False, f"no process can be started: {why}"
        logger.error("Process %s cannot be started: %s; trying again in %g s", name, why, wait)
        return wait

    def succeed(self, index: int, shared: SharedState) -> None:
        """Read the state of a successor from here on: the process retires, or has died."""
        self.lives[index].shared = shared

    def end(self, index: int, code: int, name: str, shared: SharedState | None = None) -> float:
        """Note that process ``name`` has ended; returns the seconds to wait before it is replaced.

        ``shared`` is its own, where it may have a successor already.
        """
        life = self.lives[index]
        shared = shared or life.shared
        if self.is_planned(shared, code) and code != WORN:
            return 0.0
        if self.is_planned(shared, code):
            life.refusal = shared.refusal or life.refusal
            life.renewed = bool(shared.refusal) and not shared.lasting
            life.rests += 1
            life.unimported = bool(shared.importing)
            wait = min(2.0 ** min(life.rests - 1, 10), LONGEST_REST)
            if life.unimported:
                logger.error("Process %s: %s; trying again in %g s", name, shared.refusal, wait)
            else:
                logger.info("Process %s could not run jobs; another is tried in %g s", name, wait)
            return wait
        why = exit_reason(code)
        running = shared.running()
        modules = sorted({each.module for each in running if each.phase is Phase.IMPORTING})
        modules += [shared.importing] if shared.importing else []
        if modules:
            why = f"while importing {', '.join(modules)}: {why}"
        logger.error("Process %s died (%s)", name, why)
        now = self.clock()
        if not life.deaths or now - life.started_at >= LONG_ENOUGH:
            life.deaths, life.since = 0, now
        life.deaths += 1
        life.claims = False
        life.reason = shared.fault or (f"died {why}" if modules else why)
        return min(0.1 * 2 ** min(life.deaths, 10), LONGEST_WAIT) if life.deaths > 1 else 0.0

    @staticmethod
    def is_planned(shared: SharedState, code: int) -> bool:
        """Whether a process with this exit code came to its end as it should."""
        return shared.planned_end and code in (0, WORN)

    def assess(
        self,
        alive: Sequence[bool],
        hangs: Sequence[LoopHang | None] = (),
        kept: Sequence[bool] = (),
    ) -> HealthReport:
        """Read the states of those that live, and report on all.

        ``hangs``: of each, if it hangs. ``kept``: of each, whether hooks keep all its threads.
        """
        now = self.clock()
        for life, hang in zip(self.lives, hangs, strict=False):
            life.hangs = hang is not None
        for life, is_kept in zip(self.lives, kept, strict=False):
            life.kept = is_kept
        longest = max((each for each in hangs if each), key=lambda each: each.seconds, default=None)
        for life, lives in zip(self.lives, alive, strict=True):
            if not lives:
                continue
            if life.deaths and now - life.started_at >= LONG_ENOUGH:
                life.deaths = 0
            life.claims = life.claims or life.shared.claims
            if life.unimported and life.shared.turns:
                life.unimported, life.refusal, life.rests = False, "", 0
            if life.shared.proven:
                life.refusal, life.rests = "", 0
            life.refusal = life.shared.refusal or life.refusal
        looping = [life for life in self.lives if life.looping]
        held_up = KEPT if any(life.kept for life in self.lives) else ""
        last = max(looping, key=lambda life: life.started_at, default=None)
        return HealthReport(
            able=sum(life.able for life in self.lives),
            deaths=sum(life.deaths for life in looping),
            seconds=now - min((life.since for life in looping), default=now),
            death=last.reason if last else "",
            refusal=next(filter(None, (life.why_not for life in self.lives)), held_up),
            unable=all(life.looping or life.why_not for life in self.lives),
            hanging=sum(life.hangs for life in self.lives),
            hang_seconds=longest.seconds if longest else 0.0,
            hang=longest.why if longest else "",
        )


def exit_reason(code: int) -> str:
    """An exit code in words; negative ones are signals."""
    if code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"
