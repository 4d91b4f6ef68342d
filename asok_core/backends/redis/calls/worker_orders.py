"""Calls by which operators order something of a worker."""

from __future__ import annotations

from asok_core.backends.redis.calls.call import script_call
from asok_core.backends.redis.calls.operations import AuditedCall


@script_call
class WorkerCommand(AuditedCall[int]):
    """Send a worker ``quiet``, ``stop`` or '' (resume): 1, 0 if it has that, -1 without a lease."""

    worker: bytes
    requested: str


@script_call
class ShapeWorker(AuditedCall[int]):
    """Order threads a process and queues of a worker: 1, 0 if that was ordered, or why not (< 0).

    '' leaves what was ordered, ``CONFIGURED`` ends it. A worker is stalled that has sent no heartbeat for
    ``stale_after`` seconds, and for ``stale_part`` of its lease.
    """

    worker: bytes
    concurrency: str
    queues: bytes
    stale_after: float
    stale_part: float
