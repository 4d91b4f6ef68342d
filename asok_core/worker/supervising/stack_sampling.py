"""Stacks of the jobs of one process, taken by its supervisor without waiting for the process.

The pulse thread of the process answers while Python code runs there. Only where it does not, a signal
makes ``faulthandler`` write all stacks: see ``worker/stacks.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from asok_core.inspection.stacks import Stack, stack_in_dump
from asok_core.worker.job_slots import SlotJob
from asok_core.worker.shared_state import SharedState
from asok_core.worker.stacks import ALL, StackRequests

HELD_AFTER = 1.5
"""Seconds without an answer and without a pulse after which no Python code is taken to run."""
HELD_BEFORE_END = 0.2
"""The same for a process that is about to be ended: the signal may do so early."""
LONGEST_DUMP = 10.0
"""Seconds for which the stacks of all threads are waited for."""


class SampledProcess(Protocol):
    """A process, as far as its stacks are taken."""

    shared: SharedState
    stack_requests: StackRequests
    dump: str
    """The last stacks that it wrote on a signal."""

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""

    @property
    def stopped(self) -> bool:
        """Whether no code of it runs until it is continued."""

    def write_stacks(self) -> None:
        """Have it write the stacks of its threads. Not while it is ``stopped``.

        It would write them once it is continued, while its threads change what is read for that.
        """


class StackSampling:
    """One stack of each of some jobs of a process. Call ``collect`` until it returns True.

    ``stacks`` are those that were taken, by the slots of the jobs; ``held`` is whether no Python code
    ran. A job that ended meanwhile has none. ``held_after`` is how long an answer is waited for.
    """

    def __init__(
        self,
        process: SampledProcess,
        jobs: Sequence[SlotJob],
        *,
        patience: float,
        held_after: float = HELD_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stacks: dict[int, Stack] = {}
        self.held = False
        self._process = process
        self._clock = clock
        self._began = clock()
        self._patience = patience
        self._held_after = held_after
        self._pulses = process.shared.pulses
        self._left = {process.stack_requests.send(each.ident): each for each in jobs}

    def collect(self) -> bool:
        """Take what has come. Returns whether nothing more is expected."""
        self._take_answers()
        waited = self._clock() - self._began
        if not self._left or not self._process.alive or waited >= self._patience:
            return True
        if not self.held:
            pulseless = self._process.shared.pulses == self._pulses
            if waited >= self._held_after and pulseless and not self._process.stopped:
                self.held, self._process.dump = True, ""
                self._process.write_stacks()
        elif self._process.dump:
            self._take_dump(self._process.dump)
        return not self._left

    def _take_answers(self) -> None:
        for number, stack in self._process.stack_requests.answers(list(self._left)).items():
            job = self._left.pop(number, None)
            if job is not None:
                self._keep(job, stack)

    def _take_dump(self, dump: str) -> None:
        for job in self._left.values():
            self._keep(job, stack_in_dump(dump, job.ident))
        self._left.clear()

    def _keep(self, job: SlotJob, stack: Stack) -> None:
        # The thread may run another job by now.
        if stack and any(same_run(job, each) for each in self._process.shared.running()):
            self.stacks[job.slot] = stack


class StackDump:
    """The stacks of all threads of a process, for a log. Call ``collect`` until it is done.

    Where no Python code runs, the process is sent the signal, and what it writes comes by its file.
    """

    def __init__(
        self, process: SampledProcess, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._process = process
        self._clock = clock
        self._began = clock()
        self._pulses = process.shared.pulses
        self._number = process.stack_requests.send(ALL)

    def collect(self) -> str | None:
        """The stacks; '' where none come by this way; None as long as they may."""
        text = self._process.stack_requests.text(self._number)
        waited = self._clock() - self._began
        if text or not self._process.alive or waited >= LONGEST_DUMP:
            return text
        if waited >= HELD_AFTER and self._process.shared.pulses == self._pulses:
            if not self._process.stopped:
                self._process.write_stacks()
            return ""
        return None


def same_run(one: SlotJob, other: SlotJob) -> bool:
    """Whether both are the same run of a job."""
    return (one.job_id, one.slot, one.ident) == (other.job_id, other.slot, other.ident)
