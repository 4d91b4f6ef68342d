"""Dead jobs back to their queues: each state that a dead job can have, and what happens to the keys."""

from __future__ import annotations

import json
import re

import pytest

from asok_core.backends.redis.calls.operations import Requeue
from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.constants import REFUSALS
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Progress, Scope
from asok_core.errors import Refused, SettingsError, UsageError
from asok_core.inspection.rows import digest
from asok_core.jobs.envelope import dead_entry, seal_text, unseal
from asok_core.jobs.states import Location
from tests.fixtures.bench import (
    KEYRING,
    STRANGER,
    Bench,
    Steps,
    dead_job,
    foreign_dead_job,
    job_id,
    job_of,
    number,
)
from tests.reviewing import review_at

ALL = Scope(Location.DEAD)


def ids(*names: str) -> Scope:
    return Scope(Location.DEAD, ids=frozenset(names))


def test_requeue_puts_dead_jobs_back_oldest_first_with_all_their_retries(bench: Bench) -> None:
    jobs = [bench.job(queue=queue, extra={"tenant": 7}) for queue in ("default", "high", "default")]
    bench.add_dead(*jobs)
    bench.client.hset(
        "asok:job:" + jobs[0].id, mapping={"status": "failed", "error": "x", "worker": "w"}
    )
    bench.client.set("asok:crashes:" + jobs[0].id, 2, ex=100)

    result = bench.operator.requeue(ALL)

    assert (result.applied, result.skipped, result.refused) == (3, {}, {})
    assert bench.dead() == []
    assert [job_id(raw) for raw in bench.pending()] == [jobs[0].id, jobs[2].id]
    assert [job_id(raw) for raw in bench.pending("high")] == [jobs[1].id]
    job = unseal(bench.pending()[0], KEYRING)
    assert (job.retry_count, job.retries, job.function) == (0, 3, "mail")
    assert job.extra == {"tenant": 7, "earlier_error": "ValueError: no"}
    assert job.args == jobs[0].args
    record = bench.record(jobs[0].id)
    assert record["status"] == "pending"
    assert record["function"] == "shop.mail"
    assert record["retry_count"] == "0"
    assert float(record["enqueued_at"]) == pytest.approx(bench.client.time()[0], abs=5)
    assert not {"error", "worker", "started_at", "finished_at"} & set(record)
    assert bench.client.exists("asok:crashes:" + jobs[0].id) == 0
    assert bench.client.smembers("asok:queues") == {b"default", b"high"}
    assert bench.client.ttl("asok:job:" + jobs[0].id) > 86_000
    buckets = list(bench.client.scan_iter("asok:stats:high:*"))
    assert [bench.client.hget(key, "enqueued") for key in buckets] == [b"1", b"1"]


def test_requeue_keeps_every_unknown_key_of_the_job_text(bench: Bench) -> None:
    job = bench.job()
    (raw,) = bench.add_dead(job)
    fields = job_of(raw) | {"timeout": "odd", "x": {"deep": [1, None]}, "unique": None}
    bench.client.delete("asok:dlq")
    text = json.dumps(fields)
    bench.client.lpush("asok:dlq", dead_entry(seal_text(text, KEYRING), failed_at=1, error="e"))
    bench.operator.requeue(ALL)
    kept = job_of(bench.pending()[0])
    assert kept["timeout"] == "odd"
    assert kept["x"] == {"deep": [1, None]}


