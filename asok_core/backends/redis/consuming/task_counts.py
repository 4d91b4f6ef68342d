"""What the tasks of a process did since that was last written to Redis."""

from __future__ import annotations

from collections.abc import Iterable

from asok_core.backends.redis.calls.tasks import CountTasks, TaskCount
from asok_core.backends.redis.connection import Connection
from asok_core.backends.redis.consuming.outcomes import Outcome
from asok_core.backends.redis.packed_figures import BUSIEST, RANKED, pack
from asok_core.inspection.histograms import added, histogram_of
from asok_core.inspection.task_figures import OTHER

LONGEST_NAME = 256
"""Characters of the name of a task that has figures of its own."""
BATCH = 10
"""Tasks that one call writes: with durations of all lengths it takes Redis two or three milliseconds."""
_MANY = 1_000
"""Durations that are kept one by one, before they become histograms."""


SettledAttempt = tuple[Outcome, bool]
"""An attempt of which Redis has the outcome, and whether it is counted already that it began."""


class _Counts:
    """Figures of a task that still grow; see ``Figures``. Durations become histograms many at a time."""

    __slots__ = (
        *("started", "completed", "failed", "retried", "cancelled", "run_us", "size"),
        *("ran", "waited", "_runs", "_waits"),
    )

    def __init__(self) -> None:
        self.started = self.completed = self.failed = self.retried = self.cancelled = 0
        self.run_us = self.size = 0
        self.ran: list[int] = []
        self.waited: list[int] = []
        self._runs: dict[int, int] = {}
        self._waits: dict[int, int] = {}

    def fold(self) -> None:
        """Make histograms of the durations."""
        self.run_us += sum(self.ran)
        self._runs = added((self._runs, histogram_of(self.ran)))
        self._waits = added((self._waits, histogram_of(self.waited)))
        self.ran.clear()
        self.waited.clear()

    def row(self, task: str) -> TaskCount:
        """All of it as the script gets it."""
        self.fold()
        ended = self.completed + self.failed + self.cancelled
        counts = (
            *(self.started, self.completed, self.failed, self.retried, self.cancelled),
            *(self.run_us, self.size),
        )
        packed = pack(counts, self._runs, self._waits)
        return TaskCount(task, max(self.started, ended), packed)


class TaskCounts:
    """Counts attempts by task, in memory, and writes them to Redis. For one thread.

    An attempt counts once Redis has settled it. What is written is dropped here before the reply: after
    a broken connection figures may lack what was written last, and are never counted twice.
    """

    def __init__(self) -> None:
        self._tasks: dict[str, _Counts] = {}

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def began(self, task: str) -> None:
        """Count an attempt that runs."""
        self._counts_of(task).started += 1

    def settled(self, attempts: Iterable[SettledAttempt]) -> None:
        """Count attempts that are settled."""
        last, each = "", None
        for outcome, noted in attempts:
            # Most are of the task of the one before, and completed: this is done for every job.
            if each is None or outcome.task != last:
                last = outcome.task
                each = self._counts_of(last)
            if not noted and outcome.started_at:
                each.started += 1
            verb = outcome.verb
            if verb == "complete":
                each.completed += 1
            elif verb == "cancel":
                if not outcome.started_at:
                    # It was cancelled before an attempt began.
                    continue
                each.cancelled += 1
            elif verb in ("return", "postpone", "hold"):
                # It has not ended.
                continue
            else:
                each.failed += 1
                each.retried += verb == "retry"
            each.ran.append(outcome.run_us)
            each.waited.append(outcome.wait_us)
            each.size += len(outcome.claim.envelope)
        if each is not None and len(each.ran) > _MANY:
            each.fold()

    def crashed(self, task: str) -> None:
        """Count an attempt whose process died, and after which its job is dead."""
        self._counts_of(task).failed += 1

    def cancelled(self, task: str) -> None:
        """Count an attempt whose process ended, and whose job an operator had cancelled."""
        self._counts_of(task).cancelled += 1

    def write(self, connection: Connection, namespace: str) -> None:
        """Write what was counted. Raises Unreachable or Refused."""
        tasks, self._tasks = self._tasks, {}
        rows = [each.row(task) for task, each in tasks.items()]
        for at in range(0, len(rows), BATCH):
            connection.run(
                CountTasks(
                    ns=namespace,
                    others=OTHER,
                    most=BUSIEST,
                    ranked=RANKED,
                    counts=rows[at : at + BATCH],
                )
            )

    def _counts_of(self, task: str) -> _Counts:
        found = self._tasks.get(task)
        if found is None:
            if len(task) > LONGEST_NAME or len(self._tasks) >= RANKED:
                task = OTHER
            found = self._tasks[task] = self._tasks.get(task) or _Counts()
        return found
