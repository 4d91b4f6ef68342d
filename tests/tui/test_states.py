"""A job is in one state on every screen, and each screen explains its own keys."""

from __future__ import annotations

import pytest
import redis

from asok_console.tui.data.status import ConsoleStatus
from asok_console.tui.screens.job import JobScreen
from asok_console.tui.widgets.bars import Header, Tabs
from asok_core.jobs.envelope import seal
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYRING, KEYS, job, job_id


async def test_jobs_beyond_the_threads_are_claimed_and_do_not_run(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=6, running=0, first=900)
    for n in range(10):
        redis_client.lpush(KEYS.active("web-1.1", "high"), seal(job(n, "high"), KEYRING))
    now = seed.server_time(redis_client)
    for n in range(6):
        seed.record(redis_client, n, "running", now, worker="web-1.1", started_at=now - 30)
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("▶ 6 running   4 claimed")
        assert "10 running" not in hand.screen()
        await hand.open_list("4", of=10)
        await hand.sees("○ claimed")
        screen = hand.screen()
        assert (screen.count("▶ running"), screen.count("○ claimed")) == (6, 4)
        await hand.press("G", "enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the job page")
        await hand.sees("○ claimed")
        await hand.press("escape", "5")
        await hand.sees("6/6")


@pytest.mark.parametrize("status", ["completed", "running"])
async def test_a_job_between_two_snapshots_is_listed_once(
    redis_client: redis.Redis, open_console: Open, status: str
) -> None:
    """The list of ended jobs is read after the snapshot: a job may be in both."""
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=6, running=0, first=900)
    redis_client.lpush(KEYS.active("web-1.1", "high"), seal(job(1, "high"), KEYRING))
    redis_client.lpush(KEYS.recent, job_id(2), job_id(1))
    now = seed.server_time(redis_client)
    seed.record(redis_client, 1, status, now, started_at=now - 9, finished_at=now)
    seed.record(redis_client, 2, "completed", now, started_at=now - 9, finished_at=now)
    async with open_console(size=(120, 40)) as hand:
        await hand.open_list("4", of=2)
        assert hand.screen().count(job_id(1)[:8]) == 1
        assert hand.screen().count(f" {status} ") == (2 if status == "completed" else 1)


async def test_a_job_of_a_stalled_worker_is_not_shown_as_running(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(redis_client, "web-1", queues=("high",), concurrency=6, running=1, first=900)
    now = seed.server_time(redis_client)
    redis_client.hset(KEYS.worker("web-1"), "beat_at", now - 60)
    async with open_console(size=(160, 40)) as hand:
        await hand.press("4")
        await hand.sees("⚠ running?")
        await hand.sees("no heartbeat of its worker for 1 min")
        assert "▶ running " not in hand.screen()


async def test_late_data_is_not_green(
    redis_client: redis.Redis, open_console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("● live")
        # A snapshot may be on its way, which would make it live again.
        monkeypatch.setattr(ConsoleStatus, "age", 30.0)
        header = hand.app.query_one(Header)
        header.rewrite()
        await hand.sees("late")
        text = header._written
        at = text.plain.index("late")
        styles = {str(span.style) for span in text.spans if span.start <= at < span.end}
        assert not any("success" in style for style in styles)
        assert any("warning" in style for style in styles)


async def test_a_line_that_has_no_layout_yet_is_written_for_the_width_of_the_screen(
    open_console: Open,
) -> None:
    async with open_console(size=(120, 40)) as hand:
        header = Header(hand.app.status)
        header.styles.display = "none"
        await hand.app.screen.mount(header)
        assert not header.size.width
        assert "redis://cache.internal:6379/0" in header._written.plain
        # A blank is at each side of it.
        assert header._written.cell_length == 118
        assert header._written.plain.endswith("refresh 0.2 s")
        tabs = Tabs(hand.app.status)
        tabs.styles.display = "none"
        await hand.app.screen.mount(tabs)
        tabs.rewrite()
        assert not tabs.size.width
        assert "2 Pending 0 " in tabs._written.plain


async def test_help_on_a_job_lists_the_keys_of_that_screen(open_dead: Open) -> None:
    async with open_dead(3, size=(100, 70)) as hand:
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, JobScreen), "the job page")
        await hand.press("question_mark")
        await hand.sees("Keys in the job page")
        for text in (
            "copy the job as raw JSON",
            "scroll one line down",
            "move the dead job back",
        ):
            await hand.sees(text)
        # Those of the list under it do nothing here.
        assert "mark or unmark" not in hand.screen()
        assert "group the dead jobs" not in hand.screen()


