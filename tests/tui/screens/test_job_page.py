"""The page of a job: the order in which it is read, and the keys that lead through it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import redis
from textual.widgets import TextArea

from asok_console.tui.screens.edit import ArgumentsDialog
from asok_console.tui.screens.job import JobScreen
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import Job
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS


def die(client: redis.Redis, *jobs: Job, traceback: str = seed.CHAINED) -> None:
    """Let jobs die of a chain of exceptions, the first the newest."""
    now = seed.server_time(client)
    for at, job in enumerate(jobs):
        error = traceback.strip().splitlines()[-1]
        dead_job = dead_entry(
            seal(job, KEYRING), failed_at=now - 5 - at, error=error, traceback=traceback
        )
        client.rpush(KEYS.dead, dead_job)


def dead_job(n: int, *args: object, **kwargs: object) -> Job:
    return replace(seed.job(n, retry_count=3), args=args or (n,), kwargs=kwargs)


async def opened(hand: Hand, count: int) -> None:
    await hand.open_job("6", of=count)
    await hand.sees("signed with our key")


async def test_it_is_laid_out_in_the_order_in_which_it_is_read(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1))
    async with open_console(size=(120, 60)) as hand:
        await opened(hand, 1)
        await hand.sees("became a dead job")
        screen = hand.screen()
        parts = [
            "✗ failed", "attempt 4 of 4 failed", "─ Error ─", "Root cause", "ConnectionRefusedError: smtp",
            "Raised as    DeliveryFailed: receipt of order 4711", "─ Traceback ─", "─ Arguments ─",
            "─ History ─", "─ Actions ─",
        ]  # fmt: skip
        at = [screen.find(part) for part in parts]
        assert at == sorted(at), screen
        assert -1 not in at
        assert "no retries are left" in screen


async def test_a_group_of_exceptions_is_named_and_not_the_rule_under_it(
    redis_client: redis.Redis, open_console: Open
) -> None:
    text = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/tasks/sync.py", line 7, in run
  |     raise ExceptionGroup("two shops", errors)
  | ExceptionGroup: two shops (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | TimeoutError: shop 1
    +---------------- 2 ----------------
    | ValueError: shop 2
    +------------------------------------
"""
    die(redis_client, dead_job(1), traceback=text)
    async with open_console(size=(120, 60)) as hand:
        await opened(hand, 1)
        await hand.sees("│ ExceptionGroup: two shops (2 sub-exceptions)")
        await hand.sees("· TimeoutError: shop 1")
        await hand.sees("· ValueError: shop 2")


async def test_tab_goes_from_section_to_section_and_stops_at_the_ends(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1))
    async with open_console(size=(80, 24)) as hand:
        await opened(hand, 1)

        async def at_the_top(title: str) -> None:
            def is_there() -> bool:
                lines = hand.screen().splitlines()[4:7]
                return any(f"─ {title} ─" in line for line in lines)

            await hand.until(is_there, f"{title} at the top")

        for title in ("Error", "Traceback", "Arguments"):
            await hand.press("tab")
            await at_the_top(title)
        await hand.press("tab", "tab", "tab", "tab")
        await hand.sees("move the dead job to the trash")
        await hand.press("shift+tab", "shift+tab", "shift+tab")
        await at_the_top("Traceback")
        await hand.press("shift+tab", "shift+tab", "shift+tab")
        await hand.sees("Queue default")


async def test_the_next_job_of_the_list_is_a_key_away_and_the_cursor_goes_along(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, *(dead_job(n, f"order-{n}") for n in range(300)))
    async with open_console(size=(100, 40)) as hand:
        await opened(hand, 300)
        await hand.sees("1 of 300")
        await hand.press("left_square_bracket")
        await hand.sees("1 of 300")
        await hand.press("right_square_bracket")
        await hand.sees("2 of 300")
        await hand.sees('"order-1"')
        await hand.press("escape", "G")
        await hand.sees("300 of 300")
        await hand.press("enter")
        await hand.sees('"order-299"')
        await hand.press("l")
        await hand.press("h")
        await hand.sees("299 of 300")
        await hand.sees('"order-298"')
        await hand.press("escape")
        await hand.sees("299 of 300")
        assert hand.rows.row is not None
        assert hand.rows.row.key == seed.job_id(298)


