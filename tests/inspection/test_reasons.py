"""Every combination of what may hold a job up has reasons, ranked, and none is contradicted."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import NamedTuple

import pytest

from asok_core.inspection.audit import Activity
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import Explanation, explain_job
from asok_core.inspection.pauses import QueuePause
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.reason import ranked
from asok_core.inspection.reasons import of_all_queues, of_queue
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.worker_reasons import impediment, of_worker
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status

NOW = 1_700_000_000.0

SERVERS = {
    "well": ServerInfo("redis://x"),
    "replica": ServerInfo("redis://x", role="slave", master_link="up"),
    "cut off": ServerInfo("redis://x", role="slave", master_link="down", master_gone_s=40),
    "full": ServerInfo("redis://x", used_memory=10, max_memory=10, eviction_policy="noeviction"),
    "append failed": ServerInfo("redis://x", last_append_ok=False),
}

IDLE = WorkerInfo(
    "w1", queues=("high", "mail"), concurrency=4, processes=1, able=1, beat_at=NOW - 1,
    lease_until=NOW + 10, ends_pauses=True,
)  # fmt: skip

WORKERS = {
    "none": (),
    "elsewhere": (replace(IDLE, queues=("other",)),),
    "idle": (IDLE,),
    "busy": (replace(IDLE, running=4),),
    "quiet": (replace(IDLE, quiet=True),),
    "ordered to be quiet": (replace(IDLE, command="quiet"),),
    "stopping": (replace(IDLE, stopping=True),),
    "stalled": (replace(IDLE, lease_until=NOW - 1),),
    "crash-looping": (replace(IDLE, able=0, deaths=5, deaths_seconds=9.0, death="exit 1"),),
    "hanging": (replace(IDLE, able=0, hanging=1, hang_seconds=40.0, hang="in C"),),
    "not claiming": (replace(IDLE, able=0, refusal="no memory"),),
    "starting": (replace(IDLE, able=0),),
    "one of two quiet": (IDLE, replace(IDLE, id="w2", quiet=True)),
}

ORDER = Activity("o", NOW - 4000, "ann", "h", "quiet", words="worker:w2", applied=1)

THAT_END_NO_PAUSE = {
    "earlier release": (replace(IDLE, ends_pauses=False),),
    "no heartbeat": (replace(IDLE, beat_at=NOW - 60),),
}
"""Live workers of which it is not known that they end a pause."""

BLOCKED = {
    "none": "no_workers",
    "elsewhere": "queue_not_served",
    "quiet": "worker_quiet",
    "ordered to be quiet": "worker_quiet",
    "stopping": "worker_stopping",
    "stalled": "worker_stalled",
    "crash-looping": "worker_crash_looping",
    "hanging": "worker_hanging",
    "not claiming": "worker_not_claiming",
    "starting": "worker_starting",
}
"""Workers that claim nothing from the queue, and the code that names the reason."""

RECENT = tuple(Bucket(int(NOW) - 300 + 10 * n, 10, completed=20) for n in range(30))


def snapshot(
    server: str = "well", workers: str = "idle", *, paused: bool = False, high: int = 0
) -> Snapshot:
    return Snapshot(
        NOW,
        SERVERS[server],
        (
            QueueStats("high", high),
            QueueStats("mail", 5, paused=paused, completed_per_s=2.0, recent=RECENT),
        ),
        {**WORKERS, **THAT_END_NO_PAUSE}[workers],
    )


def pending(
    position: int | None = 3, trust: Trust = Trust.SIGNED, enqueued_at: float = NOW - 600
) -> JobDetail:
    job = Job("j", "shop", "mail", queue="mail", enqueued_at=enqueued_at)
    record = JobRecord("j", Status.PENDING, queue="mail")
    return JobDetail("j", record, Location.PENDING, Payload(b"", job, trust), position=position)


def codes(found: Explanation) -> list[str]:
    return [reason.code for reason in found.reasons]


class Case(NamedTuple):
    server: str
    workers: str
    paused: bool
    high: int
    position: int | None
    trust: Trust


CASES = [
    Case(*each)
    for each in itertools.product(
        SERVERS, WORKERS, (False, True), (0, 7), (None, 0, 3), (Trust.SIGNED, Trust.BAD)
    )
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case)))
def test_every_combination_is_explained(case: Case) -> None:
    found = explain_job(
        pending(case.position, case.trust),
        snapshot(case.server, case.workers, paused=case.paused, high=case.high),
        [ORDER],
    )
    named = codes(found)
    blocking = [reason.blocking for reason in found.reasons]
    assert named
    assert len(named) == len(set(named))
    assert blocking == sorted(blocking, reverse=True), "what blocks comes first"
    # Each cause is named exactly where it is there.
    assert ("queue_paused" in named) == case.paused
    assert any(code.startswith("redis_") for code in named) == (case.server != "well")
    of_workers = {c for c in named if c.startswith("worker_") or c in BLOCKED.values()}
    impeded = "worker_quiet" if case.workers == "one of two quiet" else BLOCKED.get(case.workers)
    # Without its master a replica shows how workers were, not how they are.
    known = case.server != "cut off"
    assert of_workers == ({impeded} if impeded and known else set())
    assert ("slots_busy" in named) == (case.workers == "busy" and known)
    earlier = case.high > 0 and case.workers not in BLOCKED and known
    assert ("earlier_queues" in named) == earlier
    assert ("jobs_ahead" in named) == (case.position == 3)
    assert ("position_not_known" in named) == (case.position is None)
    assert ("would_not_run" in named) == (case.trust is Trust.BAD)
    # A full Redis lets what it has run, and so does a replica whose workers use its master.
    served = case.workers not in ("none", "stalled")
    assert found.reasons[0].blocking == (
        case.paused
        or case.workers in BLOCKED
        or case.server in ("cut off", "append failed")
        or (case.server == "replica" and not served)
    )
    waits_for_others = any(blocking) or case.workers == "busy" or earlier
    assert ("not_known" in named) == (case.position == 0 and not waits_for_others)
    # A start is estimated where nothing blocks it, and where it is not, it is stated why.
    depends = any(blocking) or case.trust is Trust.BAD or case.position is None
    assert found.estimate is not None
    assert (found.estimate.low is None) == (depends or "not_known" in named)
    assert found.estimate.basis


def test_the_first_reason_is_the_server_then_the_queue_then_the_workers() -> None:
    found = explain_job(pending(), snapshot("replica", "none", paused=True), ())
    assert codes(found)[:3] == ["redis_replica", "queue_paused", "no_workers"]


def test_a_missing_worker_is_named_of_all_queues_beside_what_else_holds_their_jobs_up() -> None:
    found = list(of_all_queues(snapshot(workers="none", paused=True, high=2), ()))
    assert [(each.code, each.text.partition(":")[0], each.remedy) for each in found] == [
        ("no_workers", "high (2 pending), mail (5 pending)", "asok worker --queues high,mail"),
        ("queue_paused", "mail (5 pending)", "asok queue resume mail"),
    ]


@pytest.mark.parametrize(("waited", "code"), [(0.5, "next"), (600.0, "not_known")])
def test_a_job_that_nothing_holds_up_is_about_to_start_or_the_reason_is_not_known(
    waited: float, code: str
) -> None:
    found = explain_job(pending(0, enqueued_at=NOW - waited), snapshot(), ())
    assert codes(found) == [code]


def test_a_job_of_a_program_whose_clock_is_ahead_is_not_claimed_to_start_at_once() -> None:
    found = explain_job(pending(0, enqueued_at=NOW + 3600), snapshot(), ())
    assert codes(found) == ["not_known"]


@pytest.mark.parametrize(("finished", "longer"), [(1, False), (100, True)])
def test_a_run_is_compared_with_others_only_where_there_are_some(
    finished: int, *, longer: bool
) -> None:
    whole = snapshot()
    recent = (Bucket(int(NOW) - 10, 10, completed=finished),)
    queue = replace(whole.queues[1], run_p95_ms=1.0, recent=recent)
    record = JobRecord("j", Status.RUNNING, queue="mail", started_at=NOW - 60)
    job = Job("j", "shop", "mail", queue="mail")
    detail = JobDetail("j", record, Location.ACTIVE, Payload(b"", job, Trust.SIGNED), worker="w1")
    found = explain_job(detail, replace(whole, queues=(queue,)), ())
    assert ("longer than 95 %" in found.reasons[0].text) is longer
    assert found.reasons[0].evidence["attempts_in_p95"] == finished


def test_whether_a_held_job_without_a_record_has_begun_is_not_known() -> None:
    job = Job("j", "shop", "mail", queue="mail")
    detail = JobDetail("j", None, Location.ACTIVE, Payload(b"", job, Trust.SIGNED), worker="w1")
    found = explain_job(detail, snapshot(), ())
    assert (found.state, codes(found)) == ("held by a worker", ["held"])


def test_without_a_secret_key_a_signature_is_not_known() -> None:
    assert "signature_not_known" in codes(explain_job(pending(3, Trust.UNVERIFIED), snapshot(), ()))


def test_a_job_that_was_retried_is_not_scheduled_where_its_record_is_gone() -> None:
    job = Job("j", "shop", "mail", queue="mail", retries=4, retry_count=2)
    payload = Payload(b"", job, Trust.SIGNED)
    found = explain_job(JobDetail("j", None, Location.DELAYED, payload, NOW + 60), snapshot(), ())
    assert (found.state, found.reasons[0].code) == ("waiting for its next attempt", "retry")


@pytest.mark.parametrize(
    ("switches", "by"),
    [
        ((("pause", NOW - 60), ("resume", NOW - 90)), "ann"),
        ((("resume", NOW - 60), ("pause", NOW - 90)), "not known"),
        ((), "not known"),
    ],
)
def test_a_pause_is_attributed_only_to_the_newest_switch(
    switches: tuple[tuple[str, float], ...], by: str
) -> None:
    entries = [
        # It changed nothing: the queue was paused already.
        Activity("op", NOW - 5, "bob", "host", "pause", queue="mail"),
        *(
            Activity(f"op{at}", at, "ann", "host", action, queue="mail", applied=1)
            for action, at in switches
        ),
    ]
    reason = next(iter(of_queue("mail", snapshot(paused=True), entries)))
    assert (reason.code, reason.evidence["by"]) == ("queue_paused", by)
    assert reason.since == (NOW - 60 if by == "ann" else None)


WOULD = "a worker of this release would resume it"
MADE = QueuePause("ann@web1", NOW - 60, NOW - 300, "bank down", None, "op1")


@pytest.mark.parametrize(
    ("pause", "workers", "remedy"),
    [
        (MADE, "idle", ""),
        (MADE._replace(until=NOW + 720), "idle",
         "it resumes by itself in 12 minutes (22:25:20 UTC); before that: "),
        (MADE._replace(until=NOW + 90_000), "idle",
         "it resumes by itself in 1 day and 1 hour (2023-11-15 23:13:20 UTC); before that: "),
        (MADE._replace(until=NOW + 720), "quiet",
         "it resumes by itself in 12 minutes (22:25:20 UTC); before that: "),
        (MADE._replace(until=NOW - 1), "idle",
         "its end (22:13:19 UTC) has come, and a worker resumes it; if none does: "),
        (MADE._replace(until=NOW - 300), "idle",
         "its pause ended 5 minutes ago, and no worker has resumed it: "),
        (MADE._replace(until=NOW - 300), "none",
         "its pause ended 5 minutes ago, and no worker has resumed it: "),
        (MADE._replace(until=NOW + 720), "none",
         f"{WOULD} at 22:25:20 UTC, and none is registered; now: "),
        (MADE._replace(until=NOW + 720), "earlier release",
         f"{WOULD} at 22:25:20 UTC, and none that does is known to run; now: "),
        (MADE._replace(until=NOW - 1), "no heartbeat",
         f"{WOULD} at 22:13:19 UTC, and none that does is known to run; now: "),
    ],
)  # fmt: skip
def test_a_pause_states_its_author_its_reason_and_what_ends_it(
    pause: QueuePause, workers: str, remedy: str
) -> None:
    found = snapshot(workers=workers, paused=True)
    queues = tuple(
        replace(each, pause=pause) if each.name == "mail" else each for each in found.queues
    )
    entries = [Activity("op2", NOW - 5, "bob", "host", "pause", queue="mail", applied=1)]
    reason = next(iter(of_queue("mail", replace(found, queues=queues), entries)))
    assert (reason.code, reason.since, reason.blocking) == ("queue_paused", NOW - 300, True)
    until = {} if pause.until is None else {"until_at": pause.until}
    assert reason.evidence == {
        "by": "ann@web1", "reason": "bank down", **until, "operation": "op1"
    }  # fmt: skip
    assert reason.remedy == f"{remedy}asok queue resume mail"


@pytest.mark.parametrize("left", [-300.0, -1.0, 720.0])
def test_a_replica_without_its_master_does_not_know_whether_a_pause_has_ended(left: float) -> None:
    found = snapshot("cut off", paused=True)
    pause = MADE._replace(until=NOW + left)
    queues = tuple(replace(each, pause=pause) for each in found.queues)
    (reason,) = [
        each
        for each in of_queue("mail", replace(found, queues=queues), ())
        if each.code == "queue_paused"
    ]
    assert re.fullmatch(
        r"its end is 22:\d\d:\d\d UTC; whether it has ended is not known; on the master: "
        "asok queue resume mail",
        reason.remedy,
    )


def test_a_pause_that_has_ended_by_itself_is_not_the_one_that_another_program_makes_later() -> None:
    entries = [
        Activity("op", NOW - 60, "ann", "host", "pause", queue="mail", applied=1, until=NOW - 30)
    ]
    reason = next(iter(of_queue("mail", snapshot(paused=True), entries)))
    assert (reason.since, reason.evidence) == (None, {"by": "not known"})


@pytest.mark.parametrize("changed", [False, True])
def test_a_change_of_a_pause_does_not_show_since_when_the_queue_is_paused(*, changed: bool) -> None:
    """Where only the audit knows of it: the field in the hash cannot be read."""
    entry = Activity("op", NOW - 60, "ann", "host", "pause", queue="mail", applied=1,
                     changed=changed, reason="bank down", until=NOW + 60)  # fmt: skip
    reason = next(iter(of_queue("mail", snapshot(paused=True), [entry])))
    assert reason.since == (None if changed else NOW - 60)
    assert (reason.evidence["by"], reason.evidence["reason"]) == ("ann", "bank down")
    assert reason.evidence["until_at"] == NOW + 60


@pytest.mark.parametrize("workers", sorted(BLOCKED.keys() - {"none", "elsewhere"}))
def test_a_worker_that_claims_nothing_says_why(workers: str) -> None:
    (worker,) = WORKERS[workers]
    reason = impediment(worker, NOW)
    assert reason is not None
    assert reason.code == BLOCKED[workers]
    assert ranked(of_worker(worker, snapshot(), ()))[0] == reason


STALLED = replace(IDLE, beat_at=NOW - 20)
"""A worker without a heartbeat whose lease holds."""


def test_a_worker_without_heartbeat_is_not_relied_on() -> None:
    whole = replace(snapshot(), workers=(STALLED,))
    found = explain_job(pending(0), whole, ())
    assert codes(found) == ["worker_no_heartbeat"]
    assert "not known" in found.reasons[0].text
    assert found.reasons[0].since == NOW - 20
    assert found.estimate is not None
    assert (found.estimate.low, found.estimate.basis) == (
        None,
        "no worker that serves its queue is known to send heartbeats",
    )
    assert [r.code for r in of_worker(STALLED, whole, ())] == ["worker_no_heartbeat"]
    busy = replace(whole, workers=(replace(STALLED, running=4),))
    assert codes(explain_job(pending(3), busy, ()))[:2] == ["worker_no_heartbeat", "slots_busy"]


@pytest.mark.parametrize(
    "workers", sorted(BLOCKED.keys() & {"starting", "hanging", "crash-looping"})
)
def test_what_a_worker_reported_before_its_heartbeats_ended_is_no_fact_now(workers: str) -> None:
    (worker,) = WORKERS[workers]
    stalled = replace(worker, beat_at=NOW - 20, lease_until=NOW + 600)
    reason = impediment(stalled, NOW)
    assert reason is not None
    assert reason.code == "worker_no_heartbeat"
    assert str(reason.evidence["it_reported_last"]).startswith(workers)
    found = explain_job(pending(0), replace(snapshot(), workers=(stalled,)), ())
    assert codes(found)[0] == "worker_no_heartbeat"
    assert found.estimate is not None
    assert found.estimate.low is None


def test_beside_another_worker_one_without_heartbeat_is_one_reason_of_several() -> None:
    whole = replace(snapshot(), workers=(replace(STALLED, id="w0"), IDLE))
    assert codes(explain_job(pending(0), whole, ())) == ["worker_no_heartbeat", "not_known"]
    new = explain_job(pending(0, enqueued_at=NOW), whole, ())
    assert codes(new) == ["worker_no_heartbeat", "next"]
    assert new.estimate is not None
    assert new.estimate.low == 0.0


def test_buffers_do_not_fill_redis() -> None:
    server = SERVERS["full"]._replace(uncounted_memory=1)
    assert SERVERS["full"].is_full
    assert not server.is_full


@pytest.mark.parametrize("code", ["redis_full", "redis_replica"])
def test_what_does_not_hold_a_due_job_up_is_not_said_to(code: str) -> None:
    server = "full" if code == "redis_full" else "replica"
    detail = replace_location(pending(), Location.DELAYED, NOW + 60)
    found = explain_job(detail, snapshot(server), ())
    assert codes(found) == ["delay_not_known"]
    late = explain_job(
        replace_location(pending(), Location.DELAYED, NOW - 60), snapshot(server), ()
    )
    assert codes(late)[0] == "promotion_late"


def test_of_a_late_job_workers_without_heartbeat_are_named_where_no_other_could_promote_it() -> (
    None
):
    late = replace_location(pending(), Location.DELAYED, NOW - 60)
    whole = snapshot()
    found = explain_job(late, replace(whole, workers=(STALLED,)), ())
    assert codes(found)[:2] == ["promotion_late", "worker_no_heartbeat"]
    found = explain_job(late, replace(whole, workers=(STALLED, replace(IDLE, id="w2"))), ())
    assert "worker_no_heartbeat" not in codes(found)


@pytest.mark.parametrize("location", [Location.DELAYED, Location.ACTIVE])
def test_of_a_replica_without_its_master_no_worker_is_blamed(location: Location) -> None:
    detail = replace_location(pending(), location, NOW - 60)._replace(worker="w1")
    found = explain_job(detail, snapshot("cut off", "stalled"), ())
    assert found.reasons[0].code == "redis_replica"
    assert found.reasons[0].since == NOW - 40
    assert not {"promotion_late", "worker_lost"} & set(codes(found))


def replace_location(detail: JobDetail, location: Location, due_at: float) -> JobDetail:
    return detail._replace(location=location, due_at=due_at, position=None)


def test_a_worker_with_paused_queues_is_blocked_only_if_all_of_them_are() -> None:
    worker = replace(IDLE, queues=("mail",))
    [reason] = [r for r in of_worker(worker, snapshot(paused=True), ()) if r.code == "queue_paused"]
    assert reason.blocking
    [reason] = [r for r in of_worker(IDLE, snapshot(paused=True), ()) if r.code == "queue_paused"]
    assert not reason.blocking


def test_an_idle_worker_has_nothing_to_do() -> None:
    whole = snapshot()
    empty = replace(whole, queues=(QueueStats("mail", 0), QueueStats("high", 0)))
    assert [reason.code for reason in of_worker(IDLE, empty, ())] == ["nothing_pending"]
