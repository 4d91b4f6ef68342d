"""Finds tasks that wait for jobs which no slot of any worker is left to run.

A process whose every slot waits says so in Redis (``report_waits.lua``), with the queues in which
those jobs are. Once all processes that could run them report it twice in a row, nothing can continue:
what they wait for is in its queue, and every slot that could take it waits. One of the waits is then ended
by Deadlock. (The framework's worker takes jobs from a queue also while it is busy, so it serves no
queue in which they stay.) Where that is not certain, nothing is raised; a warning is logged once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from asok_core.backends.redis.calls.producing import ReportWaits, WaitsReply
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.keys import Keys, process_numbers, worker_of
from asok_core.backends.redis.locating import holds
from asok_core.errors import Deadlock
from asok_core.jobs.numbers import number
from asok_core.jobs.waiting import Wait, WorkerProcess
from asok_core.runtime.logs import safe_logger

logger = safe_logger("asok.worker")

PATIENCE = 2.0
"""Seconds that every slot must wait before Redis is asked."""
INTERVAL = 3.0
"""Seconds between two looks, as long as they do."""
FRESH = 10.0
"""Seconds after which what a process said is of no account."""
WARN_AFTER = 10.0
"""Seconds after which a wait that may have an end is worth a warning."""
SEARCH = 0.5
"""Seconds that the search for one job may take."""

WAYS_OUT = (
    "give the worker more concurrency, give such jobs a queue and a worker of their own, "
    "or do not wait inside tasks"
)


@dataclass(frozen=True, slots=True)
class WaitReport:
    """What a process said: the jobs in its slots, and what they wait for.

    ``queues`` are those in which these jobs are; ``elsewhere`` are the ids of jobs that are in no queue.
    """

    at: float
    jobs: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    elsewhere: frozenset[str] = frozenset()


@dataclass(slots=True)
class Deadlocks:
    """Looks after the waits of one process. ``check`` costs nothing while a slot does not wait."""

    keys: Keys
    host: WorkerProcess
    _check_at: float = 0.0
    _said: bool = False
    _warned: bool = False
    _former: dict[str, float] = field(default_factory=dict)

    def check(self, connection: Connection) -> None:
        """End a wait that has no end. Raises Unreachable or Refused."""
        waits, now = self.host.slots.full(), time.monotonic()
        if not waits or now - max(wait.since for wait in waits) < PATIENCE:
            self._withdraw(connection)
        elif now >= self._check_at:
            self._check_at = now + INTERVAL
            if all(wait.certain for wait in waits):
                self._judge(connection, waits)
            elif now - max(wait.since for wait in waits) >= WARN_AFTER:
                self._warn(waits)

    def _withdraw(self, connection: Connection) -> None:
        self._former = {}
        if self._said:
            self._said = False
            self._report(connection, "")

    def _judge(self, connection: Connection, waits: list[Wait]) -> None:
        mark = self._mark(connection, waits)
        self._said = True
        found = self._report(connection, json.dumps(mark))
        marks = _marks(found.marks, float(found.server_time))
        former, self._former = self._former, {name: each.at for name, each in marks.items()}
        # Said again since the last look: a process that died meanwhile has a successor that is free.
        marks = {name: each for name, each in marks.items() if former.get(name, each.at) < each.at}
        workers = _workers(found.workers)
        if workers is None:
            return
        if self.host.process in stuck(marks, workers):
            last = max(waits, key=lambda wait: wait.since)
            last.error = _deadlock(last)
        elif not served(workers).issuperset(mark["queues"]):
            self._warn(waits)

    def _report(self, connection: Connection, mark: str) -> WaitsReply:
        return connection.run(
            ReportWaits(ns=self.keys.namespace, process=self.host.process, mark=mark)
        )

    def _mark(self, connection: Connection, waits: list[Wait]) -> dict[str, list[str]]:
        jobs = {wait.slot.job_id for wait in waits}
        queues: set[str] = set()
        elsewhere: set[str] = set()
        for wait in waits:
            if wait.job_id in jobs:
                continue
            if self._is_queued(connection, wait):
                queues.add(wait.queue)
            else:
                elsewhere.add(wait.job_id)
        return {"jobs": sorted(jobs), "queues": sorted(queues), "elsewhere": sorted(elsewhere)}

    def _is_queued(self, connection: Connection, wait: Wait) -> bool:
        """Whether a job is in its queue, or will be when its time comes."""
        until = time.monotonic() + SEARCH
        # The newest first: it was enqueued by a task that runs.
        return holds(connection, self.keys.queue(wait.queue), "left", wait.job_id, until) or holds(
            connection, self.keys.delayed, "score", wait.job_id, until
        )

    def _warn(self, waits: list[Wait]) -> None:
        if self._warned:
            return
        self._warned = True
        queues = sorted({wait.queue for wait in waits})
        logger.warning(
            "Every slot of this process waits for a job of queue %s, which may be a deadlock: %s",
            ", ".join(queues),
            WAYS_OUT,
        )


Workers = Mapping[str, tuple[frozenset[str], Collection[int]]]
"""Those with a lease: the queues of each, and the numbers of its processes that have slots."""


def served(workers: Workers) -> set[str]:
    """The queues that any of the workers serves."""
    return {queue for queues, _ in workers.values() for queue in queues}


def stuck(marks: Mapping[str, WaitReport], workers: Workers) -> set[str]:
    """The processes of which no slot can ever continue, of those that report that each of theirs waits."""
    left = {name for name in marks if worker_of(name) in workers}
    while True:
        jobs = {job for name in left for job in marks[name].jobs}
        free = {
            name: each
            for name, each in workers.items()
            if not each[1] or not all(f"{name}.{number}" in left for number in each[1])
        }
        # A job in a queue of no worker waits for a worker that is still to start.
        hopeless = served(workers) - served(free)
        freed = {
            name
            for name in left
            if not (marks[name].queues <= hopeless and marks[name].elsewhere <= jobs)
        }
        if not freed:
            return left
        left -= freed


def _deadlock(wait: Wait) -> Deadlock:
    return Deadlock(
        f"job {wait.job_id} cannot start: every slot of the workers that serve queue {wait.queue} "
        f"runs a task that waits for a job; {WAYS_OUT}"
    )


def _marks(said: list[bytes], now: float) -> dict[str, WaitReport]:
    marks = {}
    for process, text in zip(said[::2], said[1::2], strict=True):
        try:
            at, _, words = text.decode().partition(" ")
            found: dict[str, Any] = json.loads(words)
            mark = WaitReport(
                number(at) or 0.0,
                *(frozenset(found[name]) for name in ("jobs", "queues", "elsewhere")),
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if now - mark.at <= FRESH:
            marks[process.decode("utf-8", "replace")] = mark
    return marks


def _workers(leased: list[bytes]) -> Workers | None:
    """None when there is one of which nothing is known: it may serve any queue."""
    workers = {}
    for name, queues, said in zip(leased[::3], leased[1::3], leased[2::3], strict=True):
        slots = said.decode("utf-8", "replace")
        if slots.isdigit():
            numbers = process_numbers(None, slots)
        else:
            # Those without a slot run no job until another process ends.
            having = [each for each in slots.split(",") if not each.endswith(":0")]
            numbers = process_numbers(",".join(having), None)
        if numbers is None:
            return None
        names = frozenset(queues.decode("utf-8", "replace").split(","))
        workers[name.decode("utf-8", "replace")] = (names, numbers)
    return workers
