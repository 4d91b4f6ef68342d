"""How a child is and what each of its threads runs, in memory that outlives it.

The child writes a slot before it runs a job, and clears it once the outcome of that is settled. The
supervisor reads the board of a child that died, and knows which jobs had begun and which had only been
claimed. A job that has ended stays on the board until then: it may have broken the process all the same,
as one does that closes the connection to Redis.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
import tempfile
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import IO

from asok_core.errors import AsokError
from asok_core.jobs.job import LONGEST_ID
from asok_core.runtime.exhaustion import shortage
from asok_core.worker.start import FAULT_BYTES

_SLOT = struct.Struct("<BddH")
_TIMES = struct.Struct("<dd")
"""The part of a slot behind its first byte."""
_MODULE_BYTES = 256
_SLOT_BYTES = _SLOT.size + LONGEST_ID + _MODULE_BYTES
"""Behind the id of the job: the name of the module that is imported for it."""
_FREE, _RUNNING, _ENDED, _HOOKS, _IMPORTING, _PREPARING = range(6)
MOST_AHEAD = 64
"""Jobs; larger batches gain little, and hold more that another worker could run."""
AHEAD = 2 * MOST_AHEAD
"""Slots besides those of threads: while a trip settles the jobs that a process held, as many others may
end. When more are not settled, as Redis cannot take them, they leave the board as they end."""


_LEASE = struct.Struct("<d")
"""After the slots: monotonic time until which the supervisor has the lease. This the supervisor writes."""
_COUNT = struct.Struct("<Q")
"""After that, two of them: turns of the process's loop, and beats of its pulse."""
_LEFT = struct.Struct("<H")
"""After that: slots that a process still takes which claims no more, and 1; 0 while it claims."""
_REFUSAL_BYTES = 512
_STATE_BYTES = 5 + _REFUSAL_BYTES + FAULT_BYTES
"""After that: five flags, why the process does not claim, what fault ended it. The fault is the last of
all, where ``start.note_fault`` finds it without knowing the rest."""


