"""What each thread of a process runs, in memory that outlives the process.

The process writes a slot before it runs a job, and clears it once the outcome of that is settled. The
supervisor reads the slots of a process that died, and knows which jobs had started and which had only been
claimed. A job that has ended keeps its slot until it is settled: it may have broken the process all the
same, as one does that closes the connection to Redis.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from threading import get_ident

from asok_core.jobs.job import LONGEST_ID

_SLOT = struct.Struct("<BddHQ")
_TIMES = struct.Struct("<dd")
"""The part of a slot behind its first byte."""
_MODULE_BYTES = 256
_SLOT_BYTES = _SLOT.size + LONGEST_ID + _MODULE_BYTES
"""Behind the id of the job: the name of the module that is imported for it."""
_FREE, _RUNNING, _ENDED, _HOOKS, _IMPORTING, _PREPARING = range(6)
MOST_AHEAD = 64
"""Jobs; larger batches gain little, and hold more that another worker could run."""
AHEAD = 2 * MOST_AHEAD
"""Slots besides those of threads: while a cycle settles the jobs that a process held, as many others may
end. Where more are not settled, as Redis cannot take them, they lose their slots as they end."""


class Phase(IntEnum):
    """What a thread does for a job that it has started and not come to the end of."""

    IMPORTING = _IMPORTING
    """Imports the module of the task, which the process had not imported before."""
    PREPARING = _PREPARING
    """Calls ``before`` hooks and converts arguments."""
    RUNNING = _RUNNING
    """Runs the code of the task."""


@dataclass(frozen=True, slots=True)
class SlotJob:
    """A job that a thread runs. ``started`` and ``deadline`` (0: none) are monotonic seconds.

    ``started`` is when its phase ``RUNNING`` began, before that when the thread took it.
    """

    job_id: str
    started: float
    deadline: float
    phase: Phase = Phase.RUNNING
    module: str = ""
    """What it imports, in phase ``IMPORTING``."""
    ident: int = 0
    """The thread that runs it, as ``threading.get_ident()`` names it."""
    slot: int = -1


_IMPORTS = Phase.IMPORTING
_PHASES = {int(phase): phase for phase in Phase}
_AT_END = {_ENDED: Phase.RUNNING}


class JobSlots:
    """The slots of a process, one for each thread, at the start of ``memory``. One process writes.

    The first ones are the threads' own; number ``threads`` is that of the thread which calls hooks for
    notices. Each other one is a job's from its start until its outcome is settled.
    """

    def __init__(self, memory: mmap.mmap, threads: int) -> None:
        self.threads = threads
        self._memory = memory
        # A slot is named by its offset in the memory.
        self._own = (threads + 1) * _SLOT_BYTES
        self._size = self.size(threads)
        self._free = deque(range(self._own, self._size, _SLOT_BYTES))

    @staticmethod
    def size(threads: int) -> int:
        """Bytes that they take."""
        return (threads + 1 + 2 * threads + AHEAD) * _SLOT_BYTES

    def begin(
        self,
        thread: int,
        job_id: str,
        started: float,
        deadline: float = 0.0,
        *,
        phase: Phase = Phase.RUNNING,
        module: str = "",
    ) -> int:
        """Note that this thread is about to run a job. Returns the slot, for ``end`` and ``settle``.

        ``module`` is what it is to import in phase ``IMPORTING``.
        """
        try:
            slot = self._free.popleft()
        except IndexError:
            slot = thread * _SLOT_BYTES
        memory, name = self._memory, job_id.encode()[:LONGEST_ID]
        memory[slot + _SLOT.size : slot + _SLOT.size + len(name)] = name
        if phase is _IMPORTS:
            write_text(memory, slot + _SLOT.size + LONGEST_ID, _MODULE_BYTES, module)
        _SLOT.pack_into(memory, slot, _FREE, started, deadline, len(name), get_ident())
        # Last, so that no reader takes it for a job with the times of the one before.
        memory[slot] = phase
        return slot

    def note_phase(self, slot: int, phase: Phase, times: tuple[float, float] | None = None) -> None:
        """Note that the job of a slot enters a phase; with ``times``, its ``started`` and ``deadline``."""
        if times is not None:
            # One call: a reader must not meet the new start with the former deadline.
            _TIMES.pack_into(self._memory, slot + 1, *times)
        self._memory[slot] = phase

    def call_hooks(self, thread: int, slot: int = -1, since: float = 0.0) -> None:
        """Note that a thread logs and calls hooks, ``since`` when (monotonic).

        ``slot`` is that of the job, not settled yet.
        """
        if slot >= self._own:
            self._memory[slot] = _ENDED
        own = thread * _SLOT_BYTES
        _TIMES.pack_into(self._memory, own + 1, since, 0.0)
        self._memory[own] = _HOOKS

    def end(self, thread: int) -> None:
        """Note that a thread has come to the end of that."""
        self._memory[thread * _SLOT_BYTES] = _FREE

    def settle(self, slot: int) -> None:
        """Note that the outcome of an ended job is settled."""
        if slot >= self._own:
            self._memory[slot] = _FREE
            self._free.append(slot)

    def clear(self) -> None:
        """Free every slot, before a new process uses the memory."""
        for slot in range(0, self._size, _SLOT_BYTES):
            self._memory[slot] = _FREE

    @property
    def in_hooks(self) -> bool:
        """Whether any thread calls hooks: its process may die of that, and not of what runs."""
        return _HOOKS in self._memory[0 : self._own : _SLOT_BYTES]

    def hooks(self) -> list[float]:
        """Since when threads that run jobs call hooks and log handlers of jobs that have ended."""
        memory, threads = self._memory, range(0, self.threads * _SLOT_BYTES, _SLOT_BYTES)
        return [_TIMES.unpack_from(memory, at + 1)[0] for at in threads if memory[at] == _HOOKS]

    @property
    def kept_since(self) -> float:
        """Since when these keep all of those threads; infinite while one is free, or runs a job."""
        since = self.hooks()
        return max(since) if len(since) == self.threads else math.inf

    def running(self) -> list[SlotJob]:
        """What threads have started and not come to the end of, in any phase."""
        return self._read(_PHASES)

    def ended(self) -> list[SlotJob]:
        """What has ended, and its outcome is not settled."""
        return self._read(_AT_END)

    def _read(self, states: Mapping[int, Phase]) -> list[SlotJob]:
        found, memory = [], self._memory
        for slot in range(0, self._size, _SLOT_BYTES):
            phase = states.get(memory[slot])
            if phase is not None:
                _, started, deadline, length, ident = _SLOT.unpack_from(memory, slot)
                name = memory[slot + _SLOT.size : slot + _SLOT.size + length]
                module = ""
                if phase is Phase.IMPORTING:
                    module = read_text(memory, slot + _SLOT.size + LONGEST_ID, _MODULE_BYTES)
                job_id = name.decode("utf-8", "replace")
                found.append(SlotJob(job_id, started, deadline, phase, module, ident, slot))
        return found


def write_text(memory: mmap.mmap, at: int, size: int, line: str) -> None:
    """Write a text as one line, cut to ``size`` bytes."""
    text = " ".join(line.split()).encode("utf-8", "backslashreplace")[: size - 1]
    memory[at : at + size] = text.ljust(size, b"\0")


def read_text(memory: mmap.mmap, at: int, size: int) -> str:
    """Read a text that was written so, also when it is being written."""
    text = memory[at : at + size].partition(b"\0")[0]
    return " ".join(text.decode("utf-8", "replace").split())
