"""The trash is emptied for good: of some operations or all, with an audit entry, and memory comes back."""

from __future__ import annotations

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.roles import Progress, Scope
from asok_core.errors import Refused, UsageError
from asok_core.inspection.audit import Trash
from asok_core.jobs.states import Location
from tests.fixtures.bench import Bench
from tests.programs import wait_until

ALL = Scope(Location.DEAD)


def purged(bench: Bench, count: int, **fields: object) -> str:
    """Purge ``count`` dead jobs; return the id of the operation."""
    bench.add_dead(*(bench.job(**fields) for _ in range(count)))
    operation = bench.operator.purge(ALL).operation
    assert operation is not None
    return operation


def in_trash(bench: Bench, *operations: str) -> Trash:
    reader = RedisReader(Endpoint(bench.url), Keys())
    try:
        return reader.trash(operations or None)
    finally:
        reader.close()


def audit_of(bench: Bench, operation: str | None) -> dict[str, str]:
    entries = (
        {name.decode(): value.decode() for name, value in fields.items()}
        for _, fields in bench.client.xrange("asok:audit")
    )
    (entry,) = (each for each in entries if each["operation"] == operation)
    return entry


def test_one_operation_is_deleted_and_the_others_stay(bench: Bench) -> None:
    first, second = purged(bench, 3), purged(bench, 2)
    assert in_trash(bench) == {first: 3, second: 2}
    result = bench.operator.empty_trash([first])
    assert (result.action, result.applied, result.skipped) == ("empty", 3, {})
    assert not bench.client.exists(f"asok:trash:{first}", f"asok:trash:{first}:at")
    assert in_trash(bench) == {second: 2}
    entry = audit_of(bench, result.operation)
    assert (entry["action"], entry["place"], entry["words"]) == ("empty", "trash", first)
    assert (entry["who"], entry["state"], entry["applied"]) == ("ann@desk", "done", "3")
    with pytest.raises(UsageError, match="restored or emptied already"):
        bench.operator.restore(first)
    assert bench.operator.restore(second).applied == 2


def test_what_the_audit_has_forgotten_is_found_by_its_key(bench: Bench) -> None:
    operation = purged(bench, 4)
    bench.client.delete("asok:audit")
    bench.client.rpush("asok:trash:a:b", "x")
    bench.client.expire("asok:trash:a:b", 60)
    assert in_trash(bench) == {operation: 4}
    assert in_trash(bench, operation, "nothing", "a:b") == {operation: 4}


def test_an_operation_without_trash_is_skipped_and_what_is_none_is_refused(bench: Bench) -> None:
    result = bench.operator.empty_trash(["20240101-000000-abcdef"])
    assert (result.applied, result.skipped) == (0, {"nothing of it was in the trash": 1})
    for odd in ("a:b", "", "*"):
        with pytest.raises(UsageError, match="is not the id of an operation"):
            bench.operator.empty_trash([odd])


def test_a_key_of_another_type_is_refused_and_left(bench: Bench) -> None:
    bench.client.set("asok:trash:odd", "x", ex=60)
    with pytest.raises(Refused, match="asok:trash:odd is a string and should be a list"):
        bench.operator.empty_trash(["odd"])
    assert bench.client.get("asok:trash:odd") == b"x"


def test_a_trash_of_another_type_is_not_called_empty(bench: Bench) -> None:
    kept, odd = purged(bench, 2), purged(bench, 3)
    key = f"asok:trash:{odd}"
    bench.client.delete(key)
    bench.client.set(key, "x", ex=60)
    problem = f"The key {key} is not a list: what is in the trash cannot be read."
    for found in (in_trash(bench), in_trash(bench, kept, odd)):
        assert (found, found.problems) == ({kept: 2}, (problem,))
    reader = RedisReader(Endpoint(bench.url), Keys())
    noted = {each.operation: each for each in reader.activity(10)}
    reader.close()
    assert (noted[odd].in_trash, noted[odd].trash_problem) == (0, problem)
    assert (noted[kept].in_trash, noted[kept].trash_problem) == (2, "")
    with pytest.raises(Refused, match=f"The key {key} is not a list"):
        bench.operator.restore(odd)
    key = f"asok:operation:{kept}"
    bench.client.delete(key)
    bench.client.set(key, "x", ex=60)
    with pytest.raises(Refused, match=f"The key {key} is not a hash"):
        bench.operator.restore(kept)


def test_it_can_be_stopped_between_operations(bench: Bench) -> None:
    operations = [purged(bench, 1) for _ in range(3)]
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return len(seen) < 2

    result = bench.operator.empty_trash(operations, watch=watch)
    assert (result.applied, result.cancelled) == (2, True)
    assert [(each.scanned, each.total, each.applied) for each in seen] == [(1, 3, 1), (2, 3, 2)]
    assert in_trash(bench) == {operations[2]: 1}
    assert audit_of(bench, result.operation)["state"] == "cancelled"


def test_jobs_of_a_purge_that_was_cut_short_are_cancelled_before_they_are_deleted(
    bench: Bench,
) -> None:
    """Else their records would say pending for weeks, with no job behind them."""
    jobs = [bench.job(unique=f"key-{n}") for n in range(3)]
    envelopes = bench.add_pending(*jobs)
    for job in jobs:
        bench.client.hset(f"asok:job:{job.id}", "status", "pending")
        bench.client.set(f"asok:unique:{job.unique}", job.id, ex=600)
    # As the purge leaves it when it is killed after its first step.
    bench.client.delete("asok:queue")
    bench.client.rpush("asok:trash:cut", *reversed(envelopes))
    bench.client.expire("asok:trash:cut", 600)
    bench.client.hset("asok:operation:cut", mapping={"place": "pending", "state": "running"})
    bench.client.expire("asok:operation:cut", 600)
    assert bench.operator.empty_trash(["cut"]).applied == 3
    assert {bench.record(job.id)["status"] for job in jobs} == {"cancelled"}
    assert bench.client.keys("asok:unique:*") == []


def test_purging_and_emptying_gives_a_full_redis_its_memory_back(bench: Bench) -> None:
    bench.add_pending(*(bench.job(args=(n, "x" * 10_000)) for n in range(300)))
    bench.client.config_set("maxmemory", 1)
    try:
        before = bench.client.info("memory")["used_memory"]
        purge = bench.operator.purge(Scope(Location.PENDING, queue="default"))
        assert bench.operator.empty_trash([purge.operation or ""]).applied == 300
        # UNLINK frees in the background.
        wait_until(
            lambda: before - bench.client.info("memory")["used_memory"] > 2_500_000,
            "the memory of 300 jobs of 10 kB",
        )
    finally:
        bench.client.config_set("maxmemory", 0)
