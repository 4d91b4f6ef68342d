"""Which job each slot of a worker has: the lines of its slots do not move while jobs come and go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from asok_core.inspection.workers import RunningJob, WorkerInfo


class SlotUse(Enum):
    """What a slot does."""

    JOB = "job"
    IDLE = "idle"
    UNNAMED = "runs a job"
    """It has a job that the snapshot does not name: it names a limited number of a worker."""
    MISSING = "no process"
    """The process that it belongs to does not run jobs."""


class SlotRow(NamedTuple):
    """A slot, by its number from 0, and its job."""

    number: int
    use: SlotUse
    job: RunningJob | None = None


def in_use(slots: Iterable[SlotRow]) -> int:
    """How many slots run a job."""
    return sum(slot.use in (SlotUse.JOB, SlotUse.UNNAMED) for slot in slots)


class SlotRows:
    """The slots of all workers. Redis knows which jobs a process runs, not on which thread each runs.

    So a job gets the first slot that is free, and keeps it until it ends.
    """

    def __init__(self) -> None:
        self._taken: dict[str, list[str]] = {}
        """By worker: the job of each slot; '' for none."""

    def of(self, worker: WorkerInfo) -> list[SlotRow]:
        """The slots of a worker, with the jobs that it runs now."""
        jobs = {_key(job): job for job in _running(worker)}
        taken = [key if key in jobs else "" for key in self._taken.get(worker.id, ())]
        taken += [""] * (worker.concurrency - len(taken))
        seated = set(taken)
        for key in jobs:
            if key not in seated:
                at = taken.index("") if "" in taken else len(taken)
                taken[at : at + 1] = [key]
        while len(taken) > worker.concurrency and not taken[-1]:
            taken.pop()
        self._taken[worker.id] = taken
        free = [at for at, key in enumerate(taken) if not key]
        unnamed = set(free[: max(worker.running - len(jobs), 0)])
        # The slots of processes that run no jobs: those at the end, as far as they are free.
        lost = worker.concurrency - worker.slots
        missing = set(free[len(unnamed) :][-lost:]) if lost else set()
        return [
            SlotRow(at, SlotUse.JOB, jobs[key])
            if key
            else SlotRow(
                at,
                SlotUse.UNNAMED
                if at in unnamed
                else SlotUse.MISSING
                if at in missing
                else SlotUse.IDLE,
            )
            for at, key in enumerate(taken)
        ]

    def keep(self, workers: Iterable[WorkerInfo]) -> None:
        """Drop all workers but these."""
        ids = {worker.id for worker in workers}
        self._taken = {name: taken for name, taken in self._taken.items() if name in ids}


def _key(job: RunningJob) -> str:
    return f"{job.process} {job.payload.id or hash(job.payload.raw)}"


def _running(worker: WorkerInfo) -> Sequence[RunningJob]:
    """The jobs that have a thread: of what a process holds, at most one a thread, the oldest first."""
    if not worker.concurrency:
        return worker.jobs
    threads = -(-worker.concurrency // max(worker.processes, 1))
    held: Counter[str] = Counter()
    found = []
    for job in sorted(worker.jobs, key=lambda job: (job.started_at is None, job.started_at or 0.0)):
        held[job.process] += 1
        if held[job.process] <= threads:
            found.append(job)
    return found
