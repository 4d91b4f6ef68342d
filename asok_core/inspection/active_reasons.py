"""What a job does that a worker holds."""

from __future__ import annotations

from collections.abc import Iterator

from asok_core.clock import HOUR, elapsed
from asok_core.inspection import reasons
from asok_core.inspection.command_lines import operands
from asok_core.inspection.job_case import JobCase
from asok_core.inspection.phrases import counted
from asok_core.inspection.reason import Reason
from asok_core.inspection.release_comparison import mixture
from asok_core.inspection.server_reasons import of_server
from asok_core.inspection.snapshot import Snapshot
from asok_core.inspection.stacks import JobStack
from asok_core.inspection.task_figures import FEW
from asok_core.inspection.worker_reasons import worker_not_read
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.states import Status

SET_BACK = (
    "not known: by the clock of Redis it began later than now, so that this clock was set back"
)
MOVED = 10.0
"""Seconds within which a report of progress shows that a job is not stuck."""
NEARLY = 0.8
"""Share of its timeout from which a job is near it."""


def state(case: JobCase) -> str:
    """Whether it has begun, as far as its record or its stack shows it."""
    if case.record is not None and case.record.started_at is not None and is_running(case):
        return "running"
    if _is_seen(case):
        return "running, and not reported yet"
    return "claimed by a worker" if case.record is not None else "held by a worker"


def _is_seen(case: JobCase) -> bool:
    """Whether its stack shows that it runs."""
    own = _stack(case)
    return own is not None and bool(own.samples)


def _stack(case: JobCase) -> JobStack | None:
    """Its stack, if it still ran when that was taken."""
    own = case.stacks[0] if case.stacks else None
    return own if own is not None and own.phase else None


def _worker(case: JobCase) -> WorkerInfo | None:
    return next((w for w in case.snapshot.workers if w.id == case.detail.worker), None)


def is_running(case: JobCase) -> bool:
    """Whether its record says that a process runs it."""
    return case.record is not None and case.record.status == Status.RUNNING


def active(case: JobCase) -> Iterator[Reason]:
    """What a job does that a worker holds."""
    if case.snapshot.server.role == "slave" or case.snapshot.refuses_heartbeats:
        yield from of_server(case.snapshot)
    if not case.snapshot.knows_workers:
        # Whether its worker still holds it is not known.
        return
    worker = _worker(case)
    held_by = case.detail.worker or "not known"
    if worker is None and case.snapshot.workers_unread:
        yield worker_not_read(
            f"worker {held_by} holds it, and how that worker is was not read", case.snapshot
        )
        return
    if worker is None or not worker.is_alive(case.now):
        yield _lost(worker, held_by, case.snapshot)
        return
    yield from _without_heartbeat(worker, case.now)
    hangs = worker.hanging and f"job {case.detail.id} (" in worker.hang
    if hangs:
        yield _hanging(worker, case)
    yield from _of_stacks(case)
    if is_running(case) or _is_seen(case):
        yield _running(case)
    elif case.record is None:
        yield Reason(
            "held", f"worker {held_by} has claimed it; it has no record, so whether it has begun is not "
            "known",
            evidence={"slots": worker.slots, "running": worker.running, **_unread_stack(case)},
        )  # fmt: skip
    else:
        yield Reason(
            "claimed", f"worker {held_by} has claimed it, and has not reported that it has begun",
            evidence={"slots": worker.slots, "running": worker.running, **_unread_stack(case)},
            blocking=True,
        )  # fmt: skip
    if worker.trouble and not hangs:
        yield Reason("worker_in_trouble", f"worker {worker.id} is {worker.trouble}")
    yield from case.crashes()
    yield from case.past()


