"""Queues whose jobs are run by what writes no figures, as a worker of the asok framework does."""

from __future__ import annotations

from asok_core.inspection.snapshot import Snapshot


def uncounted_queues(snapshot: Snapshot) -> tuple[str, ...]:
    """Queues that no registered worker serves, and that jobs left in the last five minutes.

    A worker of the framework has no lease. Where one serves a queue beside a registered worker, nothing
    shows that, nor where what enqueues the jobs counts none: such a queue is missing here. None is
    reported where a registered worker may serve it that is not known.
    """
    if not snapshot.knows_serving:
        return ()
    found = []
    for queue in snapshot.queues:
        if queue.consumers or queue.problem or queue.paused:
            continue
        enqueued = sum(bucket.enqueued for bucket in queue.recent)
        ended = sum(bucket.ended for bucket in queue.recent)
        # Where a registered worker was there until lately, its jobs are counted.
        if not ended and enqueued > queue.pending + queue.active:
            found.append(queue.name)
    return tuple(found)
