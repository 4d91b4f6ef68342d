"""Importing exported dead jobs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asok_core.backends.redis.calls.operations import ImportDeadJobs, ImportedJob
from asok_core.backends.redis.operating.bulk import BulkOperation
from asok_core.backends.redis.operating.job_builders import as_bytes, sha
from asok_core.backends.redis.operating.walks import WINDOW, WINDOW_BYTES
from asok_core.backends.roles import OperationResult, Progress
from asok_core.inspection.rows import Row
from asok_core.jobs.envelope import Trust, peek
from asok_core.jobs.states import Location

THERE = "among the dead jobs already"


def import_dead(bulk: BulkOperation, dead_jobs: Iterable[bytes], *, trust: bool) -> OperationResult:
    """Add ``dead_jobs``, the oldest first, to the dead jobs, and audit it as ``bulk``."""
    connection, counts = bulk.connection, bulk.counts
    known = {sha(row.payload.raw) for row in bulk.gather()}
    rows, there = [], 0
    for raw in dead_jobs:
        row = Row(0, peek(raw, bulk.keyring), Location.DEAD, "")
        if sha(raw) in known:
            there += 1
        elif row.payload.trust is Trust.BAD and not trust:
            counts.refused[Trust.BAD.value] += 1
        else:
            known.add(sha(raw))
            rows.append(row)
    with bulk.audited():
        for batch in _batches(rows):
            jobs = [ImportedJob(row.payload.raw, as_bytes(row.payload.id)) for row in batch]
            replies = connection.run(ImportDeadJobs(**bulk.operation.arguments(), jobs=jobs))
            counts.count([row.key for row in batch], replies)
            progress = Progress(counts.applied, len(rows), counts.applied)
            if bulk.watch and not bulk.watch(progress):
                bulk.cancelled = True
                break
    skipped = {THERE: there} if there else {}
    return bulk.finish("cancelled" if bulk.cancelled else "done", skipped)


def _batches(rows: list[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row.payload.raw)
        if len(batch) == WINDOW or size >= WINDOW_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
