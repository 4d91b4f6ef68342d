"""``asok queue composition``: what the jobs of a queue are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis

from asok_core.backends.redis.keys import Keys
from asok_core.jobs.envelope import seal
from tests.backends.redis.reading.seed import KEYRING, die, job, push, server_time
from tests.fixtures.command_line import Ran

Asok = Callable[..., Ran]
KEYS = Keys()


@pytest.fixture
def shop(redis_client: redis.Redis) -> redis.Redis:
    """Nine jobs of three tenants that wait, and four dead jobs of two queues."""
    now = server_time(redis_client)
    redis_client.sadd(KEYS.queues, "default", "low")
    push(
        redis_client,
        *(
            job(
                n,
                function="mail" if n % 3 else "scan",
                args=({"customer": n % 2},),
                kwargs={"tenant": "acme" if n else "globex"},
                enqueued_at=now - 100 * n,
            )
            for n in range(9)
        ),
    )
    for n in range(4):
        die(redis_client, job(20 + n, "low" if n else "default"), "E: no", failed_at=now - 9)
    return redis_client


def lines(ran: Ran) -> list[tuple[str, int]]:
    assert ran.code == 0, ran.err
    return [(each["name"], each["jobs"]) for each in ran.document["lines"]]


@pytest.mark.usefixtures("shop")
def test_the_jobs_of_a_queue_are_counted_by_task(asok: Asok) -> None:
    ran = asok("queue", "composition", "default")
    assert ran.code == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        ["JOBS", "SHARE", "TASK"],
        ["6", "67", "%", "shop.tasks.mail"],
        ["3", "33", "%", "shop.tasks.scan"],
    ]
    assert ran.err == "pending: all 9 jobs\n"


@pytest.mark.usefixtures("shop")
def test_by_an_argument_by_age_and_by_size(asok: Asok) -> None:
    def by(what: str) -> list[tuple[str, int]]:
        return lines(asok("queue", "composition", "default", "--by", what, "--json"))

    assert by("arg") == [("args[0].customer", 9), ("kwargs.tenant", 9)]
    assert by("arg:kwargs.tenant") == [("acme", 8), ("globex", 1)]
    assert by("arg:args[0].customer") == [("0", 5), ("1", 4)]
    assert by("arg:args[7]") == [("no such argument", 9)]
    assert by("age") == [
        ("under 1 min", 1),
        ("1 min to 5 min", 2),
        ("5 min to 15 min", 6),
    ]
    assert by("size") == [("under 512 B", 9)]


@pytest.mark.usefixtures("shop")
def test_the_filter_of_a_line_lists_exactly_its_jobs(asok: Asok) -> None:
    for by in ("task", "arg:kwargs.tenant", "arg:args[0].customer", "age"):
        found = asok("queue", "composition", "default", "--by", by, "--json").document
        for line in found["lines"]:
            listed = asok("job", "list", "--queue", "default", "--filter", line["filter"], "--json")
            assert len(listed.document["jobs"]) == line["jobs"], line


@pytest.mark.usefixtures("shop")
def test_dead_jobs_of_other_queues_are_counted_beside_those_of_the_queue(asok: Asok) -> None:
    ran = asok("queue", "composition", "low", "--location", "dead", "--json")
    assert lines(ran) == [("shop.tasks.send", 3), ("jobs of other queues", 1)]
    assert ran.document["lines"][0]["filter"] == "queue:low task:=shop.tasks.send"


def test_a_sample_states_how_many_were_read_of_how_many_and_its_error(
    asok: Asok, redis_client: redis.Redis
) -> None:
    redis_client.sadd(KEYS.queues, "default")
    jobs = (job(n, function="mail" if n % 5 else "scan") for n in range(9_000))
    redis_client.lpush(KEYS.queue("default"), *(seal(each, KEYRING) for each in jobs))
    ran = asok("queue", "composition", "default")
    assert ran.code == 0
    title, mail, scan = (line.split() for line in ran.out.splitlines())
    assert title == ["JOBS", "SHARE", "ERROR", "TASK"]
    assert mail[0].startswith("≈7,")
    assert scan[0].startswith("≈1,")
    assert scan[3].startswith("±")
    read = int(ran.err.split("sample of ")[1].split(" of ")[0].replace(",", ""))
    assert 1_900 <= read <= 2_100
    assert " of 9,000 jobs, ±" in ran.err
    document = asok("queue", "composition", "default", "--json").document
    assert (document["exact"], document["jobs"]) == (False, 9_000)
    assert 0 < document["error"] < 0.05


@pytest.mark.usefixtures("shop")
def test_what_is_mistyped_is_named(asok: Asok) -> None:
    ran = asok("queue", "composition", "defaults")
    assert ran.code == 2
    assert "there is no queue 'defaults'" in ran.err
    ran = asok("queue", "composition", "default", "--by", "arg:tenant")
    assert ran.code == 2
    assert "argument path 'tenant' is invalid" in ran.err
    ran = asok("queue", "composition", "default", "--by", "tenant")
    assert ran.code == 2
    assert "it must be task, arg, arg:PATH, age, size, worker or release" in ran.err


def test_a_queue_of_another_type_is_not_an_empty_one(asok: Asok, redis_client: redis.Redis) -> None:
    redis_client.sadd(KEYS.queues, "default")
    redis_client.set(KEYS.queue("default"), "text")
    ran = asok("queue", "composition", "default")
    assert ran.code != 0
    assert "is not a list" in ran.err
