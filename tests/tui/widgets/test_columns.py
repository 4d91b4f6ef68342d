"""Wide screens show more, narrow ones what matters most, and long names stay distinct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from asok_console.presentation.fitting import fit_middle
from asok_console.presentation.names import NARROWEST, shortened
from asok_console.presentation.text import safe
from asok_console.tui.views.shared import comparison, queue_table, task_table, worker_table
from asok_console.tui.widgets.columns import GAP, Column, PlacedColumn, lay_out
from asok_core.jobs.envelope import seal
from asok_core.jobs.job import Job
from tests.fixtures.console import Open
from tests.tui import seed
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


async def test_names_that_differ_near_their_beginning_stay_distinct_in_a_list(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for number in range(280, 290):
        name = f"queue-{number}-of-the-eu-west-1-region-of-tenant-4711"
        seed.pending(redis_client, name, 3, first=10 * number, age=5)
    async with open_console(size=(120, 40)) as hand:
        for number in range(280, 290):
            await hand.sees(f"queue-{number}")


async def test_tasks_whose_names_end_alike_stay_distinct_in_a_list(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for number, team in enumerate(("billing", "orders")):
        job = Job(seed.job_id(number), f"{team}.background.notifications", "remind", (), {})
        redis_client.lpush(seed.KEYS.queue("default"), seal(job, seed.KEYRING))
    redis_client.sadd(seed.KEYS.queues, "default")
    async with open_console(size=(80, 24), view="pending") as hand:
        await hand.sees("b….notifications.remind")
        await hand.sees("o….notifications.remind")


NAMES = st.lists(
    st.one_of(
        st.text("ab", min_size=1, max_size=40),
        st.text("ab…#1界é́", min_size=1, max_size=30),
        st.builds(
            "{}-{}-{}".format,
            st.text("xy", max_size=30),
            st.integers(0, 99),
            st.text("z", max_size=30),
        ),
    ),
    max_size=60,
)


@given(NAMES, st.integers(NARROWEST, 40), st.booleans())
def test_names_in_a_column_stay_distinct_and_as_wide_as_it(
    names: list[str], width: int, tail: bool
) -> None:
    column: Column[str] = Column("Name", width, lambda name, _: name, middle=not tail, tail=tail)
    placed = PlacedColumn(column, width).naming(names, 0.0)
    shown = {name: placed.fitted(name) for name in names}
    assert len(set(shown.values())) == len(set(names))
    assert {cell_len(form) for form in shown.values()} <= {width}
    assert all(form.rstrip() == name for name, form in shown.items() if cell_len(name) <= width)
    assert shortened(reversed(names), width, tail=tail) == shortened(names, width, tail=tail)


def test_the_end_of_a_name_that_none_resembles_is_kept() -> None:
    assert shortened({"production-kubernetes-7", "short"}, 13) == {
        "production-kubernetes-7": "produc…etes-7"
    }


def test_names_that_differ_in_their_middle_show_it() -> None:
    names = {f"{'a' * 40}-{number}-{'b' * 40}" for number in range(280, 290)}
    assert min(shortened(names, 14).values()) == "…aa-280-bbbbb…"


@given(st.text(max_size=60), st.integers(0, 40))
def test_a_text_cut_in_its_middle_has_exactly_the_width(text: str, width: int) -> None:
    assert cell_len(fit_middle(safe(text), width)) == width


def test_both_ends_are_kept() -> None:
    assert fit_middle("production-kubernetes-7", 13) == "produc…etes-7"


async def test_a_wide_screen_shows_the_process_of_a_job_whole(
    redis_client: redis.Redis, open_console: Open
) -> None:
    worker = "ip-10-20-30-40-31245-9f3a"
    seed.worker(redis_client, worker, queues=("default",), concurrency=2, running=2, first=200)
    async with open_console(size=(200, 60), view="jobs") as hand:
        await hand.sees("1 of 2")
        await hand.sees(f"{worker}.1")


LISTS: dict[str, Sequence[Column[Any]]] = {
    "queues": queue_table.COLUMNS,
    "compared": comparison.ComparedMoment(
        comparison.MOMENTS[1] or comparison.EarlierMoment("", 0)
    ).columns,
    "tasks": task_table.COLUMNS,
    "workers": worker_table.COLUMNS,
}


@pytest.mark.parametrize("name", LISTS)
def test_no_column_is_cut_by_the_edge_of_a_narrow_screen(name: str) -> None:
    columns = LISTS[name]
    widths = {column.title: column.width for column in columns}
    for room in range(12, 200):
        placed = lay_out(columns, room)
        assert placed
        assert sum(each.width for each in placed) + GAP * (len(placed) - 1) <= room
        # A figure that is cut reads as another.
        for each in placed:
            assert not each.column.right or each.width >= widths[each.column.title]


async def test_a_figure_that_has_no_room_is_left_out(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.shop(redis_client)
    async with open_console(size=(40, 12)) as hand:
        await hand.sees("Pending")
        await hand.press("8")
        await hand.sees("Run p95")
        lines = hand.screen().splitlines()
        heading = next(line for line in lines if "Run p95" in line)
        assert "Tim" not in heading
        assert len(heading.rstrip(" │")) < 40