@pytest.mark.parametrize("trust", [False, True])
def test_requeue_of_what_cannot_be_trusted(bench: Bench, trust: bool) -> None:
    good, bad, bare = bench.job(), bench.job(), bench.job()
    bench.add_dead(good)
    bench.add_dead(bad, keyring=STRANGER)
    bench.client.lpush("asok:dlq", foreign_dead_job(bare, 5.0), b"not json at all", b'{"id": 3}')

    reviewed = review_at(bench.url, KEYRING).reviewed if trust else None
    result = bench.operator.requeue(ALL, trust=reviewed)

    if trust:
        assert result.refused == {"malformed": 2}
        assert [job_id(raw) for raw in bench.pending()] == [good.id, bad.id, bare.id]
        assert all(unseal(raw, KEYRING).function == "mail" for raw in bench.pending())
    else:
        assert result.refused == {"bad signature": 1, "unsigned": 1, "malformed": 2}
        assert [job_id(raw) for raw in bench.pending()] == [good.id]
    assert result.applied + sum(result.refused.values()) == 5
    assert len(bench.dead()) == sum(result.refused.values())


def test_requeue_without_a_key_refuses_and_changes_nothing(bench: Bench) -> None:
    dead_jobs = bench.add_dead(bench.job())
    keyless = RedisOperator(Endpoint(bench.url), bench.keys, None)
    with pytest.raises(SettingsError, match="SECRET_KEY is not set"):
        keyless.requeue(ALL)
    assert bench.dead() == dead_jobs


def test_requeue_of_chosen_ids_leaves_the_others_in_their_order(bench: Bench) -> None:
    jobs = [bench.job() for _ in range(1000)]
    dead_jobs = bench.add_dead(*jobs)
    chosen = {job.id for job in jobs[::7]}
    result = bench.operator.requeue(ids(*chosen, "no-such-job"))
    assert (result.applied, result.skipped) == (len(chosen), {"no longer there": 1})
    assert bench.dead() == [raw for raw in dead_jobs if job_id(raw) not in chosen]
    assert [job_id(raw) for raw in bench.pending()] == [job.id for job in jobs[::7]]


def test_requeue_of_a_filter_goes_through_all(bench: Bench) -> None:
    jobs = [bench.job(function="mail" if n % 3 else "sms") for n in range(1500)]
    bench.add_dead(*jobs)
    seen = Steps()
    scope = Scope(Location.DEAD, match=lambda row: number(row) % 3 == 0, words="task:sms")
    result = bench.operator.requeue(scope, watch=seen)
    assert result.applied == 500
    assert [job_id(raw) for raw in bench.dead()] == [j.id for j in jobs if j.function == "mail"]
    assert [job_id(raw) for raw in bench.pending()] == [j.id for j in jobs if j.function == "sms"]
    assert seen[-1] == Progress(1500, 1500, 500)
    assert len(seen) == 5


def test_requeue_leaves_out_what_died_after_the_confirmation(bench: Bench) -> None:
    dead_jobs = bench.add_dead(bench.job(), bench.job())
    scope = Scope(Location.DEAD, limit=2, boundary=digest(dead_jobs[-1]))
    # A worker whose clock is behind: only the position in the list shows that it is newer.
    late = bench.add_dead(bench.job())
    result = bench.operator.requeue(scope)
    assert result.applied == 2
    assert bench.dead() == late


def test_requeue_without_its_boundary_goes_by_count_and_time(bench: Bench) -> None:
    dead_jobs = bench.add_dead(bench.job(), bench.job(), bench.job())
    now = bench.client.time()[0]
    scope = Scope(Location.DEAD, limit=3, before=now, boundary=digest(dead_jobs[-1]))
    bench.client.lrem("asok:dlq", 1, dead_jobs[-1])
    bench.client.lpush("asok:dlq", dead_job(bench.job(), now + 10))
    result = bench.operator.requeue(scope)
    assert (result.applied, result.skipped) == (2, {"no longer there": 1})
    assert len(bench.dead()) == 1


def test_requeue_can_be_stopped_between_batches(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(900)))
    result = bench.operator.requeue(ALL, watch=lambda p: p.applied < 400)
    assert result.cancelled
    assert 0 < result.applied < 900
    assert len(bench.dead()) == 900 - result.applied
    assert len(bench.pending()) == result.applied


