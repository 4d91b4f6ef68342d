"""Waits of tasks for other jobs of the same pool, by which deadlocks are detected.

If every slot of a pool waits for a job of the pool, no slot is left to run these jobs. A pool
counts the waits of its slots here and decides what to do when all slots wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from asok_core.errors import Deadlock


class Slot:
    """A thread of a pool while it runs a job, as a context manager in a context of its own.

    Not a generator with ``contextmanager``, which would set attributes of the task's exceptions.
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

    ``certain``: its thread waits without a time limit and does nothing else. Otherwise that is
    unknown (a coroutine may have more to do, ``concurrent.futures.wait`` may have a time limit).
    ``error`` is raised in a certain wait that is part of a deadlock.
    """

    slot: Slot
    job_id: str
    queue: str
    done: Callable[[], bool]
    certain: bool
    since: float = field(default_factory=time.monotonic)
    error: Deadlock | None = None


current: ContextVar[Slot | None] = ContextVar("asok_slot", default=None)
"""The slot whose job runs in this context; set by the pool."""


class Slots:
    """The slots of one pool. ``on_full`` is called with a wait after which every slot waits.

    It may raise, in the thread that begins to wait.
    """

    def __init__(self, size: int, on_full: Callable[[Wait], None] | None = None) -> None:
        self.size = size
        self._on_full = on_full
        self._lock = threading.RLock()
        self._waits: list[Wait] = []

    def begin(self, wait: Wait) -> None:
        """Count a wait. If ``on_full`` raises, the exception is passed on and the wait not counted."""
        # Under one lock: of two threads that begin to wait at once, only the second fills the pool.
        with self._lock:
            self._waits.append(wait)
            try:
                if self._on_full is not None and self.full():
                    self._on_full(wait)
            except BaseException:
                self.end(wait)
                raise

    def end(self, wait: Wait) -> None:
        """Stop counting a wait."""
        with self._lock:
            if wait in self._waits:
                self._waits.remove(wait)

    def leave(self, slot: Slot) -> None:
        """Remove the waits of a slot whose job has ended."""
        if self._waits:
            with self._lock:
                self._waits = [wait for wait in self._waits if wait.slot is not slot]

    def full(self) -> list[Wait]:
        """One wait per slot, if every slot waits for an unfinished job; otherwise none."""
        if len(self._waits) < self.size:
            return []
        with self._lock:
            waits = [wait for wait in self._waits if not wait.done()]
        # Prefer a certain wait, as its thread is still in it.
        of_slots = {wait.slot: wait for wait in sorted(waits, key=lambda wait: wait.certain)}
        return list(of_slots.values()) if len(of_slots) == self.size else []


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """This process of a worker, as seen by the jobs that its tasks enqueue and wait for."""

    process: str
    redis_url: str
    namespace: str
    slots: Slots


worker: WorkerProcess | None = None
"""None if this is not a process of a worker. Set once, before the first job runs."""
