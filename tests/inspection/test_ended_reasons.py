"""The reasons of a job that has ended, as far as is known how."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from asok_core.inspection.audit import Activity
from asok_core.inspection.events import SystemEvent
from asok_core.inspection.history import known_attempts
from asok_core.inspection.job_detail import Attempt, JobDetail, Move
from asok_core.inspection.job_reasons import explain_job
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import CancelRequest, Job, JobRecord
from asok_core.jobs.states import Location, Status

NOW = 1_700_000_000.0
JOB = Job("j", "shop", "mail", queue="mail")
DEAD = Payload(b"{}", JOB, Trust.SIGNED, failed_at=NOW - 60, error="Traceback:\nOSError: gone")


def first(detail: JobDetail, *activities: Activity) -> Reason:
    whole = Snapshot(NOW, ServerInfo("redis://x"))
    return explain_job(detail, whole, activities).reasons[0]


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (DEAD, "attempt 1 of 1 failed; it has no retries: OSError: gone"),
        (
            replace(DEAD, job=replace(JOB, retries=2, retry_count=2)),
            "attempt 3 of 3 failed; no retries are left: OSError: gone",
        ),
        (
            replace(DEAD, job=replace(JOB, retries=2)),
            "attempt 1 of 3 failed, and it was not retried: OSError: gone",
        ),
        (replace(DEAD, rejected=True), "a worker did not run it: OSError: gone"),
        (
            replace(DEAD, rejected=True, job=replace(JOB, retries=2, retry_count=1)),
            "a worker did not run attempt 2 of 3: OSError: gone",
        ),
        (
            Payload(b"?", None, Trust.MALFORMED),
            "it failed for good: with which error is not known",
        ),
    ],
)
def test_how_a_dead_job_failed(payload: Payload, text: str) -> None:
    reason = first(JobDetail("j", None, Location.DEAD, payload))
    assert (reason.code, reason.text) == ("dead", text)
    begun = payload.job.attempt - payload.rejected if payload.job is not None else None
    assert reason.evidence.get("attempts") == begun


@pytest.mark.parametrize(
    ("fields", "moves", "by", "at"),
    [
        ({}, (Move(NOW - 9, "cancel", "ann@host"),), "ann@host", NOW - 9),
        (
            {},
            (Move(NOW - 9, "purge", "ann@host"), Move(NOW - 8, "restore", "eve@host")),
            "not known",
            NOW - 5,
        ),
        (
            # It was cancelled, restored, and then cancelled while it ran.
            {"cancel": CancelRequest(NOW - 7, "bob@host")},
            (
                Move(NOW - 20, "cancel", "ann@host"),
                Move(NOW - 18, "restore", "ann@host"),
                Move(NOW - 7, "stop", "bob@host"),
            ),
            "bob@host",
            NOW - 5,
        ),
        (
            {},
            (
                Move(NOW - 20, "cancel", "ann@host"),
                Move(NOW - 18, "restore", "ann@host"),
                Move(NOW - 9, "purge", "eve@host"),
            ),
            "eve@host",
            NOW - 9,
        ),
        ({"cancel": CancelRequest(NOW - 7, "bob@host")}, (), "bob@host", NOW - 5),
        ({}, (), "not known", NOW - 5),
        ({}, (Move(NOW - 9, "cancel"),), "not known", NOW - 9),
    ],
)
def test_who_cancelled_it(
    fields: dict[str, Any], moves: tuple[Move, ...], by: str, at: float
) -> None:
    record = JobRecord("j", Status.CANCELLED, finished_at=NOW - 5, **fields)
    reason = first(JobDetail("j", record, Location.FINISHED, moves=moves))
    assert (reason.code, reason.evidence["by"], reason.since) == ("cancelled", by, at)


def test_a_job_that_was_cancelled_after_it_was_restored_keeps_its_run() -> None:
    moves = (Move(NOW - 20, "cancel", "ann@host"), Move(NOW - 18, "restore", "ann@host"))
    record = JobRecord("j", Status.CANCELLED, started_at=NOW - 8, finished_at=NOW - 5, worker="w.1")
    detail = JobDetail("j", record, Location.FINISHED, moves=moves)
    (run,) = known_attempts(detail)
    assert (run.verb, run.started_at, run.seconds, run.worker) == ("cancel", NOW - 8, 3.0, "w.1")
    assert known_attempts(detail._replace(moves=moves[:1])) == []


@pytest.mark.parametrize("verb", ["requeue", "crash", "import"])
def test_why_an_attempt_was_not_retried_is_stated_of_the_last_run_alone(verb: str) -> None:
    """A requeued job may die with its process, which adds no attempt."""
    failed = Attempt(NOW - 90, 1.0, "fail", "w1.1", "Fail: no", "failed by the task")
    detail = JobDetail(
        "j", None, Location.DEAD, replace(DEAD, job=replace(JOB, retries=5)), attempts=(failed,),
        moves=(Move(NOW - 70, verb, "ann@host"),),
    )  # fmt: skip
    assert ("failed by the task" in first(detail).text) == (verb == "import")


@pytest.mark.parametrize("verb", ["crash", "interrupt"])
def test_the_time_in_which_it_ran_is_none_in_which_it_waited(verb: str) -> None:
    """What its worker did not survive is dated by its end."""
    enqueued, began, ended = NOW - 4000, NOW - 1000, NOW - 60
    record = JobRecord("j", Status.FAILED, enqueued_at=enqueued, queue="mail")
    moves = (Move(ended, verb, "w1.1", str(began)),)
    lost = SystemEvent("2-0", ended, "worker_lost", {"worker": "w1", "queues": "mail"})
    pauses = [
        Activity("o", at, "ann", "h", action, queue="mail", applied=1)
        for at, action in ((began + 200, "resume"), (began + 100, "pause"),
                           (enqueued + 200, "resume"), (enqueued + 100, "pause"))
    ]  # fmt: skip
    whole = Snapshot(NOW, ServerInfo("redis://x"), events=(lost,))
    detail = JobDetail("j", record, Location.DEAD, DEAD, moves=moves)
    reasons = explain_job(detail, whole, pauses).reasons
    past = [(each.code, each.since) for each in reasons if "while it waited" in each.text]
    assert past == [("was_paused", enqueued + 100)]


def test_the_delay_of_a_retry_is_none_in_which_it_waited_in_its_queue() -> None:
    ended, due, began = NOW - 1000, NOW - 400, NOW - 100
    attempts = (
        Attempt(ended - 10, 10.0, "retry", "w1.1", "Retry: in 600 s"),
        Attempt(began, 1.0, "fail", "w1.1", "Fail: no"),
    )
    pauses = [
        Activity("o", at, "ann", "h", action, queue="mail", applied=1)
        for at, action in ((due + 200, "resume"), (due + 100, "pause"),
                           (ended + 200, "resume"), (ended + 100, "pause"))
    ]  # fmt: skip
    dead = replace(DEAD, job=replace(JOB, queue="mail", retry_count=1, due_at=due))
    detail = JobDetail("j", None, Location.DEAD, dead, attempts=attempts)
    reasons = explain_job(detail, Snapshot(NOW, ServerInfo("redis://x")), pauses).reasons
    past = [
        (each.since, each.evidence["waited_s"]) for each in reasons if each.code == "was_paused"
    ]
    assert past == [(due + 100, began - due)]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"error_line": "OSError: gone"}, "it failed: OSError: gone"),
        ({"error": "Traceback:\nOSError: gone"}, "it failed: OSError: gone"),
        ({}, "it failed: with which error is not known"),
    ],
)
def test_how_a_job_failed_of_which_only_the_record_is_left(
    fields: dict[str, Any], text: str
) -> None:
    record = JobRecord(
        "j", Status.FAILED, started_at=NOW - 9, finished_at=NOW - 5, ttl=60, **fields
    )
    reason = first(JobDetail("j", record, Location.FINISHED))
    assert (reason.code, reason.text, reason.since) == ("failed", text, NOW - 5)
    assert reason.evidence == {"ran_s": 4.0, "record_is_kept_until_at": NOW + 60}


@pytest.mark.parametrize(
    ("entry", "evidence"),
    [
        (Activity("op-1", NOW - 9, "ann@host", "", "purge", in_trash=1), {}),
        (
            Activity("op-1", NOW - 9, "ann@host", "", "purge", in_trash=3, trash_until=NOW + 90),
            {"jobs_that_a_restore_puts_back": 3, "restorable_until_at": NOW + 90},
        ),
    ],
)
def test_who_moved_it_to_the_trash(entry: Activity, evidence: dict[str, float]) -> None:
    detail = JobDetail("j", None, Location.TRASH, operation="op-1")
    reason = first(detail, replace(entry, operation="op-2"), entry)
    assert (reason.code, reason.since) == ("in_trash", NOW - 9)
    assert reason.evidence == {"by": "ann@host", "operation": "op-1", **evidence}
    assert reason.remedy == "asok trash restore op-1"


def test_the_trash_of_an_operation_that_is_no_longer_listed_can_be_restored() -> None:
    reason = first(JobDetail("j", None, Location.TRASH, operation="op-1"))
    assert (reason.text, reason.remedy) == (
        "an operation moved it to the trash; its author is not known",
        "asok trash restore op-1",
    )
