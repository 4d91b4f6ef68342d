"""The history of queues, as a reader sees it by scripts and by plain commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.clock import DAY, HOUR, MINUTE
from tests.fixtures.past import Past

KEYS = Keys()


@pytest.fixture
def past(redis_url: str) -> Any:
    import redis

    with redis.Redis.from_url(redis_url) as client:
        yield Past(client)


def last(seconds: float) -> Callable[[float], tuple[float, float]]:
    return lambda now: (now - seconds, now)


def test_what_was_neither_sampled_nor_counted_is_not_recorded(
    reader: RedisReader, past: Past
) -> None:
    past.sample("mail", 4, 7)
    past.count("mail", 2, enqueued=3)
    found = reader.queue_history("mail", last(HOUR))
    assert found.width == MINUTE
    assert 59 <= len(found.periods) <= 60
    ago = {round((past.now - each.start) // MINUTE): each for each in found.periods}
    recorded = sorted(at for at, each in ago.items() if each.is_recorded)
    assert recorded in ([2, 4], [1, 3])
    sampled, counted = (ago[at] for at in recorded[::-1])
    assert (sampled.pending.last, sampled.counters.enqueued) == (7, 0)
    # That no supervisor took a sample does not mean that there was no job.
    assert (counted.pending.minutes, counted.counters.enqueued) == (0, 3)


def test_longer_ago_there_are_hours_and_the_last_are_made_of_their_minutes(
    reader: RedisReader, past: Past
) -> None:
    old = past.hour("mail", 200, completed=9)
    gap = past.now // HOUR * HOUR - 150 * HOUR
    past.sample("mail", 90, 4)
    found = reader.queue_history("mail", last(14 * DAY))
    by_start = {each.start: each for each in found.periods}
    assert found.width == HOUR
    assert (by_start[old].counters.completed, by_start[old].pending.highest) == (9, 5)
    assert not by_start[gap].is_recorded
    sampled = by_start[(past.now // MINUTE - 90) * MINUTE // HOUR * HOUR]
    assert (sampled.recorded, sampled.pending.last) == (1, 4)
    assert [each.start for each in found.periods] == sorted(by_start)
    assert found.recorded == 61


def test_all_queues_together_have_delayed_and_dead_jobs(
    reader: RedisReader, past: Past, redis_client: Any
) -> None:
    redis_client.sadd(KEYS.queues, "mail", "low")
    reader.snapshot()
    past.sample(None, 3, 10, 5, 2)
    past.count("mail", 3, enqueued=1)
    past.count("low", 3, enqueued=2)
    found = reader.queue_history(None, last(HOUR))
    (each,) = [each for each in found.periods if each.is_recorded]
    assert each.counters.enqueued == 3
    assert (each.pending.last, each.delayed.last, each.dead.last) == (10, 5, 2)


def test_later_calls_read_only_what_is_new_and_see_it(reader: RedisReader, past: Past) -> None:
    past.hour("mail", 100, completed=1)
    past.sample("mail", 1, 1)
    first = reader.queue_history("mail", last(14 * DAY))
    past.count("mail", 0, enqueued=1)
    past.client.delete(*past.client.keys("asok:hours:*"))
    again = reader.queue_history("mail", last(14 * DAY))
    # What is recorded does not change: it is not read again.
    assert again.recorded >= first.recorded
    assert sum(each.counters.completed for each in again.periods) == 1


def test_what_another_program_wrote_is_not_recorded(reader: RedisReader, past: Past) -> None:
    day, hour = past.now // DAY * DAY, past.now // HOUR * HOUR
    for key in (KEYS.queue_hours("mail", day), KEYS.queue_depths("mail", hour)):
        past.client.rpush(key, "x")
        past.client.expire(key, 600)
    past.client.set(KEYS.queue_hours("mail", day - DAY), b"\xff" * 99, ex=600)
    assert reader.queue_history("mail", last(3 * DAY)).recorded == 0
    assert reader.queue_history("mail", last(HOUR)).recorded == 0


def test_a_range_ends_at_its_end(reader: RedisReader, past: Past) -> None:
    for ago in (50, 30, 10):
        past.sample("mail", ago, ago)
    found = reader.queue_history("mail", lambda now: (now - 2400, now - 1200))
    assert [each.pending.last for each in found.periods if each.is_recorded] == [30]
    assert found.until <= past.now - 1200 + 2 * MINUTE


def test_a_minute_of_yesterday_is_one_that_redis_still_has(reader: RedisReader, past: Past) -> None:
    past.client.sadd(KEYS.queues, "mail")
    reader.snapshot()
    found = reader.earlier(DAY)
    assert found.start > found.read_at - DAY
    assert found.start - (found.read_at - DAY) <= 2 * MINUTE
    assert reader.earlier(HOUR).start == int(reader.earlier(HOUR).read_at - HOUR) // MINUTE * MINUTE
    assert not found.whole.is_recorded
    assert set(found.queues) >= {"mail", "default"}


def test_a_key_of_another_type_is_not_recorded(reader: RedisReader, past: Past) -> None:
    past.client.sadd(KEYS.queues, "mail")
    reader.snapshot()
    for ago in range(58, 63):
        start = (past.now // MINUTE - ago) * MINUTE
        past.client.delete(KEYS.queue_depths("mail", start // HOUR * HOUR))
        past.client.rpush(KEYS.queue_depths("mail", start // HOUR * HOUR), "x")
        past.client.expire(KEYS.queue_depths("mail", start // HOUR * HOUR), 600)
        past.client.set(KEYS.coarse("mail", start), "x", ex=600)
    assert not reader.earlier(HOUR).queues["mail"].is_recorded
