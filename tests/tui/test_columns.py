"""Wide screens show more, narrow ones what matters most, and long names stay distinct."""

from __future__ import annotations

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from asok_console.presentation.text import safe
from asok_console.tui.widgets.columns import fit_middle
from tests.tui import seed
from tests.tui.conftest import Open
from tests.tui.seed import job_id


@pytest.mark.parametrize(
    ("key", "texts"),
    [
        ("2", (job_id(1000),)),
        ("3", (job_id(9000), "Arguments", '"ada@example.org", 4711')),
        ("4", (job_id(222), "web-2.1", '"products/881.jpg", width=640')),
        ("5", ("Version", "0.1.0", "Host")),
        ("6", (job_id(5000), "Arguments", '17, amount=49.9, currency="EUR"')),
    ],
)
async def test_a_wide_screen_shows_ids_whole_and_what_the_jobs_work_on(
    redis_client: redis.Redis, open_console: Open, key: str, texts: tuple[str, ...]
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(200, 60)) as hand:
        await hand.press(key)
        for text in texts:
            await hand.sees(text)


async def test_a_narrow_screen_keeps_the_trend_and_drops_the_rates(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(62, 24)) as hand:
        await hand.sees("Trend")
        await hand.sees("❙❙ paused")
        heading = next(line for line in hand.screen().splitlines() if "Trend" in line)
        assert "In/s" not in heading
        assert "Oldest" in heading


async def test_long_names_of_queues_stay_distinct(
    redis_client: redis.Redis, open_console: Open
) -> None:
    names = [f"tenant-0000000000000000000-invoices-{number}" for number in (1, 2)]
    for number, name in enumerate(names):
        seed.pending(redis_client, name, 3, first=10 * number, age=5)
    async with open_console(size=(80, 24)) as hand:
        await hand.sees("ices-1")
        await hand.sees("ices-2")


async def test_long_names_of_workers_stay_distinct(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for number in (1, 2):
        name = f"production-kubernetes-worker-deployment-5d8f-{number}"
        seed.worker(redis_client, name, queues=("high",), concurrency=4, running=0, first=200)
    async with open_console(size=(80, 24)) as hand:
        await hand.press("5")
        await hand.sees("5d8f-1")
        await hand.sees("5d8f-2")
        assert "production" in hand.screen()


@given(st.text(max_size=60), st.integers(0, 40))
def test_a_text_cut_in_its_middle_has_exactly_the_width(text: str, width: int) -> None:
    assert cell_len(fit_middle(safe(text), width)) == width


def test_both_ends_are_kept() -> None:
    assert fit_middle("production-kubernetes-7", 13) == "produc…etes-7"
