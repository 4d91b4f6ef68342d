"""Why jobs of a queue do not start, and why a worker takes none: reasons with their evidence.

Everything is derived from one snapshot and from the audit of operators. A reason states what these show;
where they do not show it, it is not known, and that is what is reported. Times are epoch seconds by
Redis's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from asok_core.clock import elapsed
from asok_core.inspection.audit import Activity
from asok_core.inspection.command_lines import operands, option
from asok_core.inspection.pause_reasons import of_pause
from asok_core.inspection.phrases import NAMED, be, counted, named
from asok_core.inspection.queues import QueueStats
from asok_core.inspection.reason import Reason, ranked
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import RunningJob, WorkerInfo


def of_queue(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    """Why jobs of a queue do not start at once. None where nothing is found that holds them up."""
    yield from of_server(snapshot)
    yield from _of_jobs(name, snapshot, activities)


def of_all_queues(snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    """Of each queue with pending jobs the reason that counts most, the longest wait first.

    Queues that have the same reason are named together.
    """
    yield from of_server(snapshot)
    held: list[tuple[Reason, list[str]]] = []
    for stats in sorted(snapshot.queues, key=lambda each: each.oldest_at or snapshot.taken_at):
        found = ranked(_of_jobs(stats.name, snapshot, activities))
        if not found or not (stats.pending or stats.problem):
            continue
        label = stats.name if stats.problem else f"{stats.name} ({stats.pending:,} pending)"
        same = next((names for reason, names in held if reason == found[0]), None)
        if same is None:
            held.append((found[0], [label]))
        else:
            same.append(label)
    for reason, names in held:
        yield replace(reason, text=f"{named(names)}: {reason.text}")


def _of_jobs(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    stats = queue_of(name, snapshot)
    if stats is not None and stats.problem:
        yield Reason(
            "queue_unreadable", f"queue {name!r} cannot be read: {stats.problem}", blocking=True,
            remedy="find out which program wrote the key, and rename it",
        )  # fmt: skip
    if stats is not None and stats.paused:
        yield of_pause(stats, snapshot, activities)
    # Without its master a replica does not know how the workers are.
    if not snapshot.server.is_cut_off:
        yield from _of_workers(name, snapshot, activities)


def of_worker(
    worker: WorkerInfo, snapshot: Snapshot, activities: Sequence[Activity]
) -> Iterator[Reason]:
    """Why a worker takes no jobs, or few."""
    yield from of_server(snapshot)
    if snapshot.server.is_cut_off:
        return
    if (reason := impediment(worker, snapshot.taken_at, activities)) is not None:
        yield reason
        return
    if worker.no_heartbeat_for(snapshot.taken_at) is not None:
        yield no_heartbeat(worker)
    if worker.trouble:
        yield Reason("worker_in_trouble", f"worker {worker.id} is {worker.trouble}")
    if worker.slots and worker.running >= worker.slots:
        yield _busy([worker], snapshot.taken_at)
    served = [stats for stats in snapshot.queues if stats.name in worker.queues]
    if paused := [stats.name for stats in served if stats.paused]:
        yield Reason(
            "queue_paused", f"{named(paused, 'queue')} that it serves {be(len(paused))} paused",
            remedy=f"asok queue resume {operands(paused[0])}", blocking=len(paused) == len(worker.queues),
        )  # fmt: skip
    if not any(stats.pending for stats in served if not stats.paused) and not worker.running:
        yield Reason("nothing_pending", "no job is pending in the queues that it serves")


def unregistered(name: str) -> Reason:
    """Of a worker that an earlier snapshot had: it has no lease and no hash."""
    return Reason(
        "worker_not_registered",
        f"worker {name} is not registered now: it has stopped, or others have taken over its jobs",
        remedy="look at its log; asok worker starts another",
    )


def no_heartbeat(worker: WorkerInfo) -> Reason:
    """Of a worker whose lease still holds: it may be stopped, or without a connection."""
    evidence: dict[str, str | int | float] = {"host": worker.host or "not known"}
    if worker.condition:
        evidence["it_reported_last"] = worker.trouble or worker.condition
    return Reason(
        "worker_no_heartbeat", f"worker {worker.id} sends no heartbeat: whether it takes jobs is not "
        "known", worker.beat_at, evidence,
        f"look at its process {worker.pid or ''} on {worker.host or 'its host'}",
    )  # fmt: skip


def impediment(
    worker: WorkerInfo, now: float, activities: Sequence[Activity] = ()
) -> Reason | None:
    """Why a worker claims no jobs at all; None where it claims. Its lease holds until ``lease_until``."""
    if worker.claims(now):
        return None
    if not worker.is_alive(now):
        return Reason(
            "worker_stalled", f"worker {worker.id} sends no heartbeat: its lease has expired",
            worker.lease_until, _heartbeat(worker),
            f"look at its process {worker.pid or ''} on {worker.host or 'its host'}", blocking=True,
        )  # fmt: skip
    if not worker.runs_jobs:
        if worker.no_heartbeat_for(now) is not None:
            return no_heartbeat(worker)
        text = worker.trouble or "starting: none of its processes runs jobs yet"
        code = f"worker_{worker.condition or 'starting'}".replace("-", "_").replace(" ", "_")
        remedy = (
            "" if code == "worker_starting" else f"look at its log on {worker.host or 'its host'}"
        )
        return Reason(code, f"worker {worker.id} is {text}", remedy=remedy, blocking=True)
    if worker.stopping or worker.command == "stop":
        return Reason(
            "worker_stopping", f"worker {worker.id} is stopping", *_by("stop", worker.id, activities),
            "start another worker", blocking=True,
        )  # fmt: skip
    return Reason(
        "worker_quiet", f"worker {worker.id} is quiet: it takes no new jobs",
        *_by("quiet", worker.id, activities), f"asok worker resume {operands(worker.id)}", blocking=True,
    )  # fmt: skip


def queue_of(name: str, snapshot: Snapshot) -> QueueStats | None:
    """The queue of this name, or None where the snapshot has none."""
    return next((stats for stats in snapshot.queues if stats.name == name), None)


def claiming(name: str, snapshot: Snapshot) -> list[WorkerInfo]:
    """The workers that claim jobs of a queue now."""
    return [w for w in snapshot.workers if name in w.queues and w.claims(snapshot.taken_at)]


def responsive(name: str, snapshot: Snapshot) -> list[WorkerInfo]:
    """Of these the workers that send heartbeats: of the others it is not known whether they do."""
    now = snapshot.taken_at
    return [w for w in claiming(name, snapshot) if w.no_heartbeat_for(now) is None]


def served_before(name: str, snapshot: Snapshot) -> list[QueueStats]:
    """The queues, empty ones too, that every worker of this queue serves before it."""
    orders = [
        set(worker.queues[: worker.queues.index(name)]) for worker in claiming(name, snapshot)
    ]
    common = set[str].intersection(*orders) if orders else set[str]()
    return [each for each in snapshot.queues if each.name in common and not each.paused]


def earlier(name: str, snapshot: Snapshot) -> list[QueueStats]:
    """Of these the queues with jobs."""
    return [each for each in served_before(name, snapshot) if each.pending]


def _of_workers(name: str, snapshot: Snapshot, activities: Sequence[Activity]) -> Iterator[Reason]:
    serving = [worker for worker in snapshot.workers if name in worker.queues]
    able = claiming(name, snapshot)
    held_up = [
        reason
        for worker in serving
        if (reason := impediment(worker, snapshot.taken_at, activities)) is not None
    ]
    if not snapshot.workers:
        yield Reason(
            "no_workers", "no worker is registered (those of the asok framework never are)",
            remedy="asok worker", blocking=True,
        )  # fmt: skip
    elif not serving:
        served = sorted({queue for worker in snapshot.workers for queue in worker.queues})
        yield Reason(
            "queue_not_served", f"no registered worker serves queue {name!r}",
            evidence={"workers": len(snapshot.workers), "they_serve": named(served)},
            remedy=_worker_of(name), blocking=True,
        )  # fmt: skip
    elif not able:
        yield from held_up
    else:
        capacity = list(_of_capacity(name, snapshot, able))
        now = snapshot.taken_at
        stalled = [no_heartbeat(each) for each in able if each.no_heartbeat_for(now) is not None]
        # What slots are busy with counts less where no heartbeat shows that their workers continue.
        yield from stalled + capacity if len(stalled) == len(able) else capacity + stalled
        for reason in held_up:
            yield Reason(
                reason.code, reason.text, reason.since,
                {**reason.evidence, "workers_that_claim": len(able)}, reason.remedy,
            )  # fmt: skip


def _of_capacity(name: str, snapshot: Snapshot, able: Sequence[WorkerInfo]) -> Iterator[Reason]:
    # A slot that is freed takes the jobs of these queues first, so that they count more than the slots.
    if before := earlier(name, snapshot):
        jobs = sum(each.pending for each in before)
        names = [f"{each.name} ({each.pending:,})" for each in before]
        yield Reason(
            "earlier_queues",
            f"{counted(jobs, 'job')} {be(jobs)} in queues that are served before it: {named(names)}",
            evidence={"jobs": jobs},
            remedy=f"a worker of its own: {command}" if (command := _worker_of(name)) else "",
        )  # fmt: skip
    slots, running = sum(w.slots for w in able), sum(w.running for w in able)
    if running >= slots:
        yield _busy(able, snapshot.taken_at)


def _busy(able: Sequence[WorkerInfo], now: float) -> Reason:
    jobs = [job for worker in able for job in worker.jobs if job.started_at is not None]
    timed = [job for job in jobs if elapsed(job.started_at, now) is not None]
    slots = sum(worker.slots for worker in able)
    evidence: dict[str, str | int | float] = {
        "slots": slots,
        "running": sum(worker.running for worker in able),
    }
    if jobs:
        tasks = Counter(_task(job) for job in jobs).most_common(NAMED)
        evidence["they_run"] = ", ".join(f"{task} ({number})" for task, number in tasks)
    if timed:
        longest = min(timed, key=lambda job: job.started_at or now)
        evidence["longest"] = f"job {longest.payload.id or 'not known'} of {_task(longest)}"
        evidence["running_for_s"] = elapsed(longest.started_at, now) or 0.0
    which = "the only slot" if slots == 1 else f"all {slots} slots"
    who = f"worker {able[0].id}" if len(able) == 1 else f"the {len(able)} workers that serve it"
    return Reason(
        "slots_busy", f"{which} of {who} {be(slots)} busy", evidence=evidence,
        remedy="more slots: another worker, or a higher ASOK_WORKER_CONCURRENCY",
    )  # fmt: skip


def _worker_of(queue: str) -> str:
    """The command that starts a worker of one queue, if a list of queues can name it."""
    return (
        "" if "," in queue or queue != queue.strip() else f"asok worker {option('--queues', queue)}"
    )


def _task(job: RunningJob) -> str:
    return job.payload.job.task if job.payload.job else "not known"


def _heartbeat(worker: WorkerInfo) -> dict[str, str | int | float]:
    return {} if worker.beat_at is None else {"last_heartbeat_at": worker.beat_at}


def _by(
    action: str, worker: str, activities: Sequence[Activity]
) -> tuple[float | None, Mapping[str, str | int | float]]:
    # A worker that was ordered by a signal has no entry of this worker in the audit.
    newest = next(
        (a for a in activities if a.action == action and a.words == f"worker:{worker}"), None
    )
    return (newest.at, {"by": newest.who}) if newest is not None else (None, {"by": "not known"})