class Phase(IntEnum):
    """What a thread does for a job that it has begun and not come to the end of."""

    IMPORTING = _IMPORTING
    """Imports the module of the task, which the process had not imported before."""
    PREPARING = _PREPARING
    """Calls ``before`` hooks and converts arguments."""
    RUNNING = _RUNNING
    """Runs the code of the task."""


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a thread runs. ``started`` and ``deadline`` (0: none) are monotonic seconds.

    ``started`` is when its phase ``RUNNING`` began, before that when the thread took it.
    """

    job_id: str
    started: float
    deadline: float
    phase: Phase = Phase.RUNNING
    module: str = ""
    """What it imports, in phase ``IMPORTING``."""


_IMPORTS = Phase.IMPORTING
_PHASES = {int(phase): phase for phase in Phase}
_AT_END = {_ENDED: Phase.RUNNING}


def shared_file(name: str) -> IO[bytes]:
    """A file without a path, which processes inherit.

    It is in memory where the system can do that, so that a worker needs no folder to write to.
    Raises AsokError when there is neither.
    """
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            return os.fdopen(os.memfd_create(f"asok-{name}"), "r+b")
    try:
        return tempfile.TemporaryFile(prefix=f"asok-{name}-")
    except OSError as error:
        why = shortage(error) or f"{error.strerror}; set TMPDIR to a folder that can be written"
        raise AsokError(f"cannot create a temporary file, which a worker needs: {why}") from None


class SharedState:
    """Slots of shared memory, and how the process is. One process writes, any number read.

    The first ones are the threads' own; number ``threads`` is that of the thread which calls hooks for
    notices. Each other one is a job's from its begin until its outcome is settled.
    """

    def __init__(self, file: IO[bytes], threads: int) -> None:
        self.threads = threads
        # A slot is named by its place in the memory.
        self._own = (threads + 1) * _SLOT_BYTES
        self._size = self._own + (2 * threads + AHEAD) * _SLOT_BYTES
        self._lease = self._size
        self._turns = self._lease + _LEASE.size
        self._pulses = self._turns + _COUNT.size
        self._left = self._pulses + _COUNT.size
        self._state = self._left + _LEFT.size
        self._turns_made = self._pulses_made = 0
        self._claims, self._proven, self._planned, self._lasting, self._soon, self._refusal = (
            self._state + at for at in range(6)
        )
        self._fault = self._refusal + _REFUSAL_BYTES
        file.truncate(self._state + _STATE_BYTES)
        self._memory = mmap.mmap(file.fileno(), self._state + _STATE_BYTES)
        self._free = deque(range(self._own, self._size, _SLOT_BYTES))

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
        """Note that a thread is about to run a job. Returns the slot, for ``end`` and ``settle``.

        ``module`` is what it is to import in phase ``IMPORTING``.
        """
        try:
            slot = self._free.popleft()
        except IndexError:
            slot = thread * _SLOT_BYTES
        memory, name = self._memory, job_id.encode()[:LONGEST_ID]
        memory[slot + _SLOT.size : slot + _SLOT.size + len(name)] = name
        if phase is _IMPORTS:
            self._write_text(slot + _SLOT.size + LONGEST_ID, _MODULE_BYTES, module)
        _SLOT.pack_into(memory, slot, _FREE, started, deadline, len(name))
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
        """Forget everything, before a new child takes the board."""
        for slot in range(0, self._size, _SLOT_BYTES):
            self._memory[slot] = _FREE
        size = self._state + _STATE_BYTES - self._turns
        self._memory[self._turns : self._turns + size] = bytes(size)

    def note_turn(self) -> None:
        """Note that the loop of the process turns."""
        self._turns_made += 1
        _COUNT.pack_into(self._memory, self._turns, self._turns_made)

    def note_pulse(self) -> None:
        """Note that a thread of the process runs."""
        self._pulses_made += 1
        _COUNT.pack_into(self._memory, self._pulses, self._pulses_made)

    def note_retiring(self, slots: int) -> None:
        """Note that the process claims no more, and how many slots its jobs still take."""
        _LEFT.pack_into(self._memory, self._left, slots + 1)

    def note_retires_soon(self) -> None:
        """Note that a successor should be started, so that it is ready when the process retires."""
        self._memory[self._soon] = 1

    def note_claims(self) -> None:
        """Note that the process claims jobs: Redis has answered, and the lease holds."""
        self._memory[self._claims] = 1

    def note_refusal(self, reason: str, *, proven: bool, lasting: bool = True) -> None:
        """Note why the process does not claim jobs ('' when it does), and whether it has run one.

        ``lasting``: a new process may have the same reason.
        """
        self._memory[self._lasting] = lasting
        self._write_text(self._refusal, _REFUSAL_BYTES, reason)
        self._memory[self._proven] = proven

    def note_planned_end(self) -> None:
        """Note that the process is about to end as it should, so that its exit code is its own."""
        self._memory[self._planned] = 1

    def note_fault(self, line: str) -> None:
        """Note what ends the process."""
        self._write_text(self._fault, FAULT_BYTES, line)

    @property
    def leased_until(self) -> float:
        """Monotonic time until which the worker has its lease, or 0."""
        until: float = _LEASE.unpack_from(self._memory, self._lease)[0]
        return until

    @leased_until.setter
    def leased_until(self, until: float) -> None:
        _LEASE.pack_into(self._memory, self._lease, until)

    @property
    def turns(self) -> int:
        """How often the loop of the process has turned; 0 before it begins."""
        turns: int = _COUNT.unpack_from(self._memory, self._turns)[0]
        return turns

    @property
    def pulses(self) -> int:
        """How often its pulse has beaten."""
        pulses: int = _COUNT.unpack_from(self._memory, self._pulses)[0]
        return pulses

    @property
    def retiring(self) -> int | None:
        """Slots that a process still takes which claims no more; None while it claims."""
        left: int = _LEFT.unpack_from(self._memory, self._left)[0]
        return left - 1 if left else None

    @property
    def retires_soon(self) -> bool:
        """Whether the process expects to retire within seconds."""
        return self._memory[self._soon] == 1

    @property
    def claims(self) -> bool:
        """Whether the process has claimed jobs, or would have if there had been any."""
        return self._memory[self._claims] == 1

    @property
    def proven(self) -> bool:
        """Whether the process has run a job, and claims as many as it can run."""
        return self._memory[self._proven] == 1

    @property
    def lasting(self) -> bool:
        """Whether a new process may not claim jobs for the same reason."""
        return self._memory[self._lasting] == 1

    @property
    def planned_end(self) -> bool:
        """Whether the process came to its end as it should; a task may call ``os._exit(0)``."""
        return self._memory[self._planned] == 1

    @property
    def refusal(self) -> str:
        """Why the process does not claim jobs, or ''."""
        return self._read_text(self._refusal, _REFUSAL_BYTES)

    @property
    def fault(self) -> str:
        """What ended the process, or ''."""
        return self._read_text(self._fault, FAULT_BYTES)

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

    def running(self) -> list[Running]:
        """What threads have begun and not come to the end of, in any phase."""
        return self._read(_PHASES)

    def ended(self) -> list[Running]:
        """What has ended, and its outcome is not settled."""
        return self._read(_AT_END)

    def _read(self, states: Mapping[int, Phase]) -> list[Running]:
        found = []
        for slot in range(0, self._size, _SLOT_BYTES):
            phase = states.get(self._memory[slot])
            if phase is not None:
                _, started, deadline, length = _SLOT.unpack_from(self._memory, slot)
                name = self._memory[slot + _SLOT.size : slot + _SLOT.size + length]
                module = ""
                if phase is Phase.IMPORTING:
                    module = self._read_text(slot + _SLOT.size + LONGEST_ID, _MODULE_BYTES)
                job_id = name.decode("utf-8", "replace")
                found.append(Running(job_id, started, deadline, phase, module))
        return found

    def _write_text(self, at: int, size: int, line: str) -> None:
        text = " ".join(line.split()).encode("utf-8", "backslashreplace")[: size - 1]
        self._memory[at : at + size] = text.ljust(size, b"\0")

    def _read_text(self, at: int, size: int) -> str:
        text = self._memory[at : at + size].partition(b"\0")[0]
        return " ".join(text.decode("utf-8", "replace").split())

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()
