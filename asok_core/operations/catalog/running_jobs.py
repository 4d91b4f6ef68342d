"""Operations on jobs that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from asok_core.backends.roles import ActiveJob, OperationResult, Reader, Scope, Watch
from asok_core.inspection.row_texts import LOCATION_TEXTS
from asok_core.jobs.states import Location
from asok_core.operations.catalog import summaries
from asok_core.operations.catalog.entry import Access, CatalogOperation, ScopeKind

NOT_ACTIVE = "not running"
FOREIGN = "which process runs it is not known"


@dataclass(frozen=True)
class StopRunningJobs(CatalogOperation):
    """Cancellation of running jobs: after ``wait`` seconds their processes are ended."""

    wait: float = 10.0

    summary = summaries.STOP_RUNNING
    verb, done, noun, location = "cancel", "requested to stop", "running job", Location.ACTIVE
    scopes = frozenset({ScopeKind.IDS})
    guarded = True

    def perform(self, access: Access, scope: Scope, watch: Watch) -> OperationResult:  # noqa: ARG002
        """Request it of their workers."""
        left_out = Counter[str]()
        jobs = list(_active_jobs(access.reader, scope.ids or (), left_out))
        if not jobs:
            return OperationResult(self.verb, 0, dict(left_out))
        result = access.operator.stop_running(jobs, self.wait)
        left_out.update(result.skipped)
        return OperationResult(
            self.verb, result.applied, dict(left_out), operation=result.operation
        )

    def explanation(self) -> str:
        """Say what happens to the job, its process and the others in it."""
        return (
            f"its task is asked to stop (JobCancelled is raised in it); after {self.wait:g} s its process "
            "is ended, and its other jobs return to their queues, uncharged; it is not retried"
        )


def _active_jobs(
    reader: Reader, ids: Collection[str], left_out: Counter[str]
) -> Iterator[ActiveJob]:
    for job_id in sorted(ids):
        detail = reader.job(job_id)
        if detail is None or detail.location is not Location.ACTIVE:
            where = detail.location if detail is not None else None
            left_out[f"{NOT_ACTIVE}: it {LOCATION_TEXTS[where]}" if where else NOT_ACTIVE] += 1
            continue
        record, payload = detail.record, detail.payload
        process = detail.process or (record.worker if record else None)
        if not process or payload is None or payload.job is None:
            left_out[FOREIGN] += 1
            continue
        queue = record.queue if record is not None and record.queue else payload.job.queue
        whole = payload.raw if payload.size is None else b""
        yield ActiveJob(job_id, process, queue, whole)
