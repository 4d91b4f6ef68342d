"""``asok queue history``: what happened in a queue over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from asok_core.backends.redis.keys import Keys
from asok_core.clock import HOUR, MINUTE, iso
from tests.fixtures.command_line import Ran

Asok = Callable[..., Ran]
KEYS = Keys()


@pytest.fixture
def minutes(redis_client: redis.Redis) -> int:
    """A minute ten minutes ago with samples and figures, in which 12 jobs waited."""
    redis_client.sadd(KEYS.queues, "mail")
    at = (int(redis_client.time()[0]) // MINUTE - 10) * MINUTE
    hour = at // HOUR * HOUR
    for key, slot in (
        (KEYS.queue_depths("mail", hour), b"\0\0\0\x0d"),
        (KEYS.depths(hour), b"\0\0\0\x0d\0\0\0\x05\0\0\0\x01"),
    ):
        redis_client.setrange(key, (at - hour) // MINUTE * len(slot), slot)
        redis_client.expire(key, 600)
    redis_client.hset(KEYS.coarse("mail", at), mapping={"completed": 5, "run_b20": 5})
    redis_client.expire(KEYS.coarse("mail", at), 600)
    return at


def periods(ran: Ran) -> list[dict[str, Any]]:
    assert ran.code == 0, ran.err
    return [each for each in ran.document["periods"] if each["recorded_minutes"]]


@pytest.mark.usefixtures("minutes")
def test_the_table_has_figures_and_names_gaps(asok: Asok) -> None:
    ran = asok("queue", "history", "mail")
    assert ran.code == 0, ran.err
    title, heads, *lines = ran.out.splitlines()
    assert title.startswith("Queue mail, ")
    assert "each line 1 min (local time, " in title
    assert heads.split()[:4] == ["FROM", "IN", "DONE", "FAILED"]
    assert len(lines) == 3
    assert lines[0].endswith("not recorded")
    assert lines[1].split()[2:] == ["0", "5", "0", "0", "0", "12", "12", "–", "32", "ms"]
    assert max(map(len, ran.out.splitlines()[1:])) <= 100


def test_the_document_has_null_for_what_is_not_recorded(asok: Asok, minutes: int) -> None:
    ran = asok("queue", "history", "mail", "--since", "30m", "--json")
    (each,) = periods(ran)
    assert (each["completed"], each["enqueued"]) == (5, 0)
    assert each["pending"] == {"last": 12, "mean": 12.0, "highest": 12}
    gaps = [each for each in ran.document["periods"] if not each["recorded_minutes"]]
    assert gaps
    assert {each["completed"] for each in gaps} == {None}
    assert {each["pending"] for each in gaps} == {None}
    assert ran.document["period_seconds"] == 60
    assert each["at"] == iso(minutes)


@pytest.mark.usefixtures("minutes")
def test_all_queues_and_the_last_days(asok: Asok) -> None:
    (each,) = periods(asok("queue", "history", "--since", "10d", "--json"))
    assert (each["delayed"]["last"], each["dead"]["last"], each["completed"]) == (4, 0, 5)
    ran = asok("queue", "history", "--since", "20d")
    assert ran.code == 0
    assert "figures are kept for 14 days" in ran.err
    assert "DELAYED" in ran.out


@pytest.mark.usefixtures("minutes")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("mail", "--since", "noon"), "--since: 'noon' is not a moment, as in 15:00"),
        (("mail", "--until", "noon"), "--until: 'noon' is not a moment, as in 15:00"),
        (
            ("mail", "--since", "1h", "--until", "2h"),
            "--until: '2h' is not later than --since '1h'",
        ),
        (("mail", "--since", "2099-01-01"), "--since: '2099-01-01' is to come"),
        (("other",), "there is no queue 'other'; there are"),
    ],
)
def test_what_is_invalid_is_named(asok: Asok, words: tuple[str, ...], error: str) -> None:
    ran = asok("queue", "history", *words)
    assert (ran.code, ran.out) == (2, "")
    assert error in ran.err


@pytest.mark.usefixtures("minutes")
def test_a_minute_that_is_not_over_is_not_shown(asok: Asok) -> None:
    ran = asok("queue", "history", "mail", "--since", "1s")
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) <= 3
