"""What each thread of a child runs, in memory that outlives it.

The child writes a slot before it runs a job and clears it after; the supervisor reads the board of a
child that died, and knows which jobs were running and which had only been claimed.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from asok_core.errors import AsokError
from asok_core.job import LONGEST_ID

_SLOT = struct.Struct("<BddH")
_SLOT_BYTES = _SLOT.size + LONGEST_ID


@dataclass(frozen=True, slots=True)
class Running:
    """A job that a thread runs. ``started`` and ``deadline`` (0: none) are monotonic seconds."""

    job_id: str
    started: float
    deadline: float


def board_file() -> IO[bytes]:
    """An unnamed file for a board, which processes inherit.

    It is in memory where the system can do that, so that a worker needs no folder to write to.
    Raises AsokError when there is neither.
    """
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            return os.fdopen(os.memfd_create("asok-board"), "r+b")
    try:
        return tempfile.TemporaryFile(prefix="asok-board-")
    except OSError as error:
        raise AsokError(
            f"a worker needs a temporary file, and none can be made: {error.strerror}; "
            "set TMPDIR to a folder that can be written"
        ) from None


_IDLE, _RUNS, _HOOKS = 0, 1, 2


class Board:
    """Slots of shared memory, one a thread. One writer a slot, any number of readers.

    Slot number ``slots`` is that of the thread which calls hooks for notices.
    """

    def __init__(self, file: IO[bytes], slots: int) -> None:
        self.slots = slots
        size = (slots + 1) * _SLOT_BYTES
        file.truncate(size)
        self._memory = mmap.mmap(file.fileno(), size)

    def begin(self, slot: int, job_id: str, started: float, deadline: float = 0.0) -> None:
        """Note that thread ``slot`` is about to run a job."""
        at = slot * _SLOT_BYTES
        name = job_id.encode()[:LONGEST_ID]
        self._memory[at + _SLOT.size : at + _SLOT.size + len(name)] = name
        _SLOT.pack_into(self._memory, at, _RUNS, started, deadline, len(name))

    def call_hooks(self, slot: int) -> None:
        """Note that thread ``slot`` has the outcome of its job, and logs and calls hooks for it."""
        self._memory[slot * _SLOT_BYTES] = _HOOKS

    def end(self, slot: int) -> None:
        """Note that thread ``slot`` is done with its job."""
        self._memory[slot * _SLOT_BYTES] = _IDLE

    def clear(self) -> None:
        """Forget everything, before a new child takes the board."""
        for slot in range(self.slots + 1):
            self.end(slot)

    @property
    def in_hooks(self) -> bool:
        """Whether any thread calls hooks: its process may die of that, and not of what runs."""
        return any(self._memory[slot * _SLOT_BYTES] == _HOOKS for slot in range(self.slots + 1))

    def running(self) -> list[Running]:
        """What runs at this moment."""
        found = []
        for slot in range(self.slots):
            at = slot * _SLOT_BYTES
            busy, started, deadline, length = _SLOT.unpack_from(self._memory, at)
            if busy == _RUNS:
                name = self._memory[at + _SLOT.size : at + _SLOT.size + length]
                found.append(Running(name.decode("utf-8", "replace"), started, deadline))
        return found

    def close(self) -> None:
        """Unmap the memory."""
        self._memory.close()
