"""What an operator sees and does, by keys alone, on a real Redis."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from asok_console.tui.navigation import VIEWS
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.screens.job import JobScreen
from asok_console.tui.widgets.plot import Plot
from asok_console.tui.widgets.row_list import RowList
from asok_core.backends.roles import Reader
from asok_core.inspection.snapshot import Snapshot
from tests.fixtures.console import Open, settled
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_every_view_shows_its_part_of_the_shop(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    expected = {
        "1": ("1,335 pending", "7 running", "14 delayed", "46 dead", "❙❙ paused", "no worker"),
        "2": ("Queue default", "1 of 1,204", "mail.send_receipt", "1 of 4"),
        "3": ("Delayed", "1 of 14", "in 4", "TimeoutError"),
        "4": ("7 running", "▶ running", "✓ completed", "✗ failed"),
        "5": ("alive", "7 of 8 threads busy", "web-1", "3/4"),
        "6": ("Dead jobs", "1 of 46", "ConnectionError: smtp", "4 of 4"),
    }
    async with open_console(size=(120, 40)) as hand:
        for key, texts in expected.items():
            await hand.press(key)
            for text in texts:
                await hand.sees(text)


async def test_a_view_fits_the_smallest_screen(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(80, 24)) as hand:
        for number in range(1, len(VIEWS) + 1):
            await hand.press(str(number))
            lines = hand.screen().splitlines()
            assert len(lines) == 24
            assert "Asok" in lines[0]
            assert "q quit" in lines[-1]


async def test_a_tiny_screen_shows_the_row_on_which_keys_act(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(40, 10)) as hand:
        for key in "23456":
            await hand.press(key)
            # The beginning of the name of a task gives way to the figures beside it.
            names = ("web-",) if key == "5" else tuple(function for _, function, *_ in seed.TASKS)

            def chosen(names: tuple[str, ...] = names) -> bool:
                lines = [line for line in hand.screen().splitlines() if "▸" in line]
                return any(name in line for line in lines for name in names)

            await hand.until(chosen, f"the cursor on one of {names} in view {key}")


async def test_the_overview_counts_again_each_time(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console() as hand:
        await hand.sees("0 pending")
        seed.pending(redis_client, "high", 12, first=1, age=5)
        await hand.sees("12 pending")


async def test_enter_on_a_queue_shows_its_pending_jobs(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 3, first=1, age=5)
    seed.pending(redis_client, "low", 5, first=10, age=5)
    async with open_console() as hand:
        await hand.sees("low")
        while "▸ low" not in hand.screen():
            await hand.press("j")
        await hand.press("enter")
        await hand.sees("Queue low   job 1 of 5")
        await hand.press("left_square_bracket", "left_square_bracket")
        await hand.sees("Queue high   job 1 of 3")
        # Other queues are one key away: that is on the smallest screen as well.
        assert hand.shows("] next queue")
        await hand.press("escape")
        await hand.sees("8 pending")


async def test_the_cursor_stays_on_its_job_when_new_ones_arrive(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(300) as hand:
        await hand.press("j", "j", "j")
        await hand.sees("4 of 300")
        rows = hand.rows
        held, line = rows.cursor.key, rows.cursor.position - rows.scroll_y
        for dead_job in seed.dead_jobs(now + 30, 7, first=100):
            redis_client.lpush(KEYS.dead, dead_job)
        await hand.sees("11 of 307")
        assert rows.row is not None
        assert rows.cursor.key == held == rows.row.key
        assert rows.cursor.position - rows.scroll_y == line


async def test_the_cursor_is_found_again_after_a_flood(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(50) as hand:
        await hand.press("j", "j")
        await hand.sees("3 of 50")
        held = hand.rows.cursor.key
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now + 30, 2000, first=20_000, every=0.001))
        await hand.sees("2,003 of 2,050")
        assert hand.rows.cursor.key == held


async def test_a_refresh_leaves_the_search_for_the_cursors_row_its_turn(
    open_dead: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_dead(5) as hand:
        await settled(hand)
        hand.app.poller.stop()
        rows, asked = hand.rows, list[RowList.WindowNeeded]()
        with monkeypatch.context() as patched:
            patched.setattr(rows, "post_message", asked.append)
            rows.show_page(0, 10, rows.window.loaded[1:], rows.now)
            rows.reload()
        assert [(each.start, each.count) for each in asked] == [(5, 4), (5, 4)]


async def test_a_late_page_does_not_end_the_search_for_the_cursors_row(
    open_dead: Open,
) -> None:
    async with open_dead(5) as hand:
        await settled(hand)
        hand.app.poller.stop()
        rows, held = hand.rows, list(hand.rows.window.loaded)
        key = rows.cursor.key
        for _ in range(2):
            rows.show_page(0, 10, held[1:], rows.now)
        rows.show_page(5, 10, held, rows.now)
        assert (rows.cursor.position, rows.cursor.key) == (5, key)


async def test_the_cursor_never_wraps(open_dead: Open) -> None:
    async with open_dead(5) as hand:
        await hand.press("k", "up")
        assert hand.rows.cursor.position == 0
        await hand.press("G", "j", "down", "pagedown")
        assert hand.rows.cursor.position == 4


async def test_a_long_queue_is_read_in_windows(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 20_000, first=1, age=600)
    async with open_console(size=(100, 30)) as hand:
        await hand.press("2")
        await hand.sees("1 of 20,000")
        await hand.press("G")
        await hand.sees("20,000 of 20,000")
        await hand.sees("00004e20")
        assert len(hand.rows.window.loaded) < 300


async def test_marks_hold_to_their_jobs_and_escape_clears_them(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(9) as hand:
        await hand.press("space", "space")
        await hand.sees("● 2 marked")
        marked = set(hand.rows.cursor.marks)
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now, 3, first=100))
        await hand.sees("of 12")
        assert set(hand.rows.cursor.marks) == marked == {seed.job_id(5000), seed.job_id(5001)}
        await hand.press("escape")
        await hand.loses("marked")
        assert hand.app.view_name == "dead"


async def test_a_job_shows_record_arguments_and_traceback(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 3))
    async with open_console(size=(100, 50)) as hand:
        await hand.open_job("6", of=3)
        for text in ("✗ failed", "shop.mail.send_receipt", seed.job_id(5000), "signed with our key",
                     "TimeoutError: gateway took longer", "gateway.py", '"ada@example.org"'):  # fmt: skip
            await hand.sees(text)
        await hand.press("escape")
        assert not isinstance(hand.app.screen, JobScreen)


async def test_requeue_asks_first_and_puts_one_dead_job_back(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(6) as hand:
        await hand.press("j", "r")
        await hand.sees("Requeue 1 dead job?")
        await hand.sees("redis://cache.internal:6379/0")
        await hand.sees(f"asok dlq requeue --id {seed.job_id(5001)}")
        assert hand.app.focused is not None
        assert hand.app.focused.id == "no"
        await hand.press("enter")
        assert redis_client.llen(KEYS.dead) == 6
        await hand.press("r", "tab", "enter")
        await hand.sees("Requeued 1 job")
        assert redis_client.llen(KEYS.dead) == 5
        (raw,) = redis_client.lrange(KEYS.queue("high"), 0, -1)
        envelope = json.loads(raw)
        assert json.loads(envelope["job"])["id"] == seed.job_id(5001)


async def test_marked_dead_jobs_are_requeued_together(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(6) as hand:
        await hand.press("space", "space", "space", "r")
        await hand.sees("Requeue 3 dead jobs?")
        await hand.press("tab", "enter")
        await hand.sees("Requeued 3 jobs")
        await hand.loses("marked")
        assert redis_client.llen(KEYS.dead) == 3


async def test_purge_requires_typed_confirmation(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(6) as hand:
        await hand.press("D")
        await hand.sees("Purge 6 dead jobs?")
        await hand.sees("none")
        assert hand.app.screen.query_one("#yes").disabled
        await hand.press("shift+tab", *"purg", "enter", "enter")
        assert isinstance(hand.app.screen, ConfirmationDialog)
        assert redis_client.llen(KEYS.dead) == 6
        await hand.press("e", "enter", "enter")
        await hand.sees("Purged 6 jobs")
        assert redis_client.llen(KEYS.dead) == 0


async def test_what_dies_after_the_question_is_left_out(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    now = seed.server_time(redis_client)
    async with open_dead(6) as hand:
        await hand.press("R")
        await hand.sees("Requeue 6 dead jobs?")
        redis_client.lpush(KEYS.dead, *seed.dead_jobs(now + 100, 2, first=800))
        await hand.press("tab", "enter")
        await hand.sees("Requeued 6 jobs")
        assert redis_client.llen(KEYS.dead) == 2


async def test_what_went_meanwhile_is_skipped_and_counted(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(2) as hand:
        await hand.press("space", "space", "r")
        await hand.sees("Requeue 2 dead jobs?")
        redis_client.lpop(KEYS.dead)
        await hand.press("tab", "enter")
        await hand.sees("Requeued 1 job (1 skipped")


async def test_a_protected_session_requires_the_word_for_bulk(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 6))
    async with open_console(protected=True) as hand:
        await hand.sees("PROTECTED")
        await hand.open_list("6", of=6)
        await hand.press("r")
        await hand.sees("Requeue 1 dead job?")
        assert not hand.app.screen.query("#word")
        await hand.press("escape", "R")
        await hand.sees("Type requeue to confirm")


async def test_a_read_only_session_has_no_way_to_act(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(read_only=True) as hand:
        await hand.sees("READ-ONLY")
        assert hand.app.session.operator is None
        for view in "1236":
            await hand.press(view)
            for key in ("r", "R", "d", "D", "P", "delete"):
                await hand.press(key)
                assert not isinstance(hand.app.screen, ConfirmationDialog)
            assert "requeue" not in hand.screen().splitlines()[-1]


async def test_a_queue_is_paused_and_resumed(redis_client: redis.Redis, open_console: Open) -> None:
    seed.pending(redis_client, "high", 3, first=1, age=5)
    async with open_console() as hand:
        await hand.sees("high")
        while "▸ high" not in hand.screen():
            await hand.press("j")
        await hand.press("P", "enter")
        await hand.sees("Pause queue 'high'?")
        await hand.press("tab", "enter")
        await hand.sees("❙❙ paused")
        assert redis_client.smembers(KEYS.paused) == {b"high"}
        # The pause is shown where its jobs are counted as well.
        await hand.press("enter", "v")
        await hand.sees("Queue high by task   ❙❙ paused   all 3 jobs")
        await hand.press("1")
        await hand.press("P")
        await hand.sees("Resume queue 'high'?")
        await hand.press("tab", "enter")
        await hand.loses("❙❙ paused")
        assert not redis_client.exists(KEYS.paused)


async def test_a_pause_has_a_reason_and_an_end(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 3, first=1, age=5)
    async with open_console(size=(110, 34)) as hand:
        await hand.sees("high")
        while "▸ high" not in hand.screen():
            await hand.press("j")
        await hand.press("P")
        await hand.sees("no end; as in 30m or 2h")
        await hand.press(*"bank down", "tab", *"0m")
        await hand.sees("✗ a pause lasts longer than 0 s")
        await hand.press("home", "3")
        await hand.sees("Same as  asok queue pause --for 30m --reason 'bank down' high")
        await hand.press("enter")
        await hand.sees("a worker resumes it")
        await hand.press("y")
        await hand.sees("Paused queue 'high' until ")
        await hand.sees("UTC: bank down")
        await hand.sees("❙❙ paused to ")
        known = json.loads(redis_client.hget(KEYS.pauses, "high") or b"{}")
        assert known["reason"] == "bank down"
        assert float(known["until"]) == pytest.approx(seed.server_time(redis_client) + 1800, abs=60)
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("w")
        await hand.sees("reason: bank down")
        await hand.sees("a worker of this release would resume it at ")
        await hand.press("escape")
        await hand.press("7")
        await hand.sees("UTC: bank down")
        await hand.press("1")
        await hand.until(lambda: not hand.app.stray_keys.lasts)
        await hand.press("P")
        await hand.sees("Resume queue 'high'?")
        await hand.sees("UTC by ")
        await hand.press("y")
        await hand.loses("❙❙ paused")
        assert not redis_client.exists(KEYS.paused, KEYS.pauses)


async def test_a_pause_that_no_worker_ends_is_an_alert(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "high", 3, first=1, age=5)
    redis_client.sadd(KEYS.paused, "high")
    over = {"by": "ann@web1", "until": f"{seed.server_time(redis_client) - 300:.3f}"}
    redis_client.hset(KEYS.pauses, "high", json.dumps(over))
    async with open_console(size=(120, 34)) as hand:
        await hand.sees("❙❙ paused, end passed")
        await hand.sees("no worker has ended the pause of high, whose end has passed")


async def test_a_delayed_job_runs_now(redis_client: redis.Redis, open_console: Open) -> None:
    seed.delayed(redis_client, 3)
    async with open_console() as hand:
        await hand.open_list("3", of=3)
        await hand.press("G", "r")
        await hand.sees("Promote 1 job?")
        await hand.press("tab", "enter")
        await hand.sees("Promoted 1 job")
        assert redis_client.zcard(KEYS.delayed) == 2
        assert redis_client.llen(KEYS.queue("default")) == 1


async def test_a_pending_job_is_cancelled(redis_client: redis.Redis, open_console: Open) -> None:
    seed.pending(redis_client, "default", 3, first=1, age=5)
    async with open_console() as hand:
        await hand.open_list("2", of=3)
        await hand.press("d")
        await hand.sees("Cancel 1 job?")
        await hand.press("tab", "enter")
        await hand.sees("Cancelled 1 job")
        assert redis_client.llen(KEYS.queue("default")) == 2


async def test_help_names_every_key_of_the_view(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(size=(100, 90)) as hand:
        await hand.press("6", "question_mark")
        await hand.sees("Keys in Dead")
        for text in (
            "move the dead job back",
            "mark or unmark",
            "Ctrl+P",
            "read from Redis more",
        ):
            await hand.sees(text)
        await hand.press("escape")
        await hand.loses("Keys in Dead")


async def test_q_goes_back_and_then_quits(open_dead: Open) -> None:
    async with open_dead(3) as hand:
        await hand.press("enter", "q")
        assert not isinstance(hand.app.screen, JobScreen)
        await hand.press("q")
        assert hand.app._exit


async def test_ctrl_c_quits_even_while_a_word_is_typed(
    redis_client: redis.Redis, open_dead: Open
) -> None:
    async with open_dead(3) as hand:
        await hand.press("D", "shift+tab", "p", "ctrl+c")
        assert hand.app._exit
        assert redis_client.llen(KEYS.dead) == 3


class SnapshotCounter:
    """A reader that counts its snapshots."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.taken = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def snapshot(self, *args: Any, **options: Any) -> Snapshot:
        self.taken += 1
        return self._reader.snapshot(*args, **options)


