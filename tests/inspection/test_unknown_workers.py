"""Nothing is deduced from a worker, lease or heartbeat that was not read, or that cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from asok_core.inspection.audit import Activity
from asok_core.inspection.job_detail import JobDetail
from asok_core.inspection.job_reasons import Explanation, explain_job
from asok_core.inspection.queues import Bucket, QueueStats
from asok_core.inspection.reason import Reason, ranked
from asok_core.inspection.reasons import of_queue
from asok_core.inspection.snapshot import ServerInfo, Snapshot
from asok_core.inspection.uncounted import uncounted_queues
from asok_core.inspection.worker_reasons import impediment, of_worker, unregistered
from asok_core.inspection.workers import WorkerInfo
from asok_core.jobs.envelope import Payload, Trust
from asok_core.jobs.job import Job, JobRecord
from asok_core.jobs.states import Location, Status
from asok_core.operations.hazards import hazards

NOW = 1_700_000_000.0
HEALTHY = WorkerInfo(
    "w1", host="web1", queues=("high", "mail"), concurrency=4, processes=1, able=1, beat_at=NOW - 1,
    lease_until=NOW + 29,
)  # fmt: skip
BUSY = replace(HEALTHY, running=4)
STALLED = replace(HEALTHY, id="w2", beat_at=NOW - 20, lease_until=NOW + 10)
"""A worker without heartbeats whose lease holds."""
EXPIRED = replace(HEALTHY, id="w3", beat_at=NOW - 40, lease_until=NOW - 10)
QUIET = replace(HEALTHY, id="w4", quiet=True)
UNREADABLE = WorkerInfo("w5", lease_until=NOW + 29, problem="its key asok:worker:w5 is not a hash")
UNREAD = "501 names of workers are in Redis, and 500 of them were read"

MASTER = ServerInfo("redis://x")
REPLICA = ServerInfo("redis://x", role="slave", master_link="up")


def snapshot(
    *workers: WorkerInfo, server: ServerInfo = MASTER, unread: str = "", high: int = 0
) -> Snapshot:
    queues = (QueueStats("high", high), QueueStats("mail", 5))
    return Snapshot(NOW, server, queues, workers, workers_unread=unread)


def explained(whole: Snapshot, location: Location = Location.PENDING) -> Explanation:
    """Of a job of queue mail, the next of it, due a minute ago or held by the worker w3."""
    job = Job("j", "shop", "mail", queue="mail", enqueued_at=NOW - 600)
    payload = Payload(b"", job, Trust.SIGNED)
    status = Status.RUNNING if location is Location.ACTIVE else Status.PENDING
    record = JobRecord("j", status, queue="mail", started_at=NOW - 50, worker="w3.1")
    detail = JobDetail(
        "j", record, location, payload, NOW - 60, position=0, worker="w3"
    )  # fmt: skip
    return explain_job(detail, whole, ())


def codes(found: Explanation | Sequence[Reason]) -> list[str]:
    reasons = found.reasons if isinstance(found, Explanation) else found
    return [each.code for each in reasons]


def of_mail(whole: Snapshot) -> tuple[Reason, ...]:
    return ranked(of_queue("mail", whole, ()))


def test_slots_are_busy_also_where_a_worker_that_sends_no_heartbeat_may_have_free_ones() -> None:
    found = explained(snapshot(BUSY, STALLED))
    assert codes(found) == ["slots_busy", "worker_no_heartbeat"]
    assert found.reasons[0].text == "all 4 slots of worker w1 are busy"
    assert found.reasons[0].evidence["slots"] == 4


def test_queues_served_before_are_those_of_workers_that_send_heartbeats() -> None:
    stalled = replace(STALLED, queues=("mail",))
    assert codes(of_mail(snapshot(BUSY, stalled, high=3))) == [
        "earlier_queues", "slots_busy", "worker_no_heartbeat"
    ]  # fmt: skip
    alone = of_mail(snapshot(replace(STALLED, running=4), high=3))
    assert codes(alone) == ["worker_no_heartbeat", "earlier_queues", "slots_busy"]


@pytest.mark.parametrize(
    "others", [(), (replace(HEALTHY, queues=("other",)),)], ids=["alone", "beside"]
)
def test_which_queues_an_unreadable_worker_serves_is_not_known(
    others: tuple[WorkerInfo, ...],
) -> None:
    whole = snapshot(*others, UNREADABLE)
    found = explained(whole)
    assert codes(found) == ["queues_not_known"]
    assert found.reasons[0].text == (
        "which queues worker w5 serves is not known: its key asok:worker:w5 is not a hash"
    )
    assert not found.reasons[0].blocking
    assert found.estimate is not None
    assert (found.estimate.low, found.estimate.basis) == (
        None,
        "no worker that serves its queue is known to send heartbeats",
    )
    assert codes(ranked(of_worker(UNREADABLE, whole, ()))) == ["queues_not_known"]
    assert hazards(whole, to={"mail": 1}) == ("no worker is known to take jobs from queue 'mail'",)


def test_further_queues_of_a_worker_may_be_the_one() -> None:
    more = replace(HEALTHY, queues=("other",), more_queues=True)
    assert codes(of_mail(snapshot(more))) == ["queues_not_known"]
    assert "nothing_pending" not in codes(ranked(of_worker(more, snapshot(more), ())))
    # Of a queue that it is known to serve nothing is open.
    assert of_mail(snapshot(replace(more, queues=("mail",)))) == ()


@pytest.mark.parametrize(
    ("workers", "named"),
    [
        ((), ["workers_not_read"]),
        ((replace(HEALTHY, queues=("other",)),), ["workers_not_read"]),
        ((QUIET,), ["worker_quiet", "workers_not_read"]),
        ((EXPIRED,), ["worker_stalled", "workers_not_read"]),
        ((BUSY,), ["slots_busy", "workers_not_read"]),
    ],
)
def test_where_workers_were_not_read_none_is_called_absent(
    workers: tuple[WorkerInfo, ...], named: list[str]
) -> None:
    whole = snapshot(*workers, unread=UNREAD)
    found = of_mail(whole)
    assert codes(found) == named
    assert not any(each.blocking for each in found)
    assert found[-1].evidence == {"not_read": UNREAD}
    late = explained(whole, Location.DELAYED).reasons[0]
    assert late.text == "it is due, and no worker has put it into its queue yet"


def test_a_worker_that_was_not_read_may_be_registered() -> None:
    assert unregistered("w9", snapshot(unread=UNREAD)).code == "worker_not_read"
    assert unregistered("w9", snapshot()).code == "worker_not_registered"


NEXT = "the next live worker returns it to its queue"
NOT_KNOWN = "whether a worker runs that returns it to its queue is not known"
NONE = "no live worker runs that would return it to its queue"


@pytest.mark.parametrize(
    ("others", "unread", "then"),
    [
        ((HEALTHY,), "", NEXT),
        ((QUIET,), "", NEXT),
        ((STALLED,), "", NOT_KNOWN),
        ((UNREADABLE,), "", NOT_KNOWN),
        ((), UNREAD, NOT_KNOWN),
        ((STALLED, HEALTHY), UNREAD, NEXT),
        ((), "", NONE),
    ],
)
def test_only_a_worker_that_sends_heartbeats_is_known_to_put_a_job_back(
    others: tuple[WorkerInfo, ...], unread: str, then: str
) -> None:
    reason = explained(snapshot(EXPIRED, *others, unread=unread), Location.ACTIVE).reasons[0]
    assert (reason.code, reason.text) == (
        "worker_lost", f"the lease of worker w3, which holds it, has expired; {then}"
    )  # fmt: skip
    assert reason.remedy == ("" if then == NEXT else "asok worker")


FAILED = ServerInfo("redis://x", last_save_ok=False, persistence="rdb")
REFUSING = {
    "append": (ServerInfo("redis://x", last_append_ok=False), "redis_append_failed", True),
    "save": (FAILED._replace(stops_on_save_error=True), "redis_save_failed", True),
    "save, unknown setting": (FAILED, "redis_save_failed", False),
    "replicas": (MASTER._replace(good_replicas=0), "redis_lacks_replicas", True),
    "replicas, of two": (
        MASTER._replace(good_replicas=1, required_replicas=2), "redis_lacks_replicas", True
    ),
    "replicas, unknown setting": (MASTER._replace(good_replicas=1), "redis_lacks_replicas", False),
}  # fmt: skip


@pytest.mark.parametrize("location", [Location.PENDING, Location.DELAYED, Location.ACTIVE])
@pytest.mark.parametrize(
    "workers", [(EXPIRED,), (STALLED,), (EXPIRED, STALLED)], ids=["expired", "stalled", "both"]
)
@pytest.mark.parametrize("state", REFUSING)
def test_a_redis_that_refuses_heartbeats_counts_more_than_workers_without_them(
    state: str, workers: tuple[WorkerInfo, ...], location: Location
) -> None:
    server, code, certain = REFUSING[state]
    found = explained(snapshot(*workers, server=server), location).reasons
    assert (found[0].code, found[0].blocking) == (code, certain)
    assert not certain or "asok worker" not in [each.remedy for each in found]
    assert NONE not in " ".join(each.text for each in found)
    assert "no registered worker runs" not in " ".join(each.text for each in found)
    worker = workers[0]
    assert ranked(of_worker(worker, snapshot(*workers, server=server), ()))[0].code == code


@pytest.mark.parametrize(
    "server",
    [
        FAILED._replace(stops_on_save_error=False),
        FAILED._replace(persistence="aof"),
        MASTER._replace(good_replicas=1, required_replicas=1),
    ],
)
def test_a_redis_that_accepts_changes_is_not_reported_to_refuse_them(server: ServerInfo) -> None:
    assert codes(of_mail(snapshot(EXPIRED, server=server))) == ["worker_stalled"]


def test_heartbeats_show_that_redis_accepts_changes() -> None:
    """Where it is not known whether it is configured to refuse them."""
    whole = snapshot(
        HEALTHY, replace(EXPIRED, queues=("other",)), server=REFUSING["save, unknown setting"][0]
    )
    assert of_mail(whole)[0].text.endswith("it may refuse changes")
    assert not whole.refuses_heartbeats
    whole = snapshot(HEALTHY, server=REFUSING["replicas, unknown setting"][0])
    assert of_mail(whole) == ()


@pytest.mark.parametrize("shift", [40.0, 3600.0, -40.0])
@pytest.mark.parametrize("location", [Location.PENDING, Location.DELAYED, Location.ACTIVE])
def test_on_a_replica_whose_clock_may_differ_how_the_workers_are_is_not_known(
    location: Location, shift: float
) -> None:
    """``shift``: seconds by which the clock of the replica is ahead of the one of its master."""
    workers = [
        replace(each, beat_at=NOW - 1 - shift, lease_until=NOW + 29 - shift)
        for each in (HEALTHY, replace(HEALTHY, id="w3"))
    ]
    whole = snapshot(*workers, server=REPLICA)
    found = explained(whole, location)
    assert found.reasons[0].code == "redis_replica"
    assert "how workers are that use its master is not known" in found.reasons[0].text
    assert not {
        "worker_stalled",
        "worker_lost",
        "promotion_late",
        "worker_no_heartbeat",
        "not_known",
    } & set(codes(found))
    assert codes(ranked(of_worker(workers[0], whole, ()))) == ["redis_replica"]
    if found.estimate is not None:
        assert found.estimate.low is None


def test_on_a_replica_with_heartbeats_just_now_workers_are_compared() -> None:
    found = explained(snapshot(HEALTHY, EXPIRED, server=REPLICA), Location.ACTIVE)
    assert codes(found) == ["redis_replica", "worker_lost"]
    assert codes(of_mail(snapshot(HEALTHY, STALLED, server=REPLICA))) == [
        "redis_replica", "worker_no_heartbeat"
    ]  # fmt: skip


def entry(action: str, seconds: float, who: str, *, applied: int = 1) -> Activity:
    return Activity(
        f"op{seconds}", NOW - seconds, who, "desk", action, words="worker:w4", applied=applied
    )


@pytest.mark.parametrize(
    ("entries", "by", "since"),
    [
        # Carol quieted a worker that was quiet already.
        ([entry("quiet", 60, "carol", applied=0), entry("quiet", 7200, "ann")], "ann", NOW - 7200),
        ([entry("resume", 60, "carol", applied=0), entry("quiet", 7200, "ann")], "ann", NOW - 7200),
        # Another program has quieted it since.
        ([entry("resume", 60, "carol"), entry("quiet", 7200, "ann")], "not known", None),
        ([entry("stop", 60, "carol"), entry("quiet", 7200, "ann")], "not known", None),
        ([], "not known", None),
    ],
)
def test_a_quiet_worker_was_quieted_by_the_newest_command_with_an_effect(
    entries: list[Activity], by: str, since: float | None
) -> None:
    reason = impediment(QUIET, NOW, entries)
    assert reason is not None
    assert (reason.code, reason.evidence, reason.since) == ("worker_quiet", {"by": by}, since)


@pytest.mark.parametrize(
    ("unread", "server", "found"),
    [
        ("", MASTER, ("mail",)),
        (UNREAD, MASTER, ()),
        ("", REPLICA._replace(master_link="down"), ()),
    ],
)
def test_jobs_are_not_counted_only_where_no_registered_worker_can_run_them(
    unread: str, server: ServerInfo, found: tuple[str, ...]
) -> None:
    left = QueueStats("mail", 0, recent=(Bucket(int(NOW) - 60, 10, enqueued=5),))
    whole = replace(snapshot(unread=unread, server=server), queues=(left,))
    assert uncounted_queues(whole) == found


@pytest.mark.parametrize(
    ("queue", "command"), [("high", "asok worker"), ("mail", "asok worker --queues mail")]
)
def test_the_worker_that_is_to_be_started_serves_the_queue(queue: str, command: str) -> None:
    (reason,) = of_queue(queue, snapshot(high=1), ())
    assert (reason.code, reason.remedy) == ("no_workers", command)
