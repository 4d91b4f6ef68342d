"""Why jobs of a queue do not start: reasons with their evidence.

Everything is derived from one snapshot and from the audit of operators. A reason states what these show;
where they do not show it, it is not known, and that is what is reported. Times are epoch seconds by
Redis's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from asok_core.inspection.audit import Activity
from asok_core.inspection.command_lines import option
from asok_core.inspection.pause_reasons import of_pause
from asok_core.inspection.phrases import be, counted, named
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.reason import Reason, ranked
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.worker_reasons import (
    after_server,
    busy,
    impediment,
    no_heartbeat,
    unread_queues,
)
from asok_core.inspection.workers import WorkerInfo
from asok_core.settings.settings import Settings

NO_WORKERS = "no_workers"
"""The code of the reason that no worker is registered."""


def of_queue(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    """Why jobs of a queue do not start at once. None where nothing is found that holds them up."""
    yield from of_server(snapshot)
    yield from _of_jobs(name, snapshot, activities)


def of_all_queues(snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    """Of each queue with pending jobs the reason that counts most, the longest wait first.

    Queues that have the same reason are named together. That no worker is registered is named of every
    queue: it is not about one of them, and holds its jobs up once another reason has ended.
    """
    yield from of_server(snapshot)
    shared_by: list[tuple[Reason, list[str]]] = []
    without_worker: list[str] = []
    for stats in sorted(snapshot.queues, key=lambda each: each.oldest_at or snapshot.taken_at):
        found = ranked(_of_jobs(stats.name, snapshot, activities))
        if not found or not (stats.pending or stats.problem):
            continue
        label = stats.name if stats.problem else f"{stats.name} ({stats.pending:,} pending)"
        for reason in (found[0], *(each for each in found[1:] if each.code == NO_WORKERS)):
            if reason.code == NO_WORKERS:
                without_worker.append(stats.name)
            # One worker can serve them all.
            shared = reason if reason.code != NO_WORKERS else replace(reason, remedy="")
            same = next((names for other, names in shared_by if other == shared), None)
            if same is None:
                shared_by.append((shared, [label]))
            else:
                same.append(label)
    for stats in snapshot.queues:
        yield from of_held(stats.name, snapshot)
        yield from of_limited(stats.name, snapshot)
    for reason, names in shared_by:
        remedy = _worker_of(*without_worker) if reason.code == NO_WORKERS else reason.remedy
        yield replace(reason, text=f"{named(names)}: {reason.text}", remedy=remedy)


def of_held(name: str, snapshot: Snapshot) -> Iterator[Reason]:
    """Which holds keep jobs of a queue from starting: these are not pending."""
    found = [each for each in snapshot.holds if each.queues.get(name)]
    if not found:
        return
    jobs = sum(each.queues[name] for each in found)
    holds = named([f"{each.id} ({each.queues[name]:,})" for each in found], "hold")
    yield Reason(
        "jobs_held", f"{counted(jobs, 'job')} of queue {name!r} {be(jobs)} held: {holds}",
        evidence={"jobs": jobs}, remedy="asok hold list",
    )  # fmt: skip


def of_limited(name: str, snapshot: Snapshot) -> Iterator[Reason]:
    """For which limits jobs of a queue wait: these are not pending."""
    found = [each for each in snapshot.buckets if each.queues.get(name)]
    if not found:
        return
    jobs = sum(each.queues[name] for each in found)
    limits = [f"{each.words(snapshot.limits)} ({each.queues[name]:,})" for each in found]
    yield Reason(
        "jobs_limited", f"{counted(jobs, 'job')} of queue {name!r} wait for {named(limits)}",
        evidence={"jobs": jobs}, remedy="asok limit list",
    )  # fmt: skip


def _of_jobs(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    stats = queue_of(name, snapshot)
    if stats is not None and stats.problem:
        yield Reason(
            "queue_unreadable", f"queue {name!r} cannot be read: {stats.problem}", blocking=True,
            remedy="find out which program wrote the key, and rename it",
        )  # fmt: skip
    if stats is not None and stats.paused:
        yield of_pause(stats, snapshot, activities)
    if snapshot.knows_workers:
        yield from after_server(_of_workers(name, snapshot, activities), snapshot)


def queue_of(name: str, snapshot: Snapshot) -> QueueStats | None:
    """The queue of this name, or None where the snapshot has none."""
    return next((stats for stats in snapshot.queues if stats.name == name), None)


def claiming(name: str, snapshot: Snapshot) -> list[WorkerInfo]:
    """The workers that claim jobs of a queue now."""
    return [w for w in snapshot.workers if name in w.queues and w.claims(snapshot.taken_at)]


def responsive(name: str, snapshot: Snapshot) -> list[WorkerInfo]:
    """Of these the workers that send heartbeats: of the others it is not known whether they do."""
    if not snapshot.knows_workers:
        return []
    return [w for w in claiming(name, snapshot) if w.responds(snapshot.taken_at)]


def _consuming(name: str, snapshot: Snapshot) -> list[WorkerInfo]:
    """The workers that decide when a job of a queue starts: those that respond, if any does."""
    return responsive(name, snapshot) or claiming(name, snapshot)


def served_before(name: str, snapshot: Snapshot) -> list[QueueStats]:
    """The queues, empty ones too, that every worker which consumes this queue serves before it."""
    orders = [
        set(worker.queues[: worker.queues.index(name)]) for worker in _consuming(name, snapshot)
    ]
    common = set[str].intersection(*orders) if orders else set[str]()
    return [each for each in snapshot.queues if each.name in common and not each.paused]


def earlier(name: str, snapshot: Snapshot) -> list[QueueStats]:
    """Of these the queues with jobs."""
    return [each for each in served_before(name, snapshot) if each.pending]


def _of_workers(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    serving = [worker for worker in snapshot.workers if name in worker.queues]
    able = claiming(name, snapshot)
    unread = list(_unread(name, snapshot))
    held_up = [
        reason
        for worker in serving
        if (reason := impediment(worker, snapshot.taken_at, activities)) is not None
    ]
    if able:
        # What slots are busy with counts less where no heartbeat shows that their workers continue.
        stalled = [no_heartbeat(each) for each in able if not each.responds(snapshot.taken_at)]
        capacity = list(_of_capacity(name, snapshot))
        yield from stalled + capacity if len(stalled) == len(able) else capacity + stalled
        for reason in held_up:
            evidence = {**reason.evidence, "workers_that_claim": len(able)}
            yield replace(reason, evidence=evidence, blocking=False)
    elif serving or unread:
        # What is not known of the others may let its jobs start.
        yield from (replace(each, blocking=each.blocking and not unread) for each in held_up)
    elif not snapshot.workers:
        yield Reason(
            NO_WORKERS, "no worker is registered (those of the asok framework never are)",
            remedy=_worker_of(name), blocking=True,
        )  # fmt: skip
    else:
        served = sorted({queue for worker in snapshot.workers for queue in worker.queues})
        yield Reason(
            "queue_not_served", f"no registered worker serves queue {name!r}",
            evidence={"workers": len(snapshot.workers), "they_serve": named(served)},
            remedy=_worker_for(name), blocking=True,
        )  # fmt: skip
    yield from unread


def _unread(name: str, snapshot: Snapshot) -> Iterator[Reason]:
    """Why a worker may serve a queue that is not seen to."""
    unread = [each for each in snapshot.workers if each.queues_unread and name not in each.queues]
    if unread:
        yield unread_queues(unread)
    if snapshot.workers_unread:
        yield Reason(
            "workers_not_read", f"whether further workers serve queue {name!r} is not known: not all "
            "workers were read", evidence={"not_read": snapshot.workers_unread},
        )  # fmt: skip


def _of_capacity(name: str, snapshot: Snapshot) -> Iterator[Reason]:
    # A slot that is freed takes the jobs of these queues first, so that they count more than the slots.
    if before := earlier(name, snapshot):
        jobs = sum(each.pending for each in before)
        names = [f"{each.name} ({each.pending:,})" for each in before]
        yield Reason(
            "earlier_queues",
            f"{counted(jobs, 'job')} {be(jobs)} in queues that are served before it: {named(names)}",
            evidence={"jobs": jobs},
            remedy=f"a worker of its own: {command}" if (command := _worker_for(name)) else "",
        )  # fmt: skip
    # A worker without heartbeats may have free slots, and may be dead: they are not counted beside others.
    consuming = _consuming(name, snapshot)
    if sum(w.running for w in consuming) >= sum(w.slots for w in consuming):
        yield busy(consuming, snapshot.taken_at)


def _worker_of(*queues: str) -> str:
    """The command that starts a worker of these queues; it names them where not all are the usual ones."""
    usual = set(queues) <= set(Settings().worker_queues)
    return "asok worker" if usual else _worker_for(*queues)


def _worker_for(*queues: str) -> str:
    """The command that starts a worker of these queues alone, if a list of queues can name them."""
    if any("," in each or each != each.strip() for each in queues):
        return ""
    return f"asok worker {option('--queues', ','.join(queues))}"
