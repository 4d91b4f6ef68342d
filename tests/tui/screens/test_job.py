"""The screen of one job: its history, and what can be done with it."""

from __future__ import annotations

import json

import pytest
import redis

from asok_core.inspection.history import known_attempts
from asok_core.inspection.job_detail import Attempt, JobDetail
from asok_core.jobs.envelope import dead_entry, seal
from asok_core.jobs.job import JobRecord
from asok_core.jobs.states import Status
from tests.fixtures.console import Open
from tests.tui import seed
from tests.tui.seed import KEYS


async def test_every_attempt_is_reported_with_its_wait_and_its_end(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 1))
    seed.history(redis_client, 5000, now - 40)
    async with open_console(size=(130, 50)) as hand:
        await hand.open_job("6", of=1)
        await hand.sees("↻ failed, will retry")
        await hand.sees("✗ failed for good")
        lines = [line for line in hand.screen().splitlines() if "ran 312 ms" in line]
        assert len(lines) == 4
        assert all("waited" in line and "on web-1.1" in line for line in lines)
        assert "TimeoutError: gateway took longer" in lines[0]
        assert hand.screen().count("failed for good") == 1
        assert "no times of them" not in hand.screen()


async def test_a_result_that_is_not_stored_is_shown_as_such(
    redis_client: redis.Redis, open_console: Open
) -> None:
    seed.recent(redis_client, 1)
    why = "result not stored: it is a set, which JSON cannot encode; return a list"
    redis_client.hset(KEYS.job(seed.job_id(7000)), mapping={"result": "", "result_error": why})
    async with open_console(size=(130, 40)) as hand:
        await hand.press("4")
        await hand.sees("result not stored: it is a set")
        await hand.press("enter")
        await hand.sees(f"│ {why}")
        assert hand.screen().count("Result") == 1


async def test_attempts_that_redis_does_not_know_are_not_made_up(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 1))
    async with open_console(size=(100, 50)) as hand:
        await hand.open_job("6", of=1)
        await hand.sees("3 earlier attempts: the job has no record")
        await hand.sees("✗ became a dead job")


async def test_what_can_be_done_is_reported_and_why_the_rest_cannot(
    redis_client: redis.Redis, open_console: Open
) -> None:
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(seed.server_time(redis_client), 1))
    seed.pending(redis_client, "default", 2, first=1, age=5)
    async with open_console(size=(110, 50)) as hand:
        await hand.open_job("6", of=1)
        await hand.sees("move the dead job back")
        await hand.sees("cancel: only for a job that is pending, delayed, held or running")
        await hand.sees("trust and requeue: its signature is valid")
        await hand.press("escape", "2")
        await hand.sees("1 of 2")
        await hand.press("j", "enter")
        await hand.sees("move the pending job to the front of its queue")
        await hand.sees("edit, requeue, purge, trust and requeue: only for a job that is dead")
        await hand.press("f")
        await hand.sees("Move 1 job to the front?")
        await hand.press("tab", "enter")
        await hand.sees("Moved 1 job")
        (front,) = redis_client.lrange(KEYS.queue("default"), -1, -1)
        assert seed.job_id(2).encode() in front
    async with open_console(size=(120, 50), read_only=True) as hand:
        await hand.open_job("6", of=1)
        await hand.sees("This session is read-only.")


async def test_a_history_that_was_tampered_with_is_passed_over(
    redis_client: redis.Redis, open_console: Open
) -> None:
    now = seed.server_time(redis_client)
    redis_client.rpush(KEYS.dead, *seed.dead_jobs(now, 1))
    lines = ["[1]", '{"a": 1}', json.dumps(["x", "y", "z\x1b", "", ""])]
    seed.record(redis_client, 5000, "failed", now, attempts="\n".join(lines))
    async with open_console(size=(100, 50)) as hand:
        await hand.open_job("6", of=1)
        await hand.sees("? z␛")


def test_a_run_that_the_list_does_not_report_is_taken_from_the_record() -> None:
    kept = [Attempt(10.0, 1.0, "retry", "w.1", "E: x")]

    def record(status: Status, started: float, finished: float | None = None) -> JobRecord:
        return JobRecord("a", status, started_at=started, finished_at=finished, worker="w.2")

    def known(attempts: list[Attempt], record: JobRecord | None) -> list[Attempt]:
        return known_attempts(JobDetail("a", record, attempts=tuple(attempts)))

    running = known(kept, record(Status.RUNNING, 20.0))
    assert running == [*kept, Attempt(20.0, None, "run", "w.2")]
    done = known([], record(Status.COMPLETED, 20.0, 22.5))
    assert done == [Attempt(20.0, 2.5, "complete", "w.2")]
    assert known(kept, record(Status.RETRYING, 10.0)) == kept
    assert known([], None) == []


GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/tasks/sync.py", line 7, in run
  |     raise ExceptionGroup("two shops", errors)
  | ExceptionGroup: two shops (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | TimeoutError: shop 1
    +---------------- 2 ----------------
    | ValueError: shop 2
    +------------------------------------
"""


@pytest.mark.parametrize(
    ("traceback", "shown"),
    [
        (seed.CHAINED, ("Root cause   ConnectionRefusedError: smtp.example.org:25",
                        "Raised as    DeliveryFailed: receipt of order 4711")),
        (GROUP, ("│ ExceptionGroup: two shops (2 sub-exceptions)", "· TimeoutError: shop 1",
                 "· ValueError: shop 2")),
    ],
    ids=["chain", "group"],
)  # fmt: skip
async def test_the_root_cause_and_what_was_raised_in_the_end_come_first(
    redis_client: redis.Redis, open_console: Open, traceback: str, shown: tuple[str, ...]
) -> None:
    failed_at = seed.server_time(redis_client) - 5
    dead_job = dead_entry(
        seal(seed.job(1, retry_count=3), seed.KEYRING),
        failed_at=failed_at,
        error="it failed",
        traceback=traceback,
    )
    redis_client.rpush(KEYS.dead, dead_job)
    async with open_console(size=(120, 50)) as hand:
        await hand.open_job("6", of=1)
        for part in shown:
            await hand.sees(part)
