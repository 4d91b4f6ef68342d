"""A sample of a location: all of a short one, windows from everywhere of a long one, at a bounded cost."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import redis

from asok_core.backends.redis.reading import sampling
from asok_core.backends.redis.reading.queries import Order
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.inspection.composition import compose, parse_by
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.reading.seed import KEYRING, KEYS, job, push, server_time

MANY = 12_000


def fill(client: redis.Redis, location: Location, number: int) -> None:
    """Jobs whose first argument is their position in the order in which they are listed."""
    now = server_time(client)
    sealed = [seal(job(n, enqueued_at=now - 60), KEYRING) for n in range(number)]
    if location is Location.PENDING:
        client.lpush(KEYS.queue("default"), *sealed)
    elif location is Location.DELAYED:
        client.zadd(KEYS.delayed, {each: now + n for n, each in enumerate(sealed)})
    else:
        dead = [dead_entry(e, failed_at=now - 9, error="E", traceback="") for e in sealed]
        client.rpush(KEYS.dead, *dead)


LOCATIONS = pytest.mark.parametrize(
    "location", [Location.PENDING, Location.DELAYED, Location.DEAD], ids=str
)


@LOCATIONS
def test_a_short_location_is_read_whole(
    location: Location, reader: RedisReader, redis_client: redis.Redis
) -> None:
    fill(redis_client, location, 700)
    sample = reader.sample(location, "default" if location is Location.PENDING else None)
    assert sample.is_exact
    numbers = [row.payload.job.args[0] for part in sample.parts for row in part.rows]  # type: ignore[union-attr]
    assert numbers == list(range(700))
    assert [line.jobs for line in compose(sample).lines] == [700]
    assert sample.taken_at == pytest.approx(server_time(redis_client), abs=60)


@LOCATIONS
def test_of_a_long_location_windows_from_everywhere_are_read(
    location: Location, reader: RedisReader, redis_client: redis.Redis
) -> None:
    fill(redis_client, location, MANY)
    sample = reader.sample(location, "default" if location is Location.PENDING else None)
    assert not sample.is_exact
    assert sample.total == MANY
    assert sum(part.length for part in sample.parts) == MANY
    assert 1_900 <= sample.read <= 2_100
    begin = 0
    for part in sample.parts:
        numbers = [row.payload.job.args[0] for row in part.rows if row.payload.job]
        # Neighbours, from within their part of the list: none is read twice, and no part is left out.
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert begin <= numbers[0]
        assert numbers[-1] < begin + part.length
        begin += part.length


def test_two_samples_read_other_jobs(reader: RedisReader, redis_client: redis.Redis) -> None:
    fill(redis_client, Location.PENDING, MANY)
    one, other = (
        {row.key for part in reader.sample(Location.PENDING, "default").parts for row in part.rows}
        for _ in range(2)
    )
    assert one != other


def test_an_estimate_is_true_within_its_error(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    sealed = [seal(job(n, function="mail" if n % 4 else "scan"), KEYRING) for n in range(MANY)]
    redis_client.lpush(KEYS.queue("default"), *sealed)
    lines = {line.group.name: line for line in compose(reader.sample(Location.PENDING)).lines}
    assert set(lines) == {"shop.tasks.mail", "shop.tasks.scan"}
    # Every fourth in each window: this is exact but for the ends of windows.
    assert lines["shop.tasks.scan"].share == pytest.approx(0.25, abs=0.01)
    assert lines["shop.tasks.scan"].error < 0.03


@pytest.mark.only_form("scripts")
def test_large_jobs_are_counted_and_their_arguments_are_not_read(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    push(redis_client, *(job(n, args=("x" * 50_000 if n < 3 else "small",)) for n in range(10)))
    sample = reader.sample(Location.PENDING, "default")
    tasks, values, sizes = (compose(sample, parse_by(by)) for by in ("task", "arg:args[0]", "size"))
    assert [(line.group.name, line.jobs) for line in tasks.lines] == [("shop.tasks.send", 10)]
    assert [(line.group.name, line.jobs) for line in values.lines] == [
        ("small", 7),
        ("not read: large", 3),
    ]
    assert [line.jobs for line in sizes.lines] == [7, 3]


@pytest.mark.only_form("scripts")
def test_where_jobs_are_very_large_fewer_are_read_and_that_is_stated(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    client, key, each = redis_client, KEYS.queue("default"), "x" * 1_000_000
    for n in range(60):
        client.lpush(key, seal(job(n, args=(each,)), KEYRING))
    before = _read_bytes(client)
    sample = reader.sample(Location.PENDING, "default")
    assert 0 < sample.read < 60
    assert not sample.is_exact
    assert sample.total == 60
    # What is sent are outlines.
    assert _read_bytes(client) - before < 500_000
    assert [line.jobs for line in compose(sample).lines] == [60]


def _read_bytes(client: redis.Redis) -> int:
    return int(client.info("stats")["total_net_output_bytes"])


def test_a_key_of_another_type_is_a_problem_and_not_an_empty_location(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.set(KEYS.dead, "text")
    sample = reader.sample(Location.DEAD)
    assert "is not a list" in sample.problem
    assert "is not a list" in compose(sample).problem
    empty = reader.sample(Location.PENDING, "none")
    assert (empty.total, empty.parts, empty.problem) == (0, (), "")


def test_what_is_redacted_is_not_grouped_by_its_value(
    make_settings: Callable[..., Settings], redis_client: redis.Redis
) -> None:
    push(redis_client, *(job(n, args=(), kwargs={"user": {"token": f"t-{n}"}}) for n in range(5)))
    reader = open_reader(make_settings(ASOK_REDACT="token"))
    sample = reader.sample(Location.PENDING, "default")
    reader.close()
    found = compose(sample, parse_by("arg:kwargs.user.token"))
    assert [(line.group.name, line.jobs, line.group.filter) for line in found.lines] == [
        ("redacted", 5, "")
    ]
    paths = compose(sample, parse_by("arg"))
    assert [(line.group.name, line.values) for line in paths.lines] == [("kwargs.user.token", 0)]


@pytest.mark.parametrize(
    ("total", "size", "order"),
    [(2_001, 400, "left"), (50_000, 400, "right"), (1_000_000, 400, "right"),
     (1_000_000, 1_200, "left"), (1_000_000, 4_000, "left"), (10_000_000, 400, "right"),
     (1_000_000, 400, "score"), (3_000, 5_000_000, "left")],
)  # fmt: skip
def test_walks_through_a_list_take_a_bounded_time_in_all(
    total: int, size: float, order: Order
) -> None:
    plans = sampling._plans(total, size, order, random.Random(1))
    assert sum(plan.length for plan in plans) == total
    assert sampling.FEWEST <= len(plans) <= sampling.MOST
    if order != "score" and total <= 1_000_000:
        # Windows, times half of the nodes of the list, times the cost of a node.
        nodes = total * min(size / sampling.NODE, 1.0)
        assert len(plans) * nodes / 2 * sampling.WALK <= 0.05
    if order == "score" or total * size <= 500_000_000:
        assert sum(plan.jobs for plan in plans) >= 1_900
