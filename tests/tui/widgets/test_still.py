"""Nothing jumps by a line: the lists do not move while operations, trouble and filters come and go."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import redis
from textual.content import Content

from asok_console.demo.embedded import EmbeddedRedis
from asok_console.tui.views.shared.job_list import JobListView
from asok_console.tui.widgets.caption import Caption
from asok_console.tui.widgets.row_list import RowList
from asok_core.settings.settings import Settings
from tests.conftest import SECRET_KEY
from tests.fixtures.console import Hand, Open, settled
from tests.tui import seed
from tests.tui.seed import KEYS

VIEWS = ("overview", "pending", "delayed", "jobs", "workers", "dead", "activity")
SIZES = ((80, 24), (120, 40), (200, 60))


@pytest.fixture
def server(embedded_redis: Callable[..., EmbeddedRedis]) -> EmbeddedRedis:
    """A Redis that keeps its data when it is stopped, with the data of a shop and nothing wrong."""
    running = embedded_redis("--appendonly", "yes")
    with redis.Redis.from_url(running.url) as client:
        seed.shop(client)
        seed.audit(client)
        client.delete(KEYS.queue("reports"))
        client.delete(KEYS.workers)
        seed.workers(client)
        queues = ("high", "default", "low", "reports")
        seed.worker(client, "web-3", queues=queues, concurrency=4, running=0, first=240)
        # However long a busy machine takes for a test, no heartbeat is late.
        for key in client.keys(KEYS.worker("*")):
            client.hset(key, "beat_at", seed.server_time(client) + 3600)
    return running


def settings_for(server: EmbeddedRedis) -> Settings:
    return Settings.load(
        {"ASOK_QUEUE_BACKEND": "redis", "ASOK_REDIS_URL": server.url, "SECRET_KEY": SECRET_KEY}
    )


def lines(hand: Hand) -> tuple[int, int, str]:
    """Where the list of the view begins, how many lines it has, and its titles and first row."""
    rows = next(each for each in hand.app.view.query(RowList) if each.display)
    titles = hand.screen().splitlines()[rows.region.y]
    row = rows.window.row_at(round(rows.scroll_y))
    # A list that a filter narrows may be empty for a moment.
    key = rows.window.key_of(row) if row is not None else ""
    return rows.region.y, round(rows.scroll_y), f"{titles.split()[0]} {key}"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("view", VIEWS)
async def test_a_list_does_not_move_in_an_incident(
    server: EmbeddedRedis, open_console: Open, view: str, size: tuple[int, int]
) -> None:
    with redis.Redis.from_url(server.url) as client:
        async with open_console(settings=settings_for(server), size=size, view=view) as hand:
            app = hand.app
            await hand.until(
                lambda: any(
                    each.display and each.window.row_at(0) for each in app.view.query(RowList)
                ),
                "the first row",
            )
            await hand.until(lambda: not app.state.alerts, "nothing wrong")
            still = lines(hand)

            # Alerts come: a queue without a worker, then a second, and go.
            for name in ("orphans", "foundlings"):
                seed.pending(client, name, 3, first=8000, age=5)
                await hand.until(lambda: name in str(app.state.alerts), "the warning")  # noqa: B023 - at once
                assert lines(hand) == still
            client.delete(KEYS.queue("orphans"), KEYS.queue("foundlings"))
            client.srem(KEYS.queues, "orphans", "foundlings")
            await hand.until(lambda: not app.state.alerts, "nothing wrong")
            assert lines(hand) == still

            # A filter is typed, with a mistake, and cleared.
            await hand.press("f" if view == "overview" else "slash", *"zz:")
            await hand.sees("zz:")
            y, *_ = lines(hand)
            await hand.press("escape")
            await hand.loses("zz:")
            await hand.until(lambda: lines(hand) == still, "the list as it was")
            assert y == still[0]

            # Redis goes and comes back.
            server.stop()
            await hand.sees("cannot reach Redis")
            assert lines(hand) == still
            server.start()
            await hand.loses("cannot reach Redis")
            assert lines(hand) == still


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_list_does_not_move_while_operations_run_and_end(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.shop(redis_client)
    async with open_console(size=size, view="overview") as hand:
        await hand.sees("all queues")
        still = lines(hand)
        plot = hand.app.view.query_one("#main").region
        await hand.press("j", "P", "enter")
        await hand.sees("Pause queue 'default'?")
        await hand.press("y")
        await hand.sees("✓ ")
        assert lines(hand) == still
        assert hand.app.view.query_one("#main").region == plot


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_end_of_a_list_does_not_move_either(
    redis_client: redis.Redis, open_dead: Open, size: tuple[int, int]
) -> None:
    async with open_dead(100, size=size) as hand:
        await hand.press("G")
        await hand.sees("100 of 100")
        await hand.until(lambda: hand.rows.row is not None, "the last row")
        still = lines(hand)
        await hand.press("slash")
        await hand.until(lambda: hand.app.view.is_asking, "the line for a filter")
        assert lines(hand) == still
        await hand.press("escape")
        await hand.until(lambda: not hand.app.view.is_asking, "no line for a filter")
        assert lines(hand) == still


async def test_the_list_of_delayed_jobs_does_not_move_when_the_first_comes(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(view="delayed") as hand:
        await hand.sees("No delayed jobs")
        before = hand.rows.region.y
        seed.delayed(redis_client, 3)
        await hand.sees("1 of 3")
        await hand.sees("Due per minute")
        assert hand.rows.region.y == before


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_dialogs_do_not_move_while_they_are_typed_in(
    redis_client: redis.Redis, open_console: Open, size: tuple[int, int]
) -> None:
    seed.shop(redis_client)
    async with open_console(size=size, view="pending") as hand:
        await hand.sees("1 of 1,204")
        await hand.press("M")
        await hand.until(lambda: len(hand.app.screen_stack) == 2, "the dialog")
        question = hand.app.screen.query_one("#question")
        before = question.region
        await hand.press(*"nowhere")
        assert question.region == before
        await hand.press(*["backspace"] * 7, *"low")
        assert question.region == before
        await hand.press("escape", "i")
        await hand.sees("Find a job")
        question = hand.app.screen.query_one("#question")
        before = question.region
        await hand.press(*"send_receipt", "enter")
        await hand.sees("jobs match")
        assert question.region == before


async def test_columns_do_not_move_when_the_scrollbar_comes_and_goes(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 5, first=1, age=60)
    async with open_console(view="pending") as hand:
        await hand.sees("1 of 5")
        columns = [(placed.column.title, placed.width) for placed in hand.rows.renderer.placed]
        seed.pending(redis_client, "default", 100, first=100, age=60)
        await hand.sees("1 of 105")
        assert [
            (placed.column.title, placed.width) for placed in hand.rows.renderer.placed
        ] == columns


async def test_the_first_picture_is_whole(
    redis_client: redis.Redis, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that is opened with a snapshot shows it before it is laid out for the first time."""
    seed.shop(redis_client)
    async with open_console(size=(200, 60)) as hand:
        first = hand.app.snapshot
    written = []
    write = Caption.write

    def noted(caption: Caption, content: Content) -> None:
        if caption.id == "warnings":
            written.append(content.plain)
        write(caption, content)

    monkeypatch.setattr(Caption, "write", noted)
    async with open_console(size=(200, 60), first=first) as hand:
        await hand.until(lambda: hand.app.snapshot is not first, "the second snapshot")
    assert len({len(each.split("\n")) for each in written}) == 1
    assert all("no worker claims jobs of reports (31)" in each for each in written)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_a_list_is_where_it_was_after_a_filter_was_used_and_cleared(
    redis_client: redis.Redis, open_dead: Open, size: tuple[int, int]
) -> None:
    async with open_dead(100, size=size) as hand:
        await hand.press("G", "k", "k")
        await hand.until(lambda: hand.rows.row is not None, "the row")
        still, key = lines(hand), hand.rows.cursor.key
        view = cast("JobListView", hand.app.view)
        await hand.press("slash", *"task:billing")
        await hand.until(lambda: view.search is not None and view.search.complete, "the search")
        await hand.press("enter", "escape")
        await hand.until(lambda: view.search is None and hand.rows.row is not None, "the row")
        await hand.until(lambda: lines(hand) == still, "the list where it was")
        await settled(hand)
        assert (lines(hand), hand.rows.cursor.key) == (still, key)