def _lost(worker: WorkerInfo | None, name: str, snapshot: Snapshot) -> Reason:
    """That the lease of its worker does not hold, and what returns the job to its queue."""
    live = snapshot.has_live_worker
    evidence: dict[str, str | int | float] = {"worker": name}
    if worker is not None and worker.host:
        evidence["host"] = worker.host
    if worker is not None and worker.beat_at is not None:
        evidence["last_heartbeat_at"] = worker.beat_at
    then = {
        True: "the next live worker returns it to its queue",
        None: "whether a worker runs that returns it to its queue is not known",
        False: "no live worker runs that would return it to its queue",
    }[live]
    lease = "has expired" if worker is not None else "is not there: it has stopped or was lost"
    return Reason(
        "worker_lost", f"the lease of worker {name}, which holds it, {lease}; {then}",
        worker.lease_until if worker else None, evidence,
        # Nor would a new worker get a lease of a Redis that refuses changes.
        "" if live or snapshot.server.refuses_changes else "asok worker", blocking=True,
    )  # fmt: skip


def _without_heartbeat(worker: WorkerInfo, now: float) -> Iterator[Reason]:
    """That its worker sends no heartbeat, and when others take over its jobs."""
    if worker.no_heartbeat_for(now) is not None:
        evidence: dict[str, str | int | float] = {"host": worker.host or "not known"}
        if worker.lease_until is not None:
            evidence["put_back_after_at"] = worker.lease_until
        yield Reason(
            "worker_no_heartbeat", f"worker {worker.id}, which holds it, sends no heartbeat: whether the "
            "job still runs is not known; others return it to its queue when its lease ends",
            worker.beat_at, evidence, f"look at its process {worker.pid or ''} on {worker.host}",
        )  # fmt: skip


def _hanging(worker: WorkerInfo, case: JobCase) -> Reason:
    """That its process claims and settles nothing, and that it may be the cause."""
    reported = worker.beat_at if worker.beat_at is not None else case.now
    return Reason(
        "process_hangs", f"its process has not worked for {worker.hang_seconds:.0f} s: {worker.hang}",
        reported - worker.hang_seconds, {"worker": worker.id, "hanging_processes": worker.hanging},
        f"asok job stack {operands(case.detail.id)}",
    )  # fmt: skip


def _of_stacks(case: JobCase) -> Iterator[Reason]:
    """What its stack shows: that no Python code runs, or that it and another job may be stuck.

    All samples at one call is what a loop that sleeps shows as well: whether it is stuck is not known.
    """
    own = _stack(case)
    if own is None or not (own.held or own.unchanged):
        return
    advice = f"asok job stack {operands(case.detail.id)}"
    if own.held:
        where = f"; this job is in {_call(own)}" if own.samples else ""
        if others := _beside(case, own.process):
            where += f", beside {counted(others, 'job')}, and which of them holds it is not known"
        yield Reason(
            "interpreter_held", "no Python code runs in its process: a thread holds the interpreter in C "
            f"code{where}", evidence={"process": own.process}, remedy=advice,
        )  # fmt: skip
        return
    # Jobs that are in the same call wait for the same thing, which is none of them.
    other = next(
        (each for each in case.stacks[1:] if each.unchanged and _call(each) != _call(own)), None
    )
    if other is not None and not _has_moved(case):
        yield Reason(
            "jobs_stand_still", f"all samples of its stack are in {_call(own)}, and those of job "
            f"{other.job_id} of its process in {_call(other)}: if both wait for a lock, they may wait for "
            "each other",
            evidence={"process": own.process, "samples": own.taken}, remedy=advice,
        )  # fmt: skip


def _beside(case: JobCase, process: str) -> int:
    """How many other jobs a process holds, also those that have not reported that they have begun."""
    jobs = [job for worker in case.snapshot.workers for job in worker.jobs]
    return sum(each.process == process and each.payload.id != case.detail.id for each in jobs)


def _has_moved(case: JobCase) -> bool:
    """Whether it reported progress just now."""
    progress = case.record.progress if case.record is not None else None
    since = elapsed(progress.at, case.now) if progress is not None else None
    return since is not None and since < MOVED


def _call(stack: JobStack) -> str:
    frame = stack.samples[0].stack[0]
    return f"{frame.function} ({frame.file.rpartition('/')[2]}:{frame.line})"


