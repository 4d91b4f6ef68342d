"""Whether the loop of a process turns, as its supervisor sees it in shared memory.

The loop settles and claims for all threads of the process, and turns every few seconds at least,
whatever they do. A *pulse*, a thread that does nothing else, shows whether the process runs Python code
in any thread: where it does not, a job may hold the interpreter, or the process does not run at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from asok_core.worker.job_slots import Phase, SlotJob
from asok_core.worker.shared_state import SharedState

SHOWN_AFTER = 10.0
"""Seconds without a turn after which a process hangs. An idle loop turns every 5 s."""
NO_PULSE = 5.0
"""Seconds without one after which no thread is taken to run."""
LONGEST_LOOK = 1.0
"""Seconds that count at most between two looks. A supervisor that was itself suspended (SIGSTOP, a virtual
machine, a busy host) has not seen what its processes did, and they had no time to do it."""
KEPT = "hooks or log handlers of jobs that have ended do not return, and keep all its threads"
"""Why a process claims no jobs whose loop turns."""
_NAMED = 3
"""Jobs that are named; of more only the number is given."""


class StallReason(Enum):
    """What is known of why a loop does not turn."""

    STOPPED = "a signal has stopped the process"
    TRACED = "a debugger has stopped the process"
    LOOP = "its other threads run"
    HELD = "its other threads do not run"


@dataclass(frozen=True, slots=True)
class LoopHang:
    """A loop that has not turned for ``seconds``. ``running`` are the jobs of its process.

    ``hooks`` is how many threads call hooks and log handlers of jobs that have ended.
    """

    seconds: float
    cause: StallReason
    running: Sequence[SlotJob] = ()
    hooks: int = 0

    @property
    def maybe_a_job(self) -> bool:
        """Whether a job may be what holds it, or its hooks, which may be legitimate work.

        A job that has ended may not be settled while its hooks hold the process, and would run again.
        """
        return self.cause is StallReason.HELD and bool(self.running or self.hooks)

    @property
    def advice(self) -> str:
        """What would limit it, or ''. No limit holds for hooks."""
        return "a _timeout would limit it" if self.maybe_a_job and not self.hooks else ""

    @property
    def replaceable(self) -> bool:
        """Whether the process may be ended for it: no job and no debugger is the reason."""
        return self.cause is not StallReason.TRACED and not self.maybe_a_job

    @property
    def why(self) -> str:
        """What is known of the reason, in one line."""
        known = str(self.cause.value)
        if self.cause is not StallReason.HELD:
            return known
        hooks = "hooks or log handlers of a job that has ended"
        if not self.running:
            return (
                f"{known}; {hooks} may hold the interpreter"
                if self.hooks
                else (f"{known}, and no job runs")
            )
        if len(self.running) == 1 and not self.hooks:
            return f"{known}; {_described(self.running[0])} may hold the interpreter"
        jobs = ", ".join(_described(each) for each in self.running[:_NAMED])
        more = f" and {len(self.running) - _NAMED} more" if len(self.running) > _NAMED else ""
        ended = f", {hooks}" if self.hooks else ""
        return f"{known}; one of these may hold the interpreter: {jobs}{more}{ended}"


def _described(job: SlotJob) -> str:
    doing = {Phase.IMPORTING: "importing its module", Phase.PREPARING: "in its before hooks"}
    seconds = max(time.monotonic() - job.started, 0.0)
    return f"job {job.job_id} ({doing.get(job.phase, 'running')} for {seconds:.0f} s)"


class LoopWatch:
    """Of one process, from its start. Call ``find_hang`` often; ``clock`` is monotonic."""

    def __init__(self, shared: SharedState, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._checked_at = clock()
        self._turns = self._pulses = 0
        self._still = self._pulseless = 0.0

    def find_hang(self, pid: int | None) -> LoopHang | None:
        """The hang that there is now, if any.

        Before its loop begins a process may take long to start, and hangs only where it is stopped.
        """
        now = self._clock()
        passed, self._checked_at = min(now - self._checked_at, LONGEST_LOOK), now
        turns, pulses = self._shared.turns, self._shared.pulses
        self._still = self._still + passed if turns == self._turns else 0.0
        self._pulseless = self._pulseless + passed if pulses == self._pulses else 0.0
        self._turns, self._pulses = turns, pulses
        if self._still < SHOWN_AFTER:
            return None
        cause = self._cause(pid)
        if not turns and cause is not StallReason.STOPPED:
            return None
        return LoopHang(self._still, cause, self._shared.running(), len(self._shared.hooks()))

    def _cause(self, pid: int | None) -> StallReason:
        state = _state(pid)
        if state == "T":
            return StallReason.STOPPED
        if state == "t":
            return StallReason.TRACED
        return StallReason.HELD if self._pulseless >= NO_PULSE else StallReason.LOOP


def is_stopped(pid: int | None) -> bool:
    """Whether a signal or a debugger has stopped a process; false where the system does not show it."""
    return _state(pid) in ("T", "t")


def _state(pid: int | None) -> str:
    """The state of a process as the kernel names it, or '' where it does not say."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    # The name of the program is in parentheses and may hold anything.
    return "".join(stat.rpartition(")")[2].split()[:1])
