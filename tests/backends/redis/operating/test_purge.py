"""Into the trash and back: what is restored is where it was, byte for byte."""

from __future__ import annotations

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import UNMET, Scope
from asok_core.errors import Refused, UsageError
from asok_core.inspection.rows import digest
from asok_core.jobs.states import Location
from tests.fixtures.bench import Bench, job_id
from tests.programs import PATIENCE

ALL = Scope(Location.DEAD)


def test_purge_of_everything_and_its_undo(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(700)))
    result = bench.operator.purge(ALL)
    assert (result.applied, bench.dead()) == (700, [])
    assert bench.trash(result.operation) == dead_jobs
    assert 86_000 < bench.client.ttl(f"asok:trash:{result.operation}") <= 86_400
    undone = bench.operator.restore(result.operation or "")
    assert (undone.applied, bench.dead()) == (700, dead_jobs)
    assert bench.client.ttl("asok:dlq") == -1


def test_purge_of_everything_leaves_what_died_after_the_confirmation(bench: Bench) -> None:
    dead_jobs = bench.add_dead(bench.job(), bench.job())
    scope = Scope(Location.DEAD, limit=2, boundary=digest(dead_jobs[-1]))
    late = bench.add_dead(*(bench.job() for _ in range(40)))
    result = bench.operator.purge(scope)
    assert (result.applied, bench.dead()) == (2, late)
    bench.operator.restore(result.operation or "")
    assert bench.dead() == dead_jobs + late


def test_purge_by_count_alone_leaves_the_newer(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(9)))
    assert bench.operator.purge(Scope(Location.DEAD, limit=4)).applied == 4
    assert bench.dead() == dead_jobs[4:]


def test_restore_among_many_new_dead_jobs_puts_the_old_behind_them(bench: Bench) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(2500)))
    result = bench.operator.purge(ALL)
    late = bench.add_dead(*(bench.job() for _ in range(2100)))
    undone = bench.operator.restore(result.operation or "")
    assert undone.applied == 2500
    assert bench.dead() == dead_jobs + late


@pytest.mark.parametrize("every", [1, 2, 3, 97])
def test_purge_of_chosen_dead_jobs_and_its_undo_keep_every_location(
    bench: Bench, every: int
) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(800)))
    chosen = frozenset(job_id(raw) for raw in dead_jobs[::every])
    result = bench.operator.purge(Scope(Location.DEAD, ids=chosen))
    assert result.applied == len(chosen)
    assert bench.dead() == [raw for raw in dead_jobs if job_id(raw) not in chosen]
    assert bench.trash(result.operation) == dead_jobs[::every]
    undone = bench.operator.restore(result.operation or "")
    assert (undone.applied, undone.skipped, undone.refused) == (len(chosen), {}, {})
    assert bench.dead() == dead_jobs
    assert bench.client.exists(f"asok:trash:{result.operation}:at") == 0


def test_purge_takes_what_no_one_can_read(bench: Bench) -> None:
    bench.client.lpush("asok:dlq", b"\xff\xfe", b"{}", b"[1]")
    chosen = frozenset((digest(b"\xff\xfe"), digest(b"[1]")))
    assert bench.operator.purge(Scope(Location.DEAD, ids=chosen)).applied == 2
    assert bench.dead() == [b"{}"]


def test_purge_of_one_queue_s_dead_jobs_only(bench: Bench) -> None:
    dead_jobs = bench.add_dead(bench.job(queue="a"), bench.job(queue="b"), bench.job(queue="a"))
    assert bench.operator.purge(Scope(Location.DEAD, queue="a")).applied == 2
    assert bench.dead() == dead_jobs[1:2]


def test_purge_of_a_queue_cancels_its_jobs_and_its_undo_brings_them_back(bench: Bench) -> None:
    jobs = [bench.job(unique=f"u{n}" if n == 3 else None) for n in range(650)]
    envelopes = bench.add_pending(*jobs)
    bench.client.set("asok:unique:u3", jobs[3].id, ex=60)
    listener = bench.client.pubsub(ignore_subscribe_messages=True)
    listener.subscribe(f"asok:done:{jobs[3].id}")
    listener.get_message(timeout=PATIENCE)

    result = bench.operator.purge(Scope(Location.PENDING, queue="default"))

    assert (result.applied, bench.pending()) == (650, [])
    assert bench.trash(result.operation) == envelopes
    assert {bench.record(job.id)["status"] for job in jobs} == {"cancelled"}
    assert bench.client.exists("asok:unique:u3") == 0
    message = listener.get_message(timeout=PATIENCE)
    assert message is not None
    assert message["data"] == b"cancelled"
    listener.close()

    undone = bench.operator.restore(result.operation or "")
    assert (undone.applied, bench.pending()) == (650, envelopes)
    assert {bench.record(job.id)["status"] for job in jobs} == {"pending"}
    assert bench.client.get("asok:unique:u3") == jobs[3].id.encode()


def test_restore_refuses_a_job_whose_unique_key_another_has_by_now(bench: Bench) -> None:
    one, other = bench.job(unique="u"), bench.job()
    envelopes = bench.add_pending(one, other)
    result = bench.operator.purge(Scope(Location.PENDING, queue="default"))
    bench.client.set("asok:unique:u", "another-job", ex=60)
    undone = bench.operator.restore(result.operation or "")
    assert undone.refused == {"its unique key is held by another job": 1}
    assert bench.pending() == envelopes[1:]
    assert bench.trash(result.operation) == envelopes[:1]


def test_restore_twice_and_of_nothing(bench: Bench) -> None:
    bench.add_dead(bench.job())
    operation = bench.operator.purge(ALL).operation or ""
    bench.operator.restore(operation)
    for wrong in (operation, "20200101-000000-abcdef"):
        with pytest.raises(
            UsageError, match="restored or emptied already, or 24 hours have passed"
        ):
            bench.operator.restore(wrong)
    with pytest.raises(UsageError, match="is not the id of an operation"):
        bench.operator.restore("a:b*")
    assert len(bench.dead()) == 1


def test_purge_of_nothing_is_no_error(bench: Bench) -> None:
    assert bench.operator.purge(ALL).applied == 0
    assert bench.operator.purge(Scope(Location.PENDING, queue="none")).applied == 0


def test_purge_meets_a_key_of_another_type(bench: Bench) -> None:
    bench.client.set("asok:queue:odd", "text", ex=60)
    with pytest.raises(Refused):
        bench.operator.purge(Scope(Location.PENDING, queue="odd"))
    assert bench.client.get("asok:queue:odd") == b"text"


def test_purge_requires_a_queue_for_pending_jobs(bench: Bench) -> None:
    with pytest.raises(UsageError, match="name the queue"):
        bench.operator.purge(Scope(Location.PENDING))


def test_what_a_filter_no_longer_finds_is_counted_in_the_audit(bench: Bench) -> None:
    bench.add_dead(*(bench.job() for _ in range(5)))
    reader = RedisReader(Endpoint(bench.url), Keys())
    scope = Scope(Location.DEAD, words="task:x", match=lambda _row: True, expected=5)
    bench.client.ltrim(bench.keys.dead, 0, 2)
    result = bench.operator.purge(scope)
    assert (result.applied, result.skipped) == (3, {UNMET: 2})
    (entry,) = reader.activity(1)
    assert (entry.applied, dict(entry.skipped)) == (3, {UNMET: 2})