def test_requeue_into_a_key_of_another_type_refuses_only_that_queue(bench: Bench) -> None:
    good, broken = bench.job(), bench.job(queue="odd")
    dead_jobs = bench.add_dead(broken, good)
    bench.client.set("asok:queue:odd", "text", ex=60)
    result = bench.operator.requeue(ALL)
    assert (result.applied, result.refused) == (1, {"its key in Redis is of another type": 1})
    assert bench.dead() == dead_jobs[:1]


@pytest.mark.parametrize("key", ["asok:dlq", "asok:audit"])
def test_requeue_meets_a_key_of_another_type(bench: Bench, key: str) -> None:
    bench.add_dead(bench.job())
    bench.client.delete(key)
    bench.client.set(key, "text", ex=60)
    before = bench.dead() if key != "asok:dlq" else None
    with pytest.raises(Refused, match=r"WRONGTYPE|should be a stream"):
        bench.operator.requeue(ALL)
    assert before is None or bench.dead() == before
    assert bench.pending() == []


def test_requeue_keeps_a_record_of_the_framework_a_string(bench: Bench) -> None:
    job = bench.job()
    bench.add_dead(job)
    bench.client.set("asok:job:" + job.id, json.dumps({"status": "failed", "error": "x"}), ex=60)
    bench.operator.requeue(ALL)
    record = json.loads(bench.client.get("asok:job:" + job.id))
    assert record["status"] == "pending"
    assert record["error"] is None
    assert record["function"] == "shop.mail"


def test_requeue_takes_the_unique_key_or_refuses_where_another_job_has_it(bench: Bench) -> None:
    first, second = bench.job(unique="order-1"), bench.job(unique="order-1")
    bench.add_dead(first, second)
    result = bench.operator.requeue(ALL)
    assert result.refused == {"its unique key is held by another job": 1}
    assert bench.client.get("asok:unique:order-1") == first.id.encode()
    assert [job_id(raw) for raw in bench.dead()] == [second.id]


def test_requeue_of_identical_dead_jobs_takes_each_once(bench: Bench) -> None:
    (raw,) = bench.add_dead(bench.job())
    bench.client.lpush("asok:dlq", raw, raw)
    assert bench.operator.requeue(ALL).applied == 3
    assert len(bench.pending()) == 3


def test_requeue_of_huge_dead_jobs_goes_in_small_windows(bench: Bench) -> None:
    bench.add_dead(*(bench.job(args=("x" * 700_000,)) for _ in range(12)))
    steps = Steps()
    result = bench.operator.requeue(ALL, watch=steps)
    assert result.applied == 12
    assert len(steps) > 2


def test_requeue_at_a_rate_goes_in_small_even_steps(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(12)))
    steps = Steps()
    bench.operator.requeue(ALL, rate=20, watch=steps)
    assert [step.applied for step in steps] == [10, 12]


def test_requeue_acts_on_dead_jobs_only(bench: Bench) -> None:
    with pytest.raises(UsageError, match="acts on dead jobs, not on pending jobs"):
        bench.operator.requeue(Scope(Location.PENDING, queue="default"))


def test_edit_requeues_with_other_arguments_and_keeps_the_original(bench: Bench) -> None:
    job = bench.job(kwargs={"to": "x"})
    (raw,) = bench.add_dead(job)
    result = bench.operator.edit(bench.dead()[0], ["new"], {"to": "y"})
    assert result.applied == 1
    edited = unseal(bench.pending()[0], KEYRING)
    assert (edited.id, edited.args, edited.kwargs) == (job.id, ("new",), {"to": "y"})
    assert bench.trash(result.operation) == [raw]
    assert bench.operator.restore(result.operation or "").applied == 1
    assert bench.dead() == [raw]
    assert bench.pending() == [], "the original and the edited job are never both there"
    record = bench.record(job.id)
    assert (record["status"], record["error"]) == ("failed", "Trace")
    with pytest.raises(UsageError, match="nothing of"):
        bench.operator.restore(result.operation or "")


