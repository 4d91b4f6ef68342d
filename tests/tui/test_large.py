"""Jobs of more than 32 KiB: listed, marked, filtered, acted upon and read like any others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import redis

from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Page
from asok_core.jobs.envelope import dead_entry, peek, seal
from asok_core.jobs.job import Job
from tests.fixtures.console import Open, settled
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS

BIG = "x" * 42_000
FRAMES = '  File "/srv/shop/tasks/gateway.py", line 88, in run\n    answer = call(order)\n' * 200


def large(n: int, word: str, enqueued_at: float = 1.0) -> Job:
    """A job whose arguments are a word and 41 KiB."""
    return replace(seed.job(n, enqueued_at=enqueued_at), args=(word, BIG), kwargs={})


def die(client: redis.Redis, count: int) -> None:
    """Let ``count`` large jobs die, the newest of the highest number."""
    now = seed.server_time(client)
    for n in range(count):
        job = large(n, f"order-{n}", enqueued_at=now - 90)
        text = f"Traceback (most recent call last):\n{FRAMES}ValueError: order {n} has no lines\n"
        error = f"ValueError: order {n} has no lines"
        client.lpush(
            KEYS.dead,
            dead_entry(seal(job, KEYRING), failed_at=now - 60 + n, error=error, traceback=text),
        )


async def test_large_dead_jobs_say_what_they_are(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 5)
    async with open_console(size=(120, 40), view="dead") as hand:
        await hand.sees("1 of 5")
        for n in range(5):
            await hand.sees(f"order {n} has no lines")
            await hand.sees(seed.job_id(n)[:8])
        await hand.sees("shop.reports.monthly")


async def test_one_large_dead_job_is_marked_and_requeued(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 5)
    async with open_console(size=(120, 40), view="dead") as hand:
        await hand.sees("1 of 5")
        await hand.press("down", "space")
        await hand.sees("1 marked")
        assert len(hand.rows.cursor.marks) == 1
        await hand.press("r")
        await hand.sees("Requeue 1 dead")
        await hand.press("tab", "enter")
        await hand.sees("Requeued 1 job")
        (queued,) = redis_client.lrange(KEYS.queue("default"), 0, -1)
        assert isinstance(queued, bytes)
        assert peek(queued).id == seed.job_id(3)


async def test_a_filter_finds_large_jobs_by_error_and_by_argument(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 5)
    async with open_console(size=(120, 40), view="dead") as hand:
        await hand.press("slash", *"error:lines task:shop.search arg:order-3", "enter")
        await hand.sees("1 found")
        assert hand.rows.row is not None
        assert hand.rows.row.key == seed.job_id(3)


async def test_the_page_of_a_large_job_shows_a_part_and_on_request_all(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 2)
    async with open_console(size=(100, 40), view="dead") as hand:
        await hand.sees("1 of 2")
        await hand.press("enter")
        await hand.sees("order 1 has no lines")
        await hand.press("tab", "tab")
        await hand.sees("characters are left out: v shows all")
        await hand.press("v")
        await hand.sees("── Traceback (")
        await hand.press("G")
        await hand.sees("xxxxxx")
        await hand.press("escape", "e")
        await hand.sees("order-1")


async def test_the_pages_of_pending_and_delayed_show_the_beginning_of_large_arguments(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    job = large(7, "first-words", enqueued_at=now - 5)
    redis_client.lpush(KEYS.queue("default"), seal(job, KEYRING))
    redis_client.zadd(KEYS.delayed, {seal(large(8, "x"), KEYRING): now + 60})
    async with open_console(size=(120, 40), view="pending") as hand:
        await hand.sees('41 KiB: "first-words')
        await hand.sees(job.task)
        await hand.press("3")
        await hand.sees(seed.job(8).task)


async def test_a_refresh_reads_few_large_jobs_beside_those_on_the_screen(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 200)
    windows: list[int] = []

    class CountingReader:
        def __init__(self, reader: Reader) -> None:
            self._reader = reader

        def dead(self, start: int, count: int) -> Page:
            windows.append(count)
            return self._reader.dead(start, count)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._reader, name)

    async with open_console(view="dead", reading=CountingReader) as hand:
        await hand.sees("1 of 200")
        await hand.press("pagedown", "pagedown", "pagedown", "pagedown")
        await settled(hand)
        windows.clear()
        await hand.until(lambda: len(windows) > 4, "refreshes")
        assert max(windows) <= hand.rows.size.height + 2 * 20
        top, page = round(hand.rows.scroll_y), hand.rows.size.height - 1
        assert hand.rows.window.holds(top, top + page)


async def test_what_was_too_large_to_be_read_is_a_row_that_says_so(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, 1)
    error = "Oversized: 90000000 bytes, more than ASOK_MAX_ENVELOPE (5242880)"
    said = {"size": 90_000_000, "sha1": "0123456789" * 4, "until": 9e9, "queue": "default"}
    dead = {"v": 1, "oversized": said, "failed_at": seed.server_time(redis_client), "error": error}
    redis_client.lpush(KEYS.dead, json.dumps({**dead, "traceback": "", "rejected": True}))
    # One that nothing has met yet: Redis reports its size.
    redis_client.lpush("asok:queue", b"\\" * (17 << 20))
    async with open_console(size=(160, 40), view="dead") as hand:
        await hand.sees("1 of 2")
        await hand.sees("⚠ oversized: 85.8 MiB, SHA-1 0123456789")
        await hand.press("enter")
        await hand.sees("not checked: it is too large to be read (ASOK_MAX_ENVELOPE)")
        await hand.sees(f"oversized: 85.8 MiB, SHA-1 {'0123456789' * 4}")
        await hand.press("escape", "2")
        await hand.sees("oversized: 17.0 MiB, not read")
