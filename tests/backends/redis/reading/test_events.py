"""How a reader reads events: by scripts and by plain commands alike."""

from __future__ import annotations

import pytest
import redis

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.events import LAST_ID
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.errors import Refused
from asok_core.settings.kinds import SHORTEST_EVENTS_AGE

KEYS = Keys()


def add(client: redis.Redis, number: int, **fields: str) -> None:
    entry = {"kind": "queue_paused", "at": f"{number}.5", "queue": f"q{number}"} | fields
    client.xadd(KEYS.events, entry, id=f"{number}-1")  # type: ignore[arg-type]
    client.expire(KEYS.events, 600)


def test_the_newest_come_first_and_ids_bound_the_range(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    for number in range(1, 8):
        add(redis_client, number)
    found = reader.events(3)
    assert [each.id for each in found] == ["7-1", "6-1", "5-1"]
    assert abs(found.read_at - redis_client.time()[0]) < 60
    assert [each.id for each in reader.events(9, after="5-1")] == ["7-1", "6-1"]
    assert [each.id for each in reader.events(9, before="3-1")] == ["2-1", "1-1"]
    assert [each.id for each in reader.events(9, after="2-1", before="5-1")] == ["4-1", "3-1"]
    first = found[0]
    assert (first.kind, first.at, dict(first.fields)) == ("queue_paused", 7.5, {"queue": "q7"})
    assert reader.events(9, after="7-1").readable() == ()


def test_an_entry_of_another_program_is_shown_as_it_is(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.xadd(KEYS.events, {b"kind": b"\xff", b"at": b"nan", b"x": b"y" * 5000})
    redis_client.xadd(KEYS.events, {b"a": b"b"})
    redis_client.expire(KEYS.events, 600)
    last, first = reader.events(9)
    assert (first.kind, first.at) == ("\ufffd", None)
    assert first.fields["x"].startswith("y")
    assert (last.kind, last.at, dict(last.fields)) == ("", None, {"a": "b"})


def test_a_key_of_another_type_is_named(reader: RedisReader, redis_client: redis.Redis) -> None:
    redis_client.set(KEYS.events, "text", ex=600)
    problem = f"The key {KEYS.events} is not a stream"
    with pytest.raises(Refused, match=problem):
        reader.events(9).readable()
    snapshot = reader.snapshot()
    assert snapshot.events == ()
    assert snapshot.problems == ("events cannot be read or recorded: their key is not a stream",)


def test_a_snapshot_reads_each_event_once_and_in_no_round_trip_of_its_own(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    before = reader.snapshot().cost
    for number in range(1, 301):
        add(redis_client, number)
    first = reader.snapshot()
    assert [each.id for each in first.events] == [f"{n}-1" for n in range(300, 100, -1)]
    assert first.cost.round_trips == before.round_trips
    add(redis_client, 301)
    second = reader.snapshot()
    assert [each.id for each in second.events] == [f"{n}-1" for n in range(301, 101, -1)]
    assert (second.cost.reply_bytes or 0) < (first.cost.reply_bytes or 0) - 10_000
    assert second.cost.round_trips == before.round_trips
    assert reader.snapshot(rates=False).events == second.events


def test_what_may_have_been_removed_before_the_first_snapshot_is_not_known(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    """Workers keep events for an hour at least, and not forever."""
    add(redis_client, 1)
    snapshot = reader.snapshot()
    assert snapshot.events_since == snapshot.taken_at - SHORTEST_EVENTS_AGE


def test_the_largest_id_that_there_can_be_ends_no_snapshot(
    reader: RedisReader, redis_client: redis.Redis
) -> None:
    redis_client.xadd(KEYS.events, {"kind": "x"}, id=LAST_ID)
    redis_client.expire(KEYS.events, 600)
    for _ in range(2):
        assert [each.id for each in reader.snapshot().events] == [LAST_ID]
    assert reader.events(9, after=LAST_ID) == ()
