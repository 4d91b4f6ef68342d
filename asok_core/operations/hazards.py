"""What makes an operation pointless or harmful now, to be said before it is confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asok_core.clock import HOUR
from asok_core.inspection.phrases import be, named_queues
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.snapshot import ServerInfo, Snapshot

NEARLY_FULL = 0.9
"""Share of Redis's maxmemory from which an operation says so."""


def hazards(
    snapshot: Snapshot, *, to: Mapping[str, int] | None = None, trash: bool = False
) -> tuple[str, ...]:
    """The warnings, each one line.

    ``to`` counts the jobs that the operation puts into each queue, ``trash`` is whether it moves jobs to
    the trash.
    """
    found = [*_of_memory(snapshot.server, trash=trash), *_of_queues(snapshot, to or {})]
    return tuple(found)


def hazards_of_unknown_queues(snapshot: Snapshot, number: int) -> tuple[str, ...]:
    """The same for a number of jobs whose queues are not known before they are read."""
    return tuple(_of_unknown_queues(snapshot, number))


def _of_unknown_queues(snapshot: Snapshot, number: int) -> Iterator[str]:
    served = _served(snapshot)
    paused = sorted(queue.name for queue in snapshot.queues if queue.paused)
    others = [queue for queue in snapshot.queues if not queue.paused]
    unserved = sorted(queue.name for queue in others if queue.name not in served)
    if paused:
        yield f"{named_queues(paused)} {be(len(paused))} paused: jobs that go there wait until resumed"
    if unserved:
        yield f"{_no_worker(snapshot)} jobs from {named_queues(unserved)}: jobs that go there wait"
    pace = sum(_an_hour(queue) for queue in others if queue.name in served)
    if pace and number > pace:
        yield (
            f"all queues finish about {pace:,.0f} jobs an hour: "
            f"{number:,} more take about {number / pace:,.0f} h or longer"
        )


def _of_memory(server: ServerInfo, *, trash: bool) -> Iterator[str]:
    used, most = server.used_memory or 0, server.max_memory or 0
    if not most or used < NEARLY_FULL * most:
        return
    line = f"Redis uses {used / most:.0%} of its maxmemory".replace("%", " %")
    yield f"{line}; jobs in the trash still take memory until it is emptied" if trash else line


def _of_queues(snapshot: Snapshot, to: Mapping[str, int]) -> Iterator[str]:
    known = {queue.name: queue for queue in snapshot.queues}
    served = _served(snapshot)
    paused = [name for name in to if name in known and known[name].paused]
    unserved = [name for name in to if name not in served and name not in paused]
    if paused:
        yield f"{named_queues(paused)} {be(len(paused))} paused: jobs wait there until resumed"
    if unserved:
        yield f"{_no_worker(snapshot)} jobs from {named_queues(unserved)}"
    for name, number in to.items():
        hours = _hours(known.get(name), number)
        if name in served and name not in paused and hours > 1:
            yield (
                f"queue '{name}' finishes about {_an_hour(known[name]):,.0f} jobs an hour: "
                f"{number:,} more take about {hours:,.0f} h"
            )


def _served(snapshot: Snapshot) -> set[str]:
    now = snapshot.taken_at
    return {name for each in snapshot.workers if each.claims(now) for name in each.queues}


def _no_worker(snapshot: Snapshot) -> str:
    return "no worker takes" if snapshot.knows_serving else "no worker is known to take"


def _an_hour(queue: QueueStats) -> float:
    return (queue.completed_per_s + queue.failed_per_s) * HOUR


def _hours(queue: QueueStats | None, number: int) -> float:
    # Where nothing was finished in the last minute nothing is known of how fast it goes.
    pace = _an_hour(queue) if queue else 0.0
    return number / pace if pace else 0.0
