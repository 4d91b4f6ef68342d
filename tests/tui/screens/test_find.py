"""Finding a job: by its id, the beginning of that, its task, an argument; and when Redis is away."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.screens.find import FindJobDialog
from asok_console.tui.screens.job import JobScreen
from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Page
from asok_core.jobs.envelope import seal
from asok_core.jobs.states import Location
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import PATIENCE, Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS


def shop(client: redis.Redis) -> None:
    """Twenty pending, three delayed and four dead jobs, and one with a large argument."""
    seed.pending(client, "default", 20, first=1, age=5)
    now = seed.server_time(client)
    client.zadd(KEYS.delayed, {seal(seed.job(40 + n), KEYRING): now + 60 + n for n in range(3)})
    client.rpush(KEYS.dead, *seed.dead_jobs(now, 4))
    large = replace(seed.job(60), args=("y" * 50_000, "needle-in-hay"), kwargs={})
    client.lpush(KEYS.queue("low"), seal(large, KEYRING))
    client.sadd(KEYS.queues, "low")
    # Jobs that died are listed among those that ended lately, too.
    for n in range(5000, 5004):
        seed.record(client, n, "failed", now, error="E")
    client.lpush(KEYS.recent, *(seed.job_id(n) for n in range(5000, 5004)))


async def find(hand: Hand, words: str) -> None:
    """Type words where a job is asked for."""
    await hand.press("i")
    await hand.sees("Find a job")
    await hand.press(*words, "enter")


@pytest.mark.parametrize(
    ("words", "n"),
    [(seed.job_id(7), 7), (seed.job_id(7)[:8], 7), (seed.job_id(41)[:8], 41),
     (seed.job_id(5001)[:8], 5001), ("needle-in-hay", 60), (seed.job_id(60)[:8].upper(), 60)],
)  # fmt: skip
async def test_a_job_is_opened_by_what_a_list_shows_of_it(
    redis_client: redis.Redis, open_console: Open, words: str, n: int
) -> None:
    shop(redis_client)
    async with open_console() as hand:
        await find(hand, words)
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the page of a job")
        await hand.sees(seed.job_id(n))
        await hand.sees(seed.job(n).task)


async def test_several_jobs_are_listed_and_one_is_opened(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    async with open_console() as hand:
        await find(hand, "billing.charge")
        await hand.sees("jobs match. Enter opens one.")
        await hand.sees("delayed")
        await hand.sees("pending")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the page of a job")
        await hand.sees("shop.billing.charge")


async def test_the_overview_searches_everywhere_by_its_own_key(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    async with open_console(size=(120, 30)) as hand:
        await hand.press("slash")
        await hand.sees("Find a job")
        await hand.press(*"needle-in-hay", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the page of a job")
        await hand.sees(seed.job_id(60))


async def test_the_way_back_from_a_job_leads_to_the_list_that_was_found(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    async with open_console(size=(120, 30)) as hand:
        await find(hand, "billing.charge")
        await hand.sees("jobs match. Enter opens one.")
        await hand.press("j", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the page of a job")
        opened = hand.app.screen
        await hand.press("right_square_bracket")
        await hand.press("escape")
        await hand.until(lambda: isinstance(hand.app.screen, FindJobDialog), "the list")
        assert opened not in hand.app.screen_stack
        await hand.sees("jobs match. Enter opens one.")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "another job")
        await hand.press("escape", "escape")
        await hand.until(lambda: len(hand.app.screen_stack) == 1, "the Overview")


async def test_a_job_in_the_trash_is_found_by_the_beginning_of_its_id(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    async with open_console(size=(120, 30), view="pending") as hand:
        await hand.press("d")
        await hand.sees("Cancel 1 job?")
        await hand.press("y")
        await hand.sees("✓ ")
        await hand.until(lambda: not hand.app.stray_keys.lasts, "keys that count")
        await find(hand, seed.job_id(1)[:8])
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the page of a job")
        await hand.sees(seed.job_id(1))
        await hand.sees("trash")


class Halting:
    """A reader whose scan of the queue ``low`` waits until a test lets it continue."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.released = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, location: Location, queue: str | None = None, **more: Any) -> Iterator[Page]:
        if queue == "low":
            assert self.released.wait(PATIENCE)
        yield from self._reader.scan(location, queue, **more)


async def test_a_search_shows_how_far_it_is_and_is_stopped_with_what_it_found(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    seed.pending(redis_client, "low", 1_000, first=0x9000, age=5)
    halting: list[Halting] = []

    def reading(reader: Reader) -> Halting:
        halting.append(Halting(reader))
        return halting[0]

    async with open_console(size=(120, 30), reading=reading) as hand:
        await find(hand, "billing")
        await hand.sees("of 1,028, ")
        assert hand.shows("Scanned ")
        await hand.press("down")
        await hand.press("escape")
        await hand.sees("Stopped. Scanned ")
        assert isinstance(hand.app.screen, FindJobDialog)
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "a job that was found")
        await hand.sees("shop.billing.charge")
        halting[0].released.set()
        await hand.press("escape")
        await hand.sees("Stopped. Scanned ")
        await hand.press("escape")
        await hand.until(lambda: len(hand.app.screen_stack) == 1, "the Overview")


async def test_what_is_nowhere_is_reported_to_be_among_none_that_were_searched(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    async with open_console() as hand:
        await find(hand, "no-such-job")
        await hand.sees("None of 28 pending, delayed, running, dead and trashed jobs has")
        assert isinstance(hand.app.screen, FindJobDialog)


async def test_what_was_not_looked_at_is_stated_where_nothing_is_found(
    redis_client: redis.Redis, open_console: Open
) -> None:
    shop(redis_client)
    raw = [seal(seed.job(0x8000 + n), KEYRING) for n in range(80)]
    redis_client.lpush(KEYS.active("gone.1", "default"), *raw)
    async with open_console(size=(120, 30)) as hand:
        await find(hand, "no-such-job")
        await hand.sees("Not complete: not all jobs that")
        assert isinstance(hand.app.screen, FindJobDialog)


async def test_without_redis_nothing_is_reported_of_the_job(
    embedded_redis: Callable[..., EmbeddedRedis], open_console: Open
) -> None:
    server = embedded_redis()
    with redis.Redis.from_url(server.url) as client:
        seed.pending(client, "default", 3, first=1, age=5)
    settings = Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )
    async with open_console(settings=settings) as hand:
        server.stop()
        await find(hand, seed.job_id(2)[:8])
        await hand.sees("Not searched to the end:")
        assert not hand.shows("finished")