async def test_freeze_holds_the_picture(redis_client: redis.Redis, open_console: Open) -> None:
    readers: list[SnapshotCounter] = []

    def counting(reader: Reader) -> SnapshotCounter:
        readers.append(SnapshotCounter(reader))
        return readers[-1]

    async with open_console(reading=counting) as hand:
        await hand.press("p")
        await hand.sees("display paused")
        seed.pending(redis_client, "high", 12, first=1, age=5)
        before = readers[0].taken
        # When the third begins, the second, which has the jobs, was handed to the screen.
        await hand.until(lambda: readers[0].taken >= before + 3, "three more snapshots")
        assert "12 pending" not in hand.screen()
        await hand.press("p")
        await hand.sees("12 pending")


async def test_the_load_to_come_is_drawn_for_an_hour_and_a_day(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    due = {f"{n}".encode(): now + at for n, at in enumerate((90, 95, 3000, 7200, 200_000))}
    redis_client.zadd(KEYS.delayed, due)
    async with open_console(size=(100, 34)) as hand:
        await hand.press("3")
        await hand.sees("Due per minute: 3 in the next hour, 2 later")
        await hand.sees("in 1 h")
        plot = hand.app.view.query_one(Plot)
        assert [sum(column) for column in plot._stacks].count(2.0) in (1, 2)
        await hand.press("right_square_bracket")
        await hand.sees("Due per quarter of an hour: 4 in the next 24 hours, 1 later")
        await hand.sees("in 24 h")
        redis_client.delete(KEYS.delayed)
        await hand.sees("Due per quarter of an hour: 0 in the next 24 hours")
