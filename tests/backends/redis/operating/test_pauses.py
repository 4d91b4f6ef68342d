"""Pauses with a reason and an end: made, changed, ended by the clock of Redis, and how they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from asok_core.backends.redis.connection import Endpoint
from asok_core.backends.redis.consuming.promotion import Promotion, promote_due
from asok_core.backends.redis.consuming.registry import Registry
from asok_core.backends.redis.keys import Keys
from asok_core.backends.redis.operating.operator import RedisOperator
from asok_core.backends.redis.reading.reader import RedisReader
from asok_core.errors import Refused, UsageError
from asok_core.inspection.events import SystemEvent
from asok_core.inspection.pauses import LONGEST_PAUSE, LONGEST_REASON, MOST_PAUSES, QueuePause
from asok_core.inspection.queues import QueueStats
from tests.fixtures.bench import Bench
from tests.programs import wait_until

KEYS = Keys()


def clock(bench: Bench) -> float:
    seconds, micros = bench.client.time()
    return float(seconds) + float(micros) / 1e6


def stored(bench: Bench, queue: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.client.hget(KEYS.pauses, queue))
    return found


def let_it_end(bench: Bench, queue: str) -> None:
    """As if its time had passed."""
    known = stored(bench, queue) | {"until": f"{clock(bench) - 60:.3f}"}
    bench.client.hset(KEYS.pauses, queue, json.dumps(known))


def supervise(bench: Bench, by: str = "w") -> Promotion:
    """What a supervisor does at each due time."""
    with closing(Registry(Endpoint(bench.url), KEYS)) as registry:
        return promote_due(registry.connection, KEYS, by=by)


def happened(bench: Bench) -> list[SystemEvent]:
    with closing(RedisReader(Endpoint(bench.url), KEYS)) as reader:
        return list(reader.events(100).readable()[::-1])


def shown(bench: Bench, queue: str) -> QueueStats:
    with closing(RedisReader(Endpoint(bench.url), KEYS)) as reader:
        return next(each for each in reader.snapshot().queues if each.name == queue)


@pytest.fixture
def other(bench: Bench) -> Iterator[RedisOperator]:
    """Another operator than that of the bench."""
    with closing(RedisOperator(Endpoint(bench.url), KEYS, None, who="bob@web2")) as made:
        yield made


class TestMade:
    def test_it_carries_author_reason_and_end(self, bench: Bench) -> None:
        begun = clock(bench)
        result = bench.operator.pause("mail", reason="  bank\n down ", lasts=1800)
        pause = result.pause
        assert pause is not None
        assert (result.applied, result.replaced, pause.reason) == (1, None, "bank down")
        assert pause.until is not None
        assert begun + 1799 < pause.until < clock(bench) + 1801
        assert "@" in pause.by
        assert pause.since == pause.at
        assert begun <= (pause.since or 0) <= clock(bench)
        stats = shown(bench, "mail")
        assert (stats.paused, stats.pause) == (True, pause)
        assert bench.client.smembers(KEYS.paused) == {b"mail"}, "others read the set"
        (event,) = happened(bench)
        assert (event.kind, event.fields["reason"]) == ("queue_paused", "bank down")
        assert float(event.fields["until"]) == pause.until
        with closing(RedisReader(Endpoint(bench.url), KEYS)) as reader:
            (entry,) = reader.activity(10)
        assert (entry.reason, entry.until, entry.changed) == ("bank down", pause.until, False)
        assert entry.operation == pause.operation == result.operation

    def test_without_an_end_it_lasts_until_it_is_resumed(self, bench: Bench) -> None:
        assert bench.operator.pause("mail").applied == 1
        assert supervise(bench).next_due_in is None
        pause = shown(bench, "mail").pause
        assert pause is not None
        assert (pause.until, pause.reason, "@" in pause.by) == (None, "", True)
        assert bench.operator.resume("mail").applied == 1
        assert not bench.client.exists(KEYS.paused, KEYS.pauses)

    def test_it_is_resumed_before_its_end(self, bench: Bench) -> None:
        bench.operator.pause("mail", lasts=1800)
        assert bench.operator.resume("mail").applied == 1
        assert not bench.client.exists(KEYS.paused, KEYS.pauses)
        supervise(bench)
        assert [each.kind for each in happened(bench)] == ["queue_paused", "queue_resumed"]
        assert "@" in happened(bench)[1].fields["by"]

    @pytest.mark.parametrize("lasts", [0.0, -1.0, LONGEST_PAUSE + 1, float("nan"), float("inf")])
    def test_other_lengths_are_refused(self, bench: Bench, lasts: float) -> None:
        with pytest.raises(UsageError, match="a pause lasts"):
            bench.operator.pause("mail", lasts=lasts)
        assert not bench.client.exists(KEYS.paused, KEYS.audit)

    @pytest.mark.parametrize("ends", [0.0, -1.0, float("nan"), float("inf")])
    def test_what_is_no_moment_is_refused(self, bench: Bench, ends: float) -> None:
        with pytest.raises(UsageError, match="the end of a pause is"):
            bench.operator.pause("mail", ends=ends)
        assert not bench.client.exists(KEYS.paused, KEYS.audit)

    def test_an_end_that_is_too_far_away_is_refused(self, bench: Bench) -> None:
        assert bench.operator.pause("mail", ends=clock(bench) + LONGEST_PAUSE - 60).applied == 1
        for ends in (clock(bench) + LONGEST_PAUSE + 60, 1e300):
            with pytest.raises(UsageError, match="a pause lasts at most 366 days"):
                bench.operator.pause("high", ends=ends)
        assert bench.client.smembers(KEYS.paused) == {b"mail"}
        assert bench.client.hkeys(KEYS.pauses) == [b"mail"]

    def test_an_end_that_has_passed_pauses_nothing(self, bench: Bench) -> None:
        result = bench.operator.pause("mail", ends=clock(bench) - 1)
        assert result.refused == {"its end has passed by the clock of Redis": 1}
        assert not bench.client.exists(KEYS.paused, KEYS.pauses, KEYS.events)

    def test_a_long_reason_is_refused(self, bench: Bench) -> None:
        assert bench.operator.pause("mail", reason="é" * LONGEST_REASON).applied == 1
        with pytest.raises(UsageError, match="the reason has 201 characters"):
            bench.operator.pause("mail", reason="x" * (LONGEST_REASON + 1))

    def test_names_that_are_not_utf_8(self, bench: Bench) -> None:
        name = b"caf\xe9".decode("utf-8", "surrogateescape")
        bench.operator.pause(name, reason="\ud800 \x1b[31m", lasts=1800)
        pause = shown(bench, name).pause
        assert pause is not None
        assert pause.reason == "? \x1b[31m", "the code that prints it makes it safe"
        bench.client.hset(KEYS.pauses, b"caf\xe9", json.dumps({"until": "1"}))
        supervise(bench)
        assert not bench.client.exists(KEYS.paused, KEYS.pauses)


class TestChanged:
    def test_the_new_one_is_in_force_and_the_former_is_reported(
        self, bench: Bench, other: RedisOperator
    ) -> None:
        first = bench.operator.pause("mail", reason="bank down", lasts=1800).pause
        result = other.pause("mail", reason="still down", lasts=3600)
        pause = result.pause
        assert (result.applied, result.replaced) == (1, first)
        assert first is not None
        assert pause is not None
        assert (pause.by, pause.reason, pause.since) == ("bob@web2", "still down", first.since)
        assert shown(bench, "mail").pause == pause
        with closing(RedisReader(Endpoint(bench.url), KEYS)) as reader:
            newest = reader.activity(10)[0]
        assert newest.changed
        assert newest.target.startswith("queue mail, changed: until ")
        assert [each.fields.get("changed") for each in happened(bench)] == [None, "1"]

    def test_an_end_is_removed_by_a_pause_without_one(self, bench: Bench) -> None:
        bench.operator.pause("mail", reason="bank down", lasts=1800)
        result = bench.operator.pause("mail")
        assert (result.applied, result.pause and result.pause.until) == (1, None)

    def test_a_pause_that_brings_nothing_new_changes_nothing(
        self, bench: Bench, other: RedisOperator
    ) -> None:
        ends = clock(bench) + 1800
        first = bench.operator.pause("mail", reason="bank down", ends=ends).pause
        for words in ({"reason": "bank down"}, {}):
            result = other.pause("mail", ends=ends, **words)  # type: ignore[arg-type]
            assert (result.skipped, result.pause) == ({"it is paused already": 1}, first)
        assert len(happened(bench)) == 1

    def test_two_operators_at_once_end_in_one_of_both_states(
        self, bench: Bench, other: RedisOperator
    ) -> None:
        for _ in range(20):
            bench.client.flushall()
            with ThreadPoolExecutor(2) as pool:
                ends = clock(bench) + 600
                one = pool.submit(bench.operator.pause, "mail", reason="one", ends=ends)
                two = pool.submit(other.pause, "mail", reason="two", ends=ends + 60)
            results = [one.result(), two.result()]
            assert [each.applied for each in results] == [1, 1]
            in_force = shown(bench, "mail").pause
            (last,) = [each for each in results if each.pause == in_force]
            (first,) = [each for each in results if each is not last]
            assert last.replaced == first.pause, "the result of the second states what it changed"
            assert first.replaced is None

    def test_a_pause_of_another_program_gets_what_is_known(self, bench: Bench) -> None:
        bench.client.sadd(KEYS.paused, "mail")
        assert shown(bench, "mail").pause is None
        assert bench.operator.pause("mail").skipped == {"it is paused already": 1}
        result = bench.operator.pause("mail", reason="bank down")
        assert (result.applied, result.replaced) == (1, QueuePause())
        pause = shown(bench, "mail").pause
        assert pause is not None
        assert (pause.since, pause.reason) == (None, "bank down")


class TestEnded:
    def test_by_any_supervisor_once_and_not_before(self, bench: Bench) -> None:
        bench.operator.pause("mail", reason="bank down", lasts=1800)
        bench.operator.pause("high")
        wait = supervise(bench).next_due_in
        assert wait is not None
        assert 1700 < wait <= 1800
        assert bench.client.sismember(KEYS.paused, "mail")
        let_it_end(bench, "mail")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: supervise(bench, f"w{n}"), range(24)))
        assert bench.client.smembers(KEYS.paused) == {b"high"}
        assert bench.client.hkeys(KEYS.pauses) == [b"high"]
        (resumed,) = [each for each in happened(bench) if each.kind == "queue_resumed"]
        fields = dict(resumed.fields)
        assert "@" in fields.pop("paused_by")
        assert float(fields.pop("until")) < clock(bench)
        assert fields == {"queue": "mail", "cause": "end_of_pause", "reason": "bank down"}

    def test_when_its_time_comes(self, bench: Bench) -> None:
        bench.operator.pause("mail", lasts=0.2)
        wait_until(
            lambda: (
                supervise(bench).moved == 0 and not bench.client.exists(KEYS.paused, KEYS.pauses)
            ),
            "the end of the pause",
        )

    def test_workers_are_notified(self, bench: Bench) -> None:
        bench.operator.pause("mail", lasts=1800)
        let_it_end(bench, "mail")
        listener = bench.client.pubsub(ignore_subscribe_messages=True)
        listener.subscribe(KEYS.wake)
        messages: list[bytes] = []

        def notified() -> bool:
            message = listener.get_message()
            messages.extend([message["data"]] if message else [])
            return b"resume mail" in messages

        listener.get_message(timeout=5)
        supervise(bench)
        wait_until(notified, lambda: f"a message: {messages}")
        listener.close()

    def test_while_another_supervisor_promotes(self, bench: Bench) -> None:
        bench.delay(bench.job())
        bench.client.set(KEYS.promoting, "another", px=1500)
        bench.operator.pause("mail", lasts=1800)
        let_it_end(bench, "mail")
        supervise(bench)
        assert not bench.client.exists(KEYS.paused)

    def test_where_delayed_jobs_cannot_be_read(self, bench: Bench) -> None:
        bench.operator.pause("mail", lasts=1800)
        let_it_end(bench, "mail")
        bench.client.set(KEYS.delayed, "word")
        with pytest.raises(Refused):
            supervise(bench)
        assert not bench.client.exists(KEYS.paused)
        bench.client.delete(KEYS.delayed)

    def test_by_the_clock_of_redis_also_after_it_was_set_back(self, bench: Bench) -> None:
        """A moment of the clock that was set back is still to come: it ends when the clock reaches it."""
        bench.operator.pause("mail", lasts=1800)
        ahead = stored(bench, "mail")
        ahead |= {name: f"{float(ahead[name]) + 7200:.3f}" for name in ("at", "since", "until")}
        bench.client.hset(KEYS.pauses, "mail", json.dumps(ahead))
        supervise(bench)
        pause = shown(bench, "mail").pause
        assert pause is not None
        assert pause.until == float(ahead["until"]), "what is shown is when it ends"
        assert bench.client.sismember(KEYS.paused, "mail")

    def test_what_is_known_of_a_pause_goes_where_another_program_resumes(
        self, bench: Bench
    ) -> None:
        bench.operator.pause("default", lasts=1800)
        bench.client.srem(KEYS.paused, "default")
        assert shown(bench, "default").pause is None
        supervise(bench)
        assert not bench.client.exists(KEYS.pauses)
        assert [each.kind for each in happened(bench)] == ["queue_paused"]

    def test_nothing_is_sent_or_written_where_nothing_is_paused(self, bench: Bench) -> None:
        supervise(bench)
        with bench.client.monitor() as monitor:
            supervise(bench)
            bench.client.ping()
            sent: list[str] = []
            while not (sent and sent[-1] == "PING"):
                sent.append(monitor.next_command()["command"])
        scripted = [
            each for each in sent if not each.startswith(("EVAL", "PING", "CLIENT", "HELLO"))
        ]
        assert scripted == [
            "DEL asok:absent",
            "TIME",
            "EXISTS asok:promoting asok:pauses",
            "ZRANGE asok:delayed_tasks 0 0 WITHSCORES",
        ]


class TestPoisoned:
    @pytest.mark.parametrize(
        "value",
        [
            *("", "word", "[]", "null", "1", '{"until": 1}', '{"until": "nan"}', '{"until": [1]}'),
            *('{"until": "1e400"}', "[" * 5000, '{"until": "1' + "0" * 5000 + '"}', '{"by": {}}'),
            b"\xff\xfe",
        ],
        ids=lambda value: repr(value[:20]),
    )
    def test_any_value_ends_no_pause_and_hides_no_queue(
        self, bench: Bench, value: str | bytes
    ) -> None:
        bench.client.sadd(KEYS.paused, "mail")
        bench.client.hset(KEYS.pauses, "mail", value)
        supervise(bench)
        assert bench.client.smembers(KEYS.paused) == {b"mail"}
        assert shown(bench, "mail").paused
        assert bench.operator.pause("mail", reason="bank down", lasts=1800).applied == 1
        assert bench.operator.resume("mail").applied == 1
        assert not bench.client.exists(KEYS.paused, KEYS.pauses)

    @pytest.mark.parametrize(
        "until",
        [
            *(
                "1",
                "1.",
                "1.5",
                "0",
                "1700000000.000",
                1,
                1.5,
                "",
                " 1",
                "1 ",
                "1_0",
                "+1",
                "-1",
                ".5",
                ".",
            ),
            *(
                "1e3",
                "0x10",
                "inf",
                "nan",
                "\u0661",
                "1\u0000",
                "1\n",
                "1" * 32,
                "0" * 33,
                None,
                True,
            ),
        ],
        ids=repr,
    )
    def test_what_is_shown_as_an_end_that_has_passed_ends_the_pause_and_nothing_else_does(
        self, bench: Bench, until: object
    ) -> None:
        bench.client.sadd(KEYS.paused, "mail")
        bench.client.hset(KEYS.pauses, "mail", json.dumps({"until": until}))
        pause = shown(bench, "mail").pause
        assert pause is not None
        supervise(bench)
        ended = not bench.client.exists(KEYS.paused)
        assert ended == (pause.until is not None and pause.until <= clock(bench))

    @pytest.mark.keeps_keys("asok:pauses")
    def test_a_key_of_another_type(self, bench: Bench) -> None:
        bench.client.sadd(KEYS.paused, "high")
        bench.client.set(KEYS.pauses, "word")
        with pytest.raises(Refused, match="asok:pauses is a string and should be a hash"):
            bench.operator.pause("mail")
        supervise(bench)
        stats = shown(bench, "high")
        assert (stats.paused, stats.pause) == (True, None)
        assert bench.operator.resume("high").applied == 1
        assert not bench.client.exists(KEYS.paused)

    def test_more_pauses_than_there_can_be(self, bench: Bench) -> None:
        many = {f"q{n}": "{}" for n in range(MOST_PAUSES)}
        bench.client.hset(KEYS.pauses, mapping=many)
        refused = bench.operator.pause("mail").refused
        assert refused == {f"{MOST_PAUSES:,} queues are paused; resume one first": 1}
        supervise(bench)
        assert not bench.client.exists(KEYS.pauses), "none of them is paused"
        assert bench.operator.pause("mail").applied == 1
