"""Why a job is held, or will be: what is stated of the workers that enforce its hold and return it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asok_core.inspection.holds import Hold, HoldState
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import explain_job
from asok_core.inspection.queues import ALL, QueueStats
from asok_core.inspection.reason import Reason
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status
from asok_core.operations.explain import known_queue, known_queues

NOW = 1_700_000_000.0
WORKER = WorkerInfo(
    "w1", queues=("mail",), concurrency=2, processes=1, able=1, beat_at=NOW - 1, holds=7,
    lease_until=NOW + 10,
)  # fmt: skip
OLD = replace(WORKER, id="w2", holds=None)
LATE = replace(WORKER, id="w3", holds=6)
HOLD = Hold("abc", task="shop.mail", at=NOW - 60)


def snapshot(state: HoldState, *workers: WorkerInfo) -> Snapshot:
    return Snapshot(
        NOW, ServerInfo("redis://x"), (QueueStats("mail", 1),), workers, pending=1, holds=(state,),
        holds_generation=7,
    )  # fmt: skip


def reasons(whole: Snapshot, location: Location) -> list[Reason]:
    job = Job("j", "shop", "mail", queue="mail", enqueued_at=NOW - 600)
    status = Status.HELD if location is Location.HELD else Status.PENDING
    record = JobRecord("j", status, queue="mail")
    payload = Payload(b"", job, Trust.SIGNED)
    detail = JobDetail("j", record, location, payload, position=0, hold="abc")
    return list(explain_job(detail, whole, ()).reasons)


@pytest.mark.parametrize(
    ("hold", "workers", "code", "evidence"),
    [
        (HOLD, (WORKER,), "will_be_held", "1 of 1 worker of its queue"),
        (
            HOLD,
            (WORKER, replace(OLD, queues=("low",))),
            "will_be_held",
            "1 of 1 worker of its queue",
        ),
        (HOLD, (WORKER, OLD), "may_be_held", "1 of 2 workers of its queue"),
        (HOLD, (LATE,), "may_be_held", "0 of 1 worker of its queue"),
        # What is newer is another hold.
        (HOLD._replace(generation=6), (LATE,), "will_be_held", "1 of 1 worker of its queue"),
        # A generation of before the clock of Redis was set back.
        (HOLD, (replace(WORKER, holds=8),), "may_be_held", "0 of 1 worker of its queue"),
        (HOLD._replace(release="r2"), (WORKER,), "may_be_held", "1 of 1 worker of its queue"),
        (HOLD._replace(release="r2", task="other"), (WORKER,), "", ""),
    ],
)
def test_a_waiting_job_will_be_held_only_where_all_workers_of_its_queue_enforce_the_hold(
    hold: Hold, workers: tuple[WorkerInfo, ...], code: str, evidence: str
) -> None:
    found = reasons(snapshot(HoldState("abc", hold, {}), *workers), Location.PENDING)
    stated = {each.code: each for each in found if "held" in each.code}
    assert list(stated) == ([code] if code else [])
    if code:
        assert stated[code].evidence["in_force_on"] == evidence
        assert stated[code].blocking is (code == "will_be_held")


def test_that_a_hold_may_keep_a_job_is_stated_where_holds_are_not_known() -> None:
    whole = snapshot(HoldState("later", None, {}), WORKER)
    assert reasons(whole, Location.PENDING)[0].text == (
        "whether a hold will keep it is not known: this release cannot read the rule of hold later"
    )
    hidden = replace(whole, holds=(), holds_problem="no right")
    assert reasons(hidden, Location.PENDING)[0].text.endswith("not known: no right")


@pytest.mark.parametrize(
    ("until", "workers", "remedy"),
    [
        (None, (WORKER,), "asok hold release abc"),
        (NOW + 1800, (WORKER,), "a worker returns it in 30 minutes (22:43:20 UTC); before that: "),
        (NOW + 1800, (replace(WORKER, quiet=True),), "a worker returns it in 30 minutes"),
        (NOW + 1800, (OLD,), "would return it at 22:43:20 UTC, and none that does is known to run"),
        (NOW + 1800, (), "and none is registered; now: "),
        (NOW - 1, (WORKER,), "has come, and a worker returns it; if none does: "),
        (NOW - 600, (WORKER,), "its end passed 10 minutes ago, and no worker has ended it: "),
    ],
)
def test_that_a_worker_returns_a_held_job_is_stated_only_where_one_is_known_that_does(
    until: float | None, workers: tuple[WorkerInfo, ...], remedy: str
) -> None:
    state = HoldState("abc", HOLD._replace(until=until), {"mail": 1})
    (reason,) = (r for r in reasons(snapshot(state, *workers), Location.HELD) if r.code == "held")
    assert remedy in reason.remedy
    assert reason.remedy.endswith("asok hold release abc")


def test_a_queue_names_the_holds_that_keep_its_jobs() -> None:
    whole = snapshot(HoldState("abc", HOLD, {"mail": 3, "low": 2}), WORKER)
    for found in (known_queue("mail", whole, ()), known_queues(whole, ())):
        text = next(each.text for each in found.explanation.reasons if each.code == "jobs_held")
        assert text == "3 jobs of queue 'mail' are held: hold abc (3)"
    assert found.name == ALL
    assert not [each for each in reasons(whole, Location.PENDING) if each.code == "jobs_held"]
