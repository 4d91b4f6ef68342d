"""What screens state beside their lists: it agrees with the rest of the screen, and fits it."""

from __future__ import annotations

import pytest
import redis
from rich.cells import cell_len
from textual.widgets import Log

from asok_console.tui.keys import actions
from asok_console.tui.screens.full_text import FullTextDialog
from asok_console.tui.screens.help import help_text, topic_of
from asok_console.tui.screens.job_texts import plain, rendered
from asok_console.tui.views.shared import error_groups
from asok_console.tui.widgets.status_line import StatusLine
from asok_core.operations.canary import CanaryProgress
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


@pytest.mark.parametrize("view", actions.VIEW_TITLES)
def test_a_blank_is_between_the_keys_of_a_help_line_and_what_they_do(view: str) -> None:
    topic = topic_of(view, ())
    lines = help_text(topic, read_only=False).plain.split("\n")
    for action in topic.actions:
        assert any(line.startswith(f"  {action.all_keys} ") for line in lines), action.all_keys


async def test_the_progress_of_a_canary_fits_one_line(open_console: Open) -> None:
    progress = CanaryProgress(0, 2998, 10, 10, 0, 0, 57.0)
    async with open_console(size=(120, 40)) as hand:
        for line in hand.app.screen.query(StatusLine):
            line.progress(1, "Requeue 2,998 dead jobs with a canary?", progress)
        await hand.sees("x stops it")
        (shown,) = (line for line in hand.screen().split("\n") if "x stops it" in line)
        assert shown.startswith("  Requeue 2,998 dead jobs with a canary")


async def test_error_groups_that_are_being_counted_are_not_none(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(view="dead") as hand:
        await hand.press("v")
        await hand.sees("0 jobs")
        redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))

        def counted() -> bool:
            snapshot = hand.app.snapshot
            said = [text for text, _ in hand.app.view.describe()]
            assert not (snapshot and snapshot.dead and "0 jobs" in said), said
            return "6 jobs" in said

        await hand.until(counted, "6 jobs")


async def test_a_cause_that_was_counted_before_a_change_says_so(
    redis_client: redis.Redis, open_dead: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_groups, "REST", 3600.0)
    async with open_dead(8, size=(120, 40)) as hand:
        await hand.press("v")
        await hand.sees("8 jobs")
        await hand.press("D")
        await hand.sees("Purge 2 dead jobs?")
        assert not hand.shows("have changed since")
        await hand.press("escape")
        redis_client.rpop(KEYS.dead)
        await hand.sees("now 7")
        await hand.press("D")
        await hand.sees("! The dead jobs have changed since they were counted")


async def test_activity_says_why_a_confirmed_purge_did_nothing(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(8, size=(160, 40)) as hand:
        await hand.press("v")
        await hand.sees("8 jobs")
        await hand.press("D")
        await hand.sees("Purge 2 dead jobs?")
        redis_client.delete(KEYS.dead)
        await hand.press(*"purge", "enter", "enter")
        await hand.sees("⚠ Purged 0 jobs (2 skipped: no longer there when its turn came)")
        await hand.press("7")
        await hand.until(
            lambda: any(
                "⚠ none" in line and "2 no longer there" in line
                for line in hand.screen().split("\n")
            ),
            "the reason in Activity",
        )


async def test_a_worker_without_heartbeat_is_not_called_alive(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for name, heartbeat in (("web-1", 70.0), ("web-2", -60.0)):
        seed.worker(redis_client, name, queues=("high",), concurrency=2, running=0, first=200,
                    heartbeat=heartbeat)  # fmt: skip
    async with open_console(size=(120, 40)) as hand:
        await hand.press("5")
        await hand.sees("⚠ stalled")
        await hand.sees("1 alive")
        await hand.press("1")
        while hand.app.views["overview"].line.queue.name != "high":  # type: ignore[attr-defined]
            await hand.press("j")
        await hand.press("P")
        await hand.sees("2 workers serve it (1 without a heartbeat)")


async def test_the_reason_of_a_worker_in_trouble_does_not_repeat_its_state(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=2, running=0, first=200,
                heartbeat=-60)  # fmt: skip
    redis_client.hset(
        KEYS.worker("web-1"),
        mapping={"able": 0, "refusal": "module 'shop' cannot be imported: No module named 'shop'"},
    )
    async with open_console(size=(120, 40)) as hand:
        await hand.press("5")
        await hand.sees("✗ not claiming")
        (line,) = (line for line in hand.screen().split("\n") if "░░ 0/2" in line)
        assert line.count("not claiming") == 1
        assert "module 'shop' " in line


async def test_a_high_screen_shows_more_warnings(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "lonely", 3, first=1, age=100.0)
    for number in range(3):
        seed.worker(redis_client, f"web-{number}", queues=("high",), concurrency=2, running=0,
                    first=200, heartbeat=70.0)  # fmt: skip
    async with open_console(size=(200, 60)) as hand:
        await hand.sees("no worker claims jobs of lonely (3)")
        for number in range(3):
            await hand.sees(f"no heartbeat of worker web-{number}")
        assert not hand.shows("more)")


async def test_wide_characters_of_a_whole_text_are_broken_at_the_width(open_console: Open) -> None:
    async with open_console(size=(80, 24)) as hand:
        hand.app.push_screen(
            FullTextDialog({"Arguments": '"' + "値" * 300 + '"', "Error": "x" * 200})
        )
        await hand.sees("Arguments (302 characters)")
        lines = [str(line) for line in hand.app.screen.query_one(Log).lines]
        assert max(map(cell_len, lines)) <= 75
        assert "".join(lines).count("値") == 300
        assert "".join(lines).count("x") == 200


async def test_a_wide_screen_shows_a_filter_whole(open_dead: Open) -> None:
    words = 'group:"TimeoutError: gateway of the accounting department took longer than N s"'
    async with open_dead(8, size=(200, 40)) as hand:
        await hand.press("slash", *words, "enter")
        await hand.sees(f"⌕ {words}")


def test_emoji_modifiers_do_not_move_the_frame_of_a_section() -> None:
    for shown in (
        plain({"args": ["👍🏽 🇩🇪 支払い क्षि"]}),
        plain('"👍🏽 🇩🇪 支払い क्षि"'),
        rendered("traceback", "ValueError: 👍🏽 🇩🇪 支払い क्षि", 80).plain,
        rendered("error", "ValueError: 👍🏽 🇩🇪 支払い", 80).plain,
    ):
        assert "👍\\U0001f3fd \\U0001f1e9\\U0001f1ea 支払い" in shown
