"""Orders to workers, the canary, moves, exports and sorting, by keys on a real Redis."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import redis
from textual.widgets import Input

from asok_console.tui.screens.ask import AnswersDialog
from asok_console.tui.screens.confirm import ConfirmationDialog
from asok_console.tui.views.shared.error_groups import ErrorGroupList
from asok_core.inspection.error_groups import normalised_error
from tests.backends.redis.operating.workers import well, worker
from tests.fixtures.bench import Bench
from tests.fixtures.console import Hand, Open
from tests.tui import seed
from tests.tui.seed import KEYS

WEB = KEYS.worker("web-1")
AHEAD = -300.0
"""Age of a heartbeat that stays recent, however long a test takes on a busy machine."""


def add_worker(client: redis.Redis, *, running: int) -> None:
    seed.worker(
        client,
        "web-1",
        queues=("high",),
        concurrency=4,
        running=running,
        first=200,
        heartbeat=AHEAD,
    )


async def fill(hand: Hand, **answers: str) -> None:
    await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
    for name, answer in answers.items():
        hand.app.screen.query_one(f"#{name}", Input).value = answer
    await hand.pilot.pause()


def current(hand: Hand) -> str:
    """The line that the cursor is on."""
    return next((line for line in hand.screen().splitlines() if "▸" in line), "")


async def yes(hand: Hand) -> None:
    await hand.until(lambda: isinstance(hand.app.screen, ConfirmationDialog))
    await hand.press("tab", "enter")


async def test_a_worker_is_quieted_and_resumed(
    redis_client: redis.Redis, open_console: Open
) -> None:
    add_worker(redis_client, running=2)
    async with open_console(size=(110, 30)) as hand:
        await hand.press("5")
        await hand.sees("●  web-1")
        await hand.press("P")
        await hand.sees("Quiet worker web-1?")
        await hand.sees("it runs 2 jobs in 4 threads")
        await hand.sees("no other worker serves high")
        await hand.sees("asok worker quiet web-1")
        await yes(hand)
        await hand.sees("Quieted 1 worker (takes no new jobs): web-1")
        assert redis_client.hget(WEB, "wanted") == b"quiet"
        await hand.sees("quieting")
        redis_client.hset(WEB, "state", "quiet")
        await hand.press("P")
        await hand.sees("Resume worker web-1?")
        await yes(hand)
        await hand.sees("Resumed 1 worker (takes new jobs again): web-1")
        assert redis_client.hget(WEB, "wanted") == b""


async def test_a_worker_is_stopped_by_typed_confirmation_only(
    redis_client: redis.Redis, open_console: Open
) -> None:
    add_worker(redis_client, running=1)
    async with open_console() as hand:
        await hand.press("5")
        await hand.sees("●  web-1")
        # On a job that it runs, the order goes to its worker as well.
        await hand.press("j", "S")
        await hand.sees("Stop worker web-1?")
        await hand.press(*"sto", "enter", "enter")
        assert redis_client.hget(WEB, "wanted") is None
        await hand.press("p", "enter", "enter")
        await hand.sees("Requested the stop of 1 worker")
        assert redis_client.hget(WEB, "wanted") == b"stop"
        await hand.sees("■ web-1")
        await hand.press("S")
        assert not isinstance(hand.app.screen, ConfirmationDialog)


async def test_a_worker_that_left_meanwhile_is_reported(
    redis_client: redis.Redis, open_console: Open
) -> None:
    add_worker(redis_client, running=0)
    async with open_console() as hand:
        await hand.press("5")
        await hand.sees("●  web-1")
        await hand.press("P")
        await hand.sees("Quiet worker ")
        redis_client.zrem(KEYS.workers, "web-1")
        await yes(hand)
        await hand.sees("there is no worker 'web-1'")


async def test_a_stalled_worker_and_a_long_job_are_pointed_out(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(
        redis_client, "web-1", queues=("high",), concurrency=2, running=1, first=200, heartbeat=70
    )
    now = seed.server_time(redis_client)
    seed.record(redis_client, 200, "running", now, started_at=now - 900, worker="web-1.1")
    async with open_console() as hand:
        await hand.press("5")
        await hand.sees("⚠ web-1")
        await hand.sees("⚠ 1 stalled")
        await hand.sees("⚠ 15 min")
        await hand.sees("⚠ 1 min")
        await hand.press("P")
        await hand.sees("no heartbeat for 1 min: the worker may not receive this")


async def test_workers_that_run_no_jobs_are_pointed_out_with_the_reason(
    redis_client: redis.Redis, open_console: Open
) -> None:
    states: dict[str, dict[Any, Any]] = {
        "web-1": {
            "able": 0,
            "deaths": 12,
            "deaths_seconds": 20,
            "death": "ImportError: \x1b[2J no",
        },
        "web-2": {
            "able": 0,
            "refusal": "SECRET_KEY does not match the signatures of the last 5 jobs",
        },
        "web-3": {"able": 0},
        "web-4": {"able": 1},
        "web-5": {
            "able": 0,
            "processes": 2,
            "hanging": 1,
            "hang_seconds": 14.2,
            "hang": "a signal has stopped the process",
        },
    }
    for name, fields in states.items():
        seed.worker(
            redis_client,
            name,
            queues=("high",),
            concurrency=2,
            running=0,
            first=200,
            heartbeat=AHEAD,
        )
        redis_client.hset(f"asok:worker:{name}", mapping=fields)
    redis_client.hdel("asok:worker:web-3", "rss")
    async with open_console(size=(200, 40)) as hand:
        await hand.sees("⚠ worker web-1 is crash-looping (12 deaths in 20 s: ImportError: ")
        await hand.sees("⚠ worker web-2 is not claiming: SECRET_KEY does not match")
        await hand.sees("⚠ worker web-5 is hanging (1 of 2 processes for 14 s): a signal has")
        await hand.press("5")
        await hand.sees("✗ 3 in trouble")
        await hand.sees("✗ hanging")
        await hand.sees("✗ crash-looping")
        await hand.sees("✗ not claiming")
        await hand.sees("○ starting")
        await hand.sees("● idle")
        await hand.sees("12 deaths in 20 s: ImportError: ")


async def test_a_worker_that_was_sent_sigterm_is_shown_as_stopping(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.worker(
        redis_client,
        "web-1",
        queues=("high",),
        concurrency=2,
        running=0,
        first=200,
        heartbeat=AHEAD,
    )
    redis_client.hset(WEB, "stopping", 1)
    async with open_console(size=(200, 40)) as hand:
        await hand.press("5")
        await hand.sees("■ stopping")


async def test_a_canary_sends_the_rest_when_the_first_go_well(
    bench: Bench, open_console: Open
) -> None:
    bench.add_dead(*(bench.job() for _ in range(60)))
    async with open_console(size=(120, 30)) as hand:
        await hand.open_list("6", of=60)
        await hand.press("C")
        await fill(hand, first="5", rate="2000")
        await hand.sees("asok dlq requeue --all --canary 5 --rate 2000")
        await hand.press("enter")
        await hand.sees("Requeue 60 dead jobs with a canary?")
        await hand.sees("5 first, then 2000 a second; stops if the same error returns")
        with worker(bench, well):
            await yes(hand)
            await hand.sees("Canary succeeded (requeued 60 jobs")
        await hand.sees("of the first 5, 5 completed, 0 failed")
        assert bench.dead() == []


async def test_a_canary_of_a_cause_stops_by_itself(bench: Bench, open_console: Open) -> None:
    client = bench.client
    client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(client), 40))

    def fail(_taken: int) -> dict[str, str]:
        return {
            "status": "failed",
            "error": "Traceback (most recent call last):\nTimeoutError: gateway took longer than 9 s",
        }

    async with open_console(size=(150, 30)) as hand:
        await hand.press("6", "v")
        await hand.sees("4 error groups")
        while "TimeoutError" not in current(hand):
            await hand.press("j")
        await hand.press("C")
        await fill(hand, first="4", rate="100")
        await hand.press("enter")
        await hand.sees("Requeue 10 dead jobs with a canary?")
        with worker(bench, fail):
            await yes(hand)
            await hand.sees("Canary stopped: the same error returned")
        await hand.sees(normalised_error("TimeoutError: gateway took longer than 9 s"))
        await hand.sees("the other 6 remain dead jobs")
        assert client.llen(KEYS.dead) == 36


async def test_a_canary_is_watched_and_can_be_stopped(bench: Bench, open_console: Open) -> None:
    dead_jobs = bench.add_dead(*(bench.job() for _ in range(30)))
    async with open_console(size=(150, 30)) as hand:
        await hand.open_list("6", of=30)
        await hand.press("space", "space", "C")
        await fill(hand, first="1")
        await hand.press("enter")
        await hand.sees("Requeue 2 dead jobs with a canary?")
        await yes(hand)
        await hand.sees("0 of the first 1 succeeded, 0 failed; waiting")
        await hand.press("x")
        await hand.sees(
            "Canary stopped by the operator (requeued 1 job; of the first 1, 0 completed"
        )
        assert len(bench.dead()) == len(dead_jobs) - 1


async def test_answers_that_are_invalid_go_no_further(bench: Bench, open_console: Open) -> None:
    bench.add_dead(bench.job())
    async with open_console() as hand:
        await hand.open_list("6", of=1)
        await hand.press("C")
        for answers, wrong in (
            ({"first": "0"}, "from 1 to 1,000"),
            ({"first": "1.5"}, "'1.5' is not a whole number"),
            ({"first": "5", "rate": "fast"}, "'fast' is not a number"),
        ):
            await fill(hand, **answers)
            await hand.sees(wrong)
            await hand.press("enter")
            assert isinstance(hand.app.screen, AnswersDialog)
        await hand.press("escape")
        assert len(hand.app.screen_stack) == 1


async def test_pending_jobs_go_to_the_front_and_to_another_queue(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.pending(redis_client, "default", 5, first=1, age=5)
    seed.pending(redis_client, "low", 1, first=50, age=5)
    async with open_console(size=(110, 30)) as hand:
        await hand.open_list("2", of=5)
        await hand.press("G", "f")
        await hand.sees("Move 1 job to the front?")
        await hand.sees(f"asok job move --front {seed.job_id(5)}")
        await yes(hand)
        await hand.sees("Moved 1 job")
        (front,) = redis_client.lrange(KEYS.queue("default"), -1, -1)
        assert seed.job_id(5).encode() in front
        await hand.until(lambda: hand.rows.cursor.position == 0)
        await hand.press("j", "space", "space", "M")
        await fill(hand, to="lwo")
        await hand.sees("there is no queue 'lwo'")
        await hand.sees("one of high, low")
        await fill(hand, to="low")
        await hand.press("enter")
        await hand.sees("Move 2 jobs to queue 'low'?")
        await yes(hand)
        await hand.sees("Moved 2 jobs to queue 'low'")
        assert redis_client.llen(KEYS.queue("low")) == 3
        assert redis_client.llen(KEYS.queue("default")) == 3


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ((), 12),
        (("space", "space"), 2),
        (("slash", *"error:KeyError", "enter"), 3),
        (("v",), 3),
    ],
    ids=["all", "marked", "filter", "cause"],
)
async def test_dead_jobs_are_exported_to_a_new_file(
    redis_client: redis.Redis, open_console: Open, tmp_path: Path, keys: tuple[str, ...], count: int
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 12))
    file = tmp_path / "dead jobs.jsonl"
    async with open_console(read_only=True) as hand:
        await hand.open_list("6", of=12)
        await hand.press(*keys)
        if "v" in keys:
            await hand.sees("4 error groups")
        if "slash" in keys:
            await hand.sees("3 found")
        await hand.until(lambda: hand.app.check_action("operate", ("export",)))
        await hand.press("E")
        await fill(hand, path=str(file))
        await hand.sees("asok dlq export")
        await hand.press("enter")
        await hand.sees(f"Exported {count} jobs to")
        assert file.exists()
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        assert len(lines) == count
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        dead_jobs = redis_client.lrange(KEYS.dead, 0, -1)
        assert all(line["letter"].encode() in dead_jobs for line in lines)
        await hand.press("E")
        await fill(hand, path=str(file))
        await hand.sees("never overwritten")
        await fill(hand, path="~no-user-has-this-name/file")
        await hand.sees("home directory")


async def test_error_groups_and_queues_are_sorted_otherwise(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 5))
    seed.pending(redis_client, "alpha", 2, first=1, age=5)
    seed.pending(redis_client, "zulu", 9, first=10, age=500)
    async with open_console(size=(120, 30)) as hand:
        await hand.sees("alpha")

        def order() -> list[int]:
            table = hand.screen().partition("all queues")[2]
            return [table.index(name) for name in ("alpha", "zulu")]

        assert order() == sorted(order())
        await hand.press("s")
        await hand.until(lambda: order() != sorted(order()))
        await hand.sees("by pending")
        await hand.press("6", "v")
        await hand.sees("by count")
        await hand.press("s")
        await hand.sees("by last")
        newest, *_ = hand.app.query_one(ErrorGroupList).window.loaded
        assert newest.error.startswith("TimeoutError")
        await hand.press("s")
        await hand.sees("by first")


async def test_the_palette_knows_every_action_that_is_possible_now(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 3))
    async with open_console(size=(100, 40)) as hand:
        await hand.open_list("6", of=3)

        def titles() -> set[str]:
            return {each.title for each in hand.app.get_system_commands(hand.app.screen)}

        assert {"Canary", "Export", "Requeue", "Purge all", "Edit", "Errors"} <= titles()
        assert not {"Move", "Quiet", "Sort", "Trust and requeue"} & titles()
        await hand.press("ctrl+p")
        await hand.press(*"canary")
        await hand.sees("requeue a few dead jobs first")
        await hand.press("enter")
        await hand.until(lambda: isinstance(hand.app.screen, AnswersDialog))
