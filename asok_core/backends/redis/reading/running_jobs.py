"""The jobs that workers hold, and since when each of them runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from asok_core.backends.redis.keys import worker_of
from asok_core.backends.redis.reading.queries import ActiveList
from asok_core.inspection.partial_payload import PartialPayloads
from asok_core.inspection.workers import RunningJob
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Status

MOST_RUNNING = 2000
"""Jobs of which one snapshot asks when they started."""
STARTS_KEPT = 5.0
"""Seconds for which it is remembered when a job that still runs started."""


class RunningJobs:
    """The jobs of each worker as they were last read, by its id."""

    def __init__(self, payloads: PartialPayloads) -> None:
        self._payloads = payloads
        self._jobs: dict[str, tuple[RunningJob, ...]] = {}
        self._starts: dict[tuple[str, bytes], float] = {}
        self._starts_asked = 0.0

    def __bool__(self) -> bool:
        return bool(self._jobs)

    def of(self, worker_id: str) -> tuple[RunningJob, ...]:
        """The jobs of one worker."""
        return self._jobs.get(worker_id, ())

    def parse(self, held: Sequence[ActiveList]) -> tuple[RunningJob, ...]:
        """The jobs of some active lists, without their starts."""
        return tuple(
            RunningJob(self._payloads.of(item), worker_of(each.process), each.process, each.queue)
            for each in held
            for item in each.items
        )

    def without_start(self, jobs: Iterable[Iterable[RunningJob]], now: float) -> list[str]:
        """Ids of the jobs whose records have to be read."""
        # A start does not change, unless the process died and claimed the same job again.
        if not self._starts_asked <= now < self._starts_asked + STARTS_KEPT:
            self._starts, self._starts_asked = {}, now
        return [
            job.payload.id
            for each in jobs
            for job in each
            if job.payload.id and (job.process, job.payload.raw) not in self._starts
        ][:MOST_RUNNING]

    def note(
        self, jobs: Mapping[str, Iterable[RunningJob]], records: Mapping[str, JobRecord]
    ) -> None:
        """Keep the jobs of each worker, with their starts."""
        known, self._starts = self._starts, {}
        self._jobs = {}
        for worker_id, held in jobs.items():
            started = []
            for job in held:
                key = job.process, job.payload.raw
                start = known.get(key) or _start(records.get(job.payload.id))
                if start is not None:
                    self._starts[key] = start
                started.append(job if start is None else job._replace(started_at=start))
            self._jobs[worker_id] = tuple(started)


def _start(record: JobRecord | None) -> float | None:
    if record is None or record.status != Status.RUNNING:
        return None
    # The framework's records have no started_at; their ts is that of the last transition.
    return record.started_at or record.ts
