"""Dead jobs by error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import redis

from asok_core.backends.roles import Reader
from asok_core.errors import Unreachable
from asok_core.inspection.rows import Page
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_a_cause_is_opened_and_left_again(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 41))
    async with open_console(size=(120, 30)) as hand:
        await hand.open_list("6", of=41)
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.sees("TimeoutError: gateway took longer than N")
        await hand.sees("KeyError: '…'")
        await hand.press("enter")
        await hand.sees("11 found")
        assert not hand.shows("KeyError")
        await hand.press("escape")
        await hand.sees("4 error groups")
        await hand.press("escape")
        await hand.sees("1 of 41")


async def test_all_of_a_cause_are_requeued_and_later_ones_left_out(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 40))
    async with open_console(size=(120, 30)) as hand:
        await hand.open_list("6", of=40)
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.sees("R requeue group  D purge group")
        await hand.press("R")
        await hand.sees("Requeue 10 dead jobs?")
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now + 90, 8, first=20_000))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 10 jobs")
        assert redis_client.llen(KEYS.dead) == 38


async def test_no_dead_jobs_is_not_said_while_there_are_some(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(6) as hand:
        await hand.press("v")
        await hand.sees("6 jobs")
        kept = redis_client.lrange(KEYS.dead, 0, -1)
        redis_client.delete(KEYS.dead)
        await hand.until(lambda: hand.app.snapshot.dead == 0, "none")  # type: ignore[union-attr]
        # Until they are counted again the count is that of a moment ago, and says so.
        await hand.sees("now 0")
        await hand.sees("No dead jobs.")
        redis_client.rpush(KEYS.dead, *kept)
        await hand.until(lambda: hand.app.snapshot.dead == 6, "six")  # type: ignore[union-attr]
        assert not hand.shows("No dead jobs.")
        await hand.sees("6 jobs")


async def test_an_operation_that_left_jobs_out_does_not_look_done(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    seed.audit(redis_client)
    entry: Any = {"operation": "20260301-000000-5a1e01", "at": now - 5, "who": "bob@ops-2",
                  "where": "cache.internal", "state": "done", "applied": 0, "action": "purge",
                  "place": "dead", "words": "task:x"}  # fmt: skip
    redis_client.xadd(KEYS.audit, entry)
    async with open_console(view="activity") as hand:
        await hand.sees("⚠ none")
        await hand.sees("⚠ partly")


class HeldScan:
    """A reader that holds each scan after its first page until it is let go, or ends it with an error."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.open = threading.Event()
        self.open.set()
        self.begun = 0
        self.breaks = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, *args: Any, **options: Any) -> Iterator[Page]:
        self.begun += 1
        for page in self._reader.scan(*args, **options):
            yield page
            self.open.wait()
            if self.breaks:
                raise Unreachable("Redis does not answer")


async def test_a_count_that_takes_longer_than_a_refresh_is_not_begun_again(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    readers: list[HeldScan] = []

    def held(reader: Reader) -> HeldScan:
        readers.append(HeldScan(reader))
        return readers[0]

    async with open_dead(6, size=(120, 30), reading=held, interval=0.1) as hand:
        await hand.press("v")
        await hand.sees("6 jobs")
        reader = readers[0]
        reader.open.clear()
        try:
            more = seed.dead_jobs(seed.server_time(redis_client), 4, first=20_000)
            redis_client.lpush(KEYS.dead, *more)
            await hand.sees("now 10")
            await hand.press("f5")
            await hand.until(lambda: reader.begun == 2, "another count")
            for _ in range(3):
                before = hand.app.snapshot
                await hand.until(lambda: hand.app.snapshot is not before, "a refresh")  # noqa: B023
            assert reader.begun == 2
        finally:
            reader.open.set()
        await hand.sees("10 jobs")


async def test_a_count_that_was_cut_short_says_so_and_moves_nothing(open_dead: Open) -> None:
    readers: list[HeldScan] = []

    def held(reader: Reader) -> HeldScan:
        readers.append(HeldScan(reader))
        return readers[0]

    async with open_dead(1_500, size=(120, 30), reading=held) as hand:
        readers[0].breaks = True
        await hand.press("v")
        await hand.sees("not all were counted: Redis does not answer")
        await hand.press("R", "D")
        assert len(hand.app.screen_stack) == 1
        readers[0].breaks = False
        await hand.sees("1,500 jobs")
        await hand.loses("not all were counted")
