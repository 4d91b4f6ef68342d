"""The concurrency and the queues of a worker, changed by the key e in Workers."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from textual.widgets import Button, Input

from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from tests.fixtures.bench import Bench
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS

KEY = KEYS.worker("web-1")


def answers(hand: Hand) -> dict[str, str]:
    return {str(each.id): each.value for each in hand.app.screen.query(Input)}


def heartbeat(client: Any, **fields: int | str) -> None:
    client.hset(KEY, mapping=fields)


async def form(hand: Hand) -> AnswersDialog:
    await hand.press("e")
    await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog), "the form")
    assert isinstance(hand.app.screen, AnswersDialog)
    return hand.app.screen


def ordered(client: Any) -> object:
    return client.hmget(KEY, "ordered_concurrency", "ordered_queues")


async def test_a_worker_is_changed_and_reset_and_its_row_says_so(
    bench: Bench, open_console: Open
) -> None:
    bench.add_pending(bench.job(queue="low"))
    # Its heartbeat is one to come: it stays recent however long the test takes.
    seed.worker(bench.client, "web-1", queues=("high", "low"), concurrency=4, running=0, first=1,
                heartbeat=-600.0)  # fmt: skip
    async with open_console(size=(120, 40), view="workers") as hand:
        await hand.sees("0/4")
        await hand.sees("e edit")
        dialog = await form(hand)
        assert answers(hand) == {"concurrency": "4", "queues": "high,low"}
        await hand.sees("Set worker web-1")
        await hand.sees("configured: 4 threads per process, queues high,low")
        await hand.sees("these values are in force already")
        assert dialog.query_one("#yes", Button).disabled
        assert not dialog.query("#reset")
        threads, queues = (
            dialog.query_one("#concurrency", Input),
            dialog.query_one("#queues", Input),
        )
        for line, value, problem in (
            (threads, "2000", "'2000' must be a whole number from 1 to 1024"),
            (queues, ", ,", "must be comma-separated queue names, at least one"),
        ):
            before, line.value = line.value, value
            await hand.sees(problem)
            line.value = before
        threads.value, queues.value = "8", "high,hihg"
        await hand.sees("Same as  asok worker set --concurrency 8 --queues high,hihg web-1")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
        await hand.sees("Set concurrency 8 and queues high,hihg of worker web-1?")
        await hand.sees("Set worker web-1 ")
        await hand.sees("threads per process: 4 → 8 (configured 4)")
        await hand.sees("queues: high,low → high,hihg (configured high,low)")
        await hand.sees("! no other worker serves queue 'low'; there is no queue 'hihg' yet")
        await hand.press("y")
        await hand.until(lambda: ordered(bench.client) == [b"8", b"high,hihg"], "the order")
        await hand.sees("0/4 →8")
        await hand.sees("ordered 8, queues high,")
        await hand.sees("→ 1 ordered, not in force yet")
        assert not hand.shows("≠")
        # The heartbeat of the worker confirms it.
        heartbeat(bench.client, concurrency=8, queues="high,hihg,low", serves="high,hihg")
        await hand.sees("confirmed by its heartbeat: 8 threads per process (configured 4)")
        await hand.sees("0/8 ≠4")
        await hand.sees("≠ high")
        await hand.sees("8 threads (configured 4)")
        await hand.sees("≠ 1 not as configured")

        # A digit acts at once after a confirmation; other keys may be the rest of what was typed.
        await hand.press("5")
        dialog = await form(hand)
        assert answers(hand) == {"concurrency": "8", "queues": "high,hihg"}
        await hand.sees("in force: 8 threads per process, queues high,hihg")
        await hand.sees("ordered by ")
        dialog.query_one("#reset", Button).press()
        await hand.sees("4, as configured")
        await hand.sees("Same as  asok worker set --reset web-1")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog), "the question")
        await hand.sees("Set the configured concurrency and queues of worker web-1?")
        await hand.press("y")
        await hand.until(lambda: ordered(bench.client) == [None, None], "the reset")
        await hand.sees("0/8 →4")
        heartbeat(bench.client, concurrency=4, serves="high,low")
        await hand.sees("confirmed by its heartbeat: 4 threads per process, queues high,low")
        await hand.loses("as configured")


@pytest.mark.parametrize(
    ("field", "value"), [("configured_concurrency", ""), ("beat_at", "1"), ("stopping", "1")]
)
async def test_a_worker_that_would_not_carry_it_out_is_not_offered_to_be_changed(
    redis_client: redis.Redis, open_console: Open, field: str, value: str
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=4, running=0, first=1)
    redis_client.hset(KEY, field, value)
    async with open_console(size=(120, 40), view="workers") as hand:
        await hand.sees("web-1")
        assert not hand.shows("e edit")
        await hand.press("e")
        line = (
            "Can't edit: choose a worker of this release that sends heartbeats and is not stopping."
        )
        await hand.until(
            lambda: line in [each.message for each in hand.app._notifications], "the line"
        )
