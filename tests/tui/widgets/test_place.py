"""Views keep their position when they are left and entered again; filters begin at their first row."""

from __future__ import annotations

import redis

from asok_console.tui.views.shared.error_groups import ErrorGroupList
from asok_console.tui.views.shared.queue_table import QueueList
from asok_console.tui.views.shared.worker_table import WorkerList
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed
from tests.tui.seed import KEYS


def cursor_of(hand: Hand) -> tuple[str | None, int]:
    """The job under the cursor, and the line of the list that it is on."""
    return hand.rows.cursor.key, hand.rows.cursor.position - round(hand.rows.scroll_y)


async def go_to(hand: Hand, downs: int) -> tuple[str | None, int]:
    await hand.press("g", *(["pagedown"] * (downs // 15)), *(["j"] * (downs % 15)))
    await hand.until(lambda: hand.rows.row is not None, "the row")
    return cursor_of(hand)


async def test_a_list_is_where_it_was_although_it_grew(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(400) as hand:
        before = await go_to(hand, 100)
        for grown in (550, 700):
            await hand.press("1")
            await hand.sees("0 pending")
            now = seed.server_time(redis_client)
            redis_client.lpush(KEYS.dead, *seed.dead_jobs(now, 150, first=10_000 + grown))
            await hand.press("6")
            await hand.until(lambda: hand.rows.total == grown, "the new ones")  # noqa: B023 - at once
            await settled(hand)
            await hand.until(lambda: cursor_of(hand) == before, "the same job on the same line")


async def test_a_filter_begins_at_its_first_row_and_leads_back(open_dead: Open) -> None:
    async with open_dead(400) as hand:
        before = await go_to(hand, 107)
        await hand.press("slash", *"error:KeyError", "enter")
        await hand.sees("100 found")
        await hand.until(lambda: hand.rows.total == 100, "all that was found")
        assert (hand.rows.cursor.position, round(hand.rows.scroll_y)) == (0, 0)
        await hand.press("j", "j")
        await hand.press("escape")
        await hand.until(lambda: cursor_of(hand) == before, "the job where it was")


async def test_a_group_begins_at_its_first_row(open_dead: Open) -> None:
    async with open_dead(400) as hand:
        await go_to(hand, 107)
        await hand.press("v")
        await hand.sees("4 error groups")
        await hand.press("j", "j", "enter")
        await hand.sees("100 found")
        await hand.until(lambda: hand.rows.total == 100, "all of the group")
        assert (hand.rows.cursor.position, round(hand.rows.scroll_y)) == (0, 0)
        await hand.press("escape")
        await hand.sees("4 error groups")
        assert hand.app.view.query_one(ErrorGroupList).cursor.position == 2
        # Another view between does not change that.
        await hand.press("1", "6")
        await hand.sees("4 error groups")
        assert hand.app.view.query_one(ErrorGroupList).cursor.position == 2


async def test_each_queue_has_its_own_position(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for at, name in enumerate(("high", "low")):
        seed.pending(redis_client, name, 200, first=1000 * (at + 1), age=60)
    async with open_console(view="pending") as hand:
        await hand.sees("1 of 200")
        seen = {}
        for key, downs in (("left_square_bracket", 50), ("right_square_bracket", 33)):
            await hand.press(*[key] * 3)
            await hand.sees("of 200")
            await settled(hand)
            seen[hand.app.view.queue] = await go_to(hand, downs)  # type: ignore[attr-defined]
        assert len(seen) == 2
        for key in ("left_square_bracket", "right_square_bracket"):
            await hand.press(*[key] * 3)
            queue = hand.app.view.queue  # type: ignore[attr-defined]
            await hand.until(lambda: cursor_of(hand) == seen[queue], "its position")  # noqa: B023 - at once


async def test_a_visit_from_a_queue_leaves_the_view_as_it_was(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("all queues")
        await hand.press("6", "slash", *"error:Timeout", "enter")
        await hand.sees("12 found")
        await hand.press("j", "j", "j")
        before = cursor_of(hand)
        await hand.press("1", "g", "j", "F")
        await hand.sees("⌕ queue:")
        await hand.press("escape")
        await hand.sees("all queues")
        await hand.press("6")
        await hand.sees("⌕ error:Timeout")
        await hand.until(lambda: cursor_of(hand) == before, "the same job of the same filter")

        # Of the groups, too; and the visit is to the jobs.
        await hand.press("escape", "v")
        await hand.sees("4 error groups")
        await hand.press("1", "F")
        await hand.sees("⌕ queue:")
        assert not hand.shows("4 error groups")
        await hand.press("escape")
        await hand.sees("all queues")
        await hand.press("6")
        await hand.sees("4 error groups")


async def test_queues_and_workers_keep_cursor_and_order(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for number in range(60):
        seed.pending(redis_client, f"tenant-{number:02}", 1 + number, first=100 * number, age=5.0)
        seed.worker(
            redis_client, f"web-{number:02}", queues=("high",), concurrency=2, running=0, first=200
        )
    async with open_console(size=(80, 24)) as hand:
        await hand.sees("all queues")
        await hand.press("s", "g", *(["j"] * 30))
        queues = hand.app.view.query_one(QueueList)
        at = queues.cursor.key, round(queues.scroll_y)
        await hand.press("5")
        await hand.sees("web-00")
        await hand.press("v", "s", *(["j"] * 40))
        workers = hand.app.view.query_one(WorkerList)
        worker = workers.cursor.key, round(workers.scroll_y)
        await hand.press("1")
        await hand.sees("by pending")
        assert (queues.cursor.key, round(queues.scroll_y)) == at
        await hand.press("5")
        await hand.sees("by running")
        assert (workers.cursor.key, round(workers.scroll_y)) == worker
