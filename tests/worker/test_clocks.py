"""Redis's clock rules: producers, workers and commands on machines whose clocks are minutes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from asok_core.jobs.envelope import peek
from tests.conftest import SECRET_KEY
from tests.fixtures.worker import Desk, RunWorker
from tests.programs import ROOT, environment, python, wait_until

CLOSE = 60.0
"""Seconds that a slow machine may need for a test; the clocks are wrong by five times as many."""

SHIFTED = pytest.mark.parametrize("shift", [-300, 300], ids=["slow clock", "fast clock"])

Shifted = Callable[[int], dict[str, str]]


@pytest.fixture
def shifted(desk: Desk) -> Shifted:
    """The environment of a program whose clock is wrong by a number of seconds."""

    def make(shift: int) -> dict[str, str]:
        return environment(
            {
                "PYTHONPATH": str(ROOT / "tests" / "shifted_clock"),
                "CLOCK_SHIFT": str(shift),
                "ASOK_QUEUE_BACKEND": "redis",
                "ASOK_REDIS_URL": desk.settings.redis_url,
                "SECRET_KEY": SECRET_KEY,
                "ASOK_TEST_FOLDER": str(desk.folder),
            }
        )

    return make


def wrong(shift: int) -> dict[str, object]:
    """What makes the clock of a worker wrong."""
    return {"PYTHONPATH": ROOT / "tests" / "shifted_clock", "CLOCK_SHIFT": shift}


def enqueue(env: dict[str, str], call: str) -> str:
    code = f"from asok_core import background; from tests.worker import jobs; print({call}.job_id)"
    return python("-c", code, env=env).split()[0]


def server_time(desk: Desk) -> float:
    seconds, micros = desk.client.time()
    return float(seconds) + float(micros) / 1e6


def asok(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "asok_console", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_the_clocks_of_these_programs_are_wrong(desk: Desk, shifted: Shifted) -> None:
    code = "import time; from datetime import UTC, datetime; print(time.time()); "
    code += "print(datetime.now(UTC).timestamp())"
    for shift in (-300, 300):
        for reported in python("-c", code, env=shifted(shift)).split():
            assert float(reported) == pytest.approx(server_time(desk) + shift, abs=CLOSE)


@SHIFTED
@pytest.mark.parametrize("how", ["background", "background_many", "asok enqueue"])
def test_a_delay_is_counted_by_the_clock_of_redis(
    desk: Desk, shifted: Shifted, shift: int, how: str
) -> None:
    before = server_time(desk)
    if how == "background":
        enqueue(shifted(shift), "background(jobs.note, 'it', _delay=1000)")
    elif how == "background_many":
        code = (
            "from asok_core import background_many\nfrom asok_core.jobs.calls import make_call\n"
            "from tests.worker import jobs\n"
            "background_many([make_call(jobs.note, 'it', _delay=1000)])"
        )
        python("-c", code, env=shifted(shift))
    else:
        done = asok(shifted(shift), "enqueue", "tests.worker.jobs:note", "it", "--delay", "1000")
        assert done.returncode == 0, done.stderr
    ((envelope, due),) = desk.delayed()
    assert before + 1000 <= due <= server_time(desk) + 1000
    job = peek(envelope).job
    assert job is not None
    if job.enqueued_at is not None:
        assert before - 1 <= job.enqueued_at <= server_time(desk) + 1
        assert job.due_at == pytest.approx(due, abs=CLOSE)


@SHIFTED
def test_a_delayed_job_starts_when_its_delay_is_over(
    desk: Desk, shifted: Shifted, run_worker: RunWorker, shift: int
) -> None:
    run_worker(**wrong(-shift))
    job_id = enqueue(shifted(shift), "background(jobs.note, 'it', _delay=3)")
    desk.wait_for_lines("it")
    wait_until(lambda: desk.producer.record(job_id).status == "completed", "its end")  # type: ignore[union-attr]
    record = desk.producer.record(job_id)
    assert record is not None
    assert record.enqueued_at is not None
    assert record.started_at is not None
    assert 3 - 0.1 <= record.started_at - record.enqueued_at < CLOSE
    # Since it was due, and not since a time by the clock of another machine.
    assert desk.counted("wait_ms") < CLOSE * 1000


@SHIFTED
def test_ages_and_thresholds_are_those_of_redis(desk: Desk, shifted: Shifted, shift: int) -> None:
    before = server_time(desk)
    enqueue(shifted(shift), "background(jobs.note, 'it')")
    for env in (shifted(0), shifted(shift), shifted(-shift)):
        done = asok(env, "worker", "status", "--json", "--max-age", "90s")
        assert done.returncode == 0, done.stdout
        reported: dict[str, Any] = json.loads(done.stdout)
        assert before - 1 <= epoch(reported["taken_at"]) <= server_time(desk) + 1
        (queue,) = (each for each in reported["queues"] if each["name"] == "default")
        assert before - 1 <= epoch(queue["oldest_at"]) <= server_time(desk) + 1
    wait_until(
        lambda: asok(shifted(shift), "worker", "status", "--max-age", "1s").returncode == 1,
        "an alarm about a job that waits for a second",
    )


@SHIFTED
def test_what_a_worker_with_a_wrong_clock_writes_is_right(
    desk: Desk, run_worker: RunWorker, shift: int
) -> None:
    before = server_time(desk)

    def ends(status: str, function: str, *args: object, **options: object) -> None:
        record = desk.reaches(desk.enqueue(function, *args, **options), status)
        for moment in (record.started_at, record.finished_at, record.ts):
            assert moment is None or before - 1 <= moment <= server_time(desk) + 1, record

    desk.client.zadd(desk.keys.delayed, {b"not an envelope": 1.0})
    run_worker(ASOK_CRASH_LIMIT="1", **wrong(shift))
    ends("completed", "note", "it")
    ends("failed", "fail")
    retried = desk.enqueue("fail", retries=1, backoff=1000)
    desk.reaches(retried, "retrying")
    # Its supervisor writes of these: the process died, or had to be ended.
    ends("failed", "die_alone", "dies")
    ends("failed", "sleep_in_c", "hangs", hard_timeout=0.5)
    wait_until(lambda: len(desk.dead()) == 4, "four dead jobs")
    for dead_job in desk.dead():
        assert dead_job.failed_at is not None
        assert before - 1 <= dead_job.failed_at <= server_time(desk) + 1, dead_job.error
    ((envelope, due),) = desk.delayed()
    again = peek(envelope).job
    assert again is not None
    assert before + 999 <= due <= server_time(desk) + 1001
    assert again.due_at == pytest.approx(due, abs=CLOSE)
    (worker,) = desk.client.zrange(desk.keys.workers, 0, -1)
    started_at = float(desk.client.hget(desk.keys.worker(worker.decode()), "started_at"))
    assert before - 1 <= started_at <= server_time(desk) + 1


@SHIFTED
def test_an_operation_is_named_after_the_time_of_redis(
    desk: Desk, shifted: Shifted, shift: int
) -> None:
    desk.enqueue("note", "it")
    before = server_time(desk)
    for words in (
        ["queue", "pause", "low"],
        ["job", "cancel", "--all", "--queue", "default", "--yes"],
    ):
        done = asok(shifted(shift), *words)
        assert done.returncode == 0, done.stderr
    for activity in json.loads(asok(shifted(shift), "audit", "--json").stdout)["actions"]:
        named = datetime.strptime(activity["operation"][:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        assert before - 1 <= named.timestamp() <= server_time(desk)
        assert before - 1 <= epoch(activity["at"]) <= server_time(desk) + 1
