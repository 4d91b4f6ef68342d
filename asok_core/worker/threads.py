"""The threads that run jobs. Plain ones: an executor's futures would cost half the throughput."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import NoReturn

from asok_core.backends.redis.consuming.consumer import Outcome
from asok_core.worker.board import Board
from asok_core.worker.execution import Execution, Held

logger = logging.getLogger("asok.worker")

BROKEN = 70
"""Exit code of a process that met a fault of ours."""


def end_broken(error: BaseException) -> NoReturn:
    """Log a fault of ours and end this process at once, whatever its threads do."""
    logger.critical("A fault in the worker ends this process", exc_info=error)
    logging.shutdown()
    os._exit(BROKEN)


class Threads:
    """Takes claimed jobs in order, runs them, and hands the outcomes back to the dispatcher.

    ``finished`` and ``started`` grow at the right while the dispatcher takes from the left.
    ``runs_until`` is the monotonic time at which the lease may be over: no job begins after it.
    """

    def __init__(
        self, count: int, execution: Execution, board: Board, tell: Callable[[], None]
    ) -> None:
        self.execution = execution
        self.finished: deque[tuple[Held, Outcome | None]] = deque()
        self.runs_until = 0.0
        self._board = board
        self._tell = tell
        self._ready: SimpleQueue[Held | None] = SimpleQueue()
        self._running: dict[int, Held] = {}
        self._threads = [
            threading.Thread(target=self._work, args=(slot,), name=f"asok-{slot}", daemon=True)
            for slot in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, held: Held) -> None:
        """Queue a job behind those that wait for a free thread."""
        self._ready.put(held)

    @property
    def waiting(self) -> int:
        """Jobs that wait for a free thread."""
        return self._ready.qsize()

    def running(self) -> list[Held]:
        """Jobs that run at this moment."""
        return list(self._running.values())

    def take_back(self) -> list[Held]:
        """Every job that has not begun, in order."""
        back: list[Held] = []
        while True:
            try:
                held = self._ready.get_nowait()
            except Empty:
                return back
            if held is not None:
                back.append(held)

    def _work(self, slot: int) -> None:
        try:
            self._run_jobs(slot)
        except BaseException as error:  # noqa: BLE001 - it is logged, and ends the process
            # A thread that dies in silence takes a share of the worker and a job along. When the
            # process dies, the supervisor knows what to do with what it ran.
            end_broken(error)

    def _run_jobs(self, slot: int) -> None:
        ready, finished, running = self._ready, self.finished, self._running
        execution, board = self.execution, self._board
        while True:
            held = ready.get()
            if held is None:
                return
            now = time.monotonic()
            if now >= self.runs_until:
                held.gone = True
                finished.append((held, None))
                self._tell()
                continue
            outcome = execution.open(held) if held.job is None else None
            if outcome is None:
                job = held.job
                assert job is not None, "open() sets it or returns an outcome"
                deadline = now + job.hard_limit if job.hard_limit else 0.0
                board.begin(slot, job.id, now, deadline)
                running[slot] = held
                outcome = execution.run(held)
                del running[slot]
                board.end(slot)
            finished.append((held, outcome))
            self._tell()