async def test_where_the_list_changes_no_job_is_passed_over(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, *(dead_job(n, f"order-{n}") for n in range(4)))
    async with open_console(size=(100, 40)) as hand:
        await opened(hand, 4)
        await hand.press("right_square_bracket")
        await hand.sees('"order-1"')
        # Newer dead jobs come before it: it is the same job at another position.
        die(redis_client, dead_job(9, "order-9"))
        newest = redis_client.rpop(KEYS.dead)
        assert isinstance(newest, bytes)
        redis_client.lpush(KEYS.dead, newest)
        await hand.sees("3 of 5")
        await hand.sees('"order-1"')
        # The job itself leaves the list: the next one is the one that came after it.
        (ours,) = redis_client.lrange(KEYS.dead, 2, 2)
        assert isinstance(ours, bytes)
        redis_client.lrem(KEYS.dead, 1, ours.decode())
        await hand.sees("not in the list now")
        await hand.press("right_square_bracket")
        await hand.sees('"order-2"')
        await hand.sees("3 of 4")
        await hand.press("left_square_bracket")
        await hand.sees('"order-0"')
        redis_client.delete(KEYS.dead)
        await hand.sees("it is no longer there")
        await hand.press("right_square_bracket")
        await hand.press("escape")
        await hand.sees("No dead jobs")


async def test_the_next_job_under_a_filter_is_the_next_that_it_found(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, *(dead_job(n, "even" if n % 2 == 0 else "odd", n) for n in range(6)))
    async with open_console(size=(100, 40)) as hand:
        await hand.open_list("6", of=6)
        await hand.press("slash", *"odd", "enter")
        await hand.sees("1 of 3")
        await hand.press("enter")
        await hand.sees(seed.job_id(1))
        await hand.press("right_square_bracket")
        await hand.sees(seed.job_id(3))
        await hand.sees("2 of 3")
        await hand.press("right_square_bracket", "right_square_bracket")
        await hand.sees(seed.job_id(5))
        # It was the last one: the second key led nowhere.
        await hand.press("left_square_bracket")
        await hand.sees("2 of 3")
        await hand.sees(seed.job_id(3))


async def test_the_traceback_is_copied_whole(redis_client: redis.Redis, open_console: Open) -> None:
    die(redis_client, dead_job(1))
    async with open_console(size=(100, 40)) as hand:
        await opened(hand, 1)
        await hand.press("Y")
        await hand.until(
            lambda: hand.app.clipboard == seed.CHAINED, "the traceback in the clipboard"
        )


async def test_keys_of_the_page_are_in_its_help_and_footer(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1), dead_job(2))
    async with open_console(size=(140, 66)) as hand:
        await opened(hand, 2)
        footer = hand.screen().splitlines()[-1]
        for part in ("Tab section", "] next job", "o editor", "| pager", "e edit", "v show all"):
            assert part in footer
        await hand.press("question_mark")
        await hand.sees("Keys in the job page")
        for part in ("Shift+Tab", "show the next job of the list", "open the arguments in $EDITOR",
                     "show the traceback in $PAGER", "copy the traceback"):  # fmt: skip
            await hand.sees(part)


@pytest.mark.parametrize(
    ("name", "shown", "hidden"),
    [("Grüße, 日本 ☂", '"Grüße, 日本 ☂"', ""), ("a\u202eb\u200bc", r'"a\u202eb\u200bc"', "\u202e")],
)
async def test_text_is_edited_as_text_and_what_is_hidden_as_an_escape(
    redis_client: redis.Redis, open_console: Open, name: str, shown: str, hidden: str
) -> None:
    die(redis_client, dead_job(1, name))
    async with open_console(size=(100, 40)) as hand:
        await opened(hand, 1)
        await hand.press("e")
        await hand.sees("✓ the same as before")
        assert isinstance(hand.app.screen, ArgumentsDialog)
        text = hand.app.screen.query_one(TextArea).text
        assert shown in text
        assert not hidden or hidden not in text


