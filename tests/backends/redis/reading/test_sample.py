"""A sample of a location: all of a short one, windows from everywhere of a long one, at a bounded cost."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import redis

from asok_core.backends.redis.reading import sampling
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.inspection.composition import compose, parse_by
from asok_core.inspection.partial_payload import ListElement
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.states import Location
from asok_core.operations.inspector import open_reader
from asok_core.settings.settings import Settings
from tests.backends.redis.reading.seed import KEYRING, KEYS, job, push, server_time

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
    # As many as there is time for: no part of the list is without any.
    assert 32 * sampling.FEWEST <= sample.read < sampling.EXACT + 1_024
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
    ("milliseconds", "windows"), [(0.0, 64), (0.2, 64), (1.0, 40), (2.0, 20), (7.0, 8), (100.0, 8)]
)
def test_windows_are_as_many_as_may_be_by_how_long_they_take(
    milliseconds: float, windows: int
) -> None:
    done, steps = 0, []
    while number := sampling.windows_of_next(done, done * milliseconds / 1000):
        steps.append(number)
        done += number
    assert done == windows
    # Other clients are served after two at first, and then after a few milliseconds.
    assert max(steps[1:]) <= max(round(4 / max(milliseconds, 0.25)), 1)


@pytest.mark.parametrize("windows", [1, 2, 5, 8, 13, 32, 63])
def test_whenever_a_sample_ends_its_windows_divide_the_list_evenly(windows: int) -> None:
    parts = sampling._parts(1_000_000)
    turn = sampling._in_turn(parts, random.Random(windows))
    assert sorted(turn) == parts
    read: dict[sampling._Part, tuple[ListElement, ...]] = dict.fromkeys(turn[:windows], ())
    lengths = [part.length for part in sampling._whole(1_000_000, read)]
    assert sum(lengths) == 1_000_000
    assert len(lengths) == windows
    # Within twice of each other, and of what is missing at both ends.
    assert max(lengths) <= 2.1 * 1_000_000 / windows


def test_any_part_may_be_among_the_few_that_are_read() -> None:
    parts = sampling._parts(1_000_000)
    first = {sampling._in_turn(parts, random.Random(n))[0] for n in range(1_000)}
    assert first == set(parts)


@pytest.mark.only_form("scripts")
def test_a_user_who_may_not_ask_for_the_time_gets_a_sample(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    fill(redis_client, Location.PENDING, MANY)
    users = [name for name in ("default", "viewer") if redis_client.acl_getuser(name)]
    for name in users:
        redis_client.execute_command("ACL", "SETUSER", name, "-time")
    sample = reader.sample(Location.PENDING, "default")
    for name in users:
        redis_client.execute_command("ACL", "SETUSER", name, "+time")
    assert len(sample.parts) == 20
    assert sum(part.length for part in sample.parts) == MANY
