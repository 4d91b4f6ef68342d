"""Why a worker takes no jobs, or few: reasons that reasons of its queues and jobs contain as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from asok_core.clock import elapsed
from asok_core.inspection.audit import Activity
from asok_core.inspection.command_lines import operands
from asok_core.inspection.phrases import NAMED, be, named, named_queues
from asok_core.inspection.reason import Reason
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.shape_words import in_force_words, ordered_shape
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.workers import RunningJob, WorkerInfo


def of_worker(
    worker: WorkerInfo, snapshot: Snapshot, activities: Sequence[Activity]
) -> Iterator[Reason]:
    """Why a worker takes no jobs, or few."""
    yield from of_server(snapshot)
    if snapshot.knows_workers:
        yield from after_server(_of_worker(worker, snapshot, activities), snapshot)


def _of_worker(
    worker: WorkerInfo, snapshot: Snapshot, activities: Sequence[Activity]
) -> Iterator[Reason]:
    if worker.problem:
        yield unread_queues([worker])
        return
    if (reason := impediment(worker, snapshot.taken_at, activities)) is not None:
        yield reason
        return
    if worker.no_heartbeat_for(snapshot.taken_at) is not None:
        yield no_heartbeat(worker)
    if worker.trouble:
        yield Reason("worker_in_trouble", f"worker {worker.id} is {worker.trouble}")
    if worker.slots and worker.running >= worker.slots:
        yield busy([worker], snapshot.taken_at)
    if worker.overrides:
        yield _reshaped(worker)
    if worker.more_queues:
        yield unread_queues([worker])
        return
    served = [stats for stats in snapshot.queues if stats.name in worker.queues]
    if paused := [stats.name for stats in served if stats.paused]:
        yield Reason(
            "queue_paused", f"{named_queues(paused)} that it serves {be(len(paused))} paused",
            remedy=f"asok queue resume {operands(paused[0])}", blocking=len(paused) == len(worker.queues),
        )  # fmt: skip
    # A snapshot has not all of very many queues.
    all_read = len(served) == len(worker.queues)
    if (
        all_read
        and not any(stats.pending for stats in served if not stats.paused)
        and not worker.running
    ):
        yield Reason("nothing_pending", "no job is pending in the queues that it serves")


def unregistered(name: str, snapshot: Snapshot) -> Reason:
    """Of a worker that an earlier snapshot had, and this one has not."""
    if snapshot.workers_unread:
        return worker_not_read(f"whether worker {name} is registered now is not known", snapshot)
    return Reason(
        "worker_not_registered",
        f"worker {name} is not registered now: it has stopped, or others have taken over its jobs",
        remedy="look at its log; asok worker starts another",
    )


def worker_not_read(text: str, snapshot: Snapshot) -> Reason:
    """What is not known of a worker that is not in a snapshot which has not all of them."""
    return Reason("worker_not_read", text, evidence={"not_read": snapshot.workers_unread})


def _reshaped(worker: WorkerInfo) -> Reason:
    """That it has, or is ordered to have, another concurrency or other queues than are configured."""
    evidence: dict[str, str | int | float] = {"ordered_by": worker.ordered_by or "not known"}
    if worker.ordered_at is not None:
        evidence["ordered_at"] = worker.ordered_at
    code, text = "worker_reshaped", f"worker {worker.id} has {in_force_words(worker)}"
    if worker.is_reshaping:
        code = "worker_reshaping"
        text = f"worker {worker.id} has not confirmed its order yet: {ordered_shape(worker)}"
    resets = worker.ordered == worker.configured
    remedy = "" if resets else f"asok worker set --reset {operands(worker.id)}"
    return Reason(code, text, evidence=evidence, remedy=remedy)


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
    if worker.is_stopping:
        return Reason(
            "worker_stopping", f"worker {worker.id} is stopping",
            *_given_by("stop", worker.id, activities), "start another worker", blocking=True,
        )  # fmt: skip
    return Reason(
        "worker_quiet", f"worker {worker.id} is quiet: it takes no new jobs",
        *_given_by("quiet", worker.id, activities),
        f"asok worker resume {operands(worker.id)}", blocking=True,
    )  # fmt: skip


def after_server(found: Iterable[Reason], snapshot: Snapshot) -> Iterator[Reason]:
    """Reasons of workers as they count: none more than a Redis that refuses all heartbeats."""
    for reason in found:
        yield replace(reason, blocking=False) if snapshot.refuses_heartbeats else reason


def unread_queues(workers: Sequence[WorkerInfo]) -> Reason:
    """That it is not known which queues these workers serve."""
    first, number = workers[0], len(workers)
    each = "" if number == 1 else f", of {first.id}"
    return Reason(
        "queues_not_known", f"which queues {named([each.id for each in workers], 'worker')} "
        f"{'serves' if number == 1 else 'serve'} is not known{each}: {first.queues_unread}",
        evidence={"workers": number}, remedy="find out which program changed the key",
    )  # fmt: skip


def busy(able: Sequence[WorkerInfo], now: float) -> Reason:
    """That all slots of these workers are busy, and with what."""
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
    who = (
        f"worker {able[0].id}" if len(able) == 1 else f"the {len(able)} workers that claim its jobs"
    )
    return Reason(
        "slots_busy", f"{which} of {who} {be(slots)} busy", evidence=evidence,
        remedy="more slots: another worker, or asok worker set --concurrency",
    )  # fmt: skip


def _task(job: RunningJob) -> str:
    return job.payload.job.task if job.payload.job else "not known"


def _heartbeat(worker: WorkerInfo) -> dict[str, str | int | float]:
    return {} if worker.beat_at is None else {"last_heartbeat_at": worker.beat_at}


def _given_by(
    action: str, worker: str, activities: Sequence[Activity]
) -> tuple[float | None, Mapping[str, str | int | float]]:
    """Since when a worker follows a command, and who gave it, as far as the audit shows that."""
    # A repeated command has changed nothing. One that a signal gave, or another program, has no entry.
    newest = next((each for each in activities if each.commanded == worker), None)
    if newest is None or newest.action != action:
        return None, {"by": "not known"}
    return newest.at, {"by": newest.who}
