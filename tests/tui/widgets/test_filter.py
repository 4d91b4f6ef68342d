"""Filters: typed, searched, acted upon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from asok_core.backends.roles import Reader
from asok_core.inspection.rows import Page
from asok_core.jobs.envelope import seal
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_a_filter_finds_what_is_far_away_and_escape_shows_all(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 5000, first=1, age=600)
    async with open_console() as hand:
        await hand.press("2")
        await hand.sees("1 of 5,000")
        await hand.press("slash", *"id:00001388")
        await hand.sees("1 found")
        await hand.sees("5,000")
        await hand.press("enter")
        assert hand.rows.row is not None
        assert hand.rows.row.key == seed.job_id(0x1388)
        await hand.press("escape")
        await hand.sees("of 5,000")


class Overtaken:
    """A reader whose walks through a queue are overtaken: workers take jobs and return them."""

    def __init__(self, reader: Reader, client: redis.Redis) -> None:
        self._reader = reader
        self._client = client
        self.is_overtaken = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def scan(self, *of: Any, **more: Any) -> Iterator[Page]:
        for at, page in enumerate(self._reader.scan(*of, **more)):
            yield page
            if at == 0 and self.is_overtaken:
                pipeline = self._client.pipeline(transaction=False)
                for _ in range(600):
                    pipeline.rpoplpush(KEYS.queue("default"), KEYS.queue("default"))
                pipeline.execute()


async def test_jobs_that_were_taken_before_they_were_read_are_not_reported_as_searched(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 1_500, first=1, age=600)
    readers: list[Overtaken] = []

    def reading(reader: Reader) -> Overtaken:
        readers.append(Overtaken(reader, redis_client))
        return readers[-1]

    async with open_console(size=(120, 30), view="pending", reading=reading) as hand:
        await hand.sees("of 1,500")
        await hand.press("slash", *"id:ffff", "enter")
        await hand.sees("jobs that left meanwhile may be missing")
        for each in readers:
            each.is_overtaken = False
        await hand.press("f5")
        await hand.loses("jobs that left meanwhile may be missing")
        await hand.sees("None found among 1,500 pending jobs")


async def test_a_filter_that_is_invalid_says_why(open_dead: Open) -> None:
    async with open_dead(8) as hand:
        await hand.press("slash", *"colour:red", "enter")
        await hand.sees("there is no field")
        await hand.press("escape")
        await hand.sees("1 of 8")
        assert hand.app.view_name == "dead"


async def test_what_the_filter_found_is_requeued_and_nothing_else(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(40) as hand:
        await hand.press("slash", *"error:Timeout", "enter")
        await hand.sees("10 found")
        await hand.press("R")
        await hand.sees("Requeue 10 dead jobs?")
        await hand.sees("asok dlq requeue --filter error:Timeout")
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now + 50, 4, first=20_000))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 10 jobs")
        assert redis_client.llen(KEYS.dead) == 34
        await hand.sees("1 found")


async def test_marks_that_the_filter_hides_are_counted_aloud(open_dead: Open) -> None:
    async with open_dead(8) as hand:
        await hand.press("space", "space")
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("2 found")
        await hand.press("space")
        await hand.sees("3 marked (2 hidden)")
        await hand.press("r")
        await hand.sees("The filter hides 2 of them.")


async def test_all_that_was_found_is_marked(open_dead: Open) -> None:
    async with open_dead(100) as hand:
        await hand.press("A")
        assert not hand.rows.cursor.marks
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("25 found")
        await hand.press("A")
        await hand.sees("25 marked")


async def test_what_a_filter_found_is_as_live_as_the_rest(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(8) as hand:
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("2 found")
        await hand.press("down", "space")
        at = hand.rows.row
        assert at is not None
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now, 8, first=600))
        await hand.sees("4 found")
        assert hand.rows.row is not None
        assert hand.rows.row.key == at.key
        assert len(hand.rows.cursor.marks) == 1
        redis_client.delete(KEYS.dead)
        await hand.sees("There are no dead jobs. Esc clears the filter.")


async def test_what_cannot_be_searched_at_each_refresh_says_since_when_it_is_held(
    redis_client: redis.Redis, open_dead: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A search that costs much rests long.
    monkeypatch.setattr("asok_console.tui.views.shared.searching.SHARE", 1e9)
    monkeypatch.setattr("asok_console.tui.views.shared.searching.HELD", 1.0)
    now = seed.server_time(redis_client)
    async with open_dead(8, size=(120, 30)) as hand:
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("2 found")
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now, 8, first=600))
        await hand.sees("held since")
        await hand.sees("s, press F5")
        assert hand.shows("2 found")
        await hand.press("f5")
        await hand.sees("4 found")


@pytest.mark.parametrize(
    ("key", "location"),
    [("6", "among 8 dead jobs"), ("2", "among 6 pending jobs of default"), ("3", "among 5 delayed jobs"),
     ("4", "There are no running or recently finished jobs")],
)  # fmt: skip
async def test_an_empty_result_is_not_an_empty_location(
    redis_client: redis.Redis, open_dead: Open, key: str, location: str
) -> None:
    seed.pending(redis_client, "default", 6, first=1, age=60)
    now = seed.server_time(redis_client)
    redis_client.zadd(
        KEYS.delayed, {seal(seed.job(50 + n), seed.KEYRING): now + 60 + n for n in range(5)}
    )
    async with open_dead(8) as hand:
        await hand.press(key, "slash", *"task:nothing_like_it", "enter")
        await hand.sees(location)
        await hand.sees("Esc clears the filter")
        await hand.press("escape")
        await hand.loses("Esc clears")


async def test_a_location_of_another_type_is_not_called_empty(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.set(KEYS.dead, "text")
    redis_client.set(KEYS.delayed, "text")
    async with open_console(view="dead", size=(120, 30)) as hand:
        for words in ("", "task:mail"):
            if words:
                await hand.press("6", "slash", *words, "enter")
                await hand.sees(f"⌕ {words}")
            await hand.sees(f"  The key {KEYS.dead} is not a list: its jobs cannot be read.")
            await hand.press("3")
            if words:
                await hand.press("slash", *words, "enter")
                await hand.sees(f"⌕ {words}")
            await hand.sees(
                f"  The key {KEYS.delayed} is not a sorted set: its jobs cannot be read."
            )
        await hand.press("6", "escape", "v")
        await hand.sees("by error")
        await hand.sees(f"  The key {KEYS.dead} is not a list: its jobs cannot be read.")


async def test_an_audit_or_finished_jobs_of_another_type_are_not_called_none(
    redis_client: redis.Redis, open_console: Open
) -> None:
    unread = f"The key {KEYS.recent} is not a list: its jobs cannot be read."
    async with open_console(view="activity", size=(120, 30)) as hand:
        await hand.sees("No operations and no events yet.")
        redis_client.set(KEYS.audit, "text")
        redis_client.set(KEYS.recent, "text")
        await hand.sees(
            f"  The key {KEYS.audit} is not a stream: what operators did cannot be read."
        )
        await hand.press("4")
        await hand.sees(f"  {unread}")
        await hand.press("slash", *"task:mail", "enter")
        await hand.sees("⌕ task:mail")
        await hand.sees(f"  {unread}")
        await hand.press("escape")
        seed.workers(redis_client)
        await hand.sees(f"⚠ {unread}")


async def test_the_last_error_of_a_delayed_job_is_searched_and_shown(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    for n in range(3):
        job = seed.job(n, retry_count=1)
        redis_client.zadd(KEYS.delayed, {seal(job, seed.KEYRING): now + 60 + n})
        seed.record(redis_client, n, "retrying", now, error=f"OSError: disk {n}")
    async with open_console(view="delayed", size=(120, 30)) as hand:
        await hand.sees("OSError: disk 2")
        await hand.press("slash", *"error:disk", "enter")
        await hand.sees("3 found")
        await hand.sees("OSError: disk 2")
        await hand.press("escape", "slash", *'error:"disk 1"', "enter")
        await hand.sees("1 found")
        assert hand.shows("OSError: disk 1")


async def test_recent_jobs_are_filtered_too(redis_client: redis.Redis, open_console: Open) -> None:
    seed.shop(redis_client)
    async with open_console() as hand:
        await hand.press("4")
        await hand.sees("of 67")
        await hand.press("slash", *"status:failed", "enter")
        await hand.sees("7 found")


async def test_queues_are_narrowed_by_either_group_of_words(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for name in ("mail-in", "mail-out", "reports", "images"):
        seed.pending(redis_client, name, 1, first=1, age=600)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("images")
        await hand.press("f", *"mail !out or queue:rep*", "enter")
        await hand.sees("2 of 7")
        shown = [line.split()[0] for line in hand.screen().splitlines()[6:10] if line.strip()]
        assert shown == ["▸", "mail-in", "reports"]