def _longer_than(case: JobCase, ran: float | None, evidence: dict[str, str | int | float]) -> str:
    """That it runs longer than others, or ''. What they took is added to the evidence.

    Others are those of its task, where enough of these are counted, else those of its queue.
    """
    figures = case.figures
    if figures is not None and figures.ended >= FEW:
        median, limit = figures.run_ms(0.5), figures.run_ms(0.95)
        number, what = figures.ended, "attempts of its task in the last hour"
        if median is not None:
            evidence["p50_of_task_s"] = median / 1000
        if limit is not None:
            evidence["p95_of_task_s"] = limit / 1000
    else:
        stats = reasons.queue_of(case.queue, case.snapshot)
        limit = stats.run_p95_ms if stats is not None else None
        number = sum(each.ended for each in stats.recent) if stats else 0
        what = "jobs of its queue in the last five minutes"
        if limit is not None:
            evidence["p95_of_queue_s"] = limit / 1000
    if limit is None:
        return ""
    evidence["attempts_in_p95"] = number
    longer = ran is not None and ran > limit / 1000 and number >= FEW
    return f"longer than 95 % of the {what}" if longer else ""


def _since_release(
    case: JobCase, ran: float | None, longer: str, evidence: dict[str, str | int | float]
) -> str:
    """That its task is slower since the present release, as far as that is known; else ``longer``.

    What is known of the release is added to the evidence.
    """
    change, compared = case.release, case.comparison
    if change is None or ran is None:
        return longer
    release = case.record.release if case.record else None
    of_release = release == change.release and case.now - ran >= change.at
    was = compared.before.run_ms(0.95) if compared is not None and compared.is_slower else None
    if release == change.release and compared is not None and was is not None and ran > was / 1000:
        evidence["p95_before_release_s"] = was / 1000
        evidence["p95_since_release_s"] = (compared.after.run_ms(0.95) or 0.0) / 1000
        evidence["attempts_before_release"] = compared.before.ended
        evidence["attempts_since_release"] = compared.after.ended
        longer = (
            "longer than 95 % of the attempts of its task before release "
            f"{change.release}, since which it is slower"
        )
        serving = [each for each in case.snapshot.live_workers if case.queue in each.queues]
        # The figures are divided by time: while others run, they are not of this release alone.
        if mixed := mixture(serving, change):
            longer += f" ({mixed})"
    elif longer and of_release and case.now - change.at < HOUR:
        before = f" (before: {change.former})" if change.former else ""
        longer += f"; release {change.release}, which runs it, began shortly before{before}"
    else:
        return longer
    evidence["release"] = release or "not known"
    evidence["release_began_at"] = change.at
    return longer


def _unread_stack(case: JobCase) -> dict[str, str]:
    """Why its stack is not known, where that was looked for."""
    own = _stack(case)
    why = case.stacks[0].problem if case.stacks else ""
    return {"stack": why} if why and (own is None or not own.samples) else {}


def _running(case: JobCase) -> Reason:
    record = case.record
    process = (record.worker if record else None) or case.detail.worker or "not known"
    evidence: dict[str, str | int | float] = {"process": process}
    code, text = "running", f"process {process} runs it"
    since = record.started_at if record else None
    ran = elapsed(since, case.now)
    if ran is not None:
        evidence["ran_s"] = ran
    elif since is not None:
        evidence["ran"] = SET_BACK
        evidence["started_at"], since = since, None
    compared = _since_release(case, ran, _longer_than(case, ran, evidence), evidence)
    if compared:
        code, text = "running_long", f"{text}, {compared}"
    evidence.update(_unread_stack(case))
    if (own := _stack(case)) is not None and own.unchanged:
        evidence["all_samples_in"] = _call(own)
    if record is not None and record.cancel is not None:
        evidence["cancellation_requested_by"] = record.cancel.by
        if (
            record.cancel.ends_at is not None
            and elapsed(record.cancel.asked_at, case.now) is not None
        ):
            evidence["its_process_may_be_ended_at"] = record.cancel.ends_at
    limit = case.job.timeout if case.job else None
    if limit is not None:
        evidence["timeout_s"] = limit
        if ran is not None and since is not None and ran > NEARLY * limit:
            text += "; its timeout is near" if ran < limit else "; its timeout is over"
            evidence["timeout_at"] = since + limit
    return Reason(code, text, since, evidence, f"asok job stack {operands(case.detail.id)}")
