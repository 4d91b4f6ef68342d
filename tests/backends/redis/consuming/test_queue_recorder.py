"""Supervisors record the history of queues: each minute once, each hour once, whatever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from asok_core.backends.redis.calls.history import QueueHour, RecordHours
from asok_core.backends.redis.connection import Connection, Endpoint
from asok_core.backends.redis.consuming import queue_recorder
from asok_core.backends.redis.consuming.queue_recorder import QueueRecorder
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.packed_figures import entries
from asok_core.backends.redis.queue_blocks import OF_ALL, OF_QUEUE, packed_period, period_of, slots
from asok_core.clock import DAY, HOUR, MINUTE
from asok_core.errors import Unreachable
from asok_core.inspection.queue_history import Period, QueueDepth

KEYS = Keys()


class Killed(Exception):
    """The supervisor was killed."""


class Supervisors:
    """Some supervisors, each with its recorder and its connection."""

    def __init__(self, client: Any, url: str) -> None:
        self.client = client
        self.connection: Connection = Endpoint(url).connect()

    @property
    def now(self) -> int:
        return int(self.client.time()[0])

    def make(self, name: str, between: Callable[[], object] = lambda: None) -> QueueRecorder:
        return QueueRecorder(KEYS, name, between)

    def work(self, recorder: QueueRecorder) -> None:
        """All steps up to the next minute."""
        while recorder.step(self.connection) <= queue_recorder.PAUSE:
            pass

    def sampled(self, queue: str | None) -> list[tuple[int | None, ...]]:
        """What is known of the minutes of this hour and the one before, without those not known."""
        hour, found = self.now // HOUR * HOUR, []
        for start in (hour - HOUR, hour):
            key = KEYS.depths(start) if queue is None else KEYS.queue_depths(queue, start)
            found += slots(self.client.get(key), OF_ALL if queue is None else OF_QUEUE)
        return [each for each in found if any(number is not None for number in each)]

    def hours(self, queue: str | None) -> dict[int, Period]:
        """The recorded hours, the oldest first."""
        today, found = self.now // DAY * DAY, {}
        for day in (today - DAY, today):
            key = KEYS.hours(day) if queue is None else KEYS.queue_hours(queue, day)
            for each in reversed(list(entries(self.client.get(key) or b""))):
                start = day + each.bucket * HOUR
                assert start not in found, "an hour was recorded twice"
                period = period_of(start, each.packed)
                assert period is not None
                found[start] = period
        return found

    def count(self, queue: str, ago: int, **fields: int) -> int:
        """Count in the minute that was ``ago`` seconds ago; the start of its hour."""
        start = (self.now - ago) // MINUTE * MINUTE
        self.client.hset(KEYS.coarse(queue, start), mapping=fields)
        self.client.expire(KEYS.coarse(queue, start), 600)
        return start // HOUR * HOUR


@pytest.fixture
def supervisors(redis_url: str, redis_client: redis.Redis) -> Iterator[Supervisors]:
    redis_client.sadd(KEYS.queues, "mail", "default")
    with redis.Redis.from_url(redis_url) as client:
        found = Supervisors(client, redis_url)
        yield found
        found.connection.close()


def test_a_minute_is_sampled_once_by_one_supervisor(supervisors: Supervisors) -> None:
    supervisors.client.rpush(KEYS.queue("mail"), "a", "b", "c")
    supervisors.client.rpush(KEYS.dead, "d")
    supervisors.client.zadd(KEYS.delayed, {"e": 9e9, "f": 9e9})
    minute = supervisors.now // MINUTE
    supervisors.work(supervisors.make("one"))
    supervisors.client.rpush(KEYS.queue("mail"), "more")
    supervisors.work(supervisors.make("two"))
    if supervisors.now // MINUTE == minute:
        assert supervisors.sampled("mail") == [(3,)]
        assert supervisors.sampled(None) == [(3, 2, 1)]
    assert supervisors.sampled("mail")[0] == (3,)
    # No job is pending there, and that is known.
    assert supervisors.sampled("default")[0] == (0,)


def test_while_one_supervisor_samples_another_leaves_it_to_that_one(
    supervisors: Supervisors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_recorder, "AT_ONCE", 1)
    other = supervisors.make("two")
    waits: list[float] = []
    one = supervisors.make("one", lambda: waits.append(other.step(supervisors.connection)))
    # The connection is shared: one asks after the other's reply.
    supervisors.work(one)
    assert waits[0] == pytest.approx(queue_recorder.CLAIM, abs=1)


def test_a_supervisor_that_is_killed_between_two_steps_leaves_the_minute_to_the_next(
    supervisors: Supervisors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_recorder, "AT_ONCE", 1)

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        supervisors.work(supervisors.make("killed", kill))
    assert supervisors.sampled(None) == []
    assert supervisors.sampled("default") != []
    # What it announced ends by its TTL.
    assert 0 < supervisors.client.pttl(KEYS.sampling) <= queue_recorder.CLAIM * 1000
    supervisors.client.delete(KEYS.sampling)
    supervisors.work(supervisors.make("next"))
    assert supervisors.sampled(None)[-1] == (0, 0, 0)
    assert supervisors.sampled("mail")[-1] == (0,)


def test_an_hour_is_recorded_from_its_minutes_once(supervisors: Supervisors) -> None:
    hour = supervisors.count("mail", 2 * HOUR, enqueued=5, completed=4, run_b3=4, run_ms=9)
    supervisors.count(
        "mail",
        2 * HOUR - 60 if hour == (supervisors.now - 2 * HOUR + 60) // HOUR * HOUR else 2 * HOUR,
        failed=1,
    )
    supervisors.count("default", 2 * HOUR, enqueued=2)
    supervisors.work(supervisors.make("one"))
    supervisors.work(supervisors.make("two"))
    mail, every = supervisors.hours("mail"), supervisors.hours(None)
    assert list(mail) == [hour]
    assert (mail[hour].counters.enqueued, mail[hour].counters.failed) == (5, 1)
    assert dict(mail[hour].counters.runs) == {3: 4}
    assert 1 <= mail[hour].recorded <= 2
    assert mail[hour].minutes == 60
    assert every[hour].counters.enqueued == 7
    # Hours in which nothing is recorded are complete as well, and are no zeros.
    assert len(every) >= 20
    assert [each.recorded for at, each in every.items() if at != hour] == [0] * (len(every) - 1)


def test_an_hour_has_its_samples(supervisors: Supervisors) -> None:
    hour = (supervisors.now - 2 * HOUR) // HOUR * HOUR
    block = b"".join((n + 1).to_bytes(4, "big") if n < 30 else b"\0" * 4 for n in range(60))
    supervisors.client.set(KEYS.queue_depths("mail", hour), block, ex=600)
    supervisors.work(supervisors.make("one"))
    period = supervisors.hours("mail")[hour]
    assert (period.recorded, period.pending.minutes) == (30, 30)
    assert (period.pending.highest, period.pending.last, period.pending.mean) == (29, 29, 14.5)


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_supervisor_that_is_killed_while_it_records_hours_loses_and_doubles_none(
    supervisors: Supervisors, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_recorder, "HOURS_AT_ONCE", 1)
    monkeypatch.setattr(queue_recorder, "LONGEST", 60.0)
    hours = [supervisors.count("mail", ago * HOUR, enqueued=ago) for ago in (5, 3)]
    supervisors.count("default", 3 * HOUR, enqueued=1)
    left = [steps]

    def kill() -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed

    with pytest.raises(Killed):
        supervisors.work(supervisors.make("killed", kill))
    # It had taken the sample of this minute: the next supervisor records hours in a later one.
    supervisors.client.delete(KEYS.depths(supervisors.now // HOUR * HOUR))
    supervisors.client.delete(KEYS.sampling)
    supervisors.work(supervisors.make("next"))
    mail, every = supervisors.hours("mail"), supervisors.hours(None)
    assert [(at, each.counters.enqueued) for at, each in mail.items()] == [
        (hours[0], 5),
        (hours[1], 3),
    ]
    assert (every[hours[0]].counters.enqueued, every[hours[1]].counters.enqueued) == (5, 4)


def test_no_connection_is_an_error_of_the_duty(supervisors: Supervisors) -> None:
    supervisors.connection.close()
    with pytest.raises(Unreachable):
        supervisors.make("one").step(supervisors.connection)


def test_a_number_of_queues_have_figures_of_their_own_and_all_are_in_the_sum(
    supervisors: Supervisors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_recorder, "MOST_QUEUES", 1)
    supervisors.client.rpush(KEYS.queue("mail"), "a", "b", "c")
    hour = supervisors.count("mail", 2 * HOUR, enqueued=7)
    supervisors.work(supervisors.make("one"))
    assert supervisors.sampled("default")
    assert not supervisors.sampled("mail")
    assert supervisors.sampled(None)[0] == (3, 0, 0)
    assert not supervisors.hours("mail")
    assert supervisors.hours(None)[hour].counters.enqueued == 7


def test_of_too_many_queues_the_sum_is_not_known(
    supervisors: Supervisors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_recorder, "MOST_SUMMED", 1)
    supervisors.client.rpush(KEYS.queue("mail"), "a")
    supervisors.client.rpush(KEYS.dead, "d")
    hour = supervisors.count("mail", 2 * HOUR, enqueued=7)
    supervisors.work(supervisors.make("one"))
    assert supervisors.sampled("mail")[0] == (1,)
    # How many jobs are delayed and dead does not depend on the queues.
    assert supervisors.sampled(None)[0] == (None, 0, 1)
    assert supervisors.hours("mail")[hour].counters.enqueued == 7
    assert not supervisors.hours(None)[hour].is_recorded


def test_an_hour_is_not_written_when_its_minutes_may_have_expired_since_they_were_read(
    supervisors: Supervisors,
) -> None:
    """A supervisor that was stopped for hours continues where it was."""
    hour = supervisors.now // HOUR * HOUR
    for ago, kept in ((24, False), (23, True)):
        start = hour - ago * HOUR
        day = start // DAY * DAY
        figures = [
            QueueHour(b"mail", packed_period(Period(start, 60, 1, pending=QueueDepth(1, 2, 2, 2))))
        ]
        supervisors.connection.run(
            RecordHours(ns="asok", day=day, bucket=(start - day) // HOUR, figures=figures)
        )
        assert (start in supervisors.hours("mail")) is kept


@given(st.binary(max_size=80))
def test_bytes_that_are_no_period_are_none(block: bytes) -> None:
    period = period_of(0, block)
    assert period is None or 0 <= period.recorded <= period.minutes
