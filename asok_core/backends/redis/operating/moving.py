"""Pending jobs to the front of their queue."""

from __future__ import annotations

from asok_core.backends.redis.calls.operations import FrontJob, MoveFront
from asok_core.backends.redis.operating.bulk import BulkOperation
from asok_core.backends.redis.operating.job_builders import as_bytes
from asok_core.backends.roles import OperationResult

FRONT_AT_MOST = 200
FRONT_BATCH = 10
"""Jobs of one script: each is looked for through the whole list."""


def move_front(bulk: BulkOperation, queue: bytes) -> OperationResult:
    """Move what is in scope to where workers take from, in the order it has."""
    # Youngest first, each before all that were moved already: so they keep their order.
    rows = bulk.gather()[::-1]
    with bulk.audited():
        for start in range(0, len(rows), FRONT_BATCH):
            batch = rows[start : start + FRONT_BATCH]
            jobs = [FrontJob(row.payload.raw, as_bytes(row.payload.id)) for row in batch]
            replies = bulk.connection.run(
                MoveFront(**bulk.operation.arguments(), queue=queue, jobs=jobs)
            )
            bulk.counts.count([row.key for row in batch], replies)
    return bulk.finish("done")
