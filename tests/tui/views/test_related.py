"""From a queue to all that belongs to it and back; lists of queues and workers, filtered and sorted."""

from __future__ import annotations

import redis

from asok_console.tui.views.shared.queue_table import QueueList
from tests.fixtures.console import Open
from tests.tui import seed


async def test_one_key_leads_from_a_queue_to_what_belongs_to_it_and_back(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("1,335 pending")
        await hand.press("j")
        await hand.until(lambda: hand.app.views["overview"].line.queue.name == "default")  # type: ignore[attr-defined]
        for key, title, narrowed in (
            ("F", "Dead jobs", "queue:default"),
            ("L", "Delayed", "queue:default"),
            ("B", "Running and recent jobs", "queue:default status:running"),
            ("W", "Workers", "queue:default"),
        ):
            await hand.press(key)
            await hand.sees(title)
            await hand.sees(f"⌕ {narrowed}")
            if key != "W":
                await hand.sees("Esc goes back")
            await hand.press("escape")
            await hand.sees("1,335 pending")
            assert hand.app.view_name == "overview"
            line = hand.app.views["overview"].line  # type: ignore[attr-defined]
            assert line.queue.name == "default"
        await hand.open_list("6", of=46)
        assert not hand.shows("⌕")
        await hand.until(lambda: hand.screen().count(" / filter ") == 1, "each key once")
        await hand.press("2", "F")
        await hand.sees("⌕ queue:")
        await hand.press("escape")
        assert hand.app.view_name == "pending"


async def test_a_queue_without_any_says_that_esc_goes_back(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "lonely", 1, first=1, age=5.0)
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=1, running=0, first=200)
    async with open_console(size=(200, 40)) as hand:
        await hand.sees("lonely")
        await hand.press("s", "j")
        await hand.until(lambda: hand.app.views["overview"].line.queue.name == "lonely")  # type: ignore[attr-defined]
        await hand.sees("F its dead  L its delayed  B its running  W its workers")
        for key, said in (
            ("F", "There are no dead jobs. Esc goes back."),
            ("L", "There are no delayed jobs. Esc goes back."),
            ("W", "None of 1 worker matches. Esc goes back."),
        ):
            await hand.press(key)
            await hand.sees(said)
            await hand.press("escape")
            assert hand.app.view_name == "overview"


async def test_queues_are_filtered_by_name(redis_client: redis.Redis, open_console: Open) -> None:
    for number in range(300):
        seed.pending(redis_client, f"tenant-{number:03}", 1, first=number, age=5.0)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("all queues")
        await hand.press("f", *"-17 !5", "enter")
        await hand.sees("⌕ -17 !5  9 of 303")
        await hand.sees("tenant-170")
        assert not hand.shows("tenant-175")
        assert not hand.shows("tenant-100")
        await hand.press("escape")
        await hand.loses("⌕")
        await hand.press("f", *"task:x")
        await hand.sees("it is about jobs")


async def test_workers_are_filtered_and_sorted(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for number in range(200):
        seed.worker(
            redis_client,
            f"web-{number:03}",
            queues=("high",) if number % 2 else ("low",),
            concurrency=4,
            running=0,
            first=200,
        )
    redis_client.hset(seed.KEYS.worker("web-150"), "rss", 9_000_000_000)
    async with open_console(size=(120, 40)) as hand:
        await hand.press("5")
        await hand.sees("web-000")
        await hand.press("slash", *"queue:low 01", "enter")
        await hand.sees("⌕ queue:low 01  ")
        assert hand.shows("web-010")
        assert not hand.shows("web-011")
        await hand.press("escape")
        await hand.sees("web-011")
        await hand.press("s", "s", "s", "s")
        await hand.sees("by memory")
        await hand.press("g")
        await hand.until(
            lambda: hand.screen().index("web-150") < hand.screen().index("web-000"), "the largest"
        )


async def test_a_click_on_a_title_sorts_by_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("all queues")
        lines = hand.screen().splitlines()
        y = next(n for n, line in enumerate(lines) if "Trend" in line)
        await hand.pilot.click(offset=(lines[y].index("Pending"), y))
        await hand.sees("by pending")
        names = [each.queue.name for each in hand.app.view.query_one(QueueList).window.loaded]
        assert names[1:] == ["default", "low", "reports", "high"]
