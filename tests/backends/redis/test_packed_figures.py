"""Figures by task in Redis: what a script adds is what Python counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asok_core.backends.redis.calls.tasks import CountTasks, TaskCount
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming.task_counts import TaskCounts
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import PackedSum, entries, pack, unpack
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.backends.redis.reading.task_memory import TaskMemory
from asok_core.inspection import histograms
from asok_core.inspection.task_figures import OTHER, RANGES, Figures, total

KEYS = Keys()
numbers = st.integers(0, 20) | st.integers(0, 1 << 40)
histogram = st.dictionaries(
    st.integers(0, 127), st.integers(1, 9) | st.integers(1, 1 << 30), max_size=12
)
figures = st.builds(
    Figures, numbers, numbers, numbers, numbers, numbers, numbers, numbers, histogram, histogram
)


def packed(each: Figures) -> bytes:
    counts = (
        *(each.started, each.completed, each.failed, each.retried, each.cancelled),
        *(each.run_us, each.size),
    )
    return pack(counts, each.runs, each.waits)


@pytest.fixture
def connection(redis_url: str) -> Any:
    made = Endpoint(redis_url).connect()
    yield made
    made.close()


def count(connection: Connection, *counts: TaskCount, most: int = 500, ranked: int = 1000) -> None:
    connection.run(CountTasks(ns="asok", others=OTHER, most=most, ranked=ranked, counts=counts))


def of(task: str, completed: int = 1) -> TaskCount:
    return TaskCount(task, completed, packed(Figures(completed, completed)))


def read(redis_url: str) -> dict[str, Figures]:
    reader = RedisReader(Endpoint(redis_url), KEYS)
    table = reader.tasks(RANGES["1h"])
    reader.close()
    found = {row.name: row.figures for row in table.rows}
    return found | ({OTHER: table.other.figures} if table.other else {})


@given(figures)
def test_what_is_packed_is_unpacked(each: Figures) -> None:
    assert unpack(packed(each)) == each


@given(st.binary(max_size=60))
def test_no_bytes_cause_an_error(some: bytes) -> None:
    unpack(some)
    list(entries(some))


@given(st.lists(figures, max_size=5), st.lists(figures, max_size=3), st.binary(max_size=60))
def test_a_sum_of_packed_figures_is_that_of_figures(
    some: list[Figures], more: list[Figures], other: bytes
) -> None:
    found = PackedSum()
    for each in (*more, *some):
        assert found.add(packed(each)) == each.ended
    if unpack(other) is None:
        assert found.add(other) == 0
    for each in more:
        found.subtract(packed(each))
    assert found.figures == total(some)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 8)), min_size=1, max_size=8),
    st.lists(st.none() | st.integers(1, 9), min_size=24, max_size=24),
)
def test_a_sum_that_moves_with_the_range_is_that_of_its_buckets(
    ranges: list[tuple[int, int]], counts: list[int | None]
) -> None:
    memory = TaskMemory()
    made = {
        at: packed(Figures(number, number, runs={number: number}))
        for at, number in enumerate(counts)
        if number
    }
    for first, count in ranges:
        last = first + count
        block = b"".join(
            each + bytes([at]) + len(each).to_bytes(2, "big")
            for at, each in made.items()
            if at <= last
        )
        since = memory.missing_from(first)
        memory.absorb(0, 1, block, since)
        memory.close(since, last)
        expected = [counts[at] or 0 for at in range(first, last + 1)]
        assert memory.total(first, 1, count + 1).completed == sum(expected)
        assert (
            memory.total(first, 1, count + 1, "again").runs
            == total(Figures(runs={each: each}) for each in expected if each).runs
        )
        assert memory.trend(first, 1, count + 1) == tuple(expected)
        if last % 3 == 0:
            memory.drop_before(first)


@given(st.lists(st.integers(0, 1 << 33)))
def test_durations_are_counted_up_to_the_bound_of_their_bucket(durations: list[int]) -> None:
    found = histograms.histogram_of(durations)
    assert sum(found.values()) == len(durations)
    for each in durations:
        (bucket,) = histograms.histogram_of([each])
        assert each / 1000 <= histograms.bound(bucket) or each < 1001 or bucket == 127
        assert bucket == 0 or int(histograms.bound(bucket - 1) * 1000) < each


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50
)
@given(st.lists(figures, min_size=1, max_size=4))
def test_the_script_adds_figures(
    connection: Connection, redis_client: Any, redis_url: str, parts: list[Figures]
) -> None:
    redis_client.flushdb()
    for each in parts:
        count(connection, TaskCount("shop.mail", 1, packed(each)))
    assert total(read(redis_url).values()) == total(parts)


@pytest.mark.parametrize(
    "block", [b"", b"x", b"\x00" * 400, b"\xff" * 400, b"\x77" * 4000, b"\x00\x01\x00\x3b\x00\x03"]
)
def test_a_block_that_is_not_one_costs_only_its_own_figures(
    connection: Connection, redis_client: Any, redis_url: str, block: bytes
) -> None:
    count(connection, of("shop.mail"), of("shop.pack"))
    for key in redis_client.scan_iter("asok:task:*:shop.mail"):
        redis_client.set(key, block, ex=600)
    count(connection, of("shop.mail", 2), of("shop.pack", 2))
    found = read(redis_url)
    assert found["shop.pack"].completed == 3
    assert found["shop.mail"].completed == 2


def test_the_busiest_tasks_have_figures_of_their_own(
    connection: Connection, redis_client: Any, redis_url: str
) -> None:
    count(connection, *(of(f"shop.{n}", 20 - n) for n in range(6)), most=4)
    found = read(redis_url)
    assert found[OTHER].completed == 16 + 15
    assert {name for name in found if name != OTHER} == {f"shop.{n}" for n in range(4)}
    # One that becomes busy has figures of its own from then on, and each attempt is counted once.
    count(connection, of("shop.5", 100), of("shop.4", 1), most=4)
    found = read(redis_url)
    assert found["shop.5"].completed == 100
    assert found[OTHER].completed == 16 + 15 + 1
    assert found["shop.3"].completed == 17


def test_a_flood_of_names_is_bounded_and_nothing_is_lost(
    connection: Connection, redis_client: Any, redis_url: str
) -> None:
    count(connection, *(of(f"shop.{n}", 50) for n in range(5)), most=5, ranked=10)
    for n in range(200):
        count(connection, of(f"flood.{n}"), most=5, ranked=10)
    (ranking,) = redis_client.scan_iter("asok:tasks:*")
    assert redis_client.zcard(ranking) == 10
    found = read(redis_url)
    assert found[OTHER].completed == 200
    assert {name for name in found if name != OTHER} == {f"shop.{n}" for n in range(5)}


def test_a_task_that_becomes_busy_is_ranked_among_many_others(
    connection: Connection, redis_client: Any, redis_url: str
) -> None:
    first = [30 - n for n in range(10)]
    count(connection, *(of(f"shop.{n}", first[n]) for n in range(10)), most=5, ranked=10)
    for _ in range(100):
        count(connection, of("shop.busy"), most=5, ranked=10)
    found = read(redis_url)
    assert found["shop.busy"].completed > 50
    assert found["shop.busy"].completed + found[OTHER].completed == sum(first[5:]) + 100


def test_every_key_has_a_ttl_and_the_blocks_outlive_their_range(
    connection: Connection, redis_client: Any
) -> None:
    count(connection, of("shop.mail"))
    count(connection, of("shop.mail"))
    for pattern, days in (("asok:task:m*", 1), ("asok:task:h*", 14), ("asok:tasks:*", 14)):
        (key,) = redis_client.scan_iter(pattern)
        assert redis_client.ttl(key) >= days * 86_400


def test_a_complete_block_is_compact(connection: Connection, redis_client: Any) -> None:
    hour = redis_client.time()[0] // 3600 * 3600
    keys = [KEYS.task_minutes("shop.mail", start) for start in (hour - 3600, hour, hour + 3600)]
    for key in keys[:2]:
        for _ in range(40):
            redis_client.append(key, b"\x11" * 60)
        redis_client.expire(key, 600)
    grown = redis_client.memory_usage(keys[0])
    redis_client.delete(keys[1])
    count(connection, of("shop.mail"))
    assert redis_client.memory_usage(keys[0]) < grown
    assert 0 < redis_client.ttl(keys[0]) <= 600


def test_names_that_are_too_long_or_too_many_are_counted_together(
    connection: Connection, redis_url: str
) -> None:
    counts = TaskCounts()
    counts.crashed("m." + "x" * 300)
    for n in range(1200):
        counts.crashed(f"m.f{n}")
    counts.write(connection, "asok")
    found = read(redis_url)
    assert total(found.values()).failed == 1201
    assert found[OTHER].failed >= 201


@pytest.mark.parametrize(
    "attempts",
    [
        pytest.param([1] * 60, id="equal"),
        pytest.param([1] * 30 + [2] * 30, id="those that come later are busier"),
        pytest.param(list(range(1, 61)), id="each is busier than those before"),
    ],
)
def test_whatever_the_number_of_tasks_no_attempt_is_lost(
    connection: Connection, redis_client: Any, redis_url: str, attempts: list[int]
) -> None:
    """A task with figures stays in the ranking, and new tasks do not add keys without end."""
    for n, number in enumerate(attempts):
        count(connection, of(f"shop.{n:03}", number), most=5, ranked=10)
    found = read(redis_url)
    assert total(found.values()).completed == sum(attempts)
    # Of those with figures of their own, and the others.
    assert len(list(redis_client.scan_iter("asok:task:h*"))) <= 10 + 1


def test_a_damaged_entry_hides_nothing_that_is_counted_after_it(
    connection: Connection, redis_client: Any, redis_url: str
) -> None:
    count(connection, of("shop.mail", 5))
    for key in redis_client.scan_iter("asok:task:*:shop.mail"):
        redis_client.setrange(key, 0, b"\xff\xff\xff")
    for _ in range(2):
        count(connection, of("shop.mail", 2))
    assert read(redis_url)["shop.mail"].completed == 4


def test_counts_stop_at_the_largest_number(connection: Connection, redis_url: str) -> None:
    largest = (1 << 48) - 1
    many = packed(Figures(3, 3, run_us=largest, runs={127: largest}))
    for _ in range(20):
        count(connection, *[TaskCount("shop.mail", 3, many)] * 50)
    found = read(redis_url)["shop.mail"]
    assert (found.completed, found.run_us, found.runs) == (3_000, largest, {127: largest})