def test_undo_of_an_edit_frees_the_unique_key(bench: Bench) -> None:
    job = bench.job(unique="order-1")
    bench.add_dead(job)
    result = bench.operator.edit(bench.dead()[0], ["new"], {})
    assert bench.client.get("asok:unique:order-1") == job.id.encode()
    bench.operator.restore(result.operation or "")
    assert bench.client.exists("asok:unique:order-1") == 0


@pytest.mark.parametrize("form", ["hash", "framework"])
@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("running", "the edited job is running"),
        ("completed", "the edited job has ended"),
        ("failed", "the edited job has ended"),
        ("cancelled", "the edited job has ended"),
        ("retrying", "the edited job has run and waits for a retry"),
        ("pending", "the edited job is no longer where the edit put it"),
        ("", "the edited job is no longer where the edit put it"),
    ],
)
def test_undo_of_an_edit_is_refused_once_the_edited_job_left_its_queue(
    bench: Bench, status: str, why: str, form: str
) -> None:
    job = bench.job()
    (raw,) = bench.add_dead(job)
    result = bench.operator.edit(bench.dead()[0], ["new"], {})
    edited = bench.client.rpop("asok:queue")
    key = "asok:job:" + job.id
    bench.client.delete(key)
    if status and form == "hash":
        bench.client.hset(key, mapping={"status": status})
    elif status:
        bench.client.set(key, json.dumps({"status": status}))
    if status:
        bench.client.expire(key, 60)
    for _ in range(2):
        refused = bench.operator.restore(result.operation or "")
        assert (refused.applied, refused.refused) == (0, {why: 1})
        assert bench.trash(result.operation) == [raw]
        assert bench.dead() == []
    edit = RedisReader(Endpoint(bench.url), Keys()).activity(10)[-1]
    assert (edit.action, edit.in_trash) == ("edit", 1)
    assert bool(edit.undo_left(edit.at or 0)) is ("has ended" not in why)
    # Back where it was, it can be undone again.
    bench.client.rpush("asok:queue", edited)
    assert bench.operator.restore(result.operation or "").applied == 1
    assert (bench.dead(), bench.pending()) == ([raw], [])


def test_undo_of_an_edit_meets_keys_of_another_type(bench: Bench) -> None:
    job = bench.job()
    bench.add_dead(job)
    result = bench.operator.edit(bench.dead()[0], ["new"], {})
    for key in ("asok:dlq", "asok:queue"):
        kept = bench.client.dump(key)
        bench.client.delete(key)
        bench.client.set(key, "text", ex=60)
        assert bench.operator.restore(result.operation or "").applied == 0
        bench.client.delete(key)
        if kept:
            bench.client.restore(key, 0, kept)
    assert bench.operator.restore(result.operation or "").applied == 1
    assert (len(bench.dead()), bench.pending()) == (1, [])


def test_requeue_to_the_front_runs_before_all_that_waits_in_order(bench: Bench) -> None:
    bench.add_pending(*(bench.job() for _ in range(3)))
    jobs = [bench.job() for _ in range(5)]
    bench.add_dead(*jobs)
    assert bench.operator.requeue(ALL, front=True).applied == 5
    assert [job_id(raw) for raw in bench.pending()[:5]] == [job.id for job in jobs]


def test_python_and_lua_say_the_same_reasons() -> None:
    text = Requeue.script().text
    found = re.findall(
        r"\[(\d+)\] = '([^']+)'", text.partition("local REFUSALS")[2].partition("}")[0]
    )
    assert {int(reply): reason for reply, reason in found} == REFUSALS


def test_edit_refuses_arguments_that_json_cannot_carry(bench: Bench) -> None:
    with pytest.raises(TypeError, match="argument 1"):
        bench.operator.edit(b"x", [object()], {})
