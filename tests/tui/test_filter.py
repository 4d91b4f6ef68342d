"""Filters: typed, searched, acted upon."""

from __future__ import annotations

import redis

from tests.tui import seed
from tests.tui.conftest import Open
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


async def test_a_filter_that_makes_no_sense_says_why(open_dead: Open) -> None:
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
        await hand.sees("Requeue 10 dead letters?")
        await hand.sees("asok dlq requeue --filter error:Timeout")
        redis_client.lpush(KEYS.dead, *seed.letters(now + 50, 4, first=20_000))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 10 dead letters")
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
        assert not hand.rows.marks
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("25 found")
        await hand.press("A")
        await hand.sees("25 marked")


async def test_a_search_is_not_run_again_by_the_refresh(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(8) as hand:
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("2 found")
        redis_client.lpush(KEYS.dead, *seed.letters(now, 8, first=600))
        await hand.until(lambda: hand.app.snapshot is not None and hand.app.snapshot.dead == 16)
        await hand.pilot.pause(0.5)
        assert hand.shows("2 found")


async def test_recent_jobs_are_filtered_too(redis_client: redis.Redis, open_console: Open) -> None:
    seed.shop(redis_client)
    async with open_console() as hand:
        await hand.press("4")
        await hand.sees("of 67")
        await hand.press("slash", *"status:failed", "enter")
        await hand.sees("7 found")
