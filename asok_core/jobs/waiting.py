"""Tasks that wait for other jobs while they hold a slot of the pool that would have to run those.

When every slot of a pool waits like that, none is left to run what they wait for. A pool counts the
waits of its slots here; what follows from a full count is up to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from asok_core.errors import Deadlock


class Slot:
    """A thread of a pool that runs a job, in the body of a ``with`` in a context of its own.

    Not a generator with ``contextmanager``: that sets attributes of what a task raises.
    """

    __slots__ = ("job_id", "slots", "thread")

    def __init__(self, slots: Slots, job_id: str) -> None:
        self.slots = slots
        self.job_id = job_id
        self.thread = threading.get_ident()

    def __enter__(self) -> None:
        current.set(self)

    def __exit__(self, *_: object) -> None:
        self.slots.leave(self)


@dataclass(eq=False, slots=True)
class Wait:
    """A job in a slot waits for another job of the same pool.

    ``certain``: its thread does nothing else, without a time limit, until that is done. Otherwise it
    may (a coroutine may have more to do, ``concurrent.futures.wait`` may have a time limit).
    ``error`` is raised where a certain wait is found to have no end.
    """

    slot: Slot
    job_id: str
    queue: str
    done: Callable[[], bool]
    certain: bool
    since: float = field(default_factory=time.monotonic)
    error: Deadlock | None = None


current: ContextVar[Slot | None] = ContextVar("asok_slot", default=None)
"""The slot whose job runs in this context; set by whoever runs it."""


class Slots:
    """The slots of one pool. ``on_full`` is called with the wait that made every slot wait.

    It may raise, in the thread that was about to wait.
    """

    def __init__(self, size: int, on_full: Callable[[Wait], None] | None = None) -> None:
        self.size = size
        self._on_full = on_full
        self._lock = threading.RLock()
        self._waits: list[Wait] = []

    def begin(self, wait: Wait) -> None:
        """Count a wait. Raises what ``on_full`` raises, and does not count it then."""
        # All in one: of two threads that begin to wait at once, only the second makes the pool full.
        with self._lock:
            self._waits.append(wait)
            try:
                if self._on_full is not None and self.full():
                    self._on_full(wait)
            except BaseException:
                self.end(wait)
                raise

    def end(self, wait: Wait) -> None:
        """Count a wait no longer."""
        with self._lock:
            if wait in self._waits:
                self._waits.remove(wait)

    def leave(self, slot: Slot) -> None:
        """The job of a slot has ended, and so have its waits."""
        if self._waits:
            with self._lock:
                self._waits = [wait for wait in self._waits if wait.slot is not slot]

    def full(self) -> list[Wait]:
        """A wait of each slot when every slot has one whose job is not done; else nothing."""
        if len(self._waits) < self.size:
            return []
        with self._lock:
            waits = [wait for wait in self._waits if not wait.done()]
        # A certain one, where there is one: its thread has come no further.
        of_slots = {wait.slot: wait for wait in sorted(waits, key=lambda wait: wait.certain)}
        return list(of_slots.values()) if len(of_slots) == self.size else []


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """The process of a worker that this is, for what its tasks enqueue and wait for."""

    process: str
    redis_url: str
    namespace: str
    slots: Slots


worker: WorkerProcess | None = None
"""None in every other process. Set once, before the first job runs."""