async def test_help_explains_the_glyphs_and_the_columns_of_the_view(
    redis_client: redis.Redis, open_console: Open
) -> None:
    async with open_console(size=(100, 110)) as hand:
        await hand.press("question_mark")
        for text in (
            "Keys in Overview",
            "Glyphs",
            "Columns",
            "jobs completed per second, over the last minute",
            "paused, or quiet",
        ):
            await hand.sees(text)


async def test_activity_names_what_was_acted_on(
    redis_client: redis.Redis, open_console: Open
) -> None:
    from asok_core.backends.redis.operating.operator import RedisOperator
    from asok_core.backends.roles import Scope
    from asok_core.jobs.states import Location

    seed.worker(redis_client, "web-1", queues=("high",), concurrency=6, running=0, first=900)
    seed.pending(redis_client, "high", 3, first=1, age=5)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))
    async with open_console(size=(200, 40)) as hand:
        operator = hand.app.session.operator
        assert isinstance(operator, RedisOperator)
        operator.quiet("web-1")
        operator.pause("high")
        operator.move(Scope(Location.PENDING, queue="high", ids=frozenset((job_id(1),))), to="low")
        done = operator.purge(Scope(Location.DEAD, words="task:mail"))
        operator.restore(done.operation or "")
        await hand.press("7")
        await hand.sees("worker web-1")
        await hand.sees("queue high")
        await hand.sees(f"id:{job_id(1)} to low")
        await hand.sees("purge of dead: task:mail")
        restored = next(line for line in hand.screen().splitlines() if "purge of dead:" in line)
        assert restored.split("restore")[1].split()[0] == "3", restored


async def test_a_worker_whose_lease_ran_out_is_not_counted_as_alive(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for name in ("web-1", "web-2"):
        seed.worker(redis_client, name, queues=("high",), concurrency=6, running=0, first=900)
    redis_client.zadd(KEYS.workers, {"web-2": 1000})
    async with open_console(size=(120, 40)) as hand:
        await hand.sees("5 Workers 1")
        assert "2 workers" not in hand.screen()
        await hand.press("5")
        await hand.sees("1 alive")


async def test_the_heading_names_the_workers_that_refuse_signatures_of_pending_jobs(
    redis_client: redis.Redis, open_console: Open
) -> None:
    for name in ("web-1", "web-2", "web-3"):
        seed.worker(redis_client, name, queues=("high",), concurrency=6, running=0, first=900)
    redis_client.hset(KEYS.worker("web-1"), "envelopes", "v1 v2")
    redis_client.hset(KEYS.worker("web-2"), "envelopes", "v2")
    # One that has gone accepts none, whatever it said.
    seed.worker(redis_client, "web-4", queues=("high",), concurrency=6, running=0, first=900)
    redis_client.hset(KEYS.worker("web-4"), "envelopes", "v1 v2")
    redis_client.zadd(KEYS.workers, {"web-4": 1000})
    redis_client.lpush(
        KEYS.queue("high"),
        seal(job(0, "high"), KEYRING, 1),
        seal(job(1, "high"), KEYRING, 2),
    )
    refused = "⚠ 1 of 2 pending jobs checked signed in v1, refused by web-2"
    async with open_console(size=(140, 40), view="workers") as hand:
        await hand.sees(refused)
        redis_client.hset(KEYS.worker("web-2"), "envelopes", "v1 v2")
        await hand.loses(refused)
