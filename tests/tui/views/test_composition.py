"""What the jobs of a queue, the delayed and the dead jobs are: by task, argument, age, size and worker."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS


def order(n: int, function: str, tenant: str) -> Job:
    return Job(seed.job_id(n), "shop", function, (n,), {"tenant": tenant}, queue="default")


@pytest.fixture
def shop(redis_client: redis.Redis) -> redis.Redis:
    """Seven jobs of two tasks, whose names begin alike, and three tenants."""
    jobs = [
        order(
            n, "send" if n < 5 else "send_many", "acme" if n < 4 else ("globex", "é[/red]")[n % 2]
        )
        for n in range(7)
    ]
    redis_client.lpush(KEYS.queue("default"), *(seal(each, KEYRING) for each in jobs))
    return redis_client


def lines(hand: Hand) -> list[str]:
    """The lines of the composition: jobs, share, error and group."""
    titled = hand.screen().split("Group", 1)[1].split("\n")[1:]
    return [" ".join(line.strip(" ▸").replace("▇", "").split()) for line in titled if "%" in line]


@pytest.mark.usefixtures("shop")
async def test_a_queue_is_counted_by_task_argument_age_and_size(open_console: Open) -> None:
    async with open_console(view="pending", size=(120, 30)) as hand:
        await hand.sees("1 of 7")
        await hand.press("v")
        await hand.sees("Queue default by task")
        await hand.sees("all 7 jobs")
        assert lines(hand) == ["5 71 % exact shop.send", "2 29 % exact shop.send_many"]
        await hand.press("b")
        await hand.sees("Queue default by argument")
        assert lines(hand) == [
            "7 100 % exact args[0] (7 values)",
            "7 100 % exact kwargs.tenant (3 values)",
        ]
        await hand.press("j", "enter")
        await hand.sees("by kwargs.tenant")
        assert lines(hand)[0] == "4 57 % exact acme"
        await hand.sees("é[/red]")
        await hand.press("escape")
        await hand.sees("by argument")
        await hand.press("b")
        await hand.sees("by age")
        await hand.press("b")
        await hand.sees("by size")
        assert lines(hand) == ["7 100 % exact under 512 B"]
        await hand.press("b")
        await hand.sees("by task")
        await hand.press("v")
        await hand.sees("1 of 7")


async def test_a_line_is_opened_acted_on_and_left_again(
    shop: redis.Redis, open_console: Open
) -> None:
    async with open_console(view="pending", size=(120, 30)) as hand:
        await hand.sees("1 of 7")
        await hand.press("v")
        await hand.sees("all 7 jobs")
        await hand.press("enter")
        await hand.sees("task:=shop.send")
        # Not those of shop.send_many, though their name begins so.
        await hand.sees("5 found")
        await hand.press("D")
        await hand.sees("Cancel 5 jobs?")
        await hand.press(*"cancel", "enter", "enter")
        await hand.until(lambda: shop.llen(KEYS.queue("default")) == 2, "the others")
        await hand.press("escape")
        await hand.sees("by task")
        await hand.until(lambda: lines(hand) == ["2 100 % exact shop.send_many"], "the others")
        await hand.press("escape")
        await hand.sees("1 of 2")


@pytest.mark.parametrize(("view", "keys"), [("pending", "v"), ("delayed", "v"), ("dead", "vb")])
async def test_of_a_composition_nothing_is_moved_since_its_jobs_are_not_listed(
    view: str, keys: str, redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(view=view, size=(120, 30)) as hand:
        await hand.sees("1 of ")
        offered = [each.name for each in hand.app.view.operations()]
        assert any(hand.app.check_action("operate", (name,)) for name in offered)
        await hand.press(*keys)
        await hand.sees("by task")
        await hand.sees("all ")
        queue = {"pause", "resume", "hold", "limit"}
        assert {name for name in offered if hand.app.check_action("operate", (name,))} <= queue
        assert hand.app.check_action("edit", ()) is False
        await hand.press("d", "D", "r", "R", "e")
        assert len(hand.app.screen_stack) == 1


@pytest.mark.usefixtures("shop")
async def test_a_typed_filter_does_not_lead_back_to_a_composition(open_console: Open) -> None:
    async with open_console(view="pending", size=(120, 30)) as hand:
        await hand.sees("1 of 7")
        await hand.press("v")
        await hand.sees("all 7 jobs")
        await hand.press("enter")
        await hand.sees("5 found")
        await hand.press("slash", *"many", "enter")
        await hand.sees("2 found")
        await hand.press("escape")
        await hand.sees("1 of 7")


async def test_after_a_visit_the_jobs_of_a_line_lead_back_to_their_composition(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 41))
    seed.pending(redis_client, "default", 1, first=1, age=5.0)
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.sees("1 of 41")
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.press("enter")
        await hand.sees("11 found")
        await hand.press("1")
        await hand.sees("1 pending")
        await hand.press("j", "F")
        await hand.sees("Esc goes back")
        await hand.press("escape", "6")
        await hand.sees("11 found")
        await hand.press("escape")
        await hand.sees("4 error groups")
        await hand.press("escape")
        await hand.sees("1 of 41")


async def test_jobs_that_are_grouped_leave_no_filter_behind(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 41))
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.sees("1 of 41")
        await hand.press("slash", *"KeyError", "enter")
        await hand.sees("⌕ KeyError")
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.press("v")
        await hand.sees("1 of 41")
        await hand.press("slash")
        assert hand.app.focused.value == ""  # type: ignore[union-attr]


async def test_another_queue_is_counted_when_it_is_shown(
    shop: redis.Redis, open_console: Open
) -> None:
    shop.lpush(KEYS.queue("low"), seal(replace(order(1, "scan", "x"), queue="low"), KEYRING))
    shop.sadd(KEYS.queues, "low")
    async with open_console(view="pending", size=(120, 30)) as hand:
        await hand.press("v")
        await hand.sees("all 7 jobs")
        await hand.press("right_square_bracket")
        await hand.sees("Queue low by task")
        await hand.sees("shop.scan")
        assert lines(hand) == ["1 100 % exact shop.scan"]


async def test_a_long_queue_states_the_sample_and_its_error(
    redis_client: redis.Redis, open_console: Open
) -> None:
    jobs = (order(n, "send" if n % 4 else "scan", "acme") for n in range(9_000))
    redis_client.lpush(KEYS.queue("default"), *(seal(each, KEYRING) for each in jobs))
    async with open_console(view="pending", size=(80, 24)) as hand:
        await hand.sees("1 of 9,000")
        await hand.press("v")
        await hand.sees("of 9,000 jobs, ±")
        await hand.sees("sample of ")
        # A slow Redis has time for a part of the sample only, so that the estimates differ a little.
        found = [line.split()[0] for line in lines(hand)]
        assert all(re.fullmatch(r"≈\d,\d00", each) for each in found)
        assert [int(each[1:].replace(",", "")) for each in found] == [
            pytest.approx(6_750, abs=400),
            pytest.approx(2_250, abs=400),
        ]


async def test_dead_jobs_are_counted_by_error_first(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 41))
    async with open_console(size=(120, 30)) as hand:
        await hand.press("6")
        await hand.sees("1 of 41")
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.press("b")
        await hand.sees("Dead jobs by task")
        assert lines(hand)[0] == "9 22 % exact shop.mail.send_receipt"
        await hand.press("enter")
        await hand.sees("9 found")
        await hand.press("R")
        await hand.sees("Requeue 9 dead jobs?")
        await hand.press("escape")
        await hand.press("escape")
        await hand.sees("Dead jobs by task")
        await hand.press(*"bbbbbb")
        await hand.sees("4 error groups")
        await hand.press("v")
        await hand.sees("1 of 41")


async def test_delayed_jobs_are_counted(redis_client: redis.Redis, open_console: Open) -> None:
    now = seed.server_time(redis_client)
    due = {seal(order(n, "send", "acme"), KEYRING): now + 600 + n for n in range(4)}
    redis_client.zadd(KEYS.delayed, due)
    async with open_console(view="delayed", size=(120, 30)) as hand:
        await hand.sees("1 of 4")
        await hand.press("v")
        await hand.sees("Delayed by task")
        await hand.sees("all 4 jobs")
        await hand.press("enter")
        await hand.sees("4 found")


async def test_what_is_redacted_is_not_shown_and_not_opened(
    shop: redis.Redis, open_console: Open, make_settings: Callable[..., Settings]
) -> None:
    assert shop.llen(KEYS.queue("default")) == 7
    settings = make_settings(ASOK_REDACT="tenant")
    async with open_console(view="pending", size=(120, 30), settings=settings) as hand:
        await hand.press("v", "b")
        await hand.sees("kwargs.tenant (redacted)")
        await hand.press("j", "enter")
        await hand.sees("by kwargs.tenant")
        assert lines(hand) == ["7 100 % exact redacted"]
        assert not hand.shows("acme")
        await hand.press("enter")
        assert hand.shows("by kwargs.tenant")


async def test_a_composition_is_read_again_when_redis_is_back(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        client.lpush(KEYS.queue("default"), seal(order(1, "send", "acme"), KEYRING))
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    async with open_console(view="pending", size=(120, 30), settings=settings) as hand:
        await hand.sees("1 of 1")
        server.stop()
        await hand.sees("cannot reach Redis")
        await hand.press("v")
        await hand.sees("counting …")
        server.start()
        await hand.loses("cannot reach Redis")
        with redis.Redis.from_url(server.url) as client:
            client.lpush(KEYS.queue("default"), seal(order(2, "send", "acme"), KEYRING))
        await hand.until(lambda: lines(hand) == ["1 100 % exact shop.send"], "the composition")


async def test_a_key_of_another_type_is_not_an_empty_composition(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.set(KEYS.dead, "text")
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.press("v", "b")
        await hand.sees("is not a list")
        assert not hand.shows("No dead jobs.")


@pytest.mark.usefixtures("shop")
async def test_the_footer_names_what_the_key_leads_to(open_console: Open) -> None:
    async with open_console(view="pending", size=(160, 30)) as hand:
        await hand.sees("v composition")
        await hand.press("v")
        await hand.sees("v jobs")
        await hand.press("v")
        await hand.sees("v composition")


async def test_dead_jobs_are_counted_by_the_worker_and_release_that_ran_them(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 5))
    for n, process, release in (
        (5000, "web-1.1", "4f2a1c"),
        (5001, "web-1.2", "4f2a1c"),
        (5002, "web-2.1", ""),
    ):
        seed.record(redis_client, n, "failed", now, worker=process, release=release)
    async with open_console(view="dead", size=(120, 30)) as hand:
        await hand.sees("1 of 5")
        await hand.press(*"vbbbb")
        await hand.sees("Dead jobs by size")
        await hand.press("b")
        await hand.sees("Dead jobs by worker")
        await hand.sees("all 5 jobs")
        assert lines(hand) == [
            "2 40 % exact web-1",
            "1 20 % exact web-2",
            "2 40 % exact not known",
        ]
        await hand.press("b")
        await hand.sees("Dead jobs by release")
        assert lines(hand) == ["2 40 % exact 4f2a1c", "3 60 % exact not known"]
        # No filter finds these jobs, so there is nothing to open.
        await hand.press("enter")
        await hand.sees("Dead jobs by release")
        await hand.press("b")
        await hand.sees("Dead jobs by error")
