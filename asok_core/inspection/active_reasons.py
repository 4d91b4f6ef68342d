"""What a job does that a worker holds."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.inspection import reasons
from asok_core.inspection.job_case import Case
from asok_core.inspection.reasons import Reason
from asok_core.inspection.waiting_reasons import FEW
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.states import Status


def state(case: Case) -> str:
    """Whether it has begun, as far as its record states it."""
    if case.record is None:
        return "held by a worker"
    begun = case.record.started_at is not None
    return "running" if begun and is_running(case) else "claimed, not begun"


def _worker(case: Case) -> WorkerInfo | None:
    return next((w for w in case.snapshot.workers if w.id == case.detail.worker), None)


def is_running(case: Case) -> bool:
    """Whether its record says that a process runs it."""
    return case.record is not None and case.record.status == Status.RUNNING


def active(case: Case) -> Iterator[Reason]:
    """What a job does that a worker holds."""
    worker = _worker(case)
    held_by = case.detail.worker or "not known"
    if worker is None or not worker.is_alive(case.now):
        live = case.snapshot.alive
        evidence: dict[str, str | int | float] = {"worker": held_by}
        if worker is not None and worker.beat_at is not None:
            evidence["last_heartbeat_at"] = worker.beat_at
        then = (
            "the next live worker puts it back"
            if live
            else "no live worker runs that would put it back"
        )
        yield Reason(
            "worker_lost", f"the lease of worker {held_by}, which holds it, has expired; {then}",
            worker.lease_until if worker else None, evidence,
            "" if live else "asok worker", blocking=True,
        )  # fmt: skip
        return
    if is_running(case):
        yield _running(case)
    elif case.record is None:
        yield Reason(
            "held", f"worker {held_by} has claimed it; it has no record, so whether it has begun is not "
            "known",
            evidence={"slots": worker.slots, "running": worker.running},
        )  # fmt: skip
    else:
        yield Reason(
            "claimed", f"worker {held_by} has claimed it, and it has not begun",
            evidence={"slots": worker.slots, "running": worker.running}, blocking=True,
        )  # fmt: skip
    if worker.trouble:
        yield Reason("worker_in_trouble", f"worker {worker.id} is {worker.trouble}")
    yield from case.crashes()
    yield from case.earlier_pauses()


def _running(case: Case) -> Reason:
    record, stats = case.record, reasons.queue_of(case.queue, case.snapshot)
    process = (record.worker if record else None) or case.detail.worker or "not known"
    evidence: dict[str, str | int | float] = {"process": process}
    text, since = f"process {process} runs it", record.started_at if record else None
    ran = case.now - since if since is not None else None
    if ran is not None:
        evidence["ran_s"] = max(0.0, ran)
    if stats is not None and stats.run_p95_ms is not None:
        evidence["p95_of_queue_s"] = stats.run_p95_ms / 1000
        finished = sum(each.completed + each.failed for each in stats.recent)
        evidence["attempts_in_p95"] = finished
        if finished >= FEW and ran is not None and ran > stats.run_p95_ms / 1000:
            text += ", longer than 95 % of the jobs of its queue in the last five minutes"
    limit = case.job.timeout if case.job else None
    if limit is not None:
        evidence["timeout_s"] = limit
    return Reason("running", text, since, evidence)
