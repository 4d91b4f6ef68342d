"""Jobs that have not started: cancelled, promoted, moved; queues paused and resumed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from asok_core.backends.roles import Scope
from asok_core.errors import UsageError
from asok_core.jobs.envelope import unseal
from asok_core.jobs.states import Location
from tests.fixtures.bench import EPOCH, KEYRING, Bench, job_id, number
from tests.fixtures.command_line import Ran
from tests.programs import PATIENCE

DELAYED = Scope(Location.DELAYED)


def pending(*names: str, queue: str = "default") -> Scope:
    return Scope(Location.PENDING, queue=queue, ids=frozenset(names))


def test_cancel_takes_chosen_pending_jobs_and_its_undo_lets_them_run_next(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(10)]
    envelopes = bench.add_pending(*jobs)
    result = bench.operator.cancel(pending(jobs[2].id, jobs[7].id))
    assert result.applied == 2
    assert bench.pending() == [raw for at, raw in enumerate(envelopes) if at not in (2, 7)]
    record = bench.record(jobs[2].id)
    assert record["status"] == "cancelled"
    assert record["finished_at"]
    bench.operator.restore(result.operation or "")
    assert bench.pending()[:2] == [envelopes[2], envelopes[7]]
    assert bench.record(jobs[2].id)["status"] == "pending"
    assert "finished_at" not in bench.record(jobs[2].id)


@pytest.mark.parametrize("action", ["cancel", "purge"])
def test_the_undo_knows_a_queue_whose_name_is_not_utf_8(bench: Bench, action: str) -> None:
    jobs = [bench.job(queue="cafe") for _ in range(3)]
    envelopes = bench.add_pending(*jobs)
    key = b"asok:queue:caf\xe9"
    bench.client.rename("asok:queue:cafe", key)
    queue = b"caf\xe9".decode("utf-8", "surrogateescape")
    scope = Scope(Location.PENDING, queue=queue)
    result = getattr(bench.operator, action)(scope)
    assert result.applied == 3
    assert bench.client.keys("asok:queue:*") == []
    assert bench.client.hget("asok:job:" + jobs[0].id, "queue") == b"caf\xe9"
    assert bench.operator.restore(result.operation or "").applied == 3
    assert bench.client.keys("asok:queue:*") == [key]
    assert bench.client.lrange(key, 0, -1) == envelopes[::-1]
    assert bench.client.hget("asok:job:" + jobs[0].id, "queue") == b"caf\xe9"


def test_cancel_takes_delayed_jobs_and_its_undo_keeps_their_times(bench: Bench) -> None:
    jobs = [bench.job(unique="u" if n == 1 else None) for n in range(700)]
    envelopes = bench.delay(*jobs)
    bench.client.set("asok:unique:u", jobs[1].id, ex=60)
    before = bench.client.zrange("asok:delayed_tasks", 0, -1, withscores=True)
    scope = Scope(Location.DELAYED, match=lambda row: number(row) % 2 == 1)
    result = bench.operator.cancel(scope)
    assert result.applied == 350
    assert bench.client.zcard("asok:delayed_tasks") == 350
    assert bench.client.exists("asok:unique:u") == 0
    assert bench.trash(result.operation) == envelopes[1::2]
    bench.operator.restore(result.operation or "")
    assert bench.client.zrange("asok:delayed_tasks", 0, -1, withscores=True) == before
    assert bench.record(jobs[1].id)["status"] == "scheduled"


def test_cancel_while_a_worker_takes_jobs_from_the_same_end(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(900)]
    bench.add_pending(*jobs)
    chosen = {job.id for job in jobs[::2]}
    claimed: list[bytes] = []

    def claim(_progress: object) -> bool:
        claimed.extend(bench.client.rpop("asok:queue", 40) or ())
        return True

    result = bench.operator.cancel(pending(*chosen), watch=claim)
    taken = {job_id(raw) for raw in claimed}
    left = {job_id(raw) for raw in bench.pending()}
    trashed = {job_id(raw) for raw in bench.trash(result.operation)}
    assert trashed == chosen - taken
    assert result.applied == len(trashed)
    assert result.skipped.get("no longer there", 0) == len(chosen & taken)
    assert len(taken) + len(left) + len(trashed) == 900


def test_promote_puts_delayed_jobs_into_their_queues_now(bench: Bench) -> None:
    jobs = [bench.job(queue=queue) for queue in ("default", "high", "default")]
    envelopes = bench.delay(*jobs, due=EPOCH * 2)
    bench.client.zadd("asok:delayed_tasks", {b"not json": EPOCH * 2})
    result = bench.operator.promote(DELAYED)
    assert (result.applied, result.refused) == (3, {"malformed": 1})
    assert bench.pending() == [envelopes[0], envelopes[2]]
    assert bench.pending("high") == [envelopes[1]]
    assert bench.record(jobs[0].id)["status"] == "pending"
    assert bench.client.zrange("asok:delayed_tasks", 0, -1) == [b"not json"]


def test_promote_into_a_key_of_another_type_leaves_the_job_delayed(bench: Bench) -> None:
    bench.delay(bench.job(queue="odd"))
    bench.client.set("asok:queue:odd", "text", ex=60)
    result = bench.operator.promote(DELAYED)
    assert result.refused == {"its key in Redis is of another type": 1}
    assert bench.client.zrange("asok:delayed_tasks", 0, -1, withscores=True)[0][1] == EPOCH


def test_move_to_another_queue_signs_again_and_keeps_order(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(400)]
    bench.add_pending(*jobs)
    bench.client.lpush("asok:queue", b'{"v": 1}')
    result = bench.operator.move(Scope(Location.PENDING, queue="default"), to="slow")
    assert (result.applied, result.refused) == (400, {"malformed": 1})
    moved = [unseal(raw, KEYRING) for raw in bench.pending("slow")]
    assert [job.id for job in moved] == [job.id for job in jobs]
    assert {(job.queue, job.retry_count) for job in moved} == {("slow", 3)}
    assert bench.record(jobs[0].id)["queue"] == "slow"
    assert bench.client.sismember("asok:queues", "slow")


def test_move_to_the_front_keeps_the_order_of_the_chosen(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(900)]
    bench.add_pending(*jobs)
    chosen = [job.id for job in jobs[50::70]]
    result = bench.operator.move(pending(*chosen), front=True)
    assert result.applied == len(chosen)
    order = [job_id(raw) for raw in bench.pending()]
    assert order[: len(chosen)] == chosen
    assert sorted(order) == sorted(job.id for job in jobs)
    assert order[len(chosen) :] == [job.id for job in jobs if job.id not in chosen]


def test_move_says_what_is_missing(bench: Bench) -> None:
    with pytest.raises(UsageError, match="another queue"):
        bench.operator.move(pending("x"), to="default")
    with pytest.raises(UsageError, match="at most 200"):
        bench.operator.move(Scope(Location.PENDING, queue="default"), front=True)


@pytest.mark.parametrize("name", ["a,b", "caf\udce9", "x" * 201, " x"])
def test_jobs_are_not_moved_to_a_queue_that_no_worker_can_serve(bench: Bench, name: str) -> None:
    job = bench.job()
    envelopes = bench.add_pending(job)
    with pytest.raises(UsageError, match="no worker can serve that queue: queue name"):
        bench.operator.move(pending(job.id), to=name)
    assert bench.pending() == envelopes
    assert not bench.client.exists("asok:audit")


@pytest.mark.parametrize("how", ["--dry-run", "--yes"])
def test_the_command_refuses_a_queue_that_no_worker_can_serve(
    bench: Bench, asok: Callable[..., Ran], how: str
) -> None:
    envelopes = bench.add_pending(bench.job())
    ran = asok("job", "move", "--queue", "default", "--all", "--to", "a,b", how)
    assert (ran.code, ran.out) == (2, "")
    assert "--to is 'a,b' (queue name 'a,b' contains a comma or a control character)" in ran.err
    assert bench.pending() == envelopes


def test_pause_and_resume_notify_the_workers(bench: Bench) -> None:
    listener = bench.client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe("asok:wake")
    listener.get_message(timeout=PATIENCE)
    assert bench.operator.pause("high").applied == 1
    assert bench.client.smembers("asok:paused") == {b"high"}
    assert bench.operator.pause("high").skipped == {"it is paused already": 1}
    assert bench.operator.resume("high").applied == 1
    assert bench.client.exists("asok:paused") == 0
    assert bench.operator.resume("high").skipped == {"it is not paused": 1}
    assert listener.get_message(timeout=PATIENCE)["data"] == b"pause high"
    listener.close()


def test_a_job_is_cancelled_by_its_id_whatever_the_time_says_at_which_it_was_enqueued(
    bench: Bench,
) -> None:
    """A producer knows Redis's clock to a part of a millisecond, so it may be ahead of it."""
    now = float(bench.client.time()[0])
    ahead, other = bench.job(enqueued_at=now + 60), bench.job(enqueued_at=now + 60)
    bench.delay(ahead, other)
    bench.add_pending(other)
    scope = Scope(Location.DELAYED, ids=frozenset((ahead.id,)))
    assert bench.operator.cancel(scope).applied == 1
    assert bench.client.zcard("asok:delayed_tasks") == 1
    # What came after an operator has confirmed stays out as ever.
    late = Scope(Location.DELAYED, ids=frozenset((other.id,)), before=now)
    assert bench.operator.cancel(late).applied == 0