async def test_a_diff_is_shown_before_an_edit_is_confirmed(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1, "Grüße", 4711, copy=True))
    async with open_console(size=(80, 24)) as hand:
        await opened(hand, 1)
        await hand.press("e")
        await hand.sees("✓ the same as before")
        assert isinstance(hand.app.screen, ArgumentsDialog)
        editor = hand.app.screen.query_one(TextArea)
        editor.text = editor.text.replace("4711", "4712")
        await hand.sees("✓ valid, changed")
        await hand.press("ctrl+s")
        await hand.sees("Requeue 1 dead job with changed arguments?")
        await hand.sees("-    4711")
        await hand.sees("+    4712")
        await hand.sees('"Grüße"')
        await hand.press("tab", "enter")
        await hand.sees("Requeued 1 job")
        # The history names the change and its author.
        await hand.sees("no worker is registered")
        await hand.press("G")
        await hand.sees("↺ edited, requeued")
        await hand.press("v", "escape")
        await hand.sees("argument 2: 4711 → 4712")


async def test_why_a_pending_job_waits_is_reported_by_its_queue(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "low", 1, first=1, age=90)
    redis_client.sadd(KEYS.paused, "low")
    async with open_console(size=(100, 40), view="pending") as hand:
        await hand.sees("1 of 1")
        await hand.press("enter")
        await hand.sees("queue 'low' is paused")
        await hand.sees("waits in its queue   for 2 min")
        redis_client.srem(KEYS.paused, "low")
        await hand.sees("no worker is registered")
        await hand.loses("is paused")


async def test_back_from_the_question_leads_to_what_was_typed(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1, 4711))
    async with open_console(size=(100, 40)) as hand:
        await opened(hand, 1)
        await hand.press("e")
        await hand.sees("✓ the same as before")
        editor = hand.app.screen.query_one(TextArea)
        editor.text = editor.text.replace("4711", "4712")
        await hand.sees("✓ valid, changed")
        await hand.press("ctrl+s")
        await hand.sees("+    4712")
        await hand.press("escape")
        await hand.sees("✓ valid, changed")
        assert "4712" in hand.app.screen.query_one(TextArea).text
    assert redis_client.llen(KEYS.dead) == 1


async def test_a_refresh_brings_the_snapshot_and_the_job_at_once(
    redis_client: redis.Redis, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(redis_client, dead_job(1), dead_job(2))
    async with open_console() as hand:
        await opened(hand, 2)
        page, poller, ask = hand.app.screen, hand.app.poller, hand.app.poller.ask
        assert isinstance(page, JobScreen)
        asked: list[str] = []
        at_once: list[bool] = []
        before = page.job.detail

        def recording(slot: str, *request: Any) -> None:
            asked.append(slot)
            ask(slot, *request)

        def compare() -> None:
            # What is called last when a snapshot has arrived.
            nonlocal before
            at_once.append(page.job.detail is not before and not {"job", "dead"} & {*asked})
            before = page.job.detail
            asked.clear()

        monkeypatch.setattr(poller, "ask", recording)
        monkeypatch.setattr(hand.app, "rewrite_bars", compare)
        await hand.until(lambda: len(at_once) > 3 and all(at_once[-3:]), "three such refreshes")


async def test_a_refresh_that_was_read_of_the_job_before_is_not_shown_for_the_next(
    redis_client: redis.Redis, open_console: Open
) -> None:
    die(redis_client, dead_job(1), dead_job(2))
    async with open_console(interval=60.0) as hand:
        await opened(hand, 2)
        page, snapshot = hand.app.screen, hand.app.snapshot
        assert isinstance(page, JobScreen)
        assert snapshot is not None
        former = page.job
        await hand.press("right_square_bracket")
        await hand.until(lambda: page.job.id == seed.job_id(2) and page.job.detail, "the next job")
        page.show(snapshot, former)
        assert page.job.id == seed.job_id(2)
        assert page.job.detail is not former.detail


async def test_a_small_screen_has_the_keys_of_a_page_with_a_long_reason(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    redis_client.hset(KEYS.worker("web-2"), "beat_at", str(seed.server_time(redis_client) - 60))
    async with open_console(size=(40, 10)) as hand:
        await hand.press("4")
        await hand.sees("Running and recent")
        await hand.press("enter")
        await hand.sees("which holds it")
        assert "? help" in hand.screen().splitlines()[-1]
