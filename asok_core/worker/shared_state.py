"""How a process is and what its threads run, in memory that it shares with its supervisor."""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from contextlib import suppress
from typing import IO

from asok_core.errors import AsokError
from asok_core.runtime.exhaustion import shortage
from asok_core.worker.job_slots import JobSlots, read_text, write_text
from asok_core.worker.start import FAULT_BYTES

_LEASE = struct.Struct("<d")
"""After the slots: monotonic time until which the supervisor has the lease. This the supervisor writes."""
_COUNT = struct.Struct("<Q")
"""After that, two of them: turns of the process's loop, and runs of its pulse thread."""
_LEFT = struct.Struct("<H")
"""After that: slots that a process still takes which no longer claims, and 1; 0 while it claims."""
_HOLDS = struct.Struct("<Q")
"""After that: the generation of the holds that the process enforces."""
_REFUSAL_BYTES = 512
_MODULE_BYTES = 256
_STATE_BYTES = 5 + _REFUSAL_BYTES + _MODULE_BYTES + FAULT_BYTES
"""After that: five flags, why the process does not claim, the module that it imports before it claims,
what fault ended it. The fault is the last of all, where ``start.note_fault`` finds it without knowing
the rest."""


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


class SharedState(JobSlots):
    """The slots of jobs, and how the process is. One process writes, any number read."""

    def __init__(self, file: IO[bytes], threads: int) -> None:
        self._lease = self.size(threads)
        self._turns = self._lease + _LEASE.size
        self._pulses = self._turns + _COUNT.size
        self._left = self._pulses + _COUNT.size
        self._holds = self._left + _LEFT.size
        self._state = self._holds + _HOLDS.size
        self._turns_made = self._pulses_made = 0
        self._claims, self._proven, self._planned, self._lasting, self._soon, self._refusal = (
            self._state + at for at in range(6)
        )
        self._module = self._refusal + _REFUSAL_BYTES
        self._fault = self._module + _MODULE_BYTES
        file.truncate(self._state + _STATE_BYTES)
        super().__init__(mmap.mmap(file.fileno(), self._state + _STATE_BYTES), threads)

    def clear(self) -> None:
        """Make it as new, before a new process uses it."""
        super().clear()
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
        """Note that the process no longer claims, and how many slots its jobs still take."""
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
        write_text(self._memory, self._refusal, _REFUSAL_BYTES, reason)
        self._memory[self._proven] = proven

    def note_holds(self, generation: int) -> None:
        """Note which holds the process enforces: from now on it starts no job that one of them matches."""
        _HOLDS.pack_into(self._memory, self._holds, generation)

    def note_planned_end(self) -> None:
        """Note that the process is about to end as it should, so that its exit code is its own."""
        self._memory[self._planned] = 1

    def note_importing(self, module: str) -> None:
        """Note which module the process imports before it claims jobs; '' once all are imported."""
        write_text(self._memory, self._module, _MODULE_BYTES, module)

    def note_fault(self, line: str) -> None:
        """Note what ends the process."""
        write_text(self._memory, self._fault, FAULT_BYTES, line)

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
        """How often its pulse thread has run."""
        pulses: int = _COUNT.unpack_from(self._memory, self._pulses)[0]
        return pulses

    @property
    def retiring(self) -> int | None:
        """Slots that a process still takes which no longer claims; None while it claims."""
        left: int = _LEFT.unpack_from(self._memory, self._left)[0]
        return left - 1 if left else None

    @property
    def holds(self) -> int:
        """The generation of the holds that the process enforces; 0 for none."""
        generation: int = _HOLDS.unpack_from(self._memory, self._holds)[0]
        return generation

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
        return read_text(self._memory, self._refusal, _REFUSAL_BYTES)

    @property
    def importing(self) -> str:
        """The module that it imports before it claims jobs, or whose import has failed; else ''."""
        return read_text(self._memory, self._module, _MODULE_BYTES)

    @property
    def fault(self) -> str:
        """What ended the process, or ''."""
        return read_text(self._memory, self._fault, FAULT_BYTES)

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()
