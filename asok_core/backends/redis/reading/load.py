"""Who works on what: running, claimed and served jobs by queue, from the active lists and the workers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from asok_core.backends.redis.reading.queries import ActiveList, ActiveLists
from asok_core.inspection.workers import WorkerInfo


class QueueLoads(NamedTuple):
    """Numbers by the name of a queue: jobs in active lists, of these running, workers, their threads."""

    active: dict[str, int]
    running: dict[str, int]
    consumers: dict[str, int]
    slots: dict[str, int]


def measure(
    workers: Sequence[WorkerInfo], active_lists: Mapping[str, ActiveLists], now: float
) -> tuple[list[WorkerInfo], QueueLoads]:
    """The workers with ``running`` and ``claimed`` set, and the load of the queues.

    ``active_lists`` has the active lists of each worker by its id.
    """
    counted = []
    running: list[tuple[str, int]] = []
    for worker in workers:
        parts = active_lists[worker.id].lists
        busy = _running(worker, parts)
        running += busy
        total, runs = sum(each.length for each in parts), sum(number for _, number in busy)
        counted.append(replace(worker, running=runs, claimed=total - runs))
    serving = [worker for worker in counted if worker.claims(now)]
    return counted, QueueLoads(
        active=_sums(
            (each.queue, each.length) for parts in active_lists.values() for each in parts.lists
        ),
        running=_sums(running),
        consumers=_sums((queue, 1) for worker in serving for queue in worker.queues),
        slots=_sums((queue, worker.slots) for worker in serving for queue in worker.queues),
    )


def _running(worker: WorkerInfo, active_lists: Sequence[ActiveList]) -> list[tuple[str, int]]:
    """How many jobs of its queues a worker runs: of what a process holds, at most one a thread.

    A process claims ahead of its threads, from its queues in their order.
    """
    if not worker.concurrency:
        # It does not report its threads, so they set no limit.
        return [(each.queue, each.length) for each in active_lists]
    threads = -(-worker.concurrency // max(worker.processes, 1))
    ranks = {name: rank for rank, name in enumerate(worker.queues)}
    free: dict[str, int] = {}
    found = []
    for each in sorted(active_lists, key=lambda each: ranks.get(each.queue, len(ranks))):
        left = free.get(each.process, threads)
        taken = min(each.length, left)
        free[each.process] = left - taken
        found.append((each.queue, taken))
    return found


def _sums(parts: Iterable[tuple[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for queue, number in parts:
        sums[queue] = sums.get(queue, 0) + number
    return sums
