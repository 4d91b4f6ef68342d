"""What a list has in memory, and what of it is drawn again."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.errors import Unreachable
from asok_core.inspection.rows import Page
from tests.fixtures.console import Open, settled
from tests.tui import seed


class WindowCounter:
    """A reader that counts the windows of pending jobs that it was asked for."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.windows: list[tuple[int, int]] = []

    def pending(self, queue: str, start: int, count: int) -> Page:
        self.windows.append((start, count))
        return self._reader.pending(queue, start, count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


class BrokenReader(WindowCounter):
    """A reader that fails to read pending jobs while ``fails`` is set."""

    fails = False

    def pending(self, queue: str, start: int, count: int) -> Page:
        if self.fails:
            raise Unreachable("the list cannot be read")
        return super().pending(queue, start, count)


async def test_the_next_page_is_there_before_its_key_is_pressed(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 1000, first=1, age=60)
    async with open_console(view="pending", interval=60.0) as hand:
        await hand.sees("1 of 1,000")
        for _ in range(8):
            await settled(hand)
            top, page = round(hand.rows.scroll_y), hand.rows.size.height - 1
            assert hand.rows.window.holds(top, top + 2 * page)
            await hand.press("pagedown")


async def test_what_is_seen_is_read_before_what_may_be_seen_next(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 1000, first=1, age=60)
    readers: list[WindowCounter] = []

    def counting(reader: Reader) -> WindowCounter:
        readers.append(WindowCounter(reader))
        return readers[0]

    async with open_console(view="pending", interval=60.0, reading=counting) as hand:
        await hand.sees("1 of 1,000")
        await settled(hand)
        readers[0].windows.clear()
        await hand.press("G")
        await hand.sees("1,000 of 1,000")
        await settled(hand)
        (first, few), (earlier, more) = readers[0].windows[:2]
        assert few <= hand.rows.size.height
        assert (earlier < first, more > few) == (True, True)


async def test_a_very_tall_screen_is_read_once_and_then_left_alone(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 2000, first=1, age=60)
    readers: list[WindowCounter] = []

    def counting(reader: Reader) -> WindowCounter:
        readers.append(WindowCounter(reader))
        return readers[0]

    async with open_console(
        size=(80, 240), view="pending", interval=60.0, reading=counting
    ) as hand:
        await hand.sees("1 of 2,000")
        await hand.press("pagedown")
        for _ in range(3):
            await settled(hand)
        asked = len(readers[0].windows)
        for _ in range(5):
            await settled(hand)
        assert len(readers[0].windows) == asked


async def test_a_line_that_looks_as_before_is_not_made_again(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 100, first=1, age=7200)
    async with open_console(view="pending", interval=60.0) as hand:
        await hand.sees("1 of 100")
        await settled(hand)
        region = hand.rows.size.region
        before = hand.rows.render_lines(region)
        await hand.press("j")
        after = hand.rows.render_lines(region)
        assert [y for y in range(len(before)) if before[y] is not after[y]] == [1, 2]
        await hand.press("t")
        again = hand.rows.render_lines(region)
        assert not [y for y in range(len(after)) if after[y] is again[y] and after[y].text.strip()]


async def test_more_run_than_fit_and_the_finished_follow_them(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(redis_client, "web-1", queues=("default",), concurrency=60, running=60, first=200)
    seed.recent(redis_client, 30)
    async with open_console(size=(120, 24), view="jobs") as hand:
        await hand.sees("1 of 90")
        await settled(hand)
        assert [row.position for row in hand.rows.window.loaded] == [
            *range(len(hand.rows.window.loaded))
        ]
        running = [row for row in hand.rows.window.loaded if row.record is None]
        assert [row.position for row in running] == [*range(min(60, len(hand.rows.window.loaded)))]
        await hand.press("G")
        await hand.sees("90 of 90")
        await hand.until(lambda: hand.rows.row is not None, "the last row")
        assert hand.rows.row is not None
        assert hand.rows.row.record is not None


@pytest.mark.parametrize("view", ["pending", "delayed", "jobs", "dead", "activity"])
async def test_a_refresh_brings_the_snapshot_and_the_list_at_once(
    redis_client: redis.Redis, open_console: Open, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    seed.shop(redis_client)
    seed.audit(redis_client)
    async with open_console(view=view) as hand:
        poller, ask = hand.app.poller, hand.app.poller.ask
        rows = next(each for each in hand.app.view.query(RowList) if each.display)
        await hand.until(lambda: rows.window.loaded, "the list")
        # The rows about the visible ones are asked for once.
        await settled(hand)
        asked: list[str] = []
        at_once: list[bool] = []

        def recording(slot: str, *request: Any) -> None:
            asked.append(slot)
            ask(slot, *request)

        def compare() -> None:
            # What is called last when a snapshot has arrived.
            assert hand.app.snapshot is not None
            at_once.append(rows.now == hand.app.snapshot.taken_at and view not in asked)
            asked.clear()

        monkeypatch.setattr(poller, "ask", recording)
        monkeypatch.setattr(hand.app, "rewrite_bars", compare)
        # One that was under way may have read other rows than those that are needed now.
        await hand.until(lambda: len(at_once) > 3 and all(at_once[-3:]), "three such refreshes")


async def test_a_page_that_cannot_be_read_does_not_hold_the_snapshot_back(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 10, first=1, age=60)
    broken: list[BrokenReader] = []

    def breaking(reader: Reader) -> BrokenReader:
        broken.append(BrokenReader(reader))
        return broken[0]

    async with open_console(view="pending", size=(120, 40), reading=breaking) as hand:
        await hand.sees("1 of 10")
        broken[0].fails = True
        await hand.sees("the list cannot be read")
        before = hand.app.snapshot
        await hand.until(lambda: hand.app.snapshot is not before, "a snapshot after that")
        broken[0].fails = False
        await hand.loses("the list cannot be read")
